"""Recurrent layers over samples of any length, with what AWD-LSTM adds (Merity et al. 2018, arXiv:1708.02182).

DropConnect (Wan et al. 2013) hides entries of the hidden-to-hidden matrix, the same ones at every step of a batch;
locked dropout (Gal & Ghahramani 2016, arXiv:1512.05287) hides features, for each sample the same ones at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

CELLS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def _asks_bf16(state: Tensor) -> bool:
    return state.dtype == torch.bfloat16 or (
        torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


@cache
def _bf16_on_cpu() -> bool:
    """Whether this processor has recurrent layers in bf16; those without AVX-512 have none, and torch raises there."""
    try:
        # The trial draws its weights from a generator of its own: a first step must equal the same step later on.
        with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            nn.LSTM(8, 8)(torch.zeros(2, 2, 8))
    except RuntimeError:
        return False
    return True


class Recurrent(nn.Module):
    """One layer, left to right. cell: a name in CELLS; weight_drop: hidden share of the hidden-to-hidden matrix."""

    def __init__(self, cell: str, inputs: int, width: int, *, weight_drop: float = 0.0) -> None:
        super().__init__()
        self.cell = CELLS[cell](inputs, width, batch_first=True)
        self.width, self.weight_drop = width, weight_drop
        self.states = 2 if cell == "lstm" else 1

    def forward(
        self, hidden_BTD: Tensor, state: tuple[Tensor, ...] = (), lengths_B: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return (outputs [B, T, H], state after the last token: (h,) or (h, c), each [B, H]).

        state: the one to start from, () = zeros. lengths_B: tokens of each sample; without it all have T, or the state
        is of no use, because padding is read too. That is up to 4 times as fast on a CPU: oneDNN reads no packed batch.
        """
        size, longest, _ = hidden_BTD.shape
        state = (
            tuple(part.to(hidden_BTD.dtype) for part in state)
            or (hidden_BTD.new_zeros(size, self.width),) * self.states
        )
        if longest == 0:
            return hidden_BTD.new_zeros(size, 0, self.width), state
        if lengths_B is None:
            return self._run(hidden_BTD, state)
        lengths = lengths_B.clamp_min(1).cpu()  # torch packs no empty samples; theirs is the state before
        packed = pack_padded_sequence(hidden_BTD, lengths, batch_first=True, enforce_sorted=False)
        out, after = self._run(packed, state)
        out_BTH, _ = pad_packed_sequence(out, batch_first=True, total_length=longest)
        return out_BTH, tuple(
            torch.where(lengths_B[:, None] > 0, new, old) for new, old in zip(after, state, strict=True)
        )

    def _run(self, inputs, state: tuple[Tensor, ...]):
        """Return (outputs, state) of torch's layer, in training with a thinned hidden-to-hidden matrix."""
        weights = {}
        if self.training and self.weight_drop:
            weights = {"weight_hh_l0": F.dropout(self.cell.weight_hh_l0, self.weight_drop)}
        start = tuple(part[None] for part in state) if self.states == 2 else state[0][None]
        if state[0].device.type == "cpu" and _asks_bf16(state[0]) and not _bf16_on_cpu():
            return self._run_in_fp32(inputs, start, weights)
        # The layer keeps its one set of weights; the thinned matrix takes the place of its own for this call only.
        out, after = torch.func.functional_call(self.cell, weights, (inputs, start))
        return out, tuple(part[0] for part in after) if self.states == 2 else (after[0],)

    def _run_in_fp32(self, inputs, start, weights: dict[str, Tensor]):
        """Return what `_run` does, computed in fp32 and rounded to the format of the state."""
        first = start[0] if self.states == 2 else start
        wide = {name: one.float() for name, one in {**dict(self.cell.named_parameters()), **weights}.items()}
        given = tuple(part.float() for part in start) if self.states == 2 else start.float()
        with torch.autocast("cpu", enabled=False):
            out, after = torch.func.functional_call(self.cell, wide, (inputs.to(torch.float32), given))
        parts = after if self.states == 2 else (after,)
        return out.to(first.dtype), tuple(part[0].to(first.dtype) for part in parts)


class Stack(nn.Module):
    """Layers one above the other. widths: of the input, then of each layer; drops: locked dropout of their outputs.

    residual: from the second layer on, the output is added to the input.
    """

    def __init__(
        self,
        cell: str,
        widths: Sequence[int],
        *,
        weight_drop: float = 0.0,
        drops: Sequence[float] = (),
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Recurrent(cell, below, own, weight_drop=weight_drop) for below, own in pairwise(widths)
        )
        self.drops = tuple(drops) or (0.0,) * len(self.layers)
        self.residual = residual

    def forward(
        self, hidden_BTD: Tensor, carry: tuple[Tensor, ...] = (), lengths_B: Tensor | None = None
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """Return (outputs of each layer, the states of all layers in one tuple); see `Recurrent.forward`."""
        outputs: list[Tensor] = []
        states: list[Tensor] = []
        for layer, drop in zip(self.layers, self.drops, strict=True):
            own = carry[len(states) : len(states) + layer.states]
            out_BTH, state = layer(hidden_BTD, own, lengths_B)
            states.extend(state)
            if self.residual and outputs:
                out_BTH = out_BTH + hidden_BTD
            hidden_BTD = locked_dropout(out_BTH, drop, self.training)
            outputs.append(hidden_BTD)
        return outputs, tuple(states)


def locked_dropout(hidden_BTD: Tensor, share: float, training: bool) -> Tensor:
    """Return `hidden_BTD` with `share` of the features of each sample hidden at every step, the rest scaled up."""
    if not training or not share:
        return hidden_BTD
    ones_B1D = hidden_BTD.new_ones(hidden_BTD.shape[0], 1, hidden_BTD.shape[2])
    return hidden_BTD * F.dropout(ones_B1D, share)


def word_dropout(words: nn.Embedding, ids_N: Tensor, share: float, training: bool) -> Tensor:
    """Return the vectors [N, D] of `ids_N`; in training `share` of the words are hidden, each wherever it stands."""
    hidden_ND = words(ids_N)
    if not training or not share:
        return hidden_ND
    return hidden_ND * F.dropout(hidden_ND.new_ones(words.num_embeddings), share)[ids_N, None]


def reversed_in_time(hidden_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    """Return each sample from its last token to its first; padding stays where it is."""
    place_T = torch.arange(hidden_BTD.shape[1], device=hidden_BTD.device)
    turned_BT = lengths_B[:, None] - 1 - place_T
    turned_BT = torch.where(turned_BT >= 0, turned_BT, place_T)
    return hidden_BTD.gather(1, turned_BT[:, :, None].expand_as(hidden_BTD))

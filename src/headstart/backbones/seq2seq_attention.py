"""LSTM encoder-decoder that looks back at the source for each word (Bahdanau et al. 2015, arXiv:1409.0473)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.networks.encoder import parameters_of
from headstart.networks.recurrent_lm import check_positive
from headstart.networks.writer import Writer, check_dropout, unit_words
from headstart.nn.outputs import WordOutput
from headstart.nn.ragged import Layout
from headstart.nn.recurrent import Recurrent, locked_dropout, reversed_in_time


class AdditiveAttention(nn.Module):
    """score(query, key) = v tanh(W query + U key), the paper's alignment model (its appendix A.1.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, query_BD: Tensor, keys_BSD: Tensor, memory: Features) -> tuple[Tensor, Tensor]:
        """Return what is read [B, D] and the map [B, S]. keys_BSD: `key(memory)`, made once for all steps."""
        scores_BS = self.score(torch.tanh(self.query(query_BD)[:, None] + keys_BSD)).squeeze(-1).float()
        # The lowest number, not -inf: a source without tokens then gives zeros, not NaN.
        map_BS = scores_BS.masked_fill(~memory.mask_BT, torch.finfo(torch.float32).min).softmax(-1)
        map_BS = map_BS * memory.mask_BT
        return torch.einsum("bs,bsd->bd", map_BS, memory.last_BTD.float()), map_BS


class BothWays(nn.Module):
    """One LSTM layer that reads left to right with half of its width and right to left with the other half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right = (Recurrent("lstm", width, width // 2) for _ in range(2))

    def forward(self, hidden_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        """Return [B, T, D]."""
        left_BTD, _ = self.left(hidden_BTD)
        right_BTD, _ = self.right(reversed_in_time(hidden_BTD, lengths_B))
        return torch.cat([left_BTD, reversed_in_time(right_BTD, lengths_B)], -1)


class AttentiveSeq2Seq(Writer):
    """Words -> LSTM layers that read the source both ways -> one LSTM that reads the target and, each step, the source.

    The decoder starts from tanh(W b), b = the backward state of the source's first token. Its output is tanh(W [state,
    word, what was read]). The words are shared by both sides and the output; the cells are LSTMs and the output is a
    plain tanh layer, where the paper has GRUs and maxout.
    """

    def __init__(self, vocabulary: int, spec: AttentiveSeq2SeqSpec) -> None:
        super().__init__()
        width = self.width = spec.width
        self.depth, self.vocabulary, self.dropout = spec.depth, vocabulary, spec.dropout
        self.words = unit_words(vocabulary, width)
        self.encoder = nn.ModuleList(BothWays(width) for _ in range(spec.depth))
        self.start = nn.Linear(width // 2, width)
        self.attention = AdditiveAttention(width)
        self.cell = nn.LSTMCell(2 * width, width)
        self.output = nn.Linear(3 * width, width)

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`; the encoder has no maps."""
        layout = Layout(batch)
        seen = [self._embed(batch, layout)]
        for layer in self.encoder:
            seen.append(self._drop(layer(seen[-1], batch.lengths_B)))
        return Features(seen[-1], layout.mask_BT, layers=tuple(seen) if layers else ())

    def decode(self, target: TokenBatch, memory: Features, *, attention: bool = False, carry: bool = False) -> Features:
        """See `EncoderDecoder.decode`. attention: one map [B, 1, T', S]. carry: h, c of the cell."""
        layout = Layout(target)
        words_BTD = self._embed(target, layout)
        state = target.carry or self._start(memory)
        keys_BSD = self.attention.key(memory.last_BTD)
        states, reads, maps = [], [], []
        for step in range(layout.longest):
            read_BD, map_BS = self.attention(state[0], keys_BSD, memory)
            new = self.cell(torch.cat([words_BTD[:, step], read_BD], -1), state)
            there = layout.mask_BT[:, step, None]
            state = tuple(torch.where(there, one, other) for one, other in zip(new, state, strict=True))
            states.append(state[0])
            reads.append(read_BD)
            maps.append(map_BS)
        blank = words_BTD.new_zeros(layout.size, 0, self.width)
        both = [torch.stack(parts, 1) if parts else blank for parts in (states, reads)]
        hidden_BTD = self._drop(torch.tanh(self.output(torch.cat([both[0], words_BTD, both[1]], -1))))
        return Features(
            hidden_BTD * layout.mask_BT[:, :, None],
            layout.mask_BT,
            attention=(torch.stack(maps, 1)[:, None],) if attention and maps else (),
            carry=tuple(state) if carry else (),
        )

    def _embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        return self._drop(layout.pad(self.words(batch.ids_N) * math.sqrt(self.width)))

    def _drop(self, hidden_BTD: Tensor) -> Tensor:
        return locked_dropout(hidden_BTD, self.dropout, self.training)

    def _start(self, memory: Features) -> tuple[Tensor, Tensor]:
        """Return the cell's first (h, c)."""
        first = (memory.last_BTD * memory.mask_BT[:, :, None])[:, :1].sum(1)  # zeros for a source without tokens
        state_BD = torch.tanh(self.start(first[:, self.width // 2 :])).float()
        return state_BD, torch.zeros_like(state_BD)

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: words, encoder layers, decoder."""
        layers = (parameters_of(layer) for layer in self.encoder)
        return [parameters_of(self.words), *layers, parameters_of(self.start, self.attention, self.cell, self.output)]

    def prediction_head(self) -> WordOutput:
        """See `Writer`."""
        return WordOutput(self.width, self.vocabulary, tied=True)


@dataclass(frozen=True, kw_only=True)
class AttentiveSeq2SeqSpec(BackboneSpec):
    """width D (half of it in each direction of the encoder), depth (layers of the encoder), dropout (locked)."""

    width: int = 256
    depth: int = 1
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_positive(self.label(), width=self.width, depth=self.depth)
        check_dropout(self.label(), self.dropout)
        if self.width % 2:
            raise HeadstartError(f"{self.label()}.width={self.width}: must be even, half of it reads each way")

    def build(self, shape: TokenShape) -> AttentiveSeq2Seq:
        """Return a new network; its random weights follow torch's global seed."""
        return AttentiveSeq2Seq(shape.vocabulary, self)

"""Where tokens lie: every layer but attention runs on N tokens, attention on a padded view, so padding costs little.

Source of the idea: "unpadding" in ModernBERT (Warner et al. 2024, arXiv:2412.13663, section 2.1.2).
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.core.batch import PaddedBatch, TokenBatch
from headstart.core.contracts import Features


class _Move(torch.autograd.Function):
    """Pad or unpad rows. Each is the other's gradient, which spares autograd's slow general index gradients."""

    @staticmethod
    def forward(context, values: Tensor, index_N: Tensor, rows: int, pad: bool) -> Tensor:
        context.save_for_backward(index_N)
        context.rows, context.pad = values.shape[0], pad
        if pad:
            return values.new_zeros(rows, values.shape[1]).index_copy_(0, index_N, values)
        return values.index_select(0, index_N)

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (index_N,) = context.saved_tensors
        return _Move.apply(gradient.contiguous(), index_N, context.rows, not context.pad), None, None, None


def take_rows(values_RD: Tensor, index_M: Tensor) -> Tensor:
    """Return rows [M, D] of `values_RD`; no row may be asked for twice, which makes the gradient cheap."""
    return _Move.apply(values_RD, index_M, index_M.numel(), False)


def states_at(features: Features, batch: TokenBatch, position_M: Tensor) -> Tensor:
    """Return the last hidden states [M, D] at flat positions into `ids_N`, each asked for once at most."""
    last_BTD = features.last_BTD
    flat_M = batch.row_N()[position_M] * last_BTD.shape[1] + batch.position_N()[position_M]
    return take_rows(last_BTD.flatten(0, 1), flat_M)


class Layout:
    """How the tokens of one batch lie in a padded [B, T] view.

    causal: a token sees none after it; None = as the batch says. past_BS: True where the S columns of what the network
    remembers hold a token (`nn/attention.py KeyValues`), or None; positions then go on from there.
    """

    def __init__(self, batch: TokenBatch, *, causal: bool | None = None, past_BS: Tensor | None = None) -> None:
        self.mask_BT = batch.mask_BT()
        self.causal = batch.causal if causal is None else causal
        self.past_BS = past_BS
        self.size, self.longest = self.mask_BT.shape
        self.dense = batch.units == self.mask_BT.numel()  # whether values lie as [B, T] already
        # Whether every place of [B, T] is a token.
        self.filled = self.dense and (not isinstance(batch, PaddedBatch) or batch.filled)
        self.position_N = batch.position_N()
        self.index_N = batch.row_N() * self.longest + self.position_N
        self.past_B = None if past_BS is None else past_BS.sum(1)
        if self.past_B is not None:
            self.position_N = self.position_N + self.past_B.repeat_interleave(batch.lengths_B)

    @classmethod
    def even(cls, states_BTD: Tensor) -> Layout:
        """Return how samples of one length lie, such as the patches of images; each token sees all of its sample."""
        ids_BT = torch.zeros(states_BTD.shape[:2], dtype=torch.int64, device=states_BTD.device)  # their number counts
        return cls(PaddedBatch.of(ids_BT, torch.ones_like(ids_BT, dtype=torch.bool), filled=True))

    @property
    def seen_BS(self) -> Tensor:
        """True where a column holds a token: the remembered columns, then those of this batch."""
        return self.mask_BT if self.past_BS is None else torch.cat([self.past_BS, self.mask_BT], 1)

    def pad(self, values_ND: Tensor) -> Tensor:
        """Return [B, T, D] with zeros where there is no token."""
        if not self.dense:
            values_ND = _Move.apply(values_ND, self.index_N, self.mask_BT.numel(), True)
        return values_ND.view(self.size, self.longest, values_ND.shape[1])

    def unpad(self, values_BTD: Tensor) -> Tensor:
        """Return [N, D], the rows of `values_BTD` that hold tokens, in batch order."""
        flat = values_BTD.flatten(0, 1)
        return flat if self.dense else _Move.apply(flat, self.index_N, self.index_N.numel(), False)

    def offset_BTS(self) -> Tensor:
        """Return the position of each key minus that of each query, int64 [B or 1, T, S] (keys: see `seen_BS`)."""
        query_T = torch.arange(self.longest, device=self.mask_BT.device)
        if self.past_BS is None:
            return (query_T[None, :] - query_T[:, None])[None]
        key_BS = self.seen_BS.cumsum(1) - 1
        return key_BS[:, None, :] - (self.past_B[:, None] + query_T)[:, :, None]

    def bias(self, dtype: torch.dtype, window: int | None = None) -> Tensor | None:
        """Return what is added to attention scores, [B or 1, 1, 1 or T, S]: 0 where a query may look, else -inf.

        window: a query sees keys at a distance of at most this many tokens; None = all. In a causal layout it sees none
        after itself. None is returned when nothing is hidden. A padded query that would see nothing sees something, so
        no row is NaN.
        """
        if self.causal and window is None and self.past_BS is None:
            # Padding lies after all tokens, so hiding what comes later hides it too.
            return None if self.longest <= 1 else hide(self.offset_BTS()[:, None] <= 0, dtype)
        seen = None if self.filled and self.past_BS is None else self.seen_BS[:, None, None, :]
        if window is not None and window < self.seen_BS.shape[1] - 1:
            near = (self.offset_BTS().abs() <= window)[:, None]
            real_query = self.mask_BT[:, None, :, None]
            seen = near if seen is None else (near | ~real_query) & seen
        if self.causal and self.longest > 1:
            before = (self.offset_BTS() <= 0)[:, None]
            seen = before if seen is None else seen & before
        return None if seen is None else hide(seen, dtype)


def hide(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a bias of attention scores: 0 where `seen` is True, -inf elsewhere."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))


def memory_bias(mask_BS: Tensor, dtype: torch.dtype) -> Tensor | None:
    """Return the bias [B, 1, 1, S] of attention onto a source with tokens where `mask_BS` is True; None: all are.

    Of a source without tokens everything is seen, so no row is NaN.
    """
    if bool(mask_BS.all()):
        return None
    return hide((mask_BS | ~mask_BS.any(1, keepdim=True))[:, None, None, :], dtype)

"""Where tokens lie: every layer but attention runs on N tokens, attention on a padded view, so padding costs little.

Source of the idea: "unpadding" in ModernBERT (Warner et al. 2024, arXiv:2412.13663, section 2.1.2).
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.base.batch import Batch


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


class Layout:
    """How the tokens of one batch lie in a padded [B, T] view."""

    def __init__(self, batch: Batch) -> None:
        self.mask_BT = batch.mask_BT()
        self.size, self.longest = self.mask_BT.shape
        self.dense = batch.tokens == self.mask_BT.numel()
        self.position_N = batch.position_N()
        self.index_N = batch.row_N() * self.longest + self.position_N

    def pad(self, values_ND: Tensor) -> Tensor:
        """Return [B, T, D] with zeros where there is no token."""
        if not self.dense:
            values_ND = _Move.apply(values_ND, self.index_N, self.mask_BT.numel(), True)
        return values_ND.view(self.size, self.longest, values_ND.shape[1])

    def unpad(self, values_BTD: Tensor) -> Tensor:
        """Return [N, D], the rows of `values_BTD` that hold tokens, in batch order."""
        flat = values_BTD.flatten(0, 1)
        return flat if self.dense else _Move.apply(flat, self.index_N, self.index_N.numel(), False)

    def bias(self, dtype: torch.dtype, window: int | None = None) -> Tensor | None:
        """Return what is added to attention scores, [B, 1, 1 or T, T]: 0 where a query may look, -inf elsewhere.

        window: a query sees keys at a distance of at most this many tokens; None = all. None is returned when
        nothing is hidden. A padded query under a window may see nothing: it sees all tokens, so no row is NaN.
        """
        seen = None if self.dense else self.mask_BT[:, None, None, :]
        if window is not None and window < self.longest - 1:
            position_T = torch.arange(self.longest, device=self.mask_BT.device)
            near = (position_T[:, None] - position_T[None, :]).abs() <= window
            real_query = self.mask_BT[:, None, :, None]
            seen = near[None, None] if seen is None else (near | ~real_query) & seen
        if seen is None:
            return None
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))

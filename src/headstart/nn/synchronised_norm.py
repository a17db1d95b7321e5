"""Batch norm over the samples of all ranks (Ioffe & Szegedy 2015), from one gather that carries gradients.

`torch.nn.SyncBatchNorm` runs on GPUs alone, and counts a rank whose share is empty.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core import ranks


class SynchronisedNorm(_BatchNorm):
    """As `nn.BatchNorm1d` and `nn.BatchNorm2d` would compute on the samples of all ranks as one batch."""

    def _check_input_dim(self, values: Tensor) -> None:
        pass  # it takes the place of norms of one dimension and of two

    def forward(self, given: Tensor) -> Tensor:
        """Return [B, C, ...] with each channel at mean 0 and variance 1 over all ranks, scaled and shifted."""
        if not self.training and self.running_mean is not None:
            return super().forward(given)
        with torch.autocast(given.device.type, enabled=False):
            values = given.float()
            mean_C, variance_C, count = _statistics(values)
            if self.training and self.running_mean is not None:
                self._follow(mean_C.detach(), variance_C.detach() * (count / (count - 1).clamp_min(1)))
            shape = (1, -1, *[1] * (values.ndim - 2))
            scale_C = (variance_C + self.eps).rsqrt().float()
            scale_C = scale_C if self.weight is None else scale_C * self.weight
            out = (values - mean_C.float().view(shape)) * scale_C.view(shape)
            out = out if self.bias is None else out + self.bias.view(shape)
        return out.to(given.dtype)

    @torch.no_grad()
    def _follow(self, mean_C: Tensor, unbiased_C: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean_C.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased_C.to(self.running_var.dtype), share)


def _statistics(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (mean [C], variance [C], number of values of a channel) over all ranks, float64.

    Every rank gives its count, mean and sum of squares about that mean, so that large means cost no digits.
    """
    axes = [axis for axis in range(values.ndim) if axis != 1]
    own = max(values.numel() // values.shape[1], 1)
    mean_C = values.mean(axes, keepdim=True)
    square_C = (values - mean_C).square().sum(axes)
    told = torch.cat([mean_C.new_full((1,), own, dtype=torch.float64), mean_C.flatten().double(), square_C.double()])
    every = ranks.gathered(told[None]).every
    count_W1, (mean_WC, square_WC) = every[:, :1], every[:, 1:].chunk(2, 1)
    count = count_W1.sum()
    mean_C = (count_W1 * mean_WC).sum(0) / count
    variance_C = (square_WC.sum(0) + (count_W1 * (mean_WC - mean_C).square()).sum(0)) / count
    return mean_C, variance_C, count


def synchronise(module: nn.Module) -> None:
    """Put a `SynchronisedNorm` with the same tensors in the place of every batch norm inside `module`."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, SynchronisedNorm):
            norm = SynchronisedNorm(child.num_features, child.eps, child.momentum, child.affine)
            norm.weight, norm.bias = child.weight, child.bias
            norm.running_mean, norm.running_var = child.running_mean, child.running_var
            norm.num_batches_tracked = child.num_batches_tracked
            norm.train(child.training)
            module.add_module(name, norm)
        else:
            synchronise(child)

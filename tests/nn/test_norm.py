"""The norm is torch's own, in value and gradient, at any shape and in half precision."""

from __future__ import annotations

import pytest
import torch

from headstart.nn.norm import RMSNorm


@pytest.mark.parametrize("shape", [(7,), (5, 7), (2, 3, 7), (0, 7)])
def test_equal_to_torch(shape):
    torch.manual_seed(0)
    ours, theirs = RMSNorm(7, eps=0.1).double(), torch.nn.RMSNorm(7, eps=0.1).double()
    with torch.no_grad():
        ours.weight.normal_()
    theirs.load_state_dict(ours.state_dict())
    slope, found = torch.randn(shape, dtype=torch.float64), []
    for module in (ours, theirs):
        x = torch.linspace(-2, 3, slope.numel(), dtype=torch.float64).view(shape).requires_grad_()
        out = module(x)
        (out * slope).sum().backward()
        found.append((out, x.grad, module.weight.grad))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(*found, strict=True))


def test_half_precision_is_normed_in_full():
    assert RMSNorm(7, eps=1e-5)(torch.randn(3, 7).bfloat16()).dtype == torch.float32

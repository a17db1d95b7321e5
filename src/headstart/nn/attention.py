"""Self-attention (Vaswani et al. 2017, arXiv:1706.03762): two kernels, one measured dispatch, maps on request."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout


class Attended(NamedTuple):
    """output: what attention returns. map_BHTT: how each query spreads over the keys (rows sum to 1), or None."""

    output: Tensor
    map_BHTT: Tensor | None


def explicit_wins(query: Tensor) -> bool:
    """Say whether matmul-softmax-matmul beats torch's fused kernel for `query`.

    Measured forward + backward, 2,048 tokens, 4 heads of 32 or 64, one core with avx512_bf16, torch 2.13, in ms:

        length              16    32    64   128   256   512  1024  2048
        fp32 explicit      2.4   2.7   4.1   8.5    15    29    99   148
        fp32 fused         1.8   2.1   3.7   6.4    12    23    46    91
        bf16 explicit      2.2   1.4   1.8   2.8   5.3   8.7    19    64
        bf16 fused          22    12    14    16    15    23    36    71
    """
    return query.device.type == "cpu" and query.dtype == torch.bfloat16


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, *, maps: bool = False) -> Attended:
    """Return softmax(query key' / sqrt(K) + bias) value for [B, H, T, K] inputs, by the faster kernel.

    bias: added to the scores, broadcast to [B, H, T, T]. maps: also return the map, which only `explicit` can.
    """
    if maps or explicit_wins(query):
        return explicit(query, key, value, bias)
    return Attended(F.scaled_dot_product_attention(query, key, value, attn_mask=bias), None)


def explicit(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Attended:
    """The readable kernel; see `attend`."""
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
    if bias is not None:
        scores = scores + bias
    map_BHTT = scores.softmax(-1)
    return Attended(torch.matmul(map_BHTT, value), map_BHTT)


class SelfAttention(nn.Module):
    """Multi-head self-attention over the tokens of each sample.

    bias: whether the two projections have one. Query, key and value share one matrix, in this order.
    """

    def __init__(self, width: int, heads: int, *, bias: bool) -> None:
        super().__init__()
        assert width % heads == 0, f"width {width} does not divide into {heads} heads"
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor | None,
        rotary: Rotary | None = None,
        *,
        maps: bool = False,
    ) -> Attended:
        """Return [N, D] and, with `maps`, the map. bias: see `Layout.bias`, cast to the dtype of the projections."""
        qkv = layout.pad(self.qkv(hidden_ND)).unflatten(-1, (3, self.heads, -1))
        if rotary is None:
            query, key, value = qkv.unbind(2)
        else:
            query, key = rotary(qkv[:, :, :2]).unbind(2)
            value = qkv[:, :, 2]
        if bias is not None:
            bias = bias.to(qkv.dtype)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        mixed, map_BHTT = attend(query, key, value, bias, maps=maps)
        return Attended(self.out(layout.unpad(mixed.transpose(1, 2).flatten(2))), map_BHTT)

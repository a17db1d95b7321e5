"""Attention within samples and onto a source (Vaswani et al. 2017, arXiv:1706.03762): two kernels, measured choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout

_ROWS = 128  # queries at a time


class Attended(NamedTuple):
    """output: what attention returns. map_BHTT: how each token spreads over the keys (rows sum to 1; those of padded
    queries are 0), or None."""

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


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    *,
    maps: bool = False,
    scale: float | None = None,
    causal: bool = False,
) -> Attended:
    """Return softmax(scale * query key' + bias) value for queries [B, H, T, K], keys and values [B, G, S, K].

    Each of the G key heads serves H / G query heads in a row. bias: broadcast to [B, H, T, S]. scale: None = K ** -.5.
    maps: also return the map, which only `explicit` can. causal: query t sees keys 0 to t (S = T, no bias). The faster
    kernel does it.
    """
    if key.shape[1] != query.shape[1]:
        key, value = (part.repeat_interleave(query.shape[1] // key.shape[1], 1) for part in (key, value))
    if causal and not maps and explicit_wins(query):
        return Attended(_explicit_causal(query, key, value, scale), None)
    if maps:
        return explicit(query, key, value, _later(key) if causal else bias, scale)
    if explicit_wins(query):
        if not torch.is_grad_enabled():
            return Attended(_explicit_reading(query, key, value, bias, scale), None)
        return Attended(explicit(query, key, value, bias, scale).output, None)
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale, is_causal=causal)
    return Attended(mixed, None)


def explicit(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float | None = None) -> Attended:
    """The readable kernel; see `attend`."""
    scores = torch.matmul(query * (query.shape[-1] ** -0.5 if scale is None else scale), key.transpose(-1, -2))
    if bias is not None:
        scores += bias  # in place: at 128 tokens and more the second tensor of scores costs more than the sum
    map_BHTT = scores.softmax(-1)
    return Attended(torch.matmul(map_BHTT, value), map_BHTT)


def _explicit_reading(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float | None) -> Tensor:
    """Return what `explicit` mixes, with scale and bias as parts of the product: 10 to 30 % less time in bf16.

    With gradients it is slower from 128 tokens on.
    """
    size_B, heads, _, width = query.shape
    scale = width**-0.5 if scale is None else scale
    pairs = (query.flatten(0, 1), key.flatten(0, 1).transpose(1, 2))  # a matrix for each head of each sample
    if bias is None:
        scores = torch.baddbmm(query.new_zeros(1, 1, 1), *pairs, beta=0, alpha=scale)
    else:
        bias = bias.expand(size_B, heads, -1, -1).flatten(0, 1)
        scores = torch.baddbmm(bias, *pairs, alpha=scale)
    return torch.matmul(scores.softmax(-1).unflatten(0, (size_B, heads)), value)


def _explicit_causal(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """Return what `explicit` mixes, without most of the products that a causal map throws away.

    128 queries at a time meet the keys up to the last of them: at 256 tokens 1.7 times, at 512 1.6 times as fast.
    """
    bias = _later(key)
    parts = [
        explicit(query[:, :, low:high], key[:, :, :high], value[:, :, :high], bias[low:high, :high], scale).output
        for low in range(0, query.shape[2], _ROWS)
        if (high := min(low + _ROWS, query.shape[2]))
    ]
    return torch.cat(parts, 2)


def _later(key: Tensor) -> Tensor:
    """Return the bias [S, S] that hides later keys."""
    size = key.shape[2]
    return torch.full((size, size), float("-inf"), dtype=key.dtype, device=key.device).triu_(1)


class KeyValues:
    """What the attentions of a network have computed for earlier tokens: the carry of a Transformer.

    carry (`TokenBatch.carry`): () at a start, else (mask_BS, key_1, value_1, key_2, value_2, ...): mask_BS is True
    where a column holds a token, a pair [B, G, S, K] belongs to one attention, in the order in which they ask. Ragged
    parts leave columns without a token, so the position of what comes next is `mask_BS.sum(1)`. A network hands one
    object through all its attentions and returns `carry(layout)`.
    """

    def __init__(self, carry: tuple[Tensor, ...]) -> None:
        self._given = list(zip(carry[1::2], carry[2::2], strict=True))
        self._pairs: list[tuple[Tensor, Tensor]] = []

    def grow(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of all tokens so far; those given, [B, G, T, K], come last."""
        if self._given:
            old = self._given[len(self._pairs)]
            key, value = torch.cat([old[0], key], 2), torch.cat([old[1], value], 2)
        self._pairs.append((key, value))
        return key, value

    def keep(self, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the keys and values of a source, which stays as it is: made once, then remembered."""
        self._pairs.append(self._given[len(self._pairs)] if self._given else make())
        return self._pairs[-1]

    def carry(self, layout: Layout) -> tuple[Tensor, ...]:
        """Return the carry after the batch that lies in `layout`."""
        return (layout.seen_BS, *(part for pair in self._pairs for part in pair))


class SelfAttention(nn.Module):
    """Multi-head self-attention over the tokens of each sample.

    bias: whether the two projections have one. Query, key and value share one matrix, in this order. inner: width of
    all heads together, None = `width`. scale: see `attend`.
    """

    def __init__(
        self, width: int, heads: int, *, bias: bool, inner: int | None = None, scale: float | None = None
    ) -> None:
        super().__init__()
        inner = inner or width
        assert inner % heads == 0, f"width {inner} does not divide into {heads} heads"
        self.heads, self.scale = heads, scale
        self.qkv = nn.Linear(width, 3 * inner, bias=bias)
        self.out = nn.Linear(inner, width, bias=bias)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor | None,
        rotary: Rotary | None = None,
        *,
        maps: bool = False,
        past: KeyValues | None = None,
    ) -> Attended:
        """Return [N, D] and, with `maps`, the map. past: what was computed for earlier tokens, and takes in these.

        bias: of `Layout.bias`, plus whatever else is added to scores; in a causal layout it must hide later tokens,
        where None stands for just that, done by a faster kernel.
        """
        qkv = layout.pad(self.qkv(hidden_ND)).unflatten(-1, (3, self.heads, -1))
        if rotary is None:
            query, key, value = qkv.unbind(2)
        else:
            query, key = rotary(qkv[:, :, :2]).unbind(2)
            value = qkv[:, :, 2]
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        if past is not None:
            key, value = past.grow(key, value)
        causal = layout.causal and bias is None
        found = attend(query, key, value, _like(bias, query), maps=maps, scale=self.scale, causal=causal)
        return _output(self.out, layout, found)


class GroupedAttention(nn.Module):
    """Self-attention whose heads share keys and values in groups, no biases (Ainslie et al. 2023, arXiv:2305.13245).

    groups: G heads of keys and values for the H heads of queries; size: the head width K.
    """

    def __init__(self, width: int, heads: int, groups: int, size: int) -> None:
        super().__init__()
        assert heads % groups == 0, f"{heads} heads do not divide into {groups} groups"
        self.heads, self.groups = heads, groups
        self.query = nn.Linear(width, heads * size, bias=False)
        self.key_value = nn.Linear(width, 2 * groups * size, bias=False)
        self.out = nn.Linear(heads * size, width, bias=False)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor | None,
        rotary: Rotary,
        *,
        maps: bool = False,
        past: KeyValues | None = None,
    ) -> Attended:
        """See `SelfAttention.forward`."""
        query = rotary(layout.pad(self.query(hidden_ND)).unflatten(-1, (1, self.heads, -1)))[:, :, 0].transpose(1, 2)
        key, value = layout.pad(self.key_value(hidden_ND)).unflatten(-1, (2, self.groups, -1)).unbind(2)
        key, value = rotary(key.unsqueeze(2))[:, :, 0].transpose(1, 2), value.transpose(1, 2)
        if past is not None:
            key, value = past.grow(key, value)
        causal = layout.causal and bias is None
        return _output(self.out, layout, attend(query, key, value, _like(bias, query), maps=maps, causal=causal))


class CrossAttention(nn.Module):
    """Attention from the tokens of a target onto a source that was encoded before ("memory").

    bias, inner, scale: see `SelfAttention`. Key and value share one matrix, in this order.
    """

    def __init__(
        self, width: int, heads: int, *, bias: bool, inner: int | None = None, scale: float | None = None
    ) -> None:
        super().__init__()
        inner = inner or width
        assert inner % heads == 0, f"width {inner} does not divide into {heads} heads"
        self.heads, self.scale = heads, scale
        self.query = nn.Linear(width, inner, bias=bias)
        self.key_value = nn.Linear(width, 2 * inner, bias=bias)
        self.out = nn.Linear(inner, width, bias=bias)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        memory_BSD: Tensor,
        bias: Tensor | None,
        *,
        maps: bool = False,
        past: KeyValues | None = None,
    ) -> Attended:
        """Return [N, D] and, with `maps`, the map [B, H, T, S].

        layout: of the target; its sample b reads row b of `memory_BSD`. bias: `memory_bias` of the source's mask. past:
        remembers the keys and values of the memory, which is then not looked at again.
        """

        def read() -> tuple[Tensor, Tensor]:
            pair = self.key_value(memory_BSD).unflatten(-1, (2, self.heads, -1))
            key, value = pair.permute(2, 0, 3, 1, 4)
            return key, value

        query = layout.pad(self.query(hidden_ND)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = read() if past is None else past.keep(read)
        return _output(self.out, layout, attend(query, key, value, _like(bias, query), maps=maps, scale=self.scale))


def _like(bias: Tensor | None, query: Tensor) -> Tensor | None:
    """Return the bias in the dtype of the projections."""
    return None if bias is None else bias.to(query.dtype)


def _output(out: nn.Linear, layout: Layout, found: Attended) -> Attended:
    """Return the projected mixtures of the heads, [N, D], and the map without the rows of padded queries."""
    map_BHTT = found.map_BHTT
    if map_BHTT is not None and not layout.filled:
        map_BHTT = map_BHTT * layout.mask_BT[:, None, :, None]
    return Attended(out(layout.unpad(found.output.transpose(1, 2).flatten(2))), map_BHTT)

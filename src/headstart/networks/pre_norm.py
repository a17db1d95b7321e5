"""The block of GPT-2, image GPT and ViT: norms before attention and network, so that the sum runs through unchanged."""

from __future__ import annotations

from torch import Tensor, nn

from headstart.nn.attention import KeyValues, SelfAttention
from headstart.nn.mlp import MLP
from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout


class PreNormBlock(nn.Module):
    """x = x + attention(norm x); x = x + mlp(norm x)."""

    def __init__(self, width: int, heads: int, mlp_width: int, act: str, eps: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.attention = SelfAttention(width, heads, bias=True)
        self.mlp_norm = nn.LayerNorm(width, eps=eps)
        self.mlp = MLP(width, mlp_width, act=act)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor | None,
        rotary: Rotary | None = None,
        maps: bool = False,
        past: KeyValues | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the hidden states [N, D] and the attention map (None unless `maps`)."""
        normed_ND = self.attention_norm(hidden_ND)
        mixed, map_BHTT = self.attention(normed_ND, layout, bias, rotary, maps=maps, past=past)
        hidden_ND = hidden_ND + mixed
        return hidden_ND + self.mlp(self.mlp_norm(hidden_ND)), map_BHTT

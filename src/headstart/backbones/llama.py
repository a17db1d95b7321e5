"""Llama decoder: reads left to right, RMS norm, rotary, gated; loads and writes LlamaModel (arXiv:2302.13971)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, Rule, copy, optional
from headstart.networks.decoder import CausalTransformer
from headstart.networks.encoder import check_sizes, require
from headstart.nn.attention import GroupedAttention, KeyValues
from headstart.nn.init import normal_
from headstart.nn.mlp import GatedMLP
from headstart.nn.norm import RMSNorm
from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout

INIT_STD = 0.02
_CONFIG_NAMES = {
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "groups": "num_key_value_heads",
    "head_width": "head_dim",
    "mlp_width": "intermediate_size",
    "max_tokens": "max_position_embeddings",
    "act": "hidden_act",
    "eps": "rms_norm_eps",
    "tied": "tie_word_embeddings",
}


class Block(nn.Module):
    """x = x + attention(norm x); x = x + mlp(norm x)."""

    def __init__(self, spec: LlamaSpec) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(spec.width, eps=spec.eps)
        self.attention = GroupedAttention(spec.width, spec.heads, spec.groups or spec.heads, spec.size)
        self.mlp_norm = RMSNorm(spec.width, eps=spec.eps)
        self.mlp = GatedMLP(spec.width, spec.mlp_width, act=spec.act)

    def norms(self) -> tuple[nn.Module, ...]:
        """See `CausalTransformer`."""
        return self.attention_norm, self.mlp_norm

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor | None,
        rotary: Rotary,
        maps: bool,
        past: KeyValues | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the hidden states [N, D] and the attention map (None unless `maps`)."""
        normed_ND = self.attention_norm(hidden_ND)
        mixed, map_BHTT = self.attention(normed_ND, layout, bias, rotary, maps=maps, past=past)
        hidden_ND = hidden_ND + mixed
        return hidden_ND + self.mlp(self.mlp_norm(hidden_ND)), map_BHTT


class Llama(CausalTransformer):
    """Words -> blocks -> norm."""

    def __init__(self, vocabulary: int, spec: LlamaSpec) -> None:
        super().__init__()
        self.width, self.depth, self.max_tokens = spec.width, spec.depth, spec.max_tokens
        self.vocabulary, self.tied, self.spec = vocabulary, spec.tied, spec
        self.words = nn.Embedding(vocabulary, spec.width)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.depth))
        self.final_norm = RMSNorm(spec.width, eps=spec.eps)
        normal_(self, INIT_STD)
        for block in self.blocks:  # residual outputs start smaller by the depth, as in GPT-2
            for output in (block.attention.out, block.mlp.down):
                nn.init.normal_(output.weight, std=INIT_STD / math.sqrt(2 * spec.depth))

    def embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        """See `CausalTransformer.embed`."""
        return self.words(batch.ids_N)

    def rotary(self, layout: Layout, device: torch.device) -> Rotary:
        """See `CausalTransformer.rotary`."""
        return Rotary(layout.longest, self.spec.size, self.spec.theta, device, layout.past_B)


@dataclass(frozen=True, kw_only=True)
class LlamaSpec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width (of each half of the gate), max_tokens.

    groups: heads of keys and values, which share those of the queries (none = heads). head_width: none = width / heads.
    theta: rotary wavelength. tied: the vocabulary output is the word matrix, else it has a matrix of its own.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 344
    max_tokens: int = 256
    groups: int | None = None
    head_width: int | None = None
    theta: float = 10_000.0
    tied: bool = True
    act: str = "silu"
    eps: float = 1e-5

    hf_model_type: ClassVar[str] = "llama"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="model.",
        architecture="LlamaModel",
        backbone=(
            *copy("words.weight", "embed_tokens.weight"),
            *copy("blocks.{i}.attention_norm.weight", "layers.{i}.input_layernorm.weight"),
            *copy("blocks.{i}.attention.query.weight", "layers.{i}.self_attn.q_proj.weight"),
            Rule(
                "blocks.{i}.attention.key_value.weight",
                ("layers.{i}.self_attn.k_proj.weight", "layers.{i}.self_attn.v_proj.weight"),
                "concat",
            ),
            *copy("blocks.{i}.attention.out.weight", "layers.{i}.self_attn.o_proj.weight"),
            *copy("blocks.{i}.mlp_norm.weight", "layers.{i}.post_attention_layernorm.weight"),
            Rule(
                "blocks.{i}.mlp.up.weight",
                ("layers.{i}.mlp.gate_proj.weight", "layers.{i}.mlp.up_proj.weight"),
                "concat",
            ),
            *copy("blocks.{i}.mlp.down.weight", "layers.{i}.mlp.down_proj.weight"),
            *copy("final_norm.weight", "norm.weight"),
        ),
        architectures={"causal": "LlamaForCausalLM", "classify": "LlamaForSequenceClassification"},
        heads={
            "causal": optional(copy("weight", "lm_head.weight")),
            "classify": copy("classifier.weight", "score.weight"),
        },
        ignorable=(r"layers\.\d+\.self_attn\.rotary_emb\.inv_freq",),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens, head_width=self.head_width or 2, groups=self.groups or 1,
        )  # fmt: skip
        if self.heads % (self.groups or self.heads):
            raise HeadstartError(f"{self.label()}: groups={self.groups} does not divide heads={self.heads}")
        if self.size % 2:
            raise HeadstartError(f"{self.label()}: a head width of {self.size} must be even for rotary positions")

    @property
    def size(self) -> int:
        """The head width K."""
        return self.head_width or self.width // self.heads

    def build(self, shape: TokenShape) -> Llama:
        """Return a new network; its random weights follow torch's global seed."""
        return Llama(shape.vocabulary, self)

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> LlamaSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not supported here."""
        require(config, cls.label(), attention_bias=False, mlp_bias=False)
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {
            "width": 4096, "depth": 32, "heads": 32, "mlp_width": 11008, "max_tokens": 2048, "eps": 1e-6, "tied": False,
        }  # fmt: skip
        return cls.from_dict({**defaults, **given, "theta": _theta(config, cls.label())})

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head."""
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **{theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()},
            "num_key_value_heads": self.groups or self.heads,
            "head_dim": self.size,
            "rope_theta": self.theta,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.theta},
        }


def _theta(config: Mapping[str, Any], label: str) -> float:
    """Return the rotary wavelength, in the new or the old spelling of the config."""
    rope = config.get("rope_parameters") or {}
    if config.get("rope_scaling") or rope.get("rope_type", "default") != "default":
        raise HeadstartError(f"{label}: scaled rotary positions are not supported (allowed: rope_type 'default')")
    return rope.get("rope_theta", config.get("rope_theta", 10_000.0))

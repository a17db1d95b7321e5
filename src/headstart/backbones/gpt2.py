"""GPT-2 decoder: reads left to right, pre-norm, learned positions; loads and writes GPT2Model (Radford et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, affine, copy, optional, transpose
from headstart.networks.decoder import CausalTransformer
from headstart.networks.encoder import check_sizes, require
from headstart.networks.pre_norm import PreNormBlock
from headstart.nn.init import normal_
from headstart.nn.ragged import Layout

INIT_STD = 0.02
_CONFIG_NAMES = {
    "width": "n_embd",
    "depth": "n_layer",
    "heads": "n_head",
    "max_tokens": "n_positions",
    "act": "activation_function",
    "eps": "layer_norm_epsilon",
}


class GPT2(CausalTransformer):
    """Word + position -> blocks -> norm."""

    def __init__(self, vocabulary: int, spec: GPT2Spec) -> None:
        super().__init__()
        self.width, self.depth, self.max_tokens = spec.width, spec.depth, spec.max_tokens
        self.vocabulary = vocabulary
        self.words = nn.Embedding(vocabulary, spec.width)
        self.positions = nn.Embedding(spec.max_tokens, spec.width)
        self.blocks = nn.ModuleList(
            PreNormBlock(spec.width, spec.heads, spec.mlp_width, spec.act, spec.eps) for _ in range(spec.depth)
        )
        self.final_norm = nn.LayerNorm(spec.width, eps=spec.eps)
        normal_(self, INIT_STD)
        for block in self.blocks:  # residual outputs start smaller by the depth, as in the reference
            for output in (block.attention.out, block.mlp.down):
                nn.init.normal_(output.weight, std=INIT_STD / math.sqrt(2 * spec.depth))

    def embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        """See `CausalTransformer.embed`."""
        return self.words(batch.ids_N) + self.positions(layout.position_N)


@dataclass(frozen=True, kw_only=True)
class GPT2Spec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width, max_tokens (learned positions), act (gelu is faster than gelu_new)."""

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 512
    max_tokens: int = 256
    act: str = "gelu"
    eps: float = 1e-5

    hf_model_type: ClassVar[str] = "gpt2"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="transformer.",
        architecture="GPT2Model",
        backbone=(
            *copy("words.weight", "wte.weight"),
            *copy("positions.weight", "wpe.weight"),
            *affine("blocks.{i}.attention_norm", "h.{i}.ln_1"),
            *transpose("blocks.{i}.attention.qkv.weight", "h.{i}.attn.c_attn.weight"),
            *copy("blocks.{i}.attention.qkv.bias", "h.{i}.attn.c_attn.bias"),
            *transpose("blocks.{i}.attention.out.weight", "h.{i}.attn.c_proj.weight"),
            *copy("blocks.{i}.attention.out.bias", "h.{i}.attn.c_proj.bias"),
            *affine("blocks.{i}.mlp_norm", "h.{i}.ln_2"),
            *transpose("blocks.{i}.mlp.up.weight", "h.{i}.mlp.c_fc.weight"),
            *copy("blocks.{i}.mlp.up.bias", "h.{i}.mlp.c_fc.bias"),
            *transpose("blocks.{i}.mlp.down.weight", "h.{i}.mlp.c_proj.weight"),
            *copy("blocks.{i}.mlp.down.bias", "h.{i}.mlp.c_proj.bias"),
            *affine("final_norm", "ln_f"),
        ),
        architectures={"causal": "GPT2LMHeadModel", "classify": "GPT2ForSequenceClassification"},
        heads={
            "causal": optional(copy("weight", "lm_head.weight")),
            "classify": copy("classifier.weight", "score.weight"),
        },
        tied={"lm_head.weight": "transformer.wte.weight"},
        ignorable=(r"h\.\d+\.attn\.(masked_)?bias",),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens,
        )  # fmt: skip

    def build(self, shape: TokenShape) -> GPT2:
        """Return a new network; its random weights follow torch's global seed."""
        return GPT2(shape.vocabulary, self)

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> GPT2Spec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not GPT-2's."""
        require(
            config, cls.label(), scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False,
            add_cross_attention=False, tie_word_embeddings=True,
        )  # fmt: skip
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {"width": 768, "depth": 12, "heads": 12, "max_tokens": 1024, "act": "gelu_new"}
        inner = config.get("n_inner") or 4 * given.get("width", defaults["width"])
        return cls.from_dict({**defaults, **given, "mlp_width": inner})

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Dropout is 0, as in our training."""
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **{theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()},
            "n_inner": self.mlp_width,
            **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop", "summary_first_dropout"), 0.0),
            "tie_word_embeddings": True,
        }

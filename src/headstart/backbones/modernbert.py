"""ModernBERT encoder: pre-norm, rotary, gated, no biases; loads and writes ModernBertModel (arXiv:2412.13663)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, Rule, affine, copy
from headstart.networks.encoder import Trace, TransformerBackbone, check_sizes, parameters_of, require
from headstart.networks.neighbours import begin_from_neighbours, neighbour_rank
from headstart.nn.attention import SelfAttention
from headstart.nn.init import truncated_
from headstart.nn.mlp import GatedMLP
from headstart.nn.outputs import TokenOutput, Transform, TransformOutput
from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout
from headstart.nn.successors import Successors

INIT_STD = 0.02
_CONFIG_NAMES = {
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "mlp_width": "intermediate_size",
    "max_tokens": "max_position_embeddings",
    "window": "local_attention",
    "act": "hidden_activation",
    "eps": "norm_eps",
    "pooling": "classifier_pooling",
}


class Block(nn.Module):
    """x = x + attention(norm x); x = x + mlp(norm x). The first block's attention norm is the identity."""

    def __init__(self, width: int, heads: int, mlp_width: int, act: str, eps: float, first: bool) -> None:
        super().__init__()
        self.attention_norm = nn.Identity() if first else nn.LayerNorm(width, eps=eps, bias=False)
        self.attention = SelfAttention(width, heads, bias=False)
        self.mlp_norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.mlp = GatedMLP(width, mlp_width, act=act)

    def forward(
        self, hidden_ND: Tensor, layout: Layout, bias: Tensor | None, rotary: Rotary, maps: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the hidden states [N, D] and the attention map (None unless `maps`)."""
        mixed, map_BHTT = self.attention(self.attention_norm(hidden_ND), layout, bias, rotary, maps=maps)
        hidden_ND = hidden_ND + mixed
        return hidden_ND + self.mlp(self.mlp_norm(hidden_ND)), map_BHTT


class ModernBert(TransformerBackbone):
    """Words -> norm -> blocks -> norm. Layer i is global when i is a multiple of `global_every`, else sees `window`."""

    def __init__(self, vocabulary: int, pad_id: int, spec: ModernBertSpec) -> None:
        super().__init__()
        self.width, self.depth, self.max_tokens = spec.width, spec.depth, spec.max_tokens
        self.vocabulary, self.spec = vocabulary, spec
        self.words = nn.Embedding(vocabulary, spec.width)
        self.embedding_norm = nn.LayerNorm(spec.width, eps=spec.eps, bias=False)
        self.blocks = nn.ModuleList(
            Block(spec.width, spec.heads, spec.mlp_width, spec.act, spec.eps, layer == 0) for layer in range(spec.depth)
        )
        self.final_norm = nn.LayerNorm(spec.width, eps=spec.eps, bias=False)
        self._start(pad_id)

    def _start(self, pad_id: int) -> None:
        """Fill in the reference's starting weights: residual outputs are scaled down by the depth."""
        truncated_(self.words.weight, INIT_STD)
        for block in self.blocks:
            truncated_(block.attention.qkv.weight, INIT_STD)
            truncated_(block.mlp.up.weight, INIT_STD)
            for output in (block.attention.out, block.mlp.down):
                truncated_(output.weight, self._output_std)
        if pad_id >= 0:
            with torch.no_grad():
                self.words.weight[pad_id].zero_()

    @property
    def _output_std(self) -> float:
        return INIT_STD / math.sqrt(2.0 * self.depth)

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`. Raises HeadstartError on a sample longer than `max_tokens`."""
        layout, spec = self.layout(batch), self.spec
        hidden_ND = self.embedding_norm(self.words(batch.ids_N))
        size, device = spec.width // spec.heads, hidden_ND.device
        # Per kind of layer (True = global): the turn of queries and keys, and what is hidden from them.
        kinds = {layer % spec.global_every == 0 for layer in range(spec.depth)}
        theta = {True: spec.global_theta, False: spec.local_theta}
        rotary = {kind: Rotary(layout.longest, size, theta[kind], device) for kind in kinds}
        bias = {kind: layout.bias(hidden_ND.dtype, None if kind else spec.window // 2) for kind in kinds}
        trace = Trace(layout, layers, attention)
        for layer, block in enumerate(self.blocks):
            trace.see(hidden_ND)
            kind = layer % spec.global_every == 0
            hidden_ND, map_BHTT = block(hidden_ND, layout, bias[kind], rotary[kind], attention)
            trace.note(map_BHTT)
        hidden_ND = self.final_norm(hidden_ND)
        trace.see(hidden_ND)
        return trace.features(hidden_ND)

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: embeddings, every block; the final norm goes with the last block."""
        groups = [parameters_of(self.words, self.embedding_norm), *(parameters_of(block) for block in self.blocks)]
        groups[-1].extend(parameters_of(self.final_norm))
        return groups

    def begin_from_pairs(self, output: nn.Module, predicts: str, found: Callable[[int], Successors | None]) -> None:
        """See `TransformerBackbone`; a hidden token is then predicted from the two beside it."""
        rank = neighbour_rank(self.width, self.spec.heads)
        if predicts == "masked" and isinstance(output, TokenOutput) and rank and (vectors := found(rank)):
            begin_from_neighbours(self.words, self.blocks[0].attention, output, vectors, self.spec.global_theta)

    def _transform(self) -> Transform:
        spec = self.spec
        transform = Transform(self.width, act=spec.head_act, eps=spec.eps, dense_bias=False, norm_bias=False)
        truncated_(transform.dense.weight, self._output_std)
        return transform

    def prediction_head(self) -> TokenOutput:
        """See `TransformerBackbone`; `head` and `decoder` of the reference."""
        return TokenOutput(self._transform(), self.vocabulary)

    def classification_head(self, classes: int) -> TransformOutput:
        """See `TransformerBackbone`; `head` and `classifier` of the reference."""
        head = TransformOutput(self._transform(), self.width, classes, self.spec.pooling)
        truncated_(head.classifier.weight, self.width**-0.5)
        nn.init.zeros_(head.classifier.bias)
        return head


@dataclass(frozen=True, kw_only=True)
class ModernBertSpec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width (of each half of the gate), max_tokens.

    global_every: every n-th layer sees all tokens, 1 = all layers. window: tokens that the other layers see, both sides
    together. global_theta, local_theta: rotary wavelengths. pooling: what the classification output reads.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 256
    max_tokens: int = 512
    global_every: int = 1
    window: int = 128
    global_theta: float = 10_000.0
    local_theta: float = 10_000.0
    act: str = "gelu"
    head_act: str = "gelu"
    eps: float = 1e-5
    pooling: Literal["mean", "cls"] = "mean"

    hf_model_type: ClassVar[str] = "modernbert"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="model.",
        architecture="ModernBertModel",
        backbone=(
            *copy("words.weight", "embeddings.tok_embeddings.weight"),
            *copy("embedding_norm.weight", "embeddings.norm.weight"),
            Rule("blocks.{i}.attention_norm.weight", ("layers.{i}.attn_norm.weight",), optional=True),
            *copy("blocks.{i}.attention.qkv.weight", "layers.{i}.attn.Wqkv.weight"),
            *copy("blocks.{i}.attention.out.weight", "layers.{i}.attn.Wo.weight"),
            *copy("blocks.{i}.mlp_norm.weight", "layers.{i}.mlp_norm.weight"),
            *copy("blocks.{i}.mlp.up.weight", "layers.{i}.mlp.Wi.weight"),
            *copy("blocks.{i}.mlp.down.weight", "layers.{i}.mlp.Wo.weight"),
            *copy("final_norm.weight", "final_norm.weight"),
        ),
        architectures={"mlm": "ModernBertForMaskedLM", "classify": "ModernBertForSequenceClassification"},
        heads={
            "mlm": (
                *copy("transform.dense.weight", "head.dense.weight"),
                *copy("transform.norm.weight", "head.norm.weight"),
                *copy("bias", "decoder.bias"),
            ),
            "classify": (
                *copy("transform.dense.weight", "head.dense.weight"),
                *copy("transform.norm.weight", "head.norm.weight"),
                *affine("classifier", "classifier"),
            ),
        },
        tied={"decoder.weight": "model.embeddings.tok_embeddings.weight"},
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens, global_every=self.global_every, window=self.window,
        )  # fmt: skip
        if self.width // self.heads % 2:
            raise HeadstartError(
                f"{self.label()}: width/heads={self.width // self.heads} must be even for rotary positions"
            )

    def build(self, shape: TokenShape) -> ModernBert:
        """Return a new encoder; its random weights follow torch's global seed."""
        return ModernBert(shape.vocabulary, shape.pad_id, self)

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> ModernBertSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not supported here."""
        require(
            config, cls.label(), norm_bias=False, attention_bias=False, mlp_bias=False, decoder_bias=True,
            classifier_bias=False,
        )  # fmt: skip
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {"width": 768, "depth": 22, "heads": 12, "mlp_width": 1152, "max_tokens": 8192, "pooling": "cls"}
        return cls.from_dict({
            **defaults,
            **given,
            "head_act": config.get("classifier_activation", "gelu"),
            "global_every": _global_every(config, cls.label()),
            "global_theta": _theta(config, cls.label(), "full_attention", "global_rope_theta", 160_000.0),
            "local_theta": _theta(config, cls.label(), "sliding_attention", "local_rope_theta", 10_000.0),
        })  # fmt: skip

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head."""
        kinds = ["sliding_attention" if layer % self.global_every else "full_attention" for layer in range(self.depth)]
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **{theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()},
            "classifier_activation": self.head_act,
            "layer_types": kinds,
            "global_attn_every_n_layers": self.global_every,
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": self.global_theta},
                "sliding_attention": {"rope_type": "default", "rope_theta": self.local_theta},
            },
            "tie_word_embeddings": True,
        }


def _global_every(config: Mapping[str, Any], label: str) -> int:
    """Return n when every n-th layer is global. Raises HeadstartError for any other pattern."""
    kinds = config.get("layer_types")
    if kinds is None:
        return config.get("global_attn_every_n_layers", 3)
    if isinstance(kinds, list):
        for every in range(1, len(kinds) + 1):
            if kinds == ["sliding_attention" if layer % every else "full_attention" for layer in range(len(kinds))]:
                return every
    raise HeadstartError(f"{label}: layer_types={str(kinds)[:80]} is not 'every n-th layer global'")


def _theta(config: Mapping[str, Any], label: str, kind: str, old_name: str, default: float) -> float:
    """Return the rotary wavelength of one kind of layer, in the new or the old spelling of the config."""
    rope = (config.get("rope_parameters") or {}).get(kind) or {}
    if config.get("rope_scaling") or rope.get("rope_type", "default") != "default":
        raise HeadstartError(f"{label}: scaled rotary positions are not supported (allowed: rope_type 'default')")
    return rope.get("rope_theta", config.get(old_name, default))

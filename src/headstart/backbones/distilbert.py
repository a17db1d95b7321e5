"""DistilBERT encoder: BERT without segments and pooler; loads and writes DistilBertModel (arXiv:1910.01108)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, affine, copy
from headstart.networks.encoder import check_sizes
from headstart.networks.post_norm import INIT_STD, Dense, PostNormEncoder, PostNormSizes
from headstart.nn.init import normal_
from headstart.nn.outputs import TransformOutput

_LAYER = "transformer.layer.{i}."
_CONFIG_NAMES = {
    "width": "dim",
    "depth": "n_layers",
    "heads": "n_heads",
    "mlp_width": "hidden_dim",
    "max_tokens": "max_position_embeddings",
    "act": "activation",
}
_EPS = 1e-12


class DistilBert(PostNormEncoder):
    """The post-norm encoder with DistilBERT's own classification output: relu(dense first token)."""

    def classification_head(self, classes: int) -> nn.Module:
        """See `TransformerBackbone`."""
        head = TransformOutput(Dense(self.width, nn.ReLU()), self.width, classes, "cls")
        normal_(head, INIT_STD)
        return head


@dataclass(frozen=True, kw_only=True)
class DistilBertSpec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width, max_tokens (learned positions), act."""

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 512
    max_tokens: int = 512
    act: str = "gelu"

    hf_model_type: ClassVar[str] = "distilbert"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="distilbert.",
        architecture="DistilBertModel",
        backbone=(
            *copy("words.weight", "embeddings.word_embeddings.weight"),
            *copy("positions.weight", "embeddings.position_embeddings.weight"),
            *affine("embedding_norm", "embeddings.LayerNorm"),
            *affine("blocks.{i}.attention.qkv", *(f"{_LAYER}attention.{part}_lin" for part in "qkv")),
            *affine("blocks.{i}.attention.out", _LAYER + "attention.out_lin"),
            *affine("blocks.{i}.attention_norm", _LAYER + "sa_layer_norm"),
            *affine("blocks.{i}.mlp.up", _LAYER + "ffn.lin1"),
            *affine("blocks.{i}.mlp.down", _LAYER + "ffn.lin2"),
            *affine("blocks.{i}.mlp_norm", _LAYER + "output_layer_norm"),
        ),
        architectures={"mlm": "DistilBertForMaskedLM", "classify": "DistilBertForSequenceClassification"},
        heads={
            "mlm": (
                *affine("transform.dense", "vocab_transform"),
                *affine("transform.norm", "vocab_layer_norm"),
                *copy("bias", "vocab_projector.bias"),
            ),
            "classify": (*affine("transform.dense", "pre_classifier"), *affine("classifier", "classifier")),
        },
        tied={"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"},
        ignorable=(r"embeddings\.position_ids",),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens,
        )  # fmt: skip

    def build(self, shape: TokenShape) -> DistilBert:
        """Return a new encoder; its random weights follow torch's global seed."""
        settings = {name: getattr(self, name) for name in _CONFIG_NAMES}
        return DistilBert(shape, PostNormSizes(types=0, pooler=False, eps=_EPS, **settings))

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> DistilBertSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not DistilBERT's."""
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {"width": 768, "depth": 6, "heads": 12, "mlp_width": 3072}  # transformers' own
        return cls.from_dict({**defaults, **given})

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Dropout is 0, as in our training."""
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **{theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()},
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "seq_classif_dropout": 0.0,
            "tie_word_embeddings": True,
        }

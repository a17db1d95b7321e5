"""ELECTRA encoder: BERT with narrow embeddings and a replaced-token output; loads ElectraModel (arXiv:2003.10555)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, affine, copy, optional
from headstart.networks.encoder import check_sizes, require
from headstart.networks.post_norm import BERT_NAMES, BERT_SIZES, INIT_STD, Dense, PostNormEncoder, PostNormSizes
from headstart.nn.init import normal_
from headstart.nn.outputs import DetectionOutput, TokenOutput, Transform, TransformOutput

_CONFIG_NAMES = BERT_SIZES | {"max_tokens": "max_position_embeddings"}


class Electra(PostNormEncoder):
    """The post-norm encoder with ELECTRA's own outputs; that of the generator is as wide as the embeddings."""

    def prediction_head(self) -> TokenOutput:
        """See `TransformerBackbone`; `generator_predictions` of the reference, whose activation is always gelu."""
        inner = self.words.embedding_dim
        transform = Transform(self.width, act="gelu", eps=self.eps, dense_bias=True, norm_bias=True, out=inner)
        normal_(transform, INIT_STD)
        return TokenOutput(transform, self.vocabulary)

    def detection_head(self) -> DetectionOutput:
        """Return a new output [..., D] -> logits [...] that a token was replaced; `discriminator_predictions`."""
        head = DetectionOutput(self.width, act=self.act)
        normal_(head, INIT_STD)
        return head

    def classification_head(self, classes: int) -> TransformOutput:
        """See `TransformerBackbone`; `classifier` of the reference: gelu(dense first token)."""
        head = TransformOutput(Dense(self.width, nn.GELU()), self.width, classes, "cls")
        normal_(head, INIT_STD)
        return head


@dataclass(frozen=True, kw_only=True)
class ElectraSpec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width, max_tokens (learned positions), types (segments, at least 1).

    embedding_width: of words, positions and segments when it is not `width` (none = the same). act, eps (of the norms).
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 512
    max_tokens: int = 512
    types: int = 2
    embedding_width: int | None = None
    act: str = "gelu"
    eps: float = 1e-12

    hf_model_type: ClassVar[str] = "electra"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="electra.",
        architecture="ElectraModel",
        backbone=(
            *BERT_NAMES,
            *optional(affine("project", "embeddings_project")),
        ),
        architectures={
            "mlm": "ElectraForMaskedLM",
            "detect": "ElectraForPreTraining",
            "classify": "ElectraForSequenceClassification",
        },
        inputs=("input_ids", "token_type_ids", "attention_mask"),
        heads={
            "mlm": (
                *affine("transform.dense", "generator_predictions.dense"),
                *affine("transform.norm", "generator_predictions.LayerNorm"),
                *copy("bias", "generator_lm_head.bias"),
            ),
            "detect": (
                *affine("dense", "discriminator_predictions.dense"),
                *affine("out", "discriminator_predictions.dense_prediction"),
            ),
            "classify": (
                *affine("transform.dense", "classifier.dense"),
                *affine("classifier", "classifier.out_proj"),
            ),
        },
        tied={"generator_lm_head.weight": "electra.embeddings.word_embeddings.weight"},
        ignorable=(r"embeddings\.position_ids", r"embeddings\.token_type_ids"),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens, types=self.types,
            **({} if self.embedding_width is None else {"embedding_width": self.embedding_width}),
        )  # fmt: skip

    def build(self, shape: TokenShape) -> Electra:
        """Return a new encoder; its random weights follow torch's global seed."""
        settings = {name: getattr(self, name) for name in _CONFIG_NAMES}
        sizes = PostNormSizes(embedding_width=self.embedding_width, pooler=False, **settings)
        return Electra(shape, sizes)

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> ElectraSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not ELECTRA's."""
        require(config, cls.label(), position_embedding_type="absolute", is_decoder=False, add_cross_attention=False)
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        settings = {"width": 256, "depth": 12, "heads": 4, "mlp_width": 1024, **given}  # transformers' own defaults
        inner = config.get("embedding_size", 128)
        return cls.from_dict({**settings, "embedding_width": None if inner == settings["width"] else inner})

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Dropout is 0, as in our training."""
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **{theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()},
            "embedding_size": self.embedding_width or self.width,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "tie_word_embeddings": True,
        }

"""RoBERTa encoder: BERT without segments, positions after padding; loads and writes RobertaModel (arXiv:1907.11692)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, affine, copy
from headstart.networks.encoder import check_sizes, require
from headstart.networks.post_norm import BERT_NAMES, BERT_SIZES, INIT_STD, Dense, PostNormEncoder, PostNormSizes
from headstart.nn.init import normal_
from headstart.nn.outputs import TokenOutput, Transform, TransformOutput
from headstart.nn.ragged import Layout


class Roberta(PostNormEncoder):
    """The post-norm encoder whose tokens are all of the first segment, with RoBERTa's own outputs."""

    def embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        """See `PostNormEncoder`. Texts of a pair are told apart by the separators between them only."""
        return super().embed(replace(batch, segment_ids_N=None), layout)

    def prediction_head(self) -> TokenOutput:
        """See `TransformerBackbone`; `lm_head` of the reference, whose activation is always gelu."""
        transform = Transform(self.width, act="gelu", eps=self.eps, dense_bias=True, norm_bias=True)
        normal_(transform, INIT_STD)
        return TokenOutput(transform, self.vocabulary)

    def classification_head(self, classes: int) -> TransformOutput:
        """See `TransformerBackbone`; `classifier` of the reference: tanh(dense first token)."""
        head = TransformOutput(Dense(self.width, nn.Tanh()), self.width, classes, "cls")
        normal_(head, INIT_STD)
        return head


@dataclass(frozen=True, kw_only=True)
class RobertaSpec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width, max_tokens (learned positions).

    types: rows of the segment table, of which only the first is used. act, eps (of the norms).
    The first token takes the position after `pad_id`, so the table has `pad_id + 1` rows more than `max_tokens`.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 512
    max_tokens: int = 512
    types: int = 1
    act: str = "gelu"
    eps: float = 1e-5

    hf_model_type: ClassVar[str] = "roberta"
    hf_also_reads: ClassVar[tuple[str, ...]] = ("xlm-roberta", "camembert")
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="roberta.",
        architecture="RobertaModel",
        backbone=BERT_NAMES,
        architectures={"mlm": "RobertaForMaskedLM", "classify": "RobertaForSequenceClassification"},
        heads={
            "mlm": (
                *affine("transform.dense", "lm_head.dense"),
                *affine("transform.norm", "lm_head.layer_norm"),
                *copy("bias", "lm_head.bias"),
            ),
            "classify": (
                *affine("transform.dense", "classifier.dense"),
                *affine("classifier", "classifier.out_proj"),
            ),
        },
        tied={
            "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
            "lm_head.decoder.bias": "lm_head.bias",
        },
        # RoBERTa was pre-trained without sentence pairs, so its pooler was never trained.
        ignorable=(r"embeddings\.position_ids", r"embeddings\.token_type_ids", r"pooler\.dense\.(weight|bias)"),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens, types=self.types,
        )  # fmt: skip

    def build(self, shape: TokenShape) -> Roberta:
        """Return a new encoder; its random weights follow torch's global seed."""
        settings = {name: getattr(self, name) for name in BERT_SIZES}
        places = {"max_tokens": self.max_tokens, "first_position": shape.pad_id + 1}
        return Roberta(shape, PostNormSizes(pooler=False, **places, **settings))

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> RobertaSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not RoBERTa's."""
        require(config, cls.label(), position_embedding_type="absolute", is_decoder=False, add_cross_attention=False)
        positions, pad_id = config.get("max_position_embeddings", 512), config.get("pad_token_id")
        for name, value in (("max_position_embeddings", positions), ("pad_token_id", pad_id)):
            if type(value) is not int:
                raise HeadstartError(f"{cls.label()}: {name}={value!r}: expected a whole number (positions need it)")
        given = {ours: config[theirs] for ours, theirs in BERT_SIZES.items() if theirs in config}
        defaults = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072, "types": 2, "eps": 1e-12}  # theirs
        return cls.from_dict({**defaults, **given, "max_tokens": positions - pad_id - 1})

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Dropout is 0, as in our training.

        Raises HeadstartError without a padding token: their positions count from it.
        """
        if shape.pad_id < 0:
            raise HeadstartError(f"{self.label()}: transformers' model needs a tokenizer with a padding token")
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id,
            **{theirs: getattr(self, ours) for ours, theirs in BERT_SIZES.items()},
            "max_position_embeddings": self.max_tokens + shape.pad_id + 1,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "tie_word_embeddings": True,
        }

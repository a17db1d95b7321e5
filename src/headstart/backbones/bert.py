"""BERT encoder, post-norm with learned positions; loads and writes BertModel (Devlin et al. 2019, arXiv:1810.04805)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, affine, copy, optional
from headstart.networks.encoder import check_sizes, require
from headstart.networks.post_norm import BERT_NAMES, BERT_SIZES, PostNormEncoder, PostNormSizes

_CONFIG_NAMES = BERT_SIZES | {"max_tokens": "max_position_embeddings"}


@dataclass(frozen=True, kw_only=True)
class BertSpec(BackboneSpec):
    """width D, depth (layers), heads, mlp_width, max_tokens (learned positions), types (segments, at least 1).

    pooler: tanh dense on the first token; masked pre-training cannot train it, so it is off. act, eps (of the norms).
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_width: int = 512
    max_tokens: int = 512
    types: int = 2
    pooler: bool = False
    act: str = "gelu"
    eps: float = 1e-12

    hf_model_type: ClassVar[str] = "bert"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="bert.",
        architecture="BertModel",
        backbone=(
            *BERT_NAMES,
            *optional(affine("pooler.dense", "pooler.dense")),
        ),
        architectures={"mlm": "BertForMaskedLM", "classify": "BertForSequenceClassification"},
        inputs=("input_ids", "token_type_ids", "attention_mask"),
        heads={
            "mlm": (
                *affine("transform.dense", "cls.predictions.transform.dense"),
                *affine("transform.norm", "cls.predictions.transform.LayerNorm"),
                *copy("bias", "cls.predictions.bias"),
            ),
            "classify": (
                *optional(affine("transform.dense", "bert.pooler.dense")),
                *affine("classifier", "classifier"),
            ),
        },
        tied={
            "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.bias": "cls.predictions.bias",
        },
        ignorable=(r"embeddings\.position_ids", r"embeddings\.token_type_ids"),
        foreign=(r"cls\.seq_relationship\.(weight|bias)",),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width,
            max_tokens=self.max_tokens, types=self.types,
        )  # fmt: skip

    def build(self, shape: TokenShape) -> PostNormEncoder:
        """Return a new encoder; its random weights follow torch's global seed."""
        settings = {name: getattr(self, name) for name in _CONFIG_NAMES}
        return PostNormEncoder(shape, PostNormSizes(pooler=self.pooler, **settings))

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> BertSpec:
        """Return the spec of a config.json; `names`, the checkpoint's, tell whether it has a pooler.

        Raises HeadstartError on a wiring that is not BERT's.
        """
        require(config, cls.label(), position_embedding_type="absolute", is_decoder=False, add_cross_attention=False)
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072}  # transformers' own
        pooler = any(name.endswith("pooler.dense.weight") for name in names)
        return cls.from_dict({**defaults, **given, "pooler": pooler})

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Dropout is 0, as in our training."""
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **{theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()},
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "tie_word_embeddings": True,
        }

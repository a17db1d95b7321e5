"""Sequence labelling (entities, slots, parts of speech): a BIO tag per token, decoded to the best valid sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Head, Loss, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason
from headstart.core.spec import HeadSpec
from headstart.data.bio import IGNORED, best_tags, spans_of, tags_of
from headstart.metrics.entity_f1 import EntityF1

_CEILING_ROWS = 1_000  # examples whose spans are converted to tags and back


@dataclass(frozen=True, kw_only=True)
class TagSpec(HeadSpec):
    """dropout: of the token outputs in training."""

    reads: ClassVar[tuple[str, ...]] = ("bidirectional", "causal", "two_causal", "encoder_decoder", "token")
    spans: ClassVar[bool] = True
    overlap: ClassVar[float | None] = 0.25
    dropout: float = 0.1

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Tag:
        """Return the head. Raises HeadstartError without a label."""
        if not classes:
            raise HeadstartError(
                Reason("tag_no_span", "head tag needs at least 1 label; the training rows hold no span")
            )
        return Tag(self, backbone.width, classes)


class Tag(Head):
    """tags = classifier(dropout(token outputs)), numbered as in `data/bio.py`."""

    smoothing = 0.0

    def __init__(self, spec: TagSpec, width: int, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.spec, self.classes = spec, classes
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(width, 2 * len(classes) + 1)

    def notes(self, examples: Examples, pieces: Pieces) -> dict[str, object]:
        """Return `ceiling_f1`: entity F1 of the training spans after conversion to tags of tokens and back.

        It is below 1 when a token has characters inside and outside a span.
        """
        few = examples.take(np.arange(min(len(examples), _CEILING_ROWS)))
        kept = int(np.searchsorted(pieces.owner_P, len(few)))
        tags = self.targets(examples, pieces)["tag_N"][:kept]
        certain = np.eye(2 * len(self.classes) + 1)
        again = self.decode([certain[np.maximum(tags_T, 0)] for tags_T in tags], pieces, few)
        return {"ceiling_f1": round(EntityF1().score(few.targets, again), 4)}

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return the tag of each token, `tag_N`."""
        spans = (examples.targets[owner] for owner in pieces.owner_P)
        return {"tag_N": [tags_of(tokens, gold, self.classes) for tokens, gold in zip(pieces.spans, spans)]}

    def forward(self, features: Features) -> Tensor:
        """Return scores of tags [B, T, 2 C + 1]."""
        return self.classifier(self.dropout(features.last_BTD))

    def loss(self, output: Tensor, batch: TokenBatch) -> Loss:
        """Return the summed cross-entropy over tokens that have characters; parts: `accuracy`."""
        target_N = batch.extra["tag_N"]
        scores_NK = output.float()[batch.mask_BT()]
        total = F.cross_entropy(
            scores_NK,
            target_N,
            reduction="sum",
            ignore_index=IGNORED,
            label_smoothing=self.smoothing if self.training else 0.0,
        )
        count = int((target_N != IGNORED).sum())
        right = (scores_NK.argmax(-1) == target_N).sum()
        return Loss.of(total, count, {"accuracy": right.double() / count} if count else {})

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the spans of each example; of overlapping pieces each decides its half of the overlap."""
        return [
            spans_of(best_tags(scores_TK), tokens_T2, text, self.classes)
            for text, (scores_TK, tokens_T2) in zip(examples.items, _joined(outputs, pieces, len(examples)))
        ]


def _joined(outputs: list[np.ndarray], pieces: Pieces, examples: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (scores, characters) of the tokens of each example; tokens without characters are left out."""
    ends_N = np.searchsorted(pieces.owner_P, np.arange(examples), side="right")
    joined = []
    for low, high in zip(np.concatenate([[0], ends_N[:-1]]), ends_N):
        scores, tokens = [], []
        for scores_TK, tokens_T2 in zip(outputs[low:high], pieces.spans[low:high]):
            real_T = tokens_T2[:, 1] > tokens_T2[:, 0]
            scores_TK, tokens_T2 = scores_TK[real_T], tokens_T2[real_T]
            if tokens and len(tokens_T2):
                middle = (int(tokens_T2[0, 0]) + int(tokens[-1][-1, 1])) // 2
                kept_T = tokens[-1][:, 0] < middle
                scores[-1], tokens[-1] = scores[-1][kept_T], tokens[-1][kept_T]
                scores_TK, tokens_T2 = scores_TK[tokens_T2[:, 0] >= middle], tokens_T2[tokens_T2[:, 0] >= middle]
            if len(tokens_T2):
                scores.append(scores_TK)
                tokens.append(tokens_T2)
        joined.append(
            (np.concatenate(scores), np.concatenate(tokens))
            if tokens
            else (np.zeros((0, 1)), np.zeros((0, 2), np.int64))
        )
    return joined

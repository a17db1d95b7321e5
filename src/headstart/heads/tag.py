"""Spans with labels (entities, slots, parts of speech): a tag for every token, the best tags that form spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Features, Head, Loss, Rows, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import HeadSpec
from headstart.data.bio import IGNORED, best_tags, spans_of, tags_of
from headstart.metrics.entity_f1 import EntityF1

_CEILING_ROWS = 1_000  # examples whose spans are written as tags and read again


@dataclass(frozen=True, kw_only=True)
class TagSpec(HeadSpec):
    """dropout: of the token outputs in training."""

    reads: ClassVar[tuple[str, ...]] = ("both", "left", "apart", "source", "token")
    spans: ClassVar[bool] = True
    overlap: ClassVar[float | None] = 0.25
    dropout: float = 0.1

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Tag:
        """Return the head. Raises HeadstartError without a label."""
        if not classes:
            raise HeadstartError("head tag needs at least 1 label; the training rows hold no span")
        return Tag(self, backbone.width, classes)


class Tag(Head):
    """tags = classifier(dropout(token outputs)), numbered as in `data/bio.py`."""

    smoothing = 0.0

    def __init__(self, spec: TagSpec, width: int, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.spec, self.classes = spec, classes
        self.dropout = nn.Dropout(spec.dropout)
        self.classifier = nn.Linear(width, 2 * len(classes) + 1)

    def notes(self, examples: Examples, rows: Rows) -> dict[str, object]:
        """Return `ceiling_f1`: entity F1 of the training spans themselves, written as tags of tokens and read again.

        It is below 1 where a token holds characters inside and outside of a span.
        """
        few = examples.take(np.arange(min(len(examples), _CEILING_ROWS)))
        kept = int(np.searchsorted(rows.owner_R, len(few)))
        tags = self.targets(examples, rows)["tag_N"][:kept]
        certain = np.eye(2 * len(self.classes) + 1)
        again = self.answers([certain[np.maximum(tags_T, 0)] for tags_T in tags], rows, few)
        return {"ceiling_f1": round(EntityF1().score(few.targets, again), 4)}

    def targets(self, examples: Examples, rows: Rows) -> dict[str, list[np.ndarray]]:
        """Return the tag of each token, `tag_N`."""
        spans = (examples.targets[owner] for owner in rows.owner_R)
        return {"tag_N": [tags_of(tokens, gold, self.classes) for tokens, gold in zip(rows.spans, spans)]}

    def forward(self, features: Features) -> Tensor:
        """Return scores of tags [B, T, 2 C + 1]."""
        return self.classifier(self.dropout(features.last_BTD))

    def loss(self, output: Tensor, batch: Batch) -> Loss:
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
        right = int((scores_NK.argmax(-1) == target_N).sum())
        return Loss(total=total, count=count, parts={"accuracy": right / count} if count else {})

    def answers(self, outputs: list[np.ndarray], rows: Rows, examples: Examples) -> list[Any]:
        """Return the spans of each example; where pieces overlap, each speaks for its half of the common part."""
        return [
            spans_of(best_tags(scores_TK), tokens_T2, text, self.classes)
            for text, (scores_TK, tokens_T2) in zip(examples.first, _joined(outputs, rows, len(examples)))
        ]


def _joined(outputs: list[np.ndarray], rows: Rows, examples: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (scores, characters) of the tokens of each example, those without characters left out."""
    ends_N = np.searchsorted(rows.owner_R, np.arange(examples), side="right")
    joined = []
    for low, high in zip(np.concatenate([[0], ends_N[:-1]]), ends_N):
        scores, tokens = [], []
        for scores_TK, tokens_T2 in zip(outputs[low:high], rows.spans[low:high]):
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

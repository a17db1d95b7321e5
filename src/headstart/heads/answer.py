"""Answers that stand in a text, or none: start and end scores of each token (BERT on SQuAD 2.0, Devlin et al. 2019)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Features, Head, Loss, Rows, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples, Span
from headstart.base.spec import HeadSpec
from headstart.metrics.exact_match import ExactMatch

_CEILING_ROWS = 1_000  # examples whose answers are written as tokens and read again


@dataclass(frozen=True, kw_only=True)
class AnswerSpec(HeadSpec):
    """longest: characters that an answer may have (BERT counts 30 tokens; characters are alike for every tokenizer).
    threshold: how much an answer's score must be above that of 'no answer'; nothing is asked of it when every training
    row has an answer (SQuAD 1.1)."""

    reads: ClassVar[tuple[str, ...]] = ("both", "left", "apart", "source")
    spans: ClassVar[bool] = True
    overlap: ClassVar[float | None] = 0.25
    longest: int = 150
    threshold: float = 0.0

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Answer:
        """Return the head; there are no classes. Raises HeadstartError: no end mark for a network that reads left."""
        if self.longest < 1:
            raise HeadstartError(f"head answer.longest={self.longest}: expected at least 1 character")
        if backbone.reads == "left" and tokenizer.sep_id < 0:
            raise HeadstartError(
                f"head answer on a network that reads left needs an end mark, where it has read all; tokenizer "
                f"{tokenizer.kind} has none"
            )
        return Answer(self, backbone.width, -1 if backbone.reads == "left" else 0)


class Answer(Head):
    """start and end scores = qa_outputs(token outputs); `none`: the token that stands for 'no answer'.

    That is the first one, [CLS] where there is one; for a network that has not read anything there, the last.
    """

    def __init__(self, spec: AnswerSpec, width: int, none: int) -> None:
        super().__init__()
        self.spec, self.none = spec, none
        self.qa_outputs = nn.Linear(width, 2)
        self.register_buffer("threshold_1", torch.full((1,), spec.threshold))

    def prepare(self, examples: Examples) -> None:
        """Answer always when every training row has an answer.

        Pieces of long texts without theirs are learned as 'no answer' all the same, which a network that knows little
        prefers to any one place.
        """
        if all(examples.targets):
            self.threshold_1.fill_(float("-inf"))

    def notes(self, examples: Examples, rows: Rows) -> dict[str, object]:
        """Return `ceiling_exact_match`: of the training answers themselves, written as tokens and read again.

        It is below 1 where answers begin or end within a token or are longer than `longest`.
        """
        few = examples.take(np.arange(min(len(examples), _CEILING_ROWS)))
        kept = int(np.searchsorted(rows.owner_R, len(few)))
        targets = self.targets(examples, rows)
        certain = [np.zeros((len(ids), 2)) for ids in rows.ids[:kept]]
        for scores_T2, start_1, end_1 in zip(certain, targets["start_B"], targets["end_B"]):
            scores_T2[start_1, 0] = scores_T2[end_1, 1] = 1.0
        again = [spans[0].label if spans else "" for spans in self.answers(certain, rows, few)]
        truth = [tuple(span.label for span in spans) for spans in few.targets]
        return {"ceiling_exact_match": round(ExactMatch().score(truth, again), 4)}

    def targets(self, examples: Examples, rows: Rows) -> dict[str, list[np.ndarray]]:
        """Return the tokens that an answer starts and ends with, `start_B` and `end_B`, and which may, `open_N`.

        Of several answers the most frequent one counts. A piece without it, or with a part of it, has 'no answer'.
        Raises HeadstartError when there is one text only.
        """
        if rows.types is None:
            raise HeadstartError("head answer needs two texts, a question and the text that holds its answer")
        wanted = [Counter(spans).most_common(1)[0][0] if spans else None for spans in examples.targets]
        found: dict[str, list[np.ndarray]] = {"start_B": [], "end_B": [], "open_N": []}
        for owner, tokens_T2, types_T in zip(rows.owner_R, rows.spans, rows.types):
            places, none = self._places(tokens_T2, types_T)
            start, end = _cover(tokens_T2, places, wanted[owner]) or (none, none)
            open_T = np.zeros(len(tokens_T2), np.int64)
            open_T[places] = open_T[none] = 1
            found["start_B"].append(np.array([start]))
            found["end_B"].append(np.array([end]))
            found["open_N"].append(open_T)
        return found

    def _places(self, tokens_T2: np.ndarray, types_T: np.ndarray) -> tuple[np.ndarray, int]:
        """Return (tokens of the text that holds the answer, the token that stands for 'no answer')."""
        none = self.none % len(types_T)
        inside_T = (types_T == 1) & (tokens_T2[:, 1] > tokens_T2[:, 0])
        inside_T[none] = False
        return np.flatnonzero(inside_T), none

    def forward(self, features: Features) -> Tensor:
        """Return start and end scores [B, T, 2]."""
        return self.qa_outputs(features.last_BTD)

    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Return the summed mean of both cross-entropies over the tokens that may be meant; parts: `exact`."""
        shut_BT = batch.padded(batch.extra["open_N"], 0, batch.mask_BT()) == 0
        scores_BT2 = output.float().masked_fill(shut_BT[:, :, None], float("-inf"))
        wanted_B2 = (batch.extra["start_B"], batch.extra["end_B"])
        total = sum(F.cross_entropy(scores_BT2[:, :, side], wanted_B2[side], reduction="sum") for side in (0, 1)) / 2
        right_B = (scores_BT2[:, :, 0].argmax(1) == wanted_B2[0]) & (scores_BT2[:, :, 1].argmax(1) == wanted_B2[1])
        return Loss(total=total, count=batch.size, parts={"exact": float(right_B.float().mean())} if batch.size else {})

    def answers(self, outputs: list[np.ndarray], rows: Rows, examples: Examples) -> list[Any]:
        """Return the best span of each example, or nothing; pieces compete by how far they are above their own none."""
        best = [(float(self.threshold_1), 0, 0)] * len(examples)
        for scores_T2, owner, tokens_T2, types_T in zip(outputs, rows.owner_R, rows.spans, rows.types):
            places, none = self._places(tokens_T2, types_T)
            if len(places):
                score, start, end = _best_span(scores_T2[places], tokens_T2[places], self.spec.longest)
                best[owner] = max(
                    best[owner], (score - float(scores_T2[none].sum()), start, end), key=lambda one: one[0]
                )
        return [_span(text, start, end) for text, (_, start, end) in zip(examples.second, best)]


def _cover(tokens_T2: np.ndarray, places: np.ndarray, wanted: Span | None) -> tuple[int, int] | None:
    """Return the first and last of `places` with a character of the span, or None when it is not all in the piece."""
    if wanted is None or not len(places):
        return None
    starts, ends = tokens_T2[places].T
    if starts[0] > wanted.start or ends[-1] < wanted.end:
        return None
    inside = places[(starts < wanted.end) & (ends > wanted.start)]
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def _best_span(scores_S2: np.ndarray, tokens_S2: np.ndarray, longest: int) -> tuple[float, int, int]:
    """Return (start score + end score, characters from, to) of the best span of at most `longest` characters.

    A single token may be longer. Memory grows with tokens times tokens in `longest` characters.
    """
    number_S = np.arange(len(tokens_S2))
    beyond_S = np.searchsorted(np.maximum.accumulate(tokens_S2[:, 1]), tokens_S2[:, 0] + longest, side="right")
    beyond_S = np.maximum(beyond_S, number_S + 1)
    last_SW = number_S[:, None] + np.arange((beyond_S - number_S).max())
    ends_SW = scores_S2[np.minimum(last_SW, len(tokens_S2) - 1), 1]
    total_SW = scores_S2[:, :1] + np.where(last_SW < beyond_S[:, None], ends_SW, -np.inf)
    first, width = np.unravel_index(total_SW.argmax(), total_SW.shape)
    return float(total_SW[first, width]), int(tokens_S2[first, 0]), int(tokens_S2[first + width, 1])


def _span(text: str, start: int, end: int) -> tuple[Span, ...]:
    """Return the characters as an answer, without blanks at its ends; none when nothing is left."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    return (Span(start, start + len(piece), piece),) if piece else ()

"""Extractive answers: start and end scores of each token, or no answer (BERT on SQuAD 2.0, Devlin et al. 2019)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Head, Loss, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason
from headstart.core.spec import HeadSpec
from headstart.metrics.exact_match import ExactMatch

_CEILING_ROWS = 1_000  # examples whose answers are converted to tokens and back


@dataclass(frozen=True, kw_only=True)
class AnswerSpec(HeadSpec):
    """longest: largest number of characters of an answer (BERT limits tokens to 30; characters mean the same for every
    tokenizer). threshold: least margin of the score of an answer over the score of 'no answer'; ignored when every
    training example has an answer (SQuAD 1.1)."""

    reads: ClassVar[tuple[str, ...]] = ("bidirectional", "causal", "two_causal", "encoder_decoder")
    spans: ClassVar[bool] = True
    overlap: ClassVar[float | None] = 0.25
    longest: int = 150
    threshold: float = 0.0

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Answer:
        """Return the head; there are no classes. Raises HeadstartError: no end mark for a causal network."""
        if self.longest < 1:
            raise HeadstartError(f"head answer.longest={self.longest}: expected at least 1 character")
        if backbone.reads == "causal" and tokenizer.sep_id < 0:
            raise HeadstartError(
                Reason(
                    "answer_end_mark",
                    "head answer on a causal network needs an end mark, where it has read all; tokenizer {tokenizer} "
                    "has none",
                    tokenizer=tokenizer.kind,
                )
            )
        return Answer(self, backbone.width, -1 if backbone.reads == "causal" else 0)


class Answer(Head):
    """start and end scores = qa_outputs(token outputs); `none`: position of the token for 'no answer'.

    It is the first token, [CLS] if there is one; for a causal network the last token.
    """

    def __init__(self, spec: AnswerSpec, width: int, none: int) -> None:
        super().__init__()
        self.spec, self.none = spec, none
        self.qa_outputs = nn.Linear(width, 2)
        self.register_buffer("threshold_1", torch.full((1,), spec.threshold))

    def prepare(self, examples: Examples) -> None:
        """Disable 'no answer' when every training example has an answer.

        Pieces of long texts without their answer are still trained as 'no answer', which an undertrained network would
        otherwise predict for most examples.
        """
        if all(examples.targets):
            self.threshold_1.fill_(float("-inf"))

    def notes(self, examples: Examples, pieces: Pieces) -> dict[str, object]:
        """Return `ceiling_exact_match`: the exact match of the training answers after conversion to tokens and back.

        It is below 1 when answers begin or end within a token or are longer than `longest`.
        """
        few = examples.take(np.arange(min(len(examples), _CEILING_ROWS)))
        kept = int(np.searchsorted(pieces.owner_P, len(few)))
        targets = self.targets(examples, pieces)
        certain = [np.zeros((len(ids), 2)) for ids in pieces.inputs[:kept]]
        for scores_T2, start_1, end_1 in zip(certain, targets["start_B"], targets["end_B"]):
            scores_T2[start_1, 0] = scores_T2[end_1, 1] = 1.0
        again = [spans[0].label if spans else "" for spans in self.decode(certain, pieces, few)]
        truth = [tuple(span.label for span in spans) for spans in few.targets]
        return {"ceiling_exact_match": round(ExactMatch().score(truth, again), 4)}

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return the first and last token of the answer, `start_B` and `end_B`, and the allowed tokens, `open_N`.

        Of several answers the most frequent is the target. A piece without the whole answer has 'no answer'. Raises
        HeadstartError when there is one text only.
        """
        if pieces.segment_ids is None:
            raise HeadstartError(
                Reason("answer_two_texts", "head answer needs two texts, a question and the text that holds its answer")
            )
        wanted = [Counter(spans).most_common(1)[0][0] if spans else None for spans in examples.targets]
        found: dict[str, list[np.ndarray]] = {"start_B": [], "end_B": [], "open_N": []}
        for owner, tokens_T2, types_T in zip(pieces.owner_P, pieces.spans, pieces.segment_ids):
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

    def loss(self, output: Tensor, batch: TokenBatch) -> Loss:
        """Return the summed mean of both cross-entropies over the allowed tokens; parts: `exact`."""
        shut_BT = batch.padded(batch.extra["open_N"], 0, batch.mask_BT()) == 0
        scores_BT2 = output.float().masked_fill(shut_BT[:, :, None], float("-inf"))
        wanted_B2 = (batch.extra["start_B"], batch.extra["end_B"])
        total = sum(F.cross_entropy(scores_BT2[:, :, side], wanted_B2[side], reduction="sum") for side in (0, 1)) / 2
        right_B = (scores_BT2[:, :, 0].argmax(1) == wanted_B2[0]) & (scores_BT2[:, :, 1].argmax(1) == wanted_B2[1])
        return Loss.of(total, batch.size, {"exact": right_B.float().mean()} if batch.size else {})

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the best span of each example, or nothing; pieces compete by their margin over 'no answer'."""
        best = [(float(self.threshold_1), 0, 0)] * len(examples)
        for scores_T2, owner, tokens_T2, types_T in zip(outputs, pieces.owner_P, pieces.spans, pieces.segment_ids):
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
    """Return the characters as an answer without blanks at its ends; () when nothing is left."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    piece = piece.strip()
    return (Span(start, start + len(piece), piece),) if piece else ()

"""Extractive answers from the sentence most similar to the question, ranked by logistic regression; no network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.reason import Reason
from headstart.core.seeds import numpy_generator
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.data.tag_units import cut
from headstart.fitting.checks import check_kind, need_task, targets_of
from headstart.fitting.linear import LinearModel, fit_linear
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import RowFacts, folds_of
from headstart.fitting.part_files import NotesFile
from headstart.metrics.answer_f1 import AnswerF1

_MOST_WORDS = 8  # of an answer
_WRONG = 15  # wrong candidates per question in training
_NEAR = 5  # words on each side of a candidate that count as context
# Kinds of questions, the first match counts; the kind decides which candidates are likely answers.
_ASKED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"how (many|much|long|old|far)|몇|얼마",
        r"\b(when|what (year|date|day|century))\b|언제|연도|날짜",
        r"\b(who|whose|whom)\b|누구|누가",
        r"\bwhere\b|어디",
        r"\b(why|how)\b|왜|이유|어떻게",
        r"\bwhich\b|어느|어떤",
        r"\bwhat\b|무엇|무슨|뭐",
        r"",
    )
)


@dataclass(frozen=True, kw_only=True)
class OverlapAnswer(RouteSpec):
    """No settings; the probability threshold for answering is chosen on held-out rows."""

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("answer",)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> OverlapAnswerModel:
        """Fit on the labelled rows. Raises HeadstartError: no rows, no answers, one text only."""
        need_task(self, examples)
        targets_of(examples)
        check_kind(True, examples)
        idf = _weights(examples)
        threshold, held = 0.5, 0
        for train, out in folds_of(examples, seed=seed)[:1]:
            found = OverlapAnswerModel(idf, _fit(examples.take(train), idf, seed), threshold, {})
            threshold, held = _threshold(found.ranked(examples.take(out)), examples.take(out)), len(out)
        notes = {"threshold": round(threshold, 4), "held_out": held, "words": len(idf)}
        return OverlapAnswerModel(idf, _fit(examples, idf, seed), threshold, notes)

    def load(self, folder: Path) -> OverlapAnswerModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        return OverlapAnswerModel(
            _InverseFrequencies(data["idf"]), LinearModel.from_arrays(arrays, 2), data["threshold"], data["notes"]
        )


class _File(NotesFile):
    idf: dict[str, float]
    threshold: float


class OverlapAnswerModel(TaskModel):
    """idf: of word stems; linear: on features of candidates, class 1 = right answer; threshold: least probability."""

    classes, task = (), "answer"

    def __init__(self, idf: dict[str, float], linear: LinearModel, threshold: float, notes: dict[str, object]):
        self.idf, self.linear, self.threshold, self.notes = idf, linear, threshold, notes

    def ranked(self, examples: Examples) -> list[tuple[float, Span | None]]:
        """Return (probability, span) of the best candidate of each row; None where the text has no candidate."""
        check_kind(True, examples)
        found: list[tuple[float, Span | None]] = []
        for question, text in zip(examples.items, examples.second):
            spans_C2, features_CF = _candidates(question, text, self.idf)
            if not len(spans_C2):
                found.append((0.0, None))
                continue
            right_C = self.linear.predict_proba(features_CF)[:, 1]
            start, end = spans_C2[right_C.argmax()].tolist()
            found.append((float(right_C.max()), Span(start, end, text[start:end])))
        return found

    def predict(self, examples: Examples) -> list[tuple[Span, ...]]:
        """Return the answer of each row, () for none."""
        return [(span,) if span and p >= self.threshold else () for p, span in self.ranked(examples)]

    def save(self, folder: Path) -> None:
        """Write words, weights and threshold into `folder`."""
        data = {"idf": self.idf, "threshold": self.threshold, "notes": self.notes}
        write_parts(folder, data, self.linear.arrays())


def _fit(examples: Examples, idf: dict[str, float], seed: int) -> LinearModel:
    """Fit a classifier of right candidates against some wrong candidates of each question."""
    features, labels, texts = [], [], []
    for row, (question, text, spans) in enumerate(zip(examples.items, examples.second, examples.targets)):
        spans_C2, features_CF = _candidates(question, text, idf)
        said = {span.label for span in spans}
        right_C = np.array([text[start:end] in said for start, end in spans_C2], bool)
        wrong = numpy_generator(seed, "candidates", row).permutation(np.flatnonzero(~right_C))[:_WRONG]
        kept = np.concatenate([np.flatnonzero(right_C), wrong])
        features.append(features_CF[kept])
        labels.append(right_C[kept].astype(np.int64))
        texts += [text] * len(kept)
    features_NF = np.concatenate(features)
    if not len(features_NF):
        raise HeadstartError(
            Reason("no_candidates", "no text of the training rows holds a word that could be an answer")
        )
    center_F, scale_F = features_NF.mean(axis=0), np.maximum(features_NF.std(axis=0), 1e-6)
    # Questions on one text stay on one side of a fold, here and in the choice of the threshold.
    like = fit_linear(
        (features_NF - center_F) / scale_F, np.concatenate(labels), 2, default=1.0, seed=seed, facts=RowFacts(texts)
    )[0]
    weight_KF = like.weight_KD / scale_F  # the weights apply to unscaled features
    return replace(
        like, weight_KD=weight_KF.astype(np.float32), bias_K=(like.bias_K - weight_KF @ center_F).astype(np.float32)
    )


def _threshold(ranked: Sequence[tuple[float, Span | None]], examples: Examples) -> float:
    """Return the threshold with the best mean F1."""
    truth = [tuple(span.label for span in spans) for spans in examples.targets]
    said = AnswerF1().statistics(truth, [span.label if span else "" for _, span in ranked])[:, 0]
    silent = np.array([float(not right) for right in truth])
    order = np.argsort([-p for p, _ in ranked], kind="stable")
    # Gain in F1 when the k rows with the highest probability are answered
    gain = np.concatenate([[0.0], np.cumsum((said - silent)[order])])
    best = int(gain.argmax())
    probabilities = [1.0, *(ranked[row][0] for row in order), 0.0]
    return (probabilities[best] + probabilities[best + 1]) / 2


def _stem(word: str) -> str:
    """Return the stem: two syllables of a Korean word, which drops most particles, five letters of another word."""
    return word[:2] if "가" <= word[0] <= "힣" else word[:5].lower()


class _InverseFrequencies(dict[str, float]):
    """Inverse document frequency of each stem; an unseen stem has the weight of the rarest, stored under ""."""

    def __missing__(self, stem: str) -> float:
        return self.get("", 1.0)


def _weights(examples: Examples) -> _InverseFrequencies:
    """Return log((1 + texts) / (1 + texts with it)) of each stem, over questions and texts."""
    texts = list(dict.fromkeys([*examples.items, *examples.second]))
    present: Counter[str] = Counter()
    for text in texts:
        present.update(set(map(_stem, cut(text, "word").words())))
    found = _InverseFrequencies(
        {stem: float(np.log((1 + len(texts)) / (1 + count))) for stem, count in sorted(present.items())}
    )
    found[""] = max(found.values(), default=1.0)
    return found


def _best_sentence(asked: dict[str, float], stems: list[str], ends: list[int], idf: dict[str, float]) -> tuple:
    """Return (slice of words, cosine) of the sentence most similar to the question; ends: of sentences, in words."""
    best, most, asked_square = slice(0, 0), -1.0, sum(weight**2 for weight in asked.values())
    for start, end in zip([0, *ends], ends):
        weights = {stem: idf[stem] for stem in stems[start:end]}
        shared = sum(weight**2 for stem, weight in asked.items() if stem in weights)
        length = np.sqrt(asked_square * sum(weight**2 for weight in weights.values()))
        cosine = float(shared / length) if length else 0.0
        if cosine > most:
            best, most = slice(start, end), cosine
    return best, most


def _candidates(question: str, text: str, idf: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return (characters of the candidates [C, 2], features [C, F]): runs of words of the most similar sentence.

    Candidates neither begin nor end with punctuation, and at most half of their weight is in the question.
    """
    asked = {stem: idf[stem] for stem in map(_stem, cut(question, "word").words())}
    units = cut(text, "word")
    words = units.words()
    ends = [number for number, word in enumerate(words, 1) if word in ".!?" or number == len(words)]
    sentence, cosine = _best_sentence(asked, list(map(_stem, words)), ends, idf)
    words, tokens_T2 = words[sentence], units.tokens_T2[sentence]
    signs = [not word[0].isalnum() for word in words]
    of_words_TX = np.array(
        [
            [
                idf[_stem(word)],
                0.0 if sign else asked.get(_stem(word), 0.0),
                any(map(str.isdigit, word)),
                word[0].isupper(),
                sign,
            ]
            for word, sign in zip(words, signs)
        ],
        float,
    ).reshape(-1, 5)
    first_C = np.arange(len(words)).repeat(_MOST_WORDS)
    last_C = first_C + np.tile(np.arange(_MOST_WORDS), len(words))
    first_C, last_C = first_C[last_C < len(words)], last_C[last_C < len(words)]
    sums_TX = np.pad(of_words_TX.cumsum(axis=0), ((1, 0), (0, 0)))
    inside_CX = sums_TX[last_C + 1] - sums_TX[first_C]
    kept_C = (inside_CX[:, 1] <= 0.5 * inside_CX[:, 0]) & (of_words_TX[first_C, 4] + of_words_TX[last_C, 4] == 0)
    first_C, last_C, inside_CX = first_C[kept_C], last_C[kept_C], inside_CX[kept_C]
    kind = next(number for number, pattern in enumerate(_ASKED) if pattern.search(question))
    features_CF = _features(of_words_TX, first_C, last_C, inside_CX, kind, cosine)
    return np.stack([tokens_T2[first_C, 0], tokens_T2[last_C, 1]], axis=1), features_CF


def _features(
    of_words_TX: np.ndarray, first_C: np.ndarray, last_C: np.ndarray, inside_CX: np.ndarray, kind: int, cosine: float
) -> np.ndarray:
    """Return the features of each candidate: its words, neighbours, distance to words of the question."""
    size_C1 = (last_C - first_C + 1.0)[:, None]
    own_CX = np.column_stack([np.ones(len(first_C)), np.log(size_C1), inside_CX / size_C1])
    by_kind_CKX = np.zeros((len(first_C), len(_ASKED), own_CX.shape[1]))
    by_kind_CKX[:, kind] = own_CX
    padded_TX = np.pad(of_words_TX, ((1, 1), (0, 0)))
    near = np.concatenate([[0.0], 1 / np.arange(1, _NEAR + 1)])  # decays with the distance in words
    before_T, after_T = (np.convolve(side_T, near) for side_T in (padded_TX[:, 1], padded_TX[::-1, 1]))
    return np.column_stack(
        [
            np.full(len(first_C), cosine),
            first_C == 0,
            before_T[first_C + 1],
            after_T[len(of_words_TX) - last_C],
            own_CX,
            *(padded_TX[side_C] for side_C in (first_C, first_C + 1, last_C + 1, last_C + 2)),
            by_kind_CKX.reshape(len(first_C), len(_ASKED) * own_CX.shape[1]),
        ]
    )

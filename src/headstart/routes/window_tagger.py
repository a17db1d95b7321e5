"""Tagger on words or characters in a window: averaged structured perceptron (Collins, EMNLP 2002); no network."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.reason import Reason
from headstart.core.seeds import numpy_generator
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.data.bio import spans_of, tags_of
from headstart.data.tag_units import cut, fitting_unit, seen_around
from headstart.fitting.checks import check_kind, need_task, targets_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import ClassesFile

_FEWEST = 2  # least occurrences of a feature, unless there are few rows
_FEW_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class WindowTagger(RouteSpec):
    """unit: what gets a tag; auto = words, or characters if spans begin or end within words.

    epochs: passes over the rows.
    """

    classical: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("tag",)
    unit: Literal["auto", "word", "character"] = "auto"
    epochs: int = 6

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> WindowTaggerModel:
        """Fit on the labelled rows; the fit stops after the epoch in which `seconds` end.

        Raises HeadstartError: no rows, no span.
        """
        need_task(self, examples)
        targets_of(examples)
        check_kind(False, examples)
        if not examples.classes:
            raise HeadstartError(Reason("no_span", "the training rows hold no span"))
        unit = fitting_unit(examples) if self.unit == "auto" else self.unit
        units = [cut(text, unit) for text in examples.items]
        seen = [seen_around(own, unit) for own in units]
        times = Counter(chain.from_iterable(chain.from_iterable(seen)))
        fewest = _FEWEST if len(examples) > _FEW_ROWS else 1
        number = {feature: place for place, feature in enumerate((f for f, n in times.items() if n >= fewest), 1)}
        rows = [
            (_numbers(found, number), tags_of(own.tokens_T2, gold, examples.classes))
            for found, own, gold in zip(seen, units, examples.targets)
            if found
        ]
        del seen, times
        weights = _AveragedWeights(len(number), len(examples.classes))
        begun, random, epochs = time.monotonic(), numpy_generator(seed, "perceptron"), 0
        while epochs < self.epochs and (seconds is None or not epochs or time.monotonic() - begun < seconds):
            weights.learn([rows[row] for row in random.permutation(len(rows))])
            epochs += 1
        feature_FK, step_KK = weights.averages()
        kept = np.flatnonzero(feature_FK.any(axis=1))
        names = list(number)
        notes = {"unit": unit, "features": len(kept), "epochs": epochs}
        kept_names = [names[place - 1] for place in kept]
        return WindowTaggerModel(unit, kept_names, feature_FK[kept], step_KK, examples.classes, notes)

    def load(self, folder: Path) -> WindowTaggerModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        parts = (data["unit"], data["features"], arrays["feature"], arrays["step"])
        return WindowTaggerModel(*parts, tuple(data["classes"]), data["notes"])


class _File(ClassesFile):
    unit: Literal["word", "character"]
    features: list[str]


class _AveragedWeights:
    """Weights of features [F + 1, K] (row 0: unknown features, always 0) and of transitions between tags [K, K].

    The average over all updates is the final value minus the time-weighted sum of updates over the number of rows
    (Daumé 2006).
    """

    def __init__(self, features: int, classes: int):
        kinds = 2 * classes + 1
        self.feature_FK = np.zeros((features + 1, kinds), np.float32)
        self.step_KK = np.zeros((kinds, kinds), np.float32)
        self.late_FK, self.late_KK = np.zeros_like(self.feature_FK), np.zeros_like(self.step_KK)
        self.allowed_KK = _allowed(kinds)
        self.rows = 1

    def learn(self, rows: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Make one pass over rows of (features [T, templates], true tags [T]); true tags gain 1, wrong tags lose 1."""
        for seen_TX, true_T in rows:
            said_T = _decode(self.feature_FK[seen_TX].sum(axis=1), self.step_KK + self.allowed_KK)
            wrong = np.flatnonzero(said_T != true_T)
            if len(wrong):
                places = seen_TX[wrong].ravel()
                for tags_T, sign in ((true_T, 1.0), (said_T, -1.0)):
                    each = np.repeat(tags_T[wrong], seen_TX.shape[1])
                    np.add.at(self.feature_FK, (places, each), sign)
                    np.add.at(self.late_FK, (places, each), sign * self.rows)
                    np.add.at(self.step_KK, (tags_T[:-1], tags_T[1:]), sign)
                    np.add.at(self.late_KK, (tags_T[:-1], tags_T[1:]), sign * self.rows)
                self.feature_FK[0] = 0.0
            self.rows += 1

    def averages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the average weights of features (row 0 is 0) and of transitions."""
        feature_FK = self.feature_FK - self.late_FK / self.rows
        feature_FK[0] = 0.0
        return feature_FK, self.step_KK - self.late_KK / self.rows


class WindowTaggerModel(TaskModel):
    """unit: what gets a tag; features: G names with weights feature_GK; step_KK: weights of transitions."""

    task = "tag"

    def __init__(
        self,
        unit: str,
        features: list[str],
        feature_GK: np.ndarray,
        step_KK: np.ndarray,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.unit, self.features, self.classes, self.notes = unit, features, classes, notes
        self.feature_GK, self.step_KK = feature_GK, step_KK
        self._number = {feature: place for place, feature in enumerate(features, 1)}
        self._padded_FK = np.concatenate([np.zeros((1, len(step_KK)), np.float32), feature_GK])
        self._steps_KK = step_KK + _allowed(len(step_KK))

    def predict(self, examples: Examples) -> list[tuple[Span, ...]]:
        """Return the spans of each row."""
        check_kind(False, examples)
        return [self._spans(text) for text in examples.items]

    def _spans(self, text: str) -> tuple[Span, ...]:
        units = cut(text, self.unit)
        seen_TX = _numbers(seen_around(units, self.unit), self._number)
        if not len(seen_TX):
            return ()
        tags_T = _decode(self._padded_FK[seen_TX].sum(axis=1), self._steps_KK)
        return spans_of(tags_T, units.tokens_T2, text, self.classes)

    def save(self, folder: Path) -> None:
        """Write features and weights into `folder`."""
        data = {"unit": self.unit, "features": self.features, "classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {"feature": self.feature_GK, "step": self.step_KK})


def _numbers(seen: list[list[str]], number: dict[str, int]) -> np.ndarray:
    """Return the numbers of features, int32 [T, templates]; 0 for those not known."""
    return np.array([[number.get(feature, 0) for feature in row] for row in seen], np.int32)


def _allowed(kinds: int) -> np.ndarray:
    """Return 0 for valid transitions and -1e9 for I tags that follow no B or I of their label, [K, K]."""
    out_KK = np.zeros((kinds, kinds), np.float32)
    inside = np.arange(2, kinds, 2)
    out_KK[:, inside] = -1e9
    out_KK[inside, inside] = out_KK[inside - 1, inside] = 0.0
    return out_KK


def _decode(score_TK: np.ndarray, step_KK: np.ndarray) -> np.ndarray:
    """Return the tags with the largest sum of scores and transitions, int64 [T] (Viterbi); no I tag comes first."""
    total_K = score_TK[0].copy()
    total_K[2::2] = -1e9
    back_TK = np.zeros(score_TK.shape, np.int64)
    for place in range(1, len(score_TK)):
        ways_KK = total_K[:, None] + step_KK
        back_TK[place] = ways_KK.argmax(axis=0)
        total_K = ways_KK.max(axis=0) + score_TK[place]
    tags_T = np.empty(len(score_TK), np.int64)
    tags_T[-1] = total_K.argmax()
    for place in range(len(score_TK) - 1, 0, -1):
        tags_T[place - 1] = back_TK[place, tags_T[place]]
    return tags_T

"""Linear models that answer with one class (`linear.py`) or with a set of labels (`linear_sets.py`), by the task."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from headstart.core.examples import Examples
from headstart.core.task_model import TaskModel
from headstart.fitting.checks import labels_of
from headstart.fitting.linear import Family, LinearModel, Matrix, fit_linear
from headstart.fitting.linear_sets import LinearSets, fit_sets
from headstart.fitting.model_selection import RowFacts

Linear = LinearModel | LinearSets
TASKS = ("classify", "multilabel")


def fit_answers(
    features: Matrix,
    examples: Examples,
    *,
    family: Family = "logistic",
    default: float,
    seed: int,
    seconds: float | None = None,
) -> tuple[Linear, dict[str, Any]]:
    """Fit features [N, D] to the answers of `examples`, see `fit_linear` and `fit_sets`. Raises HeadstartError: no
    labels, a task of other answers, a `default` that is not of the grid."""
    how = {"family": family, "default": default, "seed": seed, "seconds": seconds}
    if examples.task == "multilabel":
        return fit_sets(features, examples, **how)
    return fit_linear(features, labels_of(examples), len(examples.classes), facts=RowFacts.of(examples), **how)


def linear_of(arrays: dict[str, np.ndarray], classes: int) -> Linear:
    """Rebuild what `arrays()` of either kind wrote."""
    return LinearSets.from_arrays(arrays) if "said_from" in arrays else LinearModel.from_arrays(arrays, classes)


class LinearTaskModel(TaskModel):
    """A task model that is `linear` on `features`."""

    linear: Linear

    @property
    def task(self) -> str:
        """What it answers."""
        return "multilabel" if isinstance(self.linear, LinearSets) else "classify"

    @abstractmethod
    def features(self, examples: Examples) -> Matrix:
        """Return what the linear model reads of at least one row, [N, D]."""

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; see `TaskModel`."""
        if isinstance(self.linear, LinearSets):
            return super().predict_proba(examples)
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.linear.predict_proba(self.features(examples))

    def predict(self, examples: Examples) -> list[Any]:
        """Return N answers; see `TaskModel`."""
        if not isinstance(self.linear, LinearSets):
            return super().predict(examples)
        return self.linear.answers(self.features(examples), self.classes) if len(examples) else []

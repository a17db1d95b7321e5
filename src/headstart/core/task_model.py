"""The contract of task models: what a route makes of a base and labelled rows."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable


class TaskModel(ABC):
    """A trained task model, self-contained: tokenizer, network and label names travel with it.

    `predict` and `predict_proba` take `Examples`, or what `Examples.of` takes: a list of texts. They change nothing on
    the model: several threads may ask one model at once, for as long as a process lives.

    classes: the label names. notes: what was chosen (C, epochs ...) and counted in training, for the receipt; what is
    counted while a model answers goes to the one who asks (`core/counted.py`).
    task: what it answers (`headstart list task`). frozen: the `FrozenVectors` of the base that it reads, which members
    of an ensemble share; None for a model that has none. stays: why another library cannot be given the model, unless
    `exportable` returns what it is given.
    """

    classes: tuple[str, ...]
    notes: dict[str, object]
    task: str = "classify"
    frozen: Any = None
    stays: str = (
        "it holds no network that another library could load; export the run itself, or a task model of route "
        "finetune, lora, contrastive or probe"
    )

    def __init_subclass__(cls, **settings: Any) -> None:
        """Let the answers of every model take what `Examples.of` takes."""
        super().__init_subclass__(**settings)
        for name in ("predict", "predict_proba"):
            if name in vars(cls):
                setattr(cls, name, _of_any_rows(vars(cls)[name]))

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return class probabilities [N, C] in the order of `classes`; rows sum to 1.

        Raises HeadstartError for a task other than `classify`.
        """
        raise HeadstartError(f"a model of task {self.task} has no class probabilities; ask it to predict")

    def predict(self, examples: Examples) -> list[Any]:
        """Return N answers: label names for `classify`, else in the form of `Examples.targets`."""
        return [self.classes[number] for number in self.predict_proba(examples).argmax(1)]

    def exportable(self) -> Exportable:
        """Return what another library may be given. Raises HeadstartError: why this model stays here."""
        raise HeadstartError(f"this task model stays with headstart: {self.stays}")

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that `load` of the same route needs into `folder` (no pickle)."""


def _of_any_rows(answer: Callable[[Any, Examples], Any]) -> Callable[[Any, Any], Any]:
    """Return a method that takes what `Examples.of` takes, from one that takes examples."""

    @functools.wraps(answer)
    def answers(self: TaskModel, examples: Any) -> Any:
        return answer(self, Examples.of(examples))

    return answers

"""Classification of texts, pairs of texts or images: sentiment, intent, topic, inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.spec import TaskSpec
from headstart.core.task_model import TaskModel
from headstart.data.labels import by_key, clean_label, folded, parse_label, sort_classes
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_labelled


@dataclass(frozen=True, kw_only=True)
class ClassifyTask(TaskSpec):
    """The label column holds the name of the class."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    head: ClassVar[str] = "classify"
    metric: ClassVar[str] = "accuracy"
    answers: ClassVar[Literal["classes"]] = "classes"

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` for the columns.

        classes: the label names to index by (those of the training file); None = the labels found, sorted, numbers by
        value; spellings of one class are one, see `labels.fold`. Rows without a label or with a label not in `classes`
        are skipped and named. Raises HeadstartError: no such column, no usable row, one class only.
        """
        named = None if request.classes is None else tuple(map(clean_label, request.classes))
        known = None if named is None else by_key(named)
        rows, ledger = read_labelled(request, lambda value, items: parse_label(value, known))
        if named is None:
            rows = folded(rows, ledger)
        found = sort_classes(rows.targets) if named is None else named
        if len(found) < 2:
            raise HeadstartError(f"only one class, '{found[0]}', in {rows.where}; a task needs at least two")
        if request.classes is None and len(found) == len(rows.targets) > 2:
            raise HeadstartError(
                f"every label in {rows.where} is different ({found[0]}, {found[1]}, ...); that column is no label; "
                "name another one with --label"
            )
        index = {name: position for position, name in enumerate(found)}
        labels_N = np.array([index[name] for name in rows.targets], np.int64)
        return rows.examples(labels=labels_N, classes=found), ledger

    def to_json(self, answer: str) -> dict[str, Any]:
        """Return the name of the class."""
        return {"label": answer}

    def predictions_json(self, model: TaskModel, examples: Examples) -> list[dict[str, Any]]:
        """Return the most probable class and its probability for each row."""
        return self.scored(model.predict_proba(examples), model.classes)

    def scored(self, scores_NC: np.ndarray, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return what `predictions_json` does, from probabilities [N, C]."""
        return [
            {**self.to_json(classes[scores_C.argmax()]), "probability": round(float(scores_C.max()), 6)}
            for scores_C in scores_NC
        ]

    def metric_inputs(self, answers: list[str], examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Return class numbers, true and predicted, int64 [N] each."""
        number = {name: place for place, name in enumerate(examples.classes)}
        return examples.labels, np.array([number[name] for name in answers], np.int64)

    def quality(self, answers: list[str], examples: Examples) -> list[float]:
        """Return 1 for a right answer, 0 for a wrong one."""
        true_N, predicted_N = self.metric_inputs(answers, examples)
        return (predicted_N == true_N).astype(float).tolist()

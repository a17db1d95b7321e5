"""Makes one cell: trains a route on the rows of a split and asks the task model the test rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.comparing.draws import Split
from headstart.comparing.settings import StudyData, in_form
from headstart.core.counted import counting
from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.reason import Reason, reason_of
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.fitting.checks import why_not
from headstart.fitting.workspace import Workspace
from headstart.statistics.study import Cell, as_truth


@dataclass(frozen=True, eq=False)
class MadeCell:
    """What a cell's models answered, with notes and seconds. answers, confidence_N, likelihood_N: see `Cell`."""

    answers: np.ndarray | list[Any]
    confidence_N: np.ndarray | None
    likelihood_N: np.ndarray | None
    notes: dict[str, Any]
    training: float
    testing: float

    @property
    def predicted(self) -> np.ndarray | list[Any]:
        """The answers in the form of `Study.truth`."""
        return as_truth(self.answers)


def refusal_of(route: RouteSpec, examples: Examples, workspace: Workspace) -> Reason | None:
    """Return why a route cannot run on these examples, also where it fails at saying so, or None."""
    try:
        return why_not(route, examples, workspace)
    except DiskError:  # no fault of the route
        raise
    except Exception as error:  # whatever a route raises, the other entries go on
        return reason_of(error)


def make_cell(
    route: RouteSpec, split: Split, data: StudyData, workspace: Workspace, *, seed: int, seconds: float
) -> MadeCell:
    """Train a route on a split, once for each of its parts, and ask the task models the test rows.

    seed: of the route. Raises HeadstartError when the route refuses or its answers do not fit the test rows, and
    whatever the route raises.
    """
    test = data.test
    found: list[Any] = [None] * len(test)  # by test row: probabilities of the classes, or an answer
    training, notes = 0.0, {}
    begun = time.monotonic()
    for learnt, asked in split.parts:
        examples = data.learnable.take(learnt)
        if refusal := why_not(route, examples, workspace):
            raise HeadstartError(refusal)
        before = time.monotonic()
        model: TaskModel = route.run(examples, workspace, seed=seed, seconds=seconds / len(split.parts))
        training += time.monotonic() - before
        rows = range(len(test)) if asked is None else asked
        with counting() as counts:
            answers = _ask(model, data, test if asked is None else test.take(asked))
        for row, answer in zip(rows, answers, strict=True):
            found[row] = answer
        notes = {**model.notes, **counts}
    testing = time.monotonic() - begun - training
    if data.task.answers == "classes":
        return MadeCell(*_classes(np.array(found), data.truth), notes, training, testing)
    answers = np.array(found, np.float32) if data.task.answers == "numbers" else found
    return MadeCell(answers, None, None, notes, training, testing)


def cell_of(name: str, split: Split, receipt: Mapping[str, Any], made: MadeCell, allowed: float | None) -> Cell:
    """Return the cell of an entry, not scored yet; receipt: without the times. allowed: seconds of training."""
    seconds = {"training": made.training, "testing": made.testing, "allowed": allowed}
    return Cell(
        entry=name,
        size=split.size,
        draw=split.draw,
        score=0.0,
        seconds=made.training + made.testing,
        allowed=allowed,
        notes=made.notes,
        answers=made.answers,
        confidence_N=made.confidence_N,
        likelihood_N=made.likelihood_N,
        receipt={**receipt, "seconds": seconds},
    )


def _ask(model: TaskModel, data: StudyData, questions: Examples) -> np.ndarray | list[Any]:
    """Return what a model says of some test rows: probabilities [N, C], numbers [N], or N JSON values.

    Raises HeadstartError: another number of answers, or not-a-number.
    """
    task, count = data.task, len(questions)
    if task.answers == "classes":
        scores_NC = np.asarray(model.predict_proba(questions))
        if scores_NC.shape != (count, len(data.test.classes)) or not np.isfinite(scores_NC).all():
            raise HeadstartError(
                Reason(
                    "wrong_scores",
                    "it gave scores of shape {shape} or not-a-number, not one row per test row",
                    shape=str(scores_NC.shape),
                )
            )
        return scores_NC
    answers = in_form(task, task.metric_inputs(model.predict(questions), questions)[1])
    if len(answers) != count or (task.answers == "numbers" and not np.isfinite(answers).all()):
        raise HeadstartError(
            Reason(
                "wrong_answers",
                "it gave {count:,} answers or not-a-number, not one answer per test row",
                count=len(answers),
            )
        )
    return answers


def _classes(scores_NC: np.ndarray, truth_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the predicted classes, their probabilities, and the probabilities of the true classes, [N] each."""
    predicted_N, rows = scores_NC.argmax(1).astype(np.uint16), np.arange(len(truth_N))
    confidence_N, likelihood_N = scores_NC[rows, predicted_N], scores_NC[rows, truth_N]
    return predicted_N, confidence_N.astype(np.float16), likelihood_N.astype(np.float16)

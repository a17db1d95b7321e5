"""What a study is asked for (`StudySettings`) and the rows it is made on (`StudyData`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy, which a verb's --help does without
    import numpy as np

    from headstart.core.examples import Examples
    from headstart.core.reason import Reason
    from headstart.core.spec import MetricSpec, TaskSpec
    from headstart.statistics.study import Question


SHORT_DRAWS = 10  # that are worth short trainings where draws end early; for more each training must get 5 s


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What a study is asked for, from the command down to the run.

    sizes: the label counts. draws: label draws per label count. seconds: the time for all cells. folder: of the report;
    finished cells are kept in `folder`/cells. seed: of draws and routes. folds: cross-validate the training rows in so
    many folds instead of drawing labels, or None; then a draw is a repetition, and `sizes` are ignored. short_draws: so
    many draws are made even where each training is short; a further draw must leave 5 s for each. questions: by label
    count, what was fixed in screening to be asked; draws end early where the answers are known. Without any, every two
    entries are compared in all draws. chosen_with: by entry and label count, see `Budget`. left_out: by entry and label
    count, why there is no time for its cells. workers: processes of this machine that make the cells by the queue in
    the folder; None: this process makes them.
    """

    sizes: tuple[int, ...]
    draws: int
    seconds: float
    metric: MetricSpec
    folder: Path
    seed: int = 0
    folds: int | None = None
    screened: bool = False
    short_draws: int = 6  # fewer draws decide no difference (`FLIPPED` in statistics/analysis.py)
    chosen_with: Mapping[tuple[str, int], float] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[int, Reason]] = field(default_factory=dict)
    workers: int | None = None
    questions: Mapping[int, Question] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class WinnerRows:
    """rows: all labelled rows that the winner learns from. file: what is shown in the command that uses the winner."""

    rows: Examples
    file: str


@dataclass(frozen=True, eq=False)
class StudyData:
    """The rows of a study, and what its report states about them.

    train: the pool that labels are drawn from. test: the rows that every model is scored on; of a cross-validation the
    same rows as `train`. facts, slices: see `Study`; the study adds to the facts. lent: the test rows are asked in so
    many folds, and a draw may take the labels of the folds that its model is not asked; 0: test rows are never learnt.
    winner: what the winner learns from after the comparison, for which time is left; None = no winner is trained.
    """

    train: Examples
    test: Examples
    facts: Mapping[str, Any] = field(default_factory=dict)
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)
    lent: int = 0
    winner: WinnerRows | None = None

    @cached_property
    def learnable(self) -> Examples:
        """The rows that draws number: the pool, then the test rows where these are lent."""
        return self.train.and_then(self.test) if self.lent else self.train

    @property
    def most_labels(self) -> int:
        """The most labels that a draw can have; of lent test rows half, as groups may make a fold that large."""
        return len(self.train) + (len(self.test) // 2 if self.lent else 0)

    @cached_property
    def pool_units(self) -> np.ndarray:
        """The number of the unit of each row of the pool, see `data/splits.py`."""
        from headstart.data.splits import units

        return units(self.train)

    @cached_property
    def task(self) -> TaskSpec:
        """The task of the rows. Raises HeadstartError: unknown."""
        from headstart.core import registry

        return registry.load("task", self.train.task)()

    @cached_property
    def truth(self) -> np.ndarray | list[Any]:
        """The truth of the test rows, as `Study.truth`."""
        return in_form(self.task, self.task.metric_inputs([], self.test)[0])

    def stating(self, **facts: Any) -> StudyData:
        """Return the same rows with further facts."""
        return replace(self, facts={**self.facts, **facts})


def in_form(task: TaskSpec, values: Any) -> np.ndarray | list[Any]:
    """Return one side of `metric_inputs` as `Study.truth` holds it: int64 or float64 [N], or a list of JSON values."""
    import numpy as np

    if task.answers == "json":
        return json.loads(json.dumps(list(values)))
    return np.asarray(values, np.int64 if task.answers == "classes" else np.float64)

"""The data of a comparison: entries (a route on a base), cells (one trained and tested model each), the study."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.core.reason import Reason
from headstart.core.spec import MetricSpec, RouteSpec


@dataclass(frozen=True)
class Entry:
    """One line of the study's table: a route that starts from a base.

    base: the name of the base, None for a route that needs no base. beside: the name of the second base of a route that
    joins two; the control of such an entry is that of `base`. change: what tells the entry from another entry of
    the same route and base (`label_smoothing=0.1`), or an empty text.
    """

    route: RouteSpec
    base: str | None = None
    change: str = ""
    beside: str | None = None

    @property
    def space(self) -> str | None:
        """The name of its workspace: the base or, of two bases, `own + other`."""
        return self.base if self.beside is None else f"{self.base} + {self.beside}"

    @property
    def name(self) -> str:
        """`probe · halves`, `joined_bases · halves + minilm`, or the route's name when there is no base.

        A change follows in square brackets.
        """
        plain = self.route.name if self.base is None else f"{self.route.name} · {self.space}"
        return f"{plain} [{self.change}]" if self.change else plain

    @property
    def kind(self) -> str:
        """`majority`, `classical`, `control` (the base's network from random start) or `pretrained`."""
        if self.route.name == "majority":
            return "majority"
        if self.route.name == "scratch":
            return "control"
        return "classical" if self.route.classical else "pretrained"


@dataclass(frozen=True)
class EntryFacts:
    """What statistics and reports need to know of an `Entry`; settings: of its route."""

    name: str
    kind: str
    base: str | None
    settings: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked at one label count, fixed before a test row was seen: is `entry` ahead of each of `against`?

    Of a screened comparison: the pre-trained winner, against the classical finalists and the winner's control. Of an
    ablation: the unchanged entry against the changed ones.
    """

    entry: str
    against: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """A look at the answer after `draws` finished draws, at an error rate of `level`.

    closed: the label counts that were decided by it and got no further draws.
    """

    draws: int
    level: float
    closed: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """One model: an entry trained on one label draw and scored once on the test rows.

    entry: the entry's name. size: the label count. draw: the number of the draw, from 0. seconds: training and testing.
    allowed: the seconds that the route was given, None for a route that takes what it needs. notes: what the task model
    chose and counted. answers: of the test rows, in one of three forms (`TaskSpec.answers`): uint16 class numbers [N],
    float32 numbers [N], or a list of N JSON values. confidence_N, likelihood_N: float16 probability of the predicted
    class and of the true class, None where there are no probabilities. receipt: what the cell was made from, see
    `comparing/receipts.py`.
    """

    entry: str
    size: int
    draw: int
    score: float
    seconds: float
    allowed: float | None
    notes: dict[str, Any]
    answers: np.ndarray | list[Any]
    confidence_N: np.ndarray | None = None
    likelihood_N: np.ndarray | None = None
    receipt: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return all fields but the answers and their probabilities."""
        left_out = ("answers", "confidence_N", "likelihood_N")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    @property
    def predicted(self) -> np.ndarray | list[Any]:
        """The answers in the form of `Study.truth`."""
        return as_truth(self.answers)


def as_truth(answers: np.ndarray | list[Any]) -> np.ndarray | list[Any]:
    """Return answers as cells hold them in the form of `Study.truth`."""
    if not isinstance(answers, np.ndarray):
        return answers
    return answers.astype(np.int64 if answers.dtype.kind in "ui" else np.float64)


@dataclass(frozen=True, eq=False)  # compared by identity, so that the analysis of a study can be cached
class Study:
    """All finished cells of a comparison and what is needed to judge them.

    sizes: the label counts. draws: the number of planned draws. overlaps: by label count, the mean share of rows that
    two draws have in common, over all planned draws. failures: {entry: {label count: reason}}. stopped: None, `time` or
    `interrupted`. classes: their names, none where the answers are no classes. truth: of the test rows, in the form
    that metrics take: int64 class numbers [N], float64 numbers [N], or a list of N JSON values. facts: data ledger,
    versions, settings, command, audit. groups: the group of each test row, or None. slices: parts of the test rows by
    name (`clean`, `contaminated`, ...), bool [N]; they may overlap. questions: by label count, what is claimed of these
    entries; without any, all pairs are asked. levels: by label count, the error rate of the look at its cells, where it
    is not the whole 5 %. looks: at the answer before the end, in their order. memory: what was computed of the cells
    before; the studies of one run, which grows, share it.
    """

    entries: tuple[EntryFacts, ...]
    cells: tuple[Cell, ...]
    sizes: tuple[int, ...]
    draws: int
    overlaps: dict[int, float]
    metric: MetricSpec
    classes: tuple[str, ...]
    truth: np.ndarray | Sequence[Any]
    groups: tuple[str, ...] | None = None
    failures: dict[str, dict[int, Reason]] = field(default_factory=dict)
    stopped: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    slices: dict[str, np.ndarray] = field(default_factory=dict)
    questions: dict[int, Question] = field(default_factory=dict)
    levels: dict[int, float] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    memory: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @property
    def test_rows(self) -> int:
        """The number of test rows."""
        return len(self.truth)

    def remembered(self, what: str, cell: Cell, make: Callable[[], Any]) -> Any:
        """Return `make()`, which is called once for each cell, metric and truth of the studies that share `memory`."""
        key = what, cell.entry, cell.size, cell.draw
        made_of = cell, self.metric, self.truth, self.groups
        known = self.memory.get(key)
        if known is None or any(one is not other for one, other in zip(known[0], made_of)):
            known = self.memory[key] = made_of, make()
        return known[1]

    def cells_of(self, entry: str, size: int) -> dict[int, Cell]:
        """Return the finished cells of an entry at a label count, by draw number."""
        return {cell.draw: cell for cell in self.cells if cell.entry == entry and cell.size == size}

"""What a comparison is made of: rows (a route on a base), cells (one trained and tested model), the study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.base.spec import MetricSpec, RouteSpec


@dataclass(frozen=True)
class Row:
    """One line of the table: a route, started from the base of that name (none for classical routes).

    change: what tells it from another row of the same route and base (`label_smoothing=0.1`), or nothing.
    """

    route: RouteSpec
    base: str | None = None
    change: str = ""

    @property
    def name(self) -> str:
        """`probe · halves`, or the route's name where there is no base; a change is added in brackets."""
        plain = self.route.name if self.base is None else f"{self.route.name} · {self.base}"
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
class RowFacts:
    """What a report needs to know of a row; see `Row`."""

    name: str
    kind: str
    base: str | None
    settings: dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One route trained on one label draw and scored once on the test rows.

    predicted_N: uint16 class of each test row. confidence_N, likelihood_N: float16 probability of that class and of the
    true one, or None where they were not kept. seconds: training plus testing; allowed: the time it was given, None
    for routes that take what they need. notes: what the task model chose and counted. receipt: what it was made from,
    see `receipts.py`.
    """

    row: str
    size: int
    draw: int
    score: float
    seconds: float
    allowed: float | None
    notes: dict[str, Any]
    predicted_N: np.ndarray
    confidence_N: np.ndarray | None = None
    likelihood_N: np.ndarray | None = None
    receipt: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return everything but the arrays."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_N")}


@dataclass(frozen=True, eq=False)  # compared by identity, so that its analysis can be kept
class Study:
    """All finished cells of a comparison and what is needed to judge them.

    overlaps: mean share of rows that two draws have in common, by label count (over `draws` planned draws). failures:
    {row: {size: reason}}. stopped: None, `time` or `interrupted`. facts: data ledger, versions, settings, command,
    audit. slices: parts of the test rows by name, bool [N] (`clean`, `contaminated`, ...), which may overlap.
    """

    rows: tuple[RowFacts, ...]
    cells: tuple[Cell, ...]
    sizes: tuple[int, ...]
    draws: int
    overlaps: dict[int, float]
    metric: MetricSpec
    classes: tuple[str, ...]
    truth_N: np.ndarray
    groups: tuple[str, ...] | None = None
    failures: dict[str, dict[int, str]] = field(default_factory=dict)
    stopped: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    slices: dict[str, np.ndarray] = field(default_factory=dict)

    def scores(self, row: str, size: int) -> dict[int, Cell]:
        """Return the finished cells of a row at a label count, by draw number."""
        return {cell.draw: cell for cell in self.cells if cell.row == row and cell.size == size}

"""Compare routes on the same label draws and the same test rows, within one time budget, losing nothing on the way.

Draws are the outermost loop: wherever the time ends, the finished draws are complete and paired.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import MetricSpec
from headstart.evaluation.cells import CellStore, data_identity, key
from headstart.evaluation.draws import check_sizes, draw, overlap
from headstart.evaluation.study import Cell, Row, RowFacts, Study

Progress = Callable[[str], None]


def run_study(
    rows: Sequence[Row],
    train: Examples,
    test: Examples,
    workspaces: Mapping[str | None, Any],
    *,
    sizes: Sequence[int],
    draws: int,
    seed: int,
    seconds: float,
    metric: MetricSpec,
    folder: Path,
    progress: Progress = lambda line: None,
    facts: Mapping[str, Any] | None = None,
) -> Study:
    """Train and test every row on every label draw; return what was finished within `seconds`.

    workspaces: by base name; None is the workspace of rows without a base. Finished cells are kept in `folder`/cells:
    a rerun with the same data and settings continues there. A route that cannot run loses its own cells only. Ctrl-C
    returns the study so far. facts: what else the report should state (`ledger`, `command`). Raises HeadstartError on
    data that cannot be compared on.
    """
    _check(rows, train, test, workspaces)
    sizes = check_sizes(sizes, len(train))
    subsets = draw(train.labels, sizes, draws, seed, train.groups)
    run = _Run(rows, train, test, workspaces, metric, seed, CellStore(Path(folder) / "cells"), progress)
    run.plan(subsets)
    stopped = run.all(seconds)
    return Study(
        rows=tuple(RowFacts(row.name, row.kind, row.base, row.route.to_dict()) for row in rows),
        cells=tuple(run.cells),
        sizes=tuple(sizes),
        draws=draws,
        overlaps={size: overlap([subset[size] for subset in subsets]) for size in sizes},
        metric=metric,
        classes=test.classes,
        truth_N=np.asarray(test.labels, np.int64),
        groups=None if test.groups is None else tuple(test.groups),
        failures=run.failures,
        stopped=stopped,
        facts=_facts(train, test, seed, seconds, draws) | dict(facts or {}),
    )


def _check(rows: Sequence[Row], train: Examples, test: Examples, workspaces: Mapping[str | None, Any]) -> None:
    if not rows:
        raise HeadstartError("nothing to compare: no routes were given")
    names = [row.name for row in rows]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise HeadstartError(f"row '{doubled[0]}' is given twice; give each base its own name")
    for row in rows:
        if row.base not in workspaces:
            raise HeadstartError(f"row '{row.name}': no workspace for base {row.base!r}")
    for what, examples in (("training", train), ("test", test)):
        if examples.labels is None or len(examples) == 0:
            raise HeadstartError(f"the {what} rows have no labels; a comparison needs labelled training and test rows")
    if train.classes != test.classes or not 2 <= len(test.classes) < 2**16:
        raise HeadstartError(
            f"training rows have the classes {train.classes}, test rows {test.classes}: give both the same, 2 or more"
        )


def _facts(train: Examples, test: Examples, seed: int, seconds: float, draws: int) -> dict[str, Any]:
    """Return what the report states about data, settings and versions (no paths: a report is passed on)."""

    def counts(examples: Examples) -> dict[str, int]:
        return dict(zip(examples.classes, np.bincount(examples.labels, minlength=len(examples.classes)).tolist()))

    packages = ("headstart", "torch", "numpy", "scipy", "scikit-learn")
    return {
        "data": {"training rows": len(train), "test rows": len(test)},
        "classes": {"training": counts(train), "test": counts(test)},
        "settings": {"seed": seed, "seconds": seconds, "draws": draws},
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in packages},
        "made": time.strftime("%Y-%m-%d"),
    }


@dataclass(frozen=True)
class _Plan:
    """One cell to come."""

    row: Row
    size: int
    draw: int
    rows_M: np.ndarray
    identity: str


@dataclass
class _Run:
    """The state of one run: plans are worked off in order; cells and failures pile up."""

    rows: Sequence[Row]
    train: Examples
    test: Examples
    workspaces: Mapping[str | None, Any]
    metric: MetricSpec
    seed: int
    store: CellStore
    progress: Progress
    cells: list[Cell] = field(default_factory=list)
    failures: dict[str, dict[int, str]] = field(default_factory=dict)
    plans: list[_Plan] = field(default_factory=list)
    spent: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def plan(self, subsets: list[dict[int, np.ndarray]]) -> None:
        """List all cells, draws outermost, then label counts, classical rows first; their leftovers are handed on."""
        data = [data_identity(self.train), data_identity(self.test)]
        identities = {base: identity(self.workspaces[base], base) for base in {row.base for row in self.rows}}
        ordered = sorted(self.rows, key=lambda row: not row.route.classical)
        for number, subset in enumerate(subsets):
            for size, rows_M in subset.items():
                for row in ordered:
                    parts = {
                        "version": metadata.version("headstart"),  # another version may train another model
                        "data": data,
                        "rows": rows_M.tolist(),
                        "seed": self.seed,
                        "draw": number,
                        "route": row.route.to_dict(),
                        "workspace": identities[row.base],
                    }
                    self.plans.append(_Plan(row, size, number, rows_M, key(parts)))

    def all(self, seconds: float) -> str | None:
        """Work off the plans; return None, `time` or `interrupted`."""
        fresh = []
        for plan in self.plans:
            cell = self.store.get(plan.identity, len(self.test))
            if cell is None:
                fresh.append(plan)
            else:
                score = self.metric.score(self.test.labels, cell.predicted_N)  # the metric may be another one now
                # Another folder name is another row name; the cell is the same.
                kept = replace(cell, row=plan.row.name, size=plan.size, draw=plan.draw, score=float(score))
                self._keep(plan, kept)
        if self.cells:
            self.progress(f"{len(self.cells)} of {len(self.plans)} cells were finished earlier and are kept")
        end = time.monotonic() + seconds
        try:
            for position, plan in enumerate(fresh):
                if self.failures.get(plan.row.name, {}).get(plan.size):
                    continue
                left = end - time.monotonic()
                if left <= 0:
                    self.progress(f"time is out: {len(self.cells)} of {len(self.plans)} cells are finished")
                    return "time"
                self._one(plan, fresh[position:], left)
        except KeyboardInterrupt:
            self.progress("interrupted: finished cells are saved, the same command continues")
            return "interrupted"
        return None

    def _keep(self, plan: _Plan, cell: Cell) -> None:
        self.cells.append(cell)
        self.spent.setdefault((plan.row.name, plan.size), []).append(cell.seconds)

    def _share(self, coming: Sequence[_Plan], left: float) -> float:
        """Return the seconds that the next trainable cell may use: an equal part of what classical cells leave."""
        alive = [plan for plan in coming if plan.size not in self.failures.get(plan.row.name, {})]
        classical = sum(self._usual(plan) for plan in alive if plan.row.route.classical)
        trainable = sum(not plan.row.route.classical for plan in alive)
        return max(left - classical, 0.05 * left) / max(trainable, 1)

    def _usual(self, plan: _Plan) -> float:
        return median(self.spent.get((plan.row.name, plan.size), [0.0]))  # the first may hold costs paid once

    def _one(self, plan: _Plan, coming: Sequence[_Plan], left: float) -> None:
        """Train and test one cell and make it durable, or record why it could not run."""
        allowed = None if plan.row.route.classical else self._share(coming, left)
        start = time.monotonic()
        try:
            predicted_N, notes = self._train(plan, left if allowed is None else allowed)
        except Exception as error:  # whatever a route raises, the other rows go on
            reason = _reason(error)
            self.failures.setdefault(plan.row.name, {})[plan.size] = reason
            self.progress(f"{plan.row.name}, {plan.size} labels: could not run: {reason}")
            return
        score = float(self.metric.score(self.test.labels, predicted_N))
        taken = time.monotonic() - start
        cell = Cell(plan.row.name, plan.size, plan.draw, score, taken, allowed, notes, predicted_N.astype(np.uint16))
        self.store.put(plan.identity, cell)
        self._keep(plan, cell)
        self.progress(self._line(plan, cell, len(coming) - 1, left - taken))

    def _train(self, plan: _Plan, seconds: float) -> tuple[np.ndarray, dict[str, Any]]:
        examples, workspace = self.train.take(plan.rows_M), self.workspaces[plan.row.base]
        if refusal := plan.row.route.refuses(examples, workspace):
            raise HeadstartError(refusal)
        model: TaskModel = plan.row.route.run(examples, workspace, seed=self.seed + plan.draw, seconds=seconds)
        scores_NC = np.asarray(model.scores(self.test))
        if scores_NC.shape != (len(self.test), len(self.test.classes)) or not np.isfinite(scores_NC).all():
            raise HeadstartError(f"it gave scores of shape {scores_NC.shape} or not-a-number, not one row per test row")
        return scores_NC.argmax(1), dict(model.notes)

    def _line(self, plan: _Plan, cell: Cell, coming: int, left: float) -> str:
        score = f"{cell.score:.3f}".removeprefix("0")
        pace = sum(map(sum, self.spent.values())) / len(self.cells)
        minutes = min(coming * pace, max(left, 0.0)) / 60
        wait = f"about {minutes:.0f} min left" if minutes >= 1 else "less than a minute left"
        where = f"[cell {len(self.plans) - coming}/{len(self.plans)}] {plan.row.name}, {plan.size} labels"
        return f"{where}, draw {plan.draw + 1}: {score} ({cell.seconds:.1f} s), {wait}"


def _reason(error: Exception) -> str:
    """Return one line: a HeadstartError's own words, for others the kind of error and its first line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return first if isinstance(error, HeadstartError) else f"{type(error).__name__}: {first}".rstrip(": ")


def identity(workspace: Any, base: str | None) -> dict[str, Any]:
    """Return what tells two workspaces apart: hashes of the first 1,000 unlabelled documents and of the base."""
    out = {} if base is None else {"base": getattr(getattr(workspace, "base", None), "identity", None)}
    if getattr(workspace, "has_documents", False):
        out["corpus"] = data_identity(Examples(first=list(islice(workspace.documents(), 1000))))
    return out

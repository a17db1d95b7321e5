"""Compare routes on the same label draws and the same test rows, within one time budget, losing nothing on the way.

Draws are the outermost loop: wherever the time ends, the finished draws are complete and paired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import MetricSpec
from headstart.evaluation.budget import Budget
from headstart.evaluation.cells import CellStore
from headstart.evaluation.draws import Split, check_sizes, fold_splits, label_splits, overlap
from headstart.evaluation.receipts import versions
from headstart.evaluation.running import Run
from headstart.evaluation.study import Row, RowFacts, Study


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
    folds: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
    facts: Mapping[str, Any] | None = None,
    slices: Mapping[str, np.ndarray] | None = None,
    keep: Callable[[Study], None] | None = None,
) -> Study:
    """Train and test every row on every label draw; return what was finished within `seconds`.

    workspaces: by base name; None is the workspace of rows without a base. folds: cross-validate `train` in so many
    folds instead (a draw is a repetition; `sizes` are not looked at, `test` must be `train`). Finished cells are kept
    in `folder`/cells: a rerun with the same data and settings continues there. A route that cannot run loses its own
    cells only. Ctrl-C returns the study so far. facts, slices: what else the report should state, see `Study`. keep:
    called now and then with the study so far, to write its report; then time is also left for the last one. Raises
    HeadstartError on data that cannot be compared on.
    """
    begun = time.monotonic()
    _check(rows, train, test, workspaces)
    if folds is None:
        sizes = check_sizes(sizes, len(train))
        splits = label_splits(train, sizes, draws, seed)
    else:
        splits = fold_splits(train, folds, draws, seed)
        sizes = [splits[0].size]
    run = Run(train, test, workspaces, metric, CellStore(Path(folder) / "cells"), progress, Budget(seconds))
    settings = {"seed": seed, "seconds": seconds, "draws": draws} | ({} if folds is None else {"folds": folds})
    stated = _facts(train, test) | {"settings": settings} | dict(facts or {})
    overlaps = {size: _overlap([split for split in splits if split.size == size]) for size in sizes}

    def study(stopped: str | None) -> Study:
        return Study(
            rows=tuple(RowFacts(row.name, row.kind, row.base, row.route.to_dict()) for row in rows),
            cells=tuple(run.cells),
            sizes=tuple(sizes),
            draws=draws,
            overlaps=overlaps,
            metric=metric,
            classes=test.classes,
            truth_N=np.asarray(test.labels, np.int64),
            groups=None if test.groups is None else tuple(test.groups),
            failures={row: dict(reasons) for row, reasons in run.failures.items()},
            stopped=stopped,
            facts=stated,
            slices=dict(slices or {}),
        )

    run.plan(rows, splits, seed)
    return study(run.all(begun + seconds, keep and (lambda: keep(study("interrupted")))))


def _check(rows: Sequence[Row], train: Examples, test: Examples, workspaces: Mapping[str | None, Any]) -> None:
    if not rows:
        raise HeadstartError("nothing to compare: no routes were given")
    names = [row.name for row in rows]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise HeadstartError(f"row '{doubled[0]}' is given twice; give each base and each change its own name")
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


def _overlap(splits: Sequence[Split]) -> float:
    """Return the mean share of rows that two draws have in common; repetitions of folds all use the whole pool."""
    if splits[0].drawn["how"] == "folds":
        return 1.0
    return overlap([split.parts[0][0] for split in splits])


def _facts(train: Examples, test: Examples) -> dict[str, Any]:
    """Return what the report states about data and versions (no paths: a report is passed on)."""

    def counts(examples: Examples) -> dict[str, int]:
        return dict(zip(examples.classes, np.bincount(examples.labels, minlength=len(examples.classes)).tolist()))

    return {
        "data": {"training rows": len(train), "test rows": len(test)},
        "classes": {"training": counts(train), "test": counts(test)},
        "versions": versions(),
        "made": time.strftime("%Y-%m-%d"),
    }

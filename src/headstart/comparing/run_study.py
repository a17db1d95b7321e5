"""Compare entries on the same label draws and the same test rows, within one time budget; finished cells are kept.

Draws are the outermost loop: wherever the time ends, the finished draws are complete and paired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from headstart.comparing.batches import fix_compared
from headstart.comparing.budget import Budget
from headstart.comparing.cells import CellStore
from headstart.comparing.crew import Crew
from headstart.comparing.draws import Split, overlap, splits_of
from headstart.comparing.looks import PLANNED, Looks
from headstart.comparing.receipts import versions
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.shared_run import SharedRun, take_up_finished
from headstart.comparing.slabs import StudyRun
from headstart.comparing.verdict import answered
from headstart.comparing.work_queue import WorkQueue
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.spec import MetricSpec
from headstart.fitting.model_selection import units_of
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import analyse
from headstart.statistics.study import Entry, EntryFacts, Study


def run_study(
    entries: Sequence[Entry],
    data: StudyData,
    workspaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    *,
    progress: Callable[[str], None] = lambda line: None,
    keep: Callable[[Study], None] | None = None,
    prepare: Callable[[], None] = lambda: None,
    crew: Crew | None = None,
) -> Study:
    """Train and test every entry on every label draw; return what was finished within `settings.seconds`.

    workspaces: by base name (two bases: `own + other`); None is that of entries without a base. Finished cells are kept
    in the folder of the settings: a rerun with the same data and settings continues there. A route that cannot run
    loses its own cells only. Ctrl-C returns the study so far. progress: called with a line of text. keep: called now
    and then with the study so far, to write its report; then time is left for a last call. prepare: called before the
    first cell that is made, if there is one. crew: makes the cells; None: this process does. Raises HeadstartError on
    data that cannot be compared on.
    """
    begun = time.monotonic()
    need_comparable(entries, data, workspaces, settings.metric)
    splits = splits_of(data, settings)
    fix_compared(workspaces, data, splits)
    sizes = tuple(sorted({split.size for split in splits}))
    budget = Budget(settings.seconds, settings.short_draws, settings.chosen_with)
    store = CellStore(settings.folder / "cells")
    take_up_finished(store, WorkQueue(settings.folder))
    made_by = StudyRun if crew is None else partial(SharedRun, crew=crew, splits=splits)
    run = made_by(data, workspaces, settings, store, budget, progress)
    run.looks = Looks(dict(PLANNED) if settings.questions else {})
    stated = _facts(data, settings)
    overlaps = {size: _overlap([split for split in splits if split.size == size]) for size in sizes}
    units = units_of(data.test)  # questions about one passage are no independent rows
    groups = None if units is None else tuple(units)
    memory: dict[Hashable, Any] = {}

    def study(stopped: str | None) -> Study:
        return Study(
            entries=tuple(EntryFacts(one.name, one.kind, one.base, one.route.to_dict()) for one in entries),
            cells=tuple(run.cells),
            sizes=sizes,
            draws=settings.draws,
            overlaps=overlaps,
            metric=settings.metric,
            classes=data.test.classes if data.task.answers == "classes" else (),
            truth=data.truth,
            groups=groups,
            failures={entry: dict(reasons) for entry, reasons in run.failures.items()},
            stopped=stopped,
            facts=stated,
            slices=dict(data.slices),
            questions=dict(settings.questions),
            levels=run.looks.levels(sizes),
            looks=tuple(run.looks.made),
            memory=memory,
        )

    def decided() -> set[int]:
        now = study(None)
        tables = analyse(now).tables
        return {size for size in tables if answered(now, tables[size])}

    run.plan(entries, splits)
    so_far = keep and (lambda: keep(study("interrupted")))
    return study(run.work_off(begun + settings.seconds, so_far, decided=decided, prepare=prepare))


def need_comparable(
    entries: Sequence[Entry], data: StudyData, workspaces: Mapping[str | None, Workspace], metric: MetricSpec
) -> None:
    """Raise HeadstartError: no entries, an entry twice or without workspace, rows that cannot be compared on."""
    if not entries:
        raise HeadstartError("nothing to compare: no routes were given")
    names = [entry.name for entry in entries]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise HeadstartError(f"entry '{doubled[0]}' is given twice; give each base and each change its own name")
    for entry in entries:
        if entry.space not in workspaces:
            raise HeadstartError(f"entry '{entry.name}': no workspace for base {entry.space!r}")
    _check_rows(data, metric)


def _check_rows(data: StudyData, metric: MetricSpec) -> None:
    train, test, of_classes = data.train, data.test, data.task.answers == "classes"
    if test.task != train.task or metric.task != train.task:
        raise HeadstartError(
            f"training rows ask for {train.task}, test rows for {test.task}, and metric {metric.name} scores "
            f"{metric.task}: give the same task to all three"
        )
    for what, examples in (("training", train), ("test", test)):
        if (examples.labels if of_classes else examples.targets) is None or len(examples) == 0:
            raise HeadstartError(f"the {what} rows have no labels; a comparison needs labelled training and test rows")
    if of_classes and (train.classes != test.classes or not 2 <= len(test.classes) < 2**16):
        raise HeadstartError(
            f"training rows have the classes {train.classes}, test rows {test.classes}: give both the same, 2 or more"
        )


def _overlap(splits: Sequence[Split]) -> float:
    """Return the mean share of rows that two draws have in common; repetitions of folds all use the whole pool."""
    if splits[0].drawn["how"] == "folds":
        return 1.0
    return overlap([split.parts[0][0] for split in splits])


def _facts(data: StudyData, settings: StudySettings) -> dict[str, Any]:
    """Return what the report states of data, versions and settings (no paths: a report is passed on)."""

    def counts(examples: Examples) -> dict[str, int]:
        return dict(zip(examples.classes, np.bincount(examples.labels, minlength=len(examples.classes)).tolist()))

    stated = {"seed": settings.seed, "seconds": settings.seconds, "draws": settings.draws}
    of_classes = data.task.answers == "classes"
    return {
        "takes": data.test.takes,
        "data": {"training rows": len(data.train), "test rows": len(data.test)},
        **({"lent": data.lent} if data.lent else {}),
        **({"classes": {"training": counts(data.train), "test": counts(data.test)}} if of_classes else {}),
        "versions": versions(),
        "made": time.strftime("%Y-%m-%d"),
        "settings": stated | ({} if settings.folds is None else {"folds": settings.folds}),
        **data.facts,
    }

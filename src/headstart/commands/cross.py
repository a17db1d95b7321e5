"""cross: train on one domain or language, test on every one; the matrix of scores and what training elsewhere costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from headstart.commands.comparison_options import (
    label_counts,
    metric_of,
    need_report_folder,
    routes_asked,
    task_of,
)
from headstart.commands.reading import need_unlearned, open_bases, say, takes_of_files, tell_texts
from headstart.commands.session import Language, command_line, files, need_positive, pick_language, whole
from headstart.comparing.inputs import entries_of, public_ledger, workspaces_of
from headstart.comparing.report_folder import PAGE, REPORT, ReportFolder
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.comparing.cross import Crossing
    from headstart.core.examples import Examples
    from headstart.data.read_request import ReadRequest
    from headstart.fitting.workspace import Workspace
    from headstart.statistics.study import Entry, Study

_FOR_CELLS = 0.97  # of the minutes; the rest is for the report
_FOR_COPIES = 0.25  # of the minutes: what the search for copies may take at most


@dataclass(frozen=True, repr=False)
class Crossed:
    """folder: of the report; studies: by the part trained on; crossings: all scores; table: for a terminal.

    language: of what a notebook shows.
    """

    folder: Path
    studies: dict[str, Study]
    crossings: list[Crossing]
    table: str
    verdict: str
    language: str

    @property
    def exit_code(self) -> int:
        """0, or 130 when Ctrl-C ended it early; the report holds what was finished."""
        return 130 if any(study.stopped == "interrupted" for study in self.studies.values()) else 0

    @property
    def _limits(self) -> tuple[float, float]:
        return next(iter(self.studies.values())).metric.limits

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row per crossing; see `Crossing`. Raises HeadstartError: no pandas."""
        from headstart.reporting.result import CROSSING, crossing_rows, frame

        return frame(crossing_rows(self.crossings), CROSSING)

    def __repr__(self) -> str:
        """Return how much was crossed, the largest gap, and the folder."""
        from headstart.reporting.result import crossing_repr

        return crossing_repr(self.crossings, self.folder, self._limits)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from headstart.reporting.result import crossing_html

        return crossing_html(self.crossings, self._limits, self.language)

    def summary(self) -> str:
        """Return tables, what training elsewhere costs, and where the report is."""
        page, data = self.folder / "report.html", self.folder / "report.json"
        return f"{self.table}\n{self.verdict}\n\nreport: {page}\n        {data}"


def cross(
    base: Annotated[Path, Parameter(help="run directory or Hugging Face directory; `none` for classical routes only")],
    /,
    *,
    data: Annotated[
        list[str],
        Parameter(
            help="labelled files by part, ko=FILE en=FILE; all of one task, with the same classes",
            consume_multiple=True,
            converter=files,
        ),
    ],
    out: Annotated[Path, Parameter(help="the report directory; the same command goes on where it stopped")],
    routes: Annotated[str, Parameter(help="comma-separated routes, or all that do the task")] = "all",
    task: Annotated[str, Parameter(help="classify, regress, tag ... (`headstart list task`) [guessed and printed]")] = (
        "auto"
    ),
    text: Annotated[
        str | None, Parameter(help="column of texts or images, in every file [guessed and printed]")
    ] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers, in every file [guessed and printed]")] = None,
    labels: Annotated[str, Parameter(help="label counts to try")] = "256",
    draws: Annotated[int, Parameter(help="most label draws per count", converter=whole)] = 10,
    minutes: Annotated[float, Parameter(help="time budget for all parts together")] = 20.0,
    metric: Annotated[str | None, Parameter(help="a score of the task [its headline score]")] = None,
    language: Annotated[Language, Parameter(help="of the report")] = "auto",
    group: Annotated[str | None, Parameter(show=False, help="column of groups that must not be split")] = None,
    seed: Annotated[int, Parameter(show=False, converter=whole)] = 0,
    threads: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Crossed:
    """Train each route on every named part and test it on held-out rows of all parts: domains, languages, years.

    Many routes are screened on the labelled rows of each part first, as in compare; at most six go on. A quarter of
    each file is held out for testing. Further options: --group COLUMN, --seed N, --threads N; settings
    such as probe.layer=2.

    Raises HeadstartError: unreadable input, unknown names, fewer than two parts, classes that differ between parts.
    """
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer
    from headstart.data.read_request import ReadRequest

    begun = time.monotonic()
    need_positive("--minutes", minutes)
    need_positive("--draws", draws)
    out, parts = Path(out), _named(data)
    need_report_folder(out)
    sizes = label_counts(labels)
    set_threads(threads)
    classical, columns = str(base) == "none", {"text": text, "text2": text2, "label": label, "group": group}
    task = _one_task(parts, columns, task)
    takes = takes_of_files(next(iter(parts.values())), text)
    specs = routes_asked(routes, settings or [], task, classical, takes)
    score = metric_of(metric, task)
    bases = {} if classical else open_bases([Path(base)])
    tell_texts(bases)
    train, test, ledger = _read(parts, ReadRequest(paths=(), **columns, task=task), seed)
    _need_same(train)
    for name, rows in train.items():
        if sizes[-1] > len(rows):
            raise HeadstartError(f"--labels {labels}: {name} has only {len(rows):,} rows to draw labels from")
    need_unlearned(bases, [*train.values(), *test.values()])
    with sole_writer(out, say):
        ReportFolder(out).begin()  # nothing is left behind by a mistake above
        shared = _shared(train, test, 60 * minutes * _FOR_COPIES)
        receipts = {name: one.receipt for name, one in bases.items()}
        facts = {"ledger": public_ledger(ledger), "command": command_line(), "bases": receipts}
        everything, part_N = _joined(test)
        slices = {name: part_N == number for number, name in enumerate(test)}
        data = {name: StudyData(rows, everything, facts, slices) for name, rows in train.items()}
        seconds = 60 * minutes * _FOR_CELLS
        asked = StudySettings(sizes=sizes, draws=draws, seconds=seconds, metric=score, folder=out, seed=seed)
        spaces = workspaces_of(bases, None, None, DiskCache.of_user(say))
        studies = _studies(entries_of(specs, bases), data, spaces, asked, begun)
        for space in spaces.values():
            space.flush()
        return _report(studies, shared, out, pick_language(language))


def _one_task(parts: Mapping[str, list[str]], columns: Mapping[str, str | None], task: str) -> str:
    """Return the task of all parts, see `task_of`. Raises HeadstartError: they differ."""
    found = {name: task_of(paths, columns, task) for name, paths in parts.items()}
    first, *others = found
    for name in others:
        if found[name] != found[first]:
            raise HeadstartError(
                f"{first} asks for {found[first]} and {name} for {found[name]}; say --task, and name the columns"
            )
    return found[first]


def _read(
    parts: Mapping[str, list[str]], request: ReadRequest, seed: int
) -> tuple[dict[str, Examples], dict[str, Examples], dict[str, Any]]:
    """Return by part the rows to draw labels from, the held-out test rows, and the ledger."""
    from headstart.data.read_request import read_labelled_rows
    from headstart.data.splits import held_out_test

    train, test, ledger = {}, {}, {}
    for name, paths in parts.items():
        rows, ledger[name] = read_labelled_rows(replace(request, paths=paths), say)
        train[name], test[name] = held_out_test(rows, seed)
        say(f"{name}: {len(train[name]):,} rows to draw labels from, {len(test[name]):,} held out for testing")
    return train, test, ledger


def _studies(
    entries: Sequence[Entry],
    data: Mapping[str, StudyData],
    spaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    begun: float,
) -> dict[str, Study]:
    """Return one study per part that is trained on; all are tested on the rows of all parts, which are its slices.

    The seconds of the settings are for all parts together, from `begun` (monotonic seconds) on.
    """
    from headstart.comparing.finalists import to_screen
    from headstart.comparing.run_study import run_study
    from headstart.comparing.screen_parts import screen_parts

    if to_screen(entries):
        seconds = begun + settings.seconds - time.monotonic()
        entries, screened = screen_parts(entries, data, spaces, replace(settings, seconds=seconds), say)
        say(f"finalists of all parts: {', '.join(one.name for one in entries if one.kind != 'majority')}")
        data = {name: rows.stating(screening=screened[name]) for name, rows in data.items()}
    studies: dict[str, Study] = {}
    for left, (name, rows) in zip(range(len(data), 0, -1), data.items()):
        say(f"training on {name}")
        seconds = max((begun + settings.seconds - time.monotonic()) / left, 0.0)
        studies[name] = run_study(entries, rows, spaces, replace(settings, seconds=seconds), progress=say)
        if studies[name].stopped == "interrupted":
            break
    return studies


def _report(studies: dict[str, Study], shared: dict[tuple[str, str], int], out: Path, language: str) -> Crossed:
    from headstart.comparing.cross import crossings
    from headstart.core.json_files import json_bytes
    from headstart.reporting.cross_page import cross_data, cross_page, cross_terminal_tables, crossing_sentences

    found = crossings(studies)
    page = cross_page(found, studies, shared, language)
    data = {REPORT: json_bytes(cross_data(found, studies, shared)), PAGE: page.encode("utf-8", "replace")}
    ReportFolder(out).end(data)
    tables = cross_terminal_tables(found, studies, language)
    limits = next(iter(studies.values())).metric.limits
    return Crossed(out, studies, found, tables, "\n".join(crossing_sentences(found, language, limits)), language)


def _named(data: Sequence[str]) -> dict[str, list[str]]:
    """Return the files by the name of their part. Raises HeadstartError: no name, fewer than two parts."""
    parts: dict[str, list[str]] = {}
    for item in data:
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise HeadstartError(f"--data {item}: write each file with the name of its part, such as ko={item}")
        parts.setdefault(name, []).append(path)
    if len(parts) < 2:
        raise HeadstartError(f"--data {' '.join(data)}: two parts or more are needed, such as ko=FILE en=FILE")
    return parts


def _need_same(train: Mapping[str, Examples]) -> None:
    """Raise HeadstartError when two parts have other classes."""
    first, *others = train
    for name in others:
        if train[name].classes != train[first].classes:
            missing = sorted({*train[name].classes} ^ {*train[first].classes})
            raise HeadstartError(
                f"{first} has {len(train[first].classes)} classes and {name} {len(train[name].classes)}, and these are "
                f"in one of them only: {', '.join(missing[:5])}; give all parts the same class names"
            )


def _joined(test: Mapping[str, Examples]) -> tuple[Examples, np.ndarray]:
    """Return the test rows of all parts, one after the other, and the number of each row's part, int [N]."""
    from headstart.core.examples import Examples

    parts = list(test.values())
    grouped = any(part.groups is not None for part in parts)
    joined = Examples(
        items=[one for part in parts for one in part.items],
        second=None if parts[0].second is None else [one for part in parts for one in part.second],
        labels=None if parts[0].labels is None else np.concatenate([part.labels for part in parts]),
        classes=parts[0].classes,
        task=parts[0].task,
        targets=None if parts[0].targets is None else [one for part in parts for one in part.targets],
        groups=[f"{name} {one}" for name, part in test.items() for one in part.groups] if grouped else None,
    )
    return joined, np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _shared(train: Mapping[str, Examples], test: Mapping[str, Examples], seconds: float) -> dict[tuple[str, str], int]:
    """Return how many test rows of one part have a copy among the training rows of another, by (trained, tested).

    Copies are exact, normalised or near, as in `audit`. What was not looked through within `seconds` is left out, and a
    message says how much.
    """
    from headstart.auditing.copies import Copies
    from headstart.auditing.items import kind_of
    from headstart.core.time_limit import OutOfTime, cut_after

    def items(rows: Examples) -> tuple[list, list[str]]:
        both = rows.items if rows.second is None else zip(rows.items, rows.second)
        return list(both), kind_of(rows.items).folds(rows.items, rows.second)

    found: dict[tuple[str, str], int] = {}
    try:
        with cut_after(seconds):
            for trained, tested in permutations(train, 2):
                copies = Copies(*items(test[tested]))
                copies.add(*items(train[trained]))
                count = found[trained, tested] = int((copies.result()[0] > 0).sum())
                if count:
                    say(f"{count:,} test rows of {tested} have a copy in the training rows of {trained}")
    except OutOfTime:
        say(f"copies were looked for in {len(found)} of {len(train) * (len(train) - 1)} crossings only, for time")
    return found

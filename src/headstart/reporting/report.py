"""Write and read the report of a study: report.html for people, report.json for machines, a table for the terminal."""

from __future__ import annotations

import dataclasses
import io
import math
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.comparing.cells import with_defaults
from headstart.comparing.exhibits import Exhibits
from headstart.comparing.report_folder import PAGE, REPORT, ReportFolder
from headstart.core import migration
from headstart.core.files import make_folder
from headstart.core.json_files import json_bytes
from headstart.core.report_files import ReportFile
from headstart.reporting.answer import answer, finalists, steps
from headstart.reporting.findings import StudyFindings, findings, gathered_notes, grouped_failures, told_failures
from headstart.reporting.number_text import with_interval
from headstart.reporting.phrases import LANGUAGES, counted, phrase
from headstart.reporting.reason_phrases import reason_text
from headstart.reporting.remarks import caveats
from headstart.reporting.report_page import report_page
from headstart.reporting.verdict_text import missing_classical, verdict_sentences
from headstart.statistics.analysis import EntrySummary
from headstart.statistics.study import Study

_MOST_FAILURES = 4  # that a terminal shows; the page has all of them


def write_report(study: Study, folder: Path, language: str = "en") -> Path:
    """Write report.html and report.json into `folder`; return the page's path.

    The page needs nothing from outside; what it shows of the data are the exhibits that lie in `folder`. The JSON holds
    every score, interval, difference and verdict, in all languages.
    Raises HeadstartError: an unknown language, a folder that cannot be written.
    """
    found = findings(study)
    text = report_page(found, language, Exhibits.load(Path(folder)))
    make_folder(Path(folder))
    data = {REPORT: json_bytes(report_data(found)), PAGE: text.encode("utf-8", "replace")}
    ReportFolder(Path(folder)).end(data)
    return Path(folder) / PAGE


def read_report(folder: Path) -> ReportFile:
    """Return the report.json of compare, ablate or cross. Raises HeadstartError: not there, or a file is damaged."""
    ReportFolder(Path(folder)).need_intact()
    migrate = partial(migration.report, complete=with_defaults)
    return migration.read_versioned(Path(folder) / REPORT, migrate, ReportFile)


def report_data(found: StudyFindings) -> dict[str, Any]:
    """Return the whole report as plain JSON data; not-a-number becomes null."""
    study, analysis, last = found.study, found.analysis, found.last
    nothing = {"entry": None, "labels": last and last.size, "counts": None, "most": []}
    data = {
        "format": migration.FORMAT,
        "task": study.metric.task,
        "metric": study.metric.to_dict(),
        "classes": study.classes,
        "facts": study.facts,
        "stopped": study.stopped,
        "verdict": {language: verdict_sentences(study, analysis, language) for language in LANGUAGES},
        "verdicts": found.verdicts,
        "constant": {"class": analysis.constant_answer, "score": analysis.constant},
        "entries": [dataclasses.asdict(facts) for facts in study.entries],
        "failures": told_failures(study),
        "sizes": [
            {
                "labels": table.size,
                "draws": table.draws,
                "overlap": table.overlap,
                "entries": [dataclasses.asdict(entry) | {"learned": entry.learned} for entry in table.entries.values()],
                "pairs": [dataclasses.asdict(pair) | {"claim": pair.claim} for pair in table.pairs.values()],
            }
            for table in analysis.tables.values()
        ],
        "cells": [cell.facts() for cell in study.cells],
        "notes": gathered_notes(study),
        "forecast": found.forecast,
        "outlook": found.outlook,
        "target": found.target,
        "questions": study.questions,
        "levels": study.levels,
        "looks": study.looks,
        "calibration": [one for told in found.calibration.values() for one in told],
        "slices": found.slices,
        "confusion": found.confusion or nothing,
        "mistakes": found.mistakes,
        "fronts": found.fronts,
        "costs": found.costs,
        "caveats": {language: caveats(study, analysis, language) for language in LANGUAGES},
    }
    return _json_data(data)


def _json_data(value: Any) -> Any:
    """Return JSON data: not-a-number and infinity become null, tuples lists, other objects their text."""
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {str(name): _json_data(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json_data(inner) for inner in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def terminal_table(study: Study, language: str = "en") -> str:
    """Return the scores of the finalists by label count, and what could not run, as plain text for a terminal."""
    found = findings(study)
    console = Console(file=io.StringIO(), width=110, highlight=False, color_system=None)
    if found.last:
        console.print(phrase(language, "terminal", metric=study.metric.name), markup=False)
        table = Table(box=None)
        table.add_column(phrase(language, "entry"))
        for size in found.analysis.tables:
            table.add_column(counted(language, [size]), justify="right")
        for one in finalists(found, language):
            cells = (
                _score_text(entry, size in one.best, found) for entry, size in zip(one.scores, found.analysis.tables)
            )
            table.add_row(Text(f"{one.entry} ({one.role})"), *cells)
        console.print(table)
    failures = grouped_failures(study)
    for name, sizes, reason in failures[:_MOST_FAILURES]:
        told = phrase(language, "remark_failed", reason=reason_text(language, reason))
        console.print(f"{name}, {counted(language, sizes)}: {told}", markup=False)
    if more := failures[_MOST_FAILURES:]:
        console.print(phrase(language, "terminal_more", count=len(more)), markup=False)
    return console.file.getvalue()


def _score_text(entry: EntrySummary | None, best: bool, found: StudyFindings) -> str:
    """Return a score with its interval; a star marks the entry to use."""
    told = "–" if entry is None else with_interval(entry.mean, entry.low, entry.high, found.analysis.limits)
    return f"* {told}" if best else told


def terminal_answer(study: Study, language: str = "en") -> str:
    """Return the answer for a terminal, a sentence per line."""
    return "\n".join([*answer(findings(study), language), *missing_classical(study, language)])


def terminal_steps(study: Study, language: str = "en") -> str:
    """Return what to do next for a terminal, a line for each thing and one for its command.

    What is done with the winner is not among them: a terminal is given these commands with whole paths.
    """
    told = steps(findings(study), language)
    lines = [
        line for one in told for line in (f"- {one.title}: {one.words}", f"    {one.command}")[: 1 + bool(one.command)]
    ]
    return "\n".join([phrase(language, "next"), *lines]) if lines else ""

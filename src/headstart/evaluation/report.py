"""Write the report of a study: report.html for people, report.json for machines, a table for the terminal."""

from __future__ import annotations

import dataclasses
import io
import math
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.base.files import write_bytes, write_json
from headstart.evaluation.analysis import Analysis, analyse
from headstart.evaluation.page import page
from headstart.evaluation.study import Study
from headstart.evaluation.summary import Findings, caveats, findings, gathered_notes, grouped_failures
from headstart.evaluation.verdict import sentences
from headstart.evaluation.words import LANGUAGES, counted, number, say


def write_report(study: Study, folder: Path, language: str = "en") -> Path:
    """Write report.html and report.json into `folder`; return the page's path.

    The page needs nothing from outside. The JSON holds every score, interval, difference and verdict, in all languages.
    Raises HeadstartError on an unknown language, OSError when the folder cannot be written.
    """
    found = findings(study)
    text = page(found, language)
    write_json(Path(folder) / "report.json", report_data(found))
    target = Path(folder) / "report.html"
    write_bytes(target, text.encode("utf-8", "replace"))
    return target


def report_data(found: Findings) -> dict[str, Any]:
    """Return the whole report as plain JSON data; not-a-number becomes null."""
    study, analysis, last = found.study, found.analysis, found.last
    nothing = {"row": None, "labels": last and last.size, "counts": None, "most": []}
    data = {
        "format": 1,
        "metric": study.metric.to_dict(),
        "classes": study.classes,
        "facts": study.facts,
        "stopped": study.stopped,
        "verdict": {language: sentences(study, analysis, language) for language in LANGUAGES},
        "verdicts": found.verdicts,
        "constant": {"class": analysis.constant_class, "score": analysis.constant},
        "rows": [dataclasses.asdict(facts) for facts in study.rows],
        "failures": study.failures,
        "sizes": [
            {
                "labels": table.size,
                "draws": table.draws,
                "overlap": table.overlap,
                "rows": [dataclasses.asdict(row) | {"learned": row.learned} for row in table.rows.values()],
                "pairs": [dataclasses.asdict(pair) | {"claim": pair.claim} for pair in table.pairs.values()],
            }
            for table in analysis.tables.values()
        ],
        "cells": [cell.facts() for cell in study.cells],
        "notes": gathered_notes(study),
        "forecast": found.forecast,
        "outlook": found.outlook,
        "calibration": [one for told in found.calibration.values() for one in told],
        "slices": found.slices,
        "confusion": found.confusion or nothing,
        "fronts": found.fronts,
        "costs": found.costs,
        "caveats": {language: caveats(study, analysis, language) for language in LANGUAGES},
    }
    return _plain(data)


def _plain(value: Any) -> Any:
    """Return JSON data: not-a-number and infinity become null, tuples lists, other objects their text."""
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def verdict_text(study: Study, language: str = "en") -> str:
    """Return the verdict in words: a headline, a paragraph per label count, an outlook, with blank lines between."""
    analysis = analyse(study)
    first, *paragraphs = sentences(study, analysis, language)
    labels = [f"{counted(language, [size])}: " for size in analysis.tables]
    return "\n\n".join([first, *(f"{label}{words}" for label, words in zip_longest(labels, paragraphs, fillvalue=""))])


def terminal_table(study: Study, language: str = "en") -> str:
    """Return mean ± half interval by label count, and what could not run, as plain text for a terminal."""
    analysis = analyse(study)
    console = Console(file=io.StringIO(), width=110, highlight=False, color_system=None)
    if analysis.tables:
        console.print(say(language, "terminal", metric=study.metric.name), markup=False)
        table = Table(box=None)
        table.add_column(say(language, "row"))
        for size in analysis.tables:
            table.add_column(counted(language, [size]), justify="right")
        for name in _ordered(analysis):
            table.add_row(Text(name), *(_entry(analysis, name, size) for size in analysis.tables))
        console.print(table)
    for name, sizes, reason in grouped_failures(study):
        told = say(language, "remark_failed", reason=reason)
        console.print(f"{name}, {counted(language, sizes)}: {told}", markup=False)
    return console.file.getvalue()


def _ordered(analysis: Analysis) -> list[str]:
    names: dict[str, None] = {}
    for table in reversed(analysis.tables.values()):
        names |= dict.fromkeys(table.rows)
    return list(names)


def _entry(analysis: Analysis, name: str, size: int) -> str:
    row = analysis.tables[size].rows.get(name)
    if row is None:
        return "–"
    half = "" if row.low != row.low else f" ±{number((row.high - row.low) / 2)}"
    return number(row.mean) + half

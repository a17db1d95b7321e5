"""A crossing in words, as tables for a terminal, as JSON data, and as an HTML page with a heat map for each matrix."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.comparing.cross import Crossing
from headstart.core.migration import FORMAT
from headstart.core.spec import MetricSpec
from headstart.reporting.findings import told_failures
from headstart.reporting.number_text import signed_with_interval, with_interval
from headstart.reporting.pages import fill
from headstart.reporting.phrases import LANGUAGES, counted, phrase
from headstart.reporting.reason_phrases import reason_text
from headstart.reporting.svg import Scale
from headstart.statistics.study import Study

_MOST_SENTENCES = 4  # on the first screen


def crossing_sentences(found: Sequence[Crossing], language: str, limits: tuple[float, float] = (0.0, 1.0)) -> list[str]:
    """Return, for every crossing into another part, what training elsewhere costs; limits: of the metric."""
    out = []
    for one in found:
        if one.trained != one.tested and not np.isnan(one.gap):
            gap = signed_with_interval(one.gap, one.gap_low, one.gap_high, limits)
            told = {"entry": one.entry, "labels": counted(language, [one.size]), "gap": gap}
            out.append(phrase(language, "cross.gap", trained=one.trained, tested=one.tested, **told))
    return out or [phrase(language, "cross.nothing")]


def cross_terminal_tables(found: Sequence[Crossing], studies: Mapping[str, Study], language: str) -> str:
    """Return one matrix per entry and label count, mean and interval, as plain text for a terminal."""
    console = Console(file=io.StringIO(), width=110, highlight=False, color_system=None)
    metric = _metric(studies)
    console.print(phrase(language, "cross.note", metric=metric.name), markup=False)
    for (entry, size), cells in _matrices(found).items():
        table = Table(box=None, title=f"{escape_markup(entry)}, {counted(language, [size])}", title_justify="left")
        table.add_column(phrase(language, "cross.trained"))
        tested = list(dict.fromkeys(one.tested for one in cells.values()))
        for name in tested:
            table.add_column(Text(name), justify="right")
        for name in dict.fromkeys(one.trained for one in cells.values()):
            table.add_row(Text(name), *(_score_text(cells.get((name, other)), metric.limits) for other in tested))
        console.print(table)
    for trained, study in studies.items():
        for entry, reasons in study.failures.items():
            told = reason_text(language, next(iter(reasons.values())))
            console.print(f"{entry}, {trained}: {phrase(language, 'cross.failed')}: {told}", markup=False)
    return console.file.getvalue()


def escape_markup(words: str) -> str:
    """Return words in which square brackets are no markup of the table's."""
    return words.replace("[", r"\[")


def _metric(studies: Mapping[str, Study]) -> MetricSpec:
    return next(iter(studies.values())).metric


def _score_text(one: Crossing | None, limits: tuple[float, float]) -> str:
    return "–" if one is None else with_interval(one.score, one.low, one.high, limits)


def _matrices(found: Sequence[Crossing]) -> dict[tuple[str, int], dict[tuple[str, str], Crossing]]:
    out: dict[tuple[str, int], dict[tuple[str, str], Crossing]] = {}
    for one in found:
        out.setdefault((one.entry, one.size), {})[one.trained, one.tested] = one
    return out


def cross_data(
    found: Sequence[Crossing], studies: Mapping[str, Study], shared: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    """Return the whole report as plain JSON data.

    shared: how many test rows have a copy among the training rows, by (trained, tested), as far as there was time.
    """
    return {
        "format": FORMAT,
        "kind": "cross",
        "parts": {name: study.facts for name, study in studies.items()},
        "stopped": next((study.stopped for study in studies.values() if study.stopped), None),
        "crossings": [
            {name: None if value != value else value for name, value in asdict(one).items()} for one in found
        ],
        "failures": {name: told_failures(study) for name, study in studies.items()},
        "cells": [cell.facts() | {"trained": name} for name, study in studies.items() for cell in study.cells],
        "shared": [{"trained": one, "tested": two, "rows": count} for (one, two), count in shared.items()],
        "sentences": {language: crossing_sentences(found, language, _metric(studies).limits) for language in LANGUAGES},
    }


def _telling(found: Sequence[Crossing]) -> list[Crossing]:
    """Return the crossings of the entry that is best on its own part, at the most labels."""
    own = [one for one in found if one.trained == one.tested] or found
    best = max(own, key=lambda one: (one.size, one.score), default=None)
    return [one for one in found if best and (one.entry, one.size) == (best.entry, best.size)]


def cross_page(
    found: Sequence[Crossing], studies: Mapping[str, Study], shared: Mapping[tuple[str, str], int], language: str
) -> str:
    """Return one self-contained HTML page: what training elsewhere costs, then a heat map per entry and label count."""
    metric = _metric(studies)
    copies = [
        phrase(language, "cross.shared", count=count, trained=trained, tested=tested)
        for (trained, tested), count in shared.items()
        if count
    ]
    matrices = []
    for (entry, size), cells in _matrices(found).items():
        scores = [one.score for one in cells.values()]
        shade = Scale(min(scores), max(scores), 8, 60)  # per cent of colour: the better, the darker
        parts = [list(dict.fromkeys(names)) for names in zip(*cells)]
        lines = [
            (name, [(one, round(shade(one.score))) if one else None for one in own])
            for name, own in ((name, [cells.get((name, other)) for other in parts[1]]) for name in parts[0])
        ]
        matrices.append((entry, size, parts[1], lines))
    first = _telling(found)
    sentences = crossing_sentences(first, language, metric.limits)
    others = crossing_sentences([one for one in found if one not in first], language, metric.limits)
    if first:  # its matrix comes first too
        matrices.sort(key=lambda one: one[:2] != (first[0].entry, first[0].size))
    told = {"first": sentences[:_MOST_SENTENCES], "others": [*sentences[_MOST_SENTENCES:], *others]}
    told |= {"copies": copies, "matrices": matrices}
    told |= {"screened": {name: one.facts["screening"] for name, one in studies.items() if "screening" in one.facts}}
    told |= {"finalists": [one.name for one in next(iter(studies.values())).entries if one.kind != "majority"]}
    told |= {"sizes": next(iter(studies.values())).sizes}
    failures = {name: study.failures for name, study in studies.items()}
    return fill("cross.html.j2", language, metric.limits, metric=metric, failures=failures, **told)

"""A crossing in words, as tables for a terminal, as JSON data, and as an HTML page with a heat map for each matrix."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.comparing.cross import Crossing
from headstart.core.migration import FORMAT
from headstart.core.spec import MetricSpec
from headstart.reporting import markup, svg
from headstart.reporting.number_text import number, places, plus_minus, signed_with_interval
from headstart.reporting.phrases import counted
from headstart.statistics.study import Study

_PHRASES = {
    "en": {
        "title": "Train here, test there",
        "trained": "trained on",
        "gap": "{entry}, {labels}: trained on {trained}, tested on {tested}: {gap} "
        "against training on {tested} itself.",
        "note": "{metric} with 95 % intervals over label draws and test rows. Rows: trained on; columns: tested on.",
        "shared": "{count} test rows of {tested} have a copy (exact, normalised or near) in what {trained} trains on.",
        "nothing": "Nothing was finished.",
        "failed": "could not run",
    },
    "ko": {
        "title": "여기서 학습하고 저기서 시험하기",
        "trained": "학습한 곳",
        "gap": "{entry}, {labels}: {trained}에서 학습, {tested}에서 시험: {tested}에서 직접 학습한 것과의 차이 {gap}.",
        "note": "{metric}, 95 % 구간(라벨 추출과 시험 행의 흔들림 포함). 행: 학습한 곳, 열: 시험한 곳.",
        "shared": "{trained}의 학습 행에 복사본이 있는 {tested} 시험 행: {count}개(일치 또는 거의 같음).",
        "nothing": "끝난 것이 없습니다.",
        "failed": "실행할 수 없음",
    },
}
_CELL_WIDTH, _CELL_HEIGHT = 118, 46


def crossing_sentences(found: Sequence[Crossing], language: str, limits: tuple[float, float] = (0.0, 1.0)) -> list[str]:
    """Return, for every crossing into another part, what training elsewhere costs; limits: of the metric."""
    out = []
    for one in found:
        if one.trained != one.tested and not np.isnan(one.gap):
            gap = signed_with_interval(one.gap, one.gap_low, one.gap_high, limits)
            told = {"entry": one.entry, "labels": counted(language, [one.size]), "gap": gap}
            out.append(_PHRASES[language]["gap"].format(trained=one.trained, tested=one.tested, **told))
    return out or [_PHRASES[language]["nothing"]]


def cross_terminal_tables(found: Sequence[Crossing], studies: Mapping[str, Study], language: str) -> str:
    """Return one matrix per entry and label count, mean ± half interval, as plain text for a terminal."""
    console = Console(file=io.StringIO(), width=110, highlight=False, color_system=None)
    metric = _metric(studies)
    console.print(_PHRASES[language]["note"].format(metric=metric.name), markup=False)
    for (entry, size), cells in _matrices(found).items():
        table = Table(box=None, title=f"{escape_markup(entry)}, {counted(language, [size])}", title_justify="left")
        table.add_column(_PHRASES[language]["trained"])
        tested = list(dict.fromkeys(one.tested for one in cells.values()))
        for name in tested:
            table.add_column(Text(name), justify="right")
        for name in dict.fromkeys(one.trained for one in cells.values()):
            table.add_row(Text(name), *(_score_text(cells.get((name, other)), metric.limits) for other in tested))
        console.print(table)
    for trained, study in studies.items():
        for entry, reasons in study.failures.items():
            told = next(iter(reasons.values()))
            console.print(f"{entry}, {trained}: {_PHRASES[language]['failed']}: {told}", markup=False)
    return console.file.getvalue()


def escape_markup(words: str) -> str:
    """Return words in which square brackets are no markup of the table's."""
    return words.replace("[", r"\[")


def _metric(studies: Mapping[str, Study]) -> MetricSpec:
    return next(iter(studies.values())).metric


def _score_text(one: Crossing | None, limits: tuple[float, float]) -> str:
    return "–" if one is None else plus_minus(one.score, one.low, one.high, limits)


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
        "failures": {name: study.failures for name, study in studies.items()},
        "cells": [cell.facts() | {"trained": name} for name, study in studies.items() for cell in study.cells],
        "shared": [{"trained": one, "tested": two, "rows": count} for (one, two), count in shared.items()],
        "sentences": {language: crossing_sentences(found, language, _metric(studies).limits) for language in _PHRASES},
    }


def cross_page(
    found: Sequence[Crossing], studies: Mapping[str, Study], shared: Mapping[tuple[str, str], int], language: str
) -> str:
    """Return one self-contained HTML page: what training elsewhere costs, then a heat map per entry and label count."""
    words = _PHRASES[language]
    lines = [
        words["shared"].format(count=count, trained=trained, tested=tested)
        for (trained, tested), count in shared.items()
        if count
    ]
    metric = _metric(studies)
    sentences = crossing_sentences(found, language, metric.limits)
    told = "".join(f"<p>{escape(line)}</p>" for line in [*sentences, *lines])
    note = words["note"].format(metric=metric.name)
    figures = []
    for (entry, size), cells in _matrices(found).items():
        picture = _heat_map(cells, language, metric.limits)
        figures.append(f"<figure><h2>{escape(entry)}, {escape(counted(language, [size]))}</h2>{picture}</figure>")
    body = f'<div class="verdict">{told}</div>{markup.note(note)}{"".join(figures)}'
    return markup.document(words["title"], body, language)


def _heat_map(cells: Mapping[tuple[str, str], Crossing], language: str, limits: tuple[float, float]) -> str:
    """Return the matrix as a picture: the better, the darker; every cell says its score and interval."""
    digits = places(limits[1])
    trained = list(dict.fromkeys(one for one, _ in cells))
    tested = list(dict.fromkeys(two for _, two in cells))
    left = 20 + max(svg.text_width(name) for name in trained)
    scores = [one.score for one in cells.values()]
    shade = svg.Scale(min(scores), max(scores), 0.12, 0.6)
    parts = [
        svg.text(left + (column + 0.5) * _CELL_WIDTH, 12, name, "middle", "strong")
        for column, name in enumerate(tested)
    ]
    for line, name in enumerate(trained):
        top = 26 + line * _CELL_HEIGHT
        parts.append(svg.text(left - 10, top + _CELL_HEIGHT / 2, name, "end", "strong"))
        for column, other in enumerate(tested):
            if (one := cells.get((name, other))) is None:
                continue
            x = left + column * _CELL_WIDTH
            parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{_CELL_WIDTH - 2}" height="{_CELL_HEIGHT - 2}" '
                f'style="fill:var(--c0);opacity:{shade(one.score):.2f}"/>'
            )
            middle = x + _CELL_WIDTH / 2 - 1
            parts.append(svg.text(middle, top + 15, number(one.score, digits), "middle", "strong"))
            parts.append(
                svg.text(middle, top + 32, f"[{number(one.low, digits)}, {number(one.high, digits)}]", "middle")
            )
    width, height = left + len(tested) * _CELL_WIDTH, 30 + len(trained) * _CELL_HEIGHT
    return svg.picture(width, height, _PHRASES[language]["title"], parts)

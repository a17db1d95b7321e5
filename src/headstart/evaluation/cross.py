"""Train on one part, test on every part (domains, languages): the matrix of scores, its intervals, its page.

A part's own test rows are never trained on. The gap is what is lost by training elsewhere: the score of a model that
was trained on another part minus that of one trained on the tested part, on the same test rows, with as many labels.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.evaluation import html, svg
from headstart.evaluation.blocks import Evidence, TestBlocks
from headstart.evaluation.statistics import Estimate, estimate, mixed_overlap
from headstart.evaluation.study import Study
from headstart.evaluation.words import counted, number, signed

_WORDS = {
    "en": {
        "title": "Train here, test there",
        "trained": "trained on",
        "gap": "{row}, {labels}: trained on {trained}, tested on {tested}: {gap} against training on {tested} itself.",
        "note": "{metric} with 95 % intervals over label draws and test rows. Rows: trained on; columns: tested on.",
        "shared": "{count} test rows of {tested} have a copy (exact, normalised or near) in what {trained} trains on.",
        "nothing": "Nothing was finished.",
        "failed": "could not run",
    },
    "ko": {
        "title": "여기서 학습하고 저기서 시험하기",
        "trained": "학습한 곳",
        "gap": "{row}, {labels}: {trained}에서 학습, {tested}에서 시험: {tested}에서 직접 학습한 것과의 차이 {gap}.",
        "note": "{metric}, 95 % 구간(라벨 추출과 시험 행의 흔들림 포함). 행: 학습한 곳, 열: 시험한 곳.",
        "shared": "{trained}의 학습 행에 복사본이 있는 {tested} 시험 행: {count}개(일치 또는 거의 같음).",
        "nothing": "끝난 것이 없습니다.",
        "failed": "실행할 수 없음",
    },
}
_CELL_WIDTH, _CELL_HEIGHT = 118, 46


@dataclass(frozen=True)
class Crossing:
    """A row of the table at one label count, trained on one part and tested on one.

    low, high: 95 % interval of the score; gap and its interval: see the file's head, not-a-number where nothing was
    trained on the tested part and 0 where it is the same.
    """

    row: str
    size: int
    trained: str
    tested: str
    score: float
    low: float
    high: float
    gap: float
    gap_low: float
    gap_high: float
    draws: int


def crossings(studies: Mapping[str, Study]) -> list[Crossing]:
    """Return every finished crossing. studies: by the part that was trained on; their `slices` are the tested parts."""
    out = []
    for tested in next(iter(studies.values())).slices:
        for size in sorted({size for study in studies.values() for size in study.sizes}):
            for row in dict.fromkeys(facts.name for study in studies.values() for facts in study.rows):
                home = studies.get(tested)
                own = _evidence(home, tested, row, size) if home else {}
                for trained, study in studies.items():
                    if found := _evidence(study, tested, row, size):
                        at_home = (own, home.overlaps.get(size, 0.0)) if home else (own, 0.0)
                        out.append(_crossing(study, row, size, trained, tested, found, at_home))
    return out


def _evidence(study: Study, tested: str, row: str, size: int) -> dict[int, np.ndarray]:
    """Return the values [G] of a row's finished draws on the test rows of a part."""
    inside_N = study.slices[tested]
    groups = None if study.groups is None else [study.groups[place] for place in np.flatnonzero(inside_N)]
    judge = Evidence(study.metric, study.truth_N[inside_N], TestBlocks.make(int(inside_N.sum()), groups))
    return {draw: judge.of(cell.predicted_N[inside_N]) for draw, cell in study.scores(row, size).items()}


def _crossing(
    study: Study,
    row: str,
    size: int,
    trained: str,
    tested: str,
    found: Mapping[int, np.ndarray],
    at_home: tuple[Mapping[int, np.ndarray], float],
) -> Crossing:
    """Return one crossing; at_home: values by draw of the row trained on the tested part, and their draws' overlap."""
    (own, home_overlap), overlap, rows = at_home, study.overlaps[size], int(study.slices[tested].sum())
    score = estimate(np.stack(list(found.values())), overlap, rows)
    gap = Estimate(0.0 if trained == tested else np.nan, np.nan, np.nan, np.nan)
    if trained != tested and (both := sorted(set(found) & set(own))):
        stacks = [np.stack([values[draw] for draw in both]) for values in (found, own)]
        shared = mixed_overlap([(stacks[0], overlap), (stacks[1], home_overlap)])
        gap = estimate(stacks[0] - stacks[1], shared, rows)
    return Crossing(row, size, trained, tested, score.value, *score.interval(), gap.value, *gap.interval(), len(found))


def sentences(found: Sequence[Crossing], language: str) -> list[str]:
    """Return, for every crossing into another part, what training elsewhere costs."""
    out = []
    for one in found:
        if one.trained != one.tested and not np.isnan(one.gap):
            gap = f"{signed(one.gap)} [{signed(one.gap_low)}, {signed(one.gap_high)}]"
            told = {"row": one.row, "labels": counted(language, [one.size]), "gap": gap}
            out.append(_WORDS[language]["gap"].format(trained=one.trained, tested=one.tested, **told))
    return out or [_WORDS[language]["nothing"]]


def terminal_tables(found: Sequence[Crossing], studies: Mapping[str, Study], language: str) -> str:
    """Return one matrix per row and label count, mean ± half interval, as plain text for a terminal."""
    console = Console(file=io.StringIO(), width=110, highlight=False, color_system=None)
    metric = next(iter(studies.values())).metric.name
    console.print(_WORDS[language]["note"].format(metric=metric), markup=False)
    for (row, size), cells in _matrices(found).items():
        table = Table(box=None, title=f"{escape_markup(row)}, {counted(language, [size])}", title_justify="left")
        table.add_column(_WORDS[language]["trained"])
        tested = list(dict.fromkeys(one.tested for one in cells.values()))
        for name in tested:
            table.add_column(Text(name), justify="right")
        for name in dict.fromkeys(one.trained for one in cells.values()):
            table.add_row(Text(name), *(_entry(cells.get((name, other))) for other in tested))
        console.print(table)
    for trained, study in studies.items():
        for row, reasons in study.failures.items():
            told = next(iter(reasons.values()))
            console.print(f"{row}, {trained}: {_WORDS[language]['failed']}: {told}", markup=False)
    return console.file.getvalue()


def escape_markup(words: str) -> str:
    """Return words in which square brackets are no markup of the table's."""
    return words.replace("[", r"\[")


def _entry(one: Crossing | None) -> str:
    if one is None:
        return "–"
    return number(one.score) + ("" if np.isnan(one.low) else f" ±{number((one.high - one.low) / 2)}")


def _matrices(found: Sequence[Crossing]) -> dict[tuple[str, int], dict[tuple[str, str], Crossing]]:
    out: dict[tuple[str, int], dict[tuple[str, str], Crossing]] = {}
    for one in found:
        out.setdefault((one.row, one.size), {})[one.trained, one.tested] = one
    return out


def cross_data(
    found: Sequence[Crossing], studies: Mapping[str, Study], shared: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    """Return the whole report as plain JSON data.

    shared: how many test rows have a copy among the training rows, by (trained, tested), as far as there was time.
    """
    return {
        "format": 1,
        "kind": "cross",
        "parts": {name: study.facts for name, study in studies.items()},
        "stopped": next((study.stopped for study in studies.values() if study.stopped), None),
        "crossings": [
            {name: None if value != value else value for name, value in asdict(one).items()} for one in found
        ],
        "failures": {name: study.failures for name, study in studies.items()},
        "cells": [cell.facts() | {"trained": name} for name, study in studies.items() for cell in study.cells],
        "shared": [{"trained": one, "tested": two, "rows": count} for (one, two), count in shared.items()],
        "sentences": {language: sentences(found, language) for language in _WORDS},
    }


def cross_page(
    found: Sequence[Crossing], studies: Mapping[str, Study], shared: Mapping[tuple[str, str], int], language: str
) -> str:
    """Return one self-contained HTML page: what training elsewhere costs, then a heat map per row and label count."""
    words = _WORDS[language]
    lines = [
        words["shared"].format(count=count, trained=trained, tested=tested)
        for (trained, tested), count in shared.items()
        if count
    ]
    told = "".join(f"<p>{escape(line)}</p>" for line in [*sentences(found, language), *lines])
    note = words["note"].format(metric=next(iter(studies.values())).metric.name)
    figures = [
        f"<figure><h2>{escape(row)}, {escape(counted(language, [size]))}</h2>{_heat_map(cells, language)}</figure>"
        for (row, size), cells in _matrices(found).items()
    ]
    body = f'<div class="verdict">{told}</div>{html.note(note)}{"".join(figures)}'
    return html.document(words["title"], body, language)


def _heat_map(cells: Mapping[tuple[str, str], Crossing], language: str) -> str:
    """Return the matrix as a picture: the better, the darker; every cell says its score and interval."""
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
            parts.append(svg.text(middle, top + 15, number(one.score), "middle", "strong"))
            parts.append(svg.text(middle, top + 32, f"[{number(one.low)}, {number(one.high)}]", "middle"))
    width, height = left + len(tested) * _CELL_WIDTH, 30 + len(trained) * _CELL_HEIGHT
    return svg.picture(width, height, _WORDS[language]["title"], parts)

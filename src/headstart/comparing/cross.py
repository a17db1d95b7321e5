"""Train on one part, test on every part (domains, languages): the matrix of scores with its intervals.

A part's own test rows are never trained on. The gap is the loss from training elsewhere: the score of a model trained
on another part minus the score of a model trained on the tested part, on the same test rows, with as many labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headstart.statistics.blocks import Evidence, TestBlocks, taken
from headstart.statistics.intervals import Bounds, Estimate, estimate, mixed_overlap
from headstart.statistics.study import Study


@dataclass(frozen=True)
class Crossing:
    """An entry at one label count, trained on one part and tested on one part.

    low, high: 95 % interval of the score. gap, gap_low, gap_high: see the head of this file; not-a-number where no
    model was trained on the tested part, and a gap of 0 where the trained part is the tested part.
    """

    entry: str
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


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """The finished draws of an entry that was trained on one part, as evidence on the test rows of the tested part.

    values: [G] by draw. overlap: share of rows that two draws have in common. limits: the worst and
    the best value of the metric.
    """

    part: str
    values: Mapping[int, np.ndarray]
    overlap: float
    limits: tuple[float, float]


def crossings(studies: Mapping[str, Study]) -> list[Crossing]:
    """Return every finished crossing. studies: by the part that was trained on; their `slices` are the tested parts."""
    out = []
    for tested in next(iter(studies.values())).slices:
        for size in sorted({size for study in studies.values() for size in study.sizes}):
            for entry in dict.fromkeys(facts.name for study in studies.values() for facts in study.entries):
                parts = {name: _trained_on(name, study, tested, entry, size) for name, study in studies.items()}
                rows = int(next(iter(studies.values())).slices[tested].sum())
                for part in parts.values():
                    if part.values:
                        scores = _scores(part, parts.get(tested), rows)
                        out.append(Crossing(entry, size, part.part, tested, *scores, len(part.values)))
    return out


def _trained_on(name: str, study: Study, tested: str, entry: str, size: int) -> TrainedOn:
    """Return the evidence of an entry's finished draws on the test rows of a part."""
    inside_N = study.slices[tested]
    groups = None if study.groups is None else [study.groups[place] for place in np.flatnonzero(inside_N)]
    judge = Evidence(study.metric, taken(study.truth, inside_N), TestBlocks.make(int(inside_N.sum()), groups))
    cells = study.cells_of(entry, size)
    values = {draw: judge.of(taken(cell.predicted, inside_N)) for draw, cell in cells.items()}
    return TrainedOn(name, values, study.overlaps.get(size, 0.0), study.metric.limits)


def _scores(part: TrainedOn, home: TrainedOn | None, rows: int) -> tuple[float, float, float, float, float, float]:
    """Return score and gap, each with its interval. home: the same entry trained on the tested part; rows: its rows."""
    score = estimate(np.stack(list(part.values.values())), part.overlap, rows, bounds=Bounds.of_score(part.limits))
    gap = Estimate(0.0 if home is part else np.nan, np.nan, np.nan, np.nan)
    if home is not None and home is not part and (both := sorted(set(part.values) & set(home.values))):
        stacks = [np.stack([side.values[draw] for draw in both]) for side in (part, home)]
        shared = mixed_overlap([(stacks[0], part.overlap), (stacks[1], home.overlap)])
        gap = estimate(stacks[0] - stacks[1], shared, rows, bounds=Bounds.of_difference(part.limits))
    return (score.value, *score.interval(), gap.value, *gap.interval())

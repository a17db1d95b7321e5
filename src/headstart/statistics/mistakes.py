"""The mistakes that an entry was surest of: wrong answers with the highest probability, over its label draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.statistics.study import Cell, Study

MOST_MISTAKES = 24


@dataclass(frozen=True)
class Mistake:
    """One test row that was answered wrongly.

    row: its number from 0. true, called: class names; called, the wrong answer with the highest `probability` of any
    draw (None where the entry has no probabilities). wrong: in how many of the `draws` draws the row was answered
    wrongly.
    """

    row: int
    true: str
    called: str
    probability: float | None
    wrong: int
    draws: int


def mistakes(study: Study, entry: str, size: int) -> tuple[Mistake, ...]:
    """Return the surest mistakes of an entry at a label count, each row once, the surest first.

    Equally sure ones, and those of an entry without probabilities, are ordered by the draws in which they were wrong.
    """
    cells = list(study.cells_of(entry, size).values())
    called_DN = np.stack([cell.predicted for cell in cells])
    wrong_DN = called_DN != np.asarray(study.truth)
    sure_DN = np.where(wrong_DN, np.stack([_sureness(cell) for cell in cells]), -1.0)
    surest_N, count_N = sure_DN.argmax(axis=0), wrong_DN.sum(axis=0)
    rows = np.flatnonzero(count_N)
    order = np.lexsort((rows, -count_N[rows], -sure_DN[surest_N[rows], rows]))[:MOST_MISTAKES]
    told = any(cell.confidence_N is not None for cell in cells)
    return tuple(
        Mistake(
            row=int(row),
            true=study.classes[study.truth[row]],
            called=study.classes[called_DN[surest_N[row], row]],
            probability=float(sure_DN[surest_N[row], row]) if told else None,
            wrong=int(count_N[row]),
            draws=len(cells),
        )
        for row in rows[order]
    )


def _sureness(cell: Cell) -> np.ndarray:
    """Return the probability of each answer, float64 [N]; 0 where the entry has none."""
    if cell.confidence_N is None:
        return np.zeros(len(cell.answers))
    return cell.confidence_N.astype(np.float64)

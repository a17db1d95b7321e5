"""Which rows of the pool a screening draw learns and asks; a function of the data, the label counts and the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart.comparing.draws import Split, one_draw
from headstart.comparing.settings import StudyData
from headstart.core.seeds import numpy_generator
from headstart.data.splits import strata

ROUNDS = 4  # at most
STEPS = (100, 150, 200, 300, 450, 700, 1_000)  # pool rows that a trial is scored on: the most that there is time for
TIMED = (16, 48, 144, 432)  # pool rows that tell how long a base takes to embed one
SEED = 1_000_003  # apart from the seeds of the draws to come
_FREE = 0.1  # of the rows not learnt, that must be of other groups and texts, else they are not told apart
_LEARNT = 0.75  # of the pool, at most: some of its rows must be left to ask


@dataclass(frozen=True, eq=False)
class Round:
    """Rows of one screening draw: learnt by label count, and asked of every trial; int64 rows of the pool."""

    number: int
    learnt: Mapping[int, np.ndarray]
    asked: np.ndarray

    def split(self, size: int) -> Split:
        """Return what a trial learns at a label count; it asks all rows of `asking`."""
        return Split(((self.learnt[size], None),), {"how": "screening", "draw": self.number, "size": size})

    def asking(self, data: StudyData) -> StudyData:
        """Return the data with the rows that are asked as its test rows."""
        return replace(data, test=data.train.take(self.asked), slices={}, lent=0)


def screening_round(
    data: StudyData, sizes: Sequence[int], seed: int, number: int, most_asked: int = STEPS[-1]
) -> Round:
    """Return the rows of screening draw `number`: nested label draws, and `most_asked` rows of other units to ask."""
    learnt, askable = drawn_round(data, sizes, seed, number)
    return Round(number, learnt, np.sort(askable[:most_asked]))


def drawn_round(
    data: StudyData, sizes: Sequence[int], seed: int, number: int
) -> tuple[Mapping[int, np.ndarray], np.ndarray]:
    """Return nested label draws, and the rows of other units in the order in which they are taken to be asked.

    Where a label count is most of the pool, fewer rows are learnt, so that some are left to ask.
    """
    pool = data.train
    most = max(1, int(_LEARNT * len(pool)))
    shortened = {size: min(size, most) for size in sizes}
    drawn = one_draw(strata(pool), sorted(set(shortened.values())), number, seed + SEED, pool.groups)
    learnt = {size: drawn[count] for size, count in shortened.items()}
    unit_N = data.pool_units
    others = np.setdiff1d(np.arange(len(pool)), drawn[max(drawn)])
    free = others[~np.isin(unit_N[others], unit_N[drawn[max(drawn)]])]
    if len(free) < _FREE * len(others):  # few groups, or few different texts: what is left of them must do
        free = others
    random = numpy_generator(seed, "screening", number)
    return learnt, random.permutation(free)

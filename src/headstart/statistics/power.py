"""The smallest difference that a study could have found, and how more draws or test rows would lower it.

Power of a t-test whose variance is known in parts. The idea of a minimum detectable difference: Lehr, Statistics in
Medicine 11, 1992. The noncentral t distribution is integrated over its chi-square part, which is exact for few degrees
of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from headstart.statistics.analysis import Analysis, Difference, SizeTable
from headstart.statistics.intervals import Variance

POWER = 0.83  # of the t-test; with the sign flips that a claim must also pass, 80 % remain (benchmarks)
MOST_DRAWS = 200  # a plan beyond that many is no advice
MOST_ROWS = 100  # times the test rows, as well


@dataclass(frozen=True)
class Detectable:
    """What could be found between two entries at one label count, at the corrected level of the whole report.

    value: smallest true difference that is claimed in 80 % of such studies, infinite where no two scores differ so
    much. by_draws, by_rows: the same for other
    numbers of draws (test rows as they are) and of test rows (draws as they are). wanted: a difference worth finding.
    more_draws, more_rows: how many more are needed to find it, 0 where it is found already, None where no sensible
    number is enough.
    """

    first: str
    second: str
    level: float
    draws: int
    rows: int
    value: float
    by_draws: Mapping[int, float]
    by_rows: Mapping[int, float]
    wanted: float
    more_draws: int | None
    more_rows: int | None


def smallest_found(variance: Variance, draws: int, share: float, level: float) -> float:
    """Return the true difference that a two-sided test at `level` finds with probability `POWER`; share: of test rows.

    It solves P((z + d / error) / sqrt(chi2 / v) > t) = POWER for d, with chi2 at 200 of its quantiles.
    """
    error, freedom, _ = variance.at(draws, share)
    critical = -float(special.stdtrit(freedom, level / 2))
    root_Q = np.sqrt(special.chdtri(freedom, (np.arange(200) + 0.5) / 200) / freedom)
    low, high = 0.0, 2 * critical + 10
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        found = float(special.ndtr(middle - critical * root_Q).mean())
        low, high = (middle, high) if found < POWER else (low, middle)
    return high * error


def detectable(analysis: Analysis, size: int, pair: Difference, rows: int, wanted: float) -> Detectable | None:
    """Return what could be found between the entries of `pair` at a label count; None with too few draws.

    rows: number of test rows. The level is the first level of Holm's procedure, the strictest. Draws that are the whole
    labelled pool cannot become more.
    """
    if pair.variance is None:
        return None
    table, variance = analysis.tables[size], pair.variance
    level, draws = first_level(analysis), pair.draws
    most_apart = analysis.limits[1] - analysis.limits[0]

    def within_scale(found: float) -> float:
        return found if found <= most_apart else math.inf

    def by_draws(count: int) -> float:
        return within_scale(smallest_found(variance, count, 1.0, level))

    def by_rows(count: int) -> float:
        return within_scale(smallest_found(variance, draws, count / rows, level))

    times = (1, 2, 4)
    most = draws if table.fixed_pool else MOST_DRAWS
    needed_draws = _needed(by_draws, draws, most, wanted)
    needed_rows = _needed(by_rows, rows, MOST_ROWS * rows, wanted)
    return Detectable(
        first=pair.first,
        second=pair.second,
        level=level,
        draws=draws,
        rows=rows,
        value=by_draws(draws),
        by_draws={} if table.fixed_pool else {draws * n: by_draws(draws * n) for n in times},
        by_rows={rows * n: by_rows(rows * n) for n in times},
        wanted=wanted,
        more_draws=None if needed_draws is None else needed_draws - draws,
        more_rows=None if needed_rows is None else _rounded(needed_rows - rows),
    )


def first_level(analysis: Analysis) -> float:
    """Return the strictest level of the family *differs*."""
    levels = [pair.level for table in analysis.tables.values() for pair in table.pairs.values() if pair.asked]
    return min(levels) if levels else float("nan")


def telling_pair(table: SizeTable) -> Difference | None:
    """Return the difference that matters: best pre-trained and best classical entry, else the best two entries."""
    names = [best.entry for best in (table.best("pretrained"), table.best("classical")) if best]
    if len(names) < 2:
        names = [entry.entry for entry in table.judged][:2]
    return table.difference(*names) if len(names) == 2 else None


def _needed(value: Callable[[int], float], have: int, most: int, wanted: float) -> int | None:
    """Return the smallest count from `have` to `most` whose value is at most `wanted`, or None."""
    if value(have) <= wanted:
        return have
    if most <= have or value(most) > wanted:
        return None
    low, high = have, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if value(middle) > wanted else (low, middle)
    return high


def _rounded(count: int) -> int:
    """Return a count rounded up to two leading digits, enough for a plan."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // unit) * unit

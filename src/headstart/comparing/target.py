"""Is a score that was asked for reached, with how many labels, or is it out of reach?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from headstart.comparing.verdict import SizeVerdict
from headstart.core.errors import HeadstartError
from headstart.core.spec import MetricSpec
from headstart.statistics.analysis import Analysis
from headstart.statistics.forecast import curves
from headstart.statistics.labels_needed import labels_needed
from headstart.statistics.study import Study

TargetOutcome = Literal["reached", "unsure", "needs", "out_of_reach"]


@dataclass(frozen=True)
class Target:
    """The answer for a target score.

    score: what was asked for. outcome: `reached`: at `labels` labels, the fewest tried, the whole 95 % interval of the
    best entry's score is at or above it. `unsure`: at no label count, but at `labels` labels the interval holds it; of
    several, the fewest labels with a mean at or above it, else the most. `needs`: every interval lies below it, and the
    best entry's curve gets there at about `labels` labels (95 % interval `low` to `high`; None: beyond `limit`, or not
    known without a curve). `out_of_reach`: the curve levels off below it (`ceiling`, the upper end), or the whole
    interval lies beyond `limit` labels. entry: that this is said of. mean, mean_low, mean_high: its score at `labels`
    labels, where these were tried, else at `measured`, the most that were tried.
    """

    score: float
    outcome: TargetOutcome
    entry: str
    measured: int
    mean: float
    mean_low: float
    mean_high: float
    labels: float | None = None
    low: float | None = None
    high: float | None = None
    limit: int | None = None
    ceiling: float | None = None


def check_target(target: float | None, metric: MetricSpec) -> None:
    """Raise HeadstartError for a score that the metric cannot give: at most its best one, above its worst one."""
    if target is None:
        return
    worst, best = metric.limits
    if worst < target <= best:
        return
    near = next((value for value in (target / 100, target * 100) if worst < value <= best), None)
    hint = "" if near is None else f"; did you mean {near:g}?"
    raise HeadstartError(
        f"--target {target:g}: {metric.name} goes from {worst:g} to {best:g}; give a score above {worst:g}{hint}"
    )


def judge_target(study: Study, analysis: Analysis, verdicts: Sequence[SizeVerdict]) -> Target | None:
    """Return the answer for `facts["target"]`; None without a target, or without an entry that was shown to learn."""
    score = study.facts.get("target")
    judged = [one for one in verdicts if one.best is not None and one.low == one.low]
    if score is None or not judged:
        return None
    reached = [one for one in judged if one.low >= score]
    if reached:
        return _tried("reached", score, reached[0], analysis, judged)
    holds = [one for one in judged if one.high >= score]
    if holds:
        likely = [one for one in holds if _mean(analysis, one) >= score]
        return _tried("unsure", score, (likely or holds[-1:])[0], analysis, judged)
    return _ahead(score, judged[-1], study, analysis)


def _mean(analysis: Analysis, verdict: SizeVerdict) -> float:
    return analysis.tables[verdict.size].entries[verdict.best].mean


def _tried(
    outcome: TargetOutcome, score: float, at: SizeVerdict, analysis: Analysis, judged: Sequence[SizeVerdict]
) -> Target:
    mean = _mean(analysis, at)
    return Target(score, outcome, at.best, judged[-1].size, mean, at.low, at.high, labels=float(at.size))


def _ahead(score: float, last: SizeVerdict, study: Study, analysis: Analysis) -> Target:
    """Return what the best entry's curve says of a score above every interval."""
    told = score, last.best, last.size, _mean(analysis, last), last.low, last.high
    found = curves(analysis, last.best, study.overlaps)
    if found is None:
        return Target(told[0], "needs", *told[1:])
    need = labels_needed(found, score)
    far = need.low is None or need.ceiling < score
    return Target(
        told[0],
        "out_of_reach" if far else "needs",
        *told[1:],
        labels=need.value,
        low=need.low,
        high=need.high,
        limit=need.limit,
        ceiling=need.ceiling,
    )

"""What the result of a comparison shows in a notebook, in a console and as a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from headstart.comparing.cross import Crossing
from headstart.core.errors import HeadstartError
from headstart.reporting import charts
from headstart.reporting.answer import answer, finalists
from headstart.reporting.cross_page import crossing_sentences
from headstart.reporting.findings import findings
from headstart.reporting.number_text import signed_with_interval, with_interval
from headstart.reporting.pages import fill
from headstart.statistics.study import Study

_SHOWN = 20  # rows of a table in a notebook
RESULT = (
    *("entry", "kind", "base", "labels", "score", "low", "high", "draws", "seconds"),
    *("lead", "lead_low", "lead_high", "claim"),
)
CROSSING = tuple(one.name for one in fields(Crossing))


def result_repr(study: Study, folder: Path) -> str:
    """Return at most three lines: the winner with its score, whether pre-training paid, where the report is."""
    found = findings(study)
    if not found.verdicts:
        return f"<headstart result: nothing finished yet>\nreport: {folder}"
    last = found.verdicts[-1]
    entry = found.last.entries.get(last.best)
    limits = found.analysis.limits
    first = f"{last.best} {with_interval(entry.mean, last.low, last.high, limits)}" if entry else "no winner"
    paid = ", ".join(f"{one.size:,}: {one.worth.outcome.replace('_', ' ')}" for one in found.verdicts)
    return (
        f"<headstart result: {first} {study.metric.name} at {last.size:,} labels>\nworth it: {paid}\nreport: {folder}"
    )


def result_html(study: Study, language: str = "en") -> str:
    """Return the answer, a table of the finalists and the label-efficiency curve; nothing is loaded from outside."""
    found = findings(study)
    told = {"answer": answer(found, language), "finalists": finalists(found, language), "tables": found.analysis.tables}
    picture = charts.curve(found, charts.few_names(found))
    return fill("result.html.j2", language, found.analysis.limits, picture=picture, crossings=(), **told)


def result_rows(study: Study) -> list[dict[str, Any]]:
    """Return one row per entry and label count, with the columns `RESULT`.

    score, low, high: in units of the metric, 95 % interval. seconds: median of training and testing. lead, lead_low,
    lead_high, claim: over the best classical entry at this label count; None for that entry itself and without a pair.
    """
    found, out = findings(study), []
    bases = {facts.name: facts.base for facts in study.entries}
    for size, table in found.analysis.tables.items():
        classical = table.best("classical")
        for entry in table.entries.values():
            pair = table.difference(entry.entry, classical.entry) if classical and entry != classical else None
            values = [entry.entry, entry.kind, bases[entry.entry], size, entry.mean, entry.low, entry.high]
            values += [len(entry.scores), entry.seconds]
            values += [None] * 4 if pair is None else [pair.value, pair.low, pair.high, pair.claim]
            out.append(dict(zip(RESULT, values, strict=True)))
    return out


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> Any:
    """Return rows as a pandas DataFrame. Raises HeadstartError: pandas is not installed.

    columns: those that the frame has even without a row; () for those that the rows have.
    """
    try:
        import pandas
    except ImportError:
        raise HeadstartError(
            "to_frame() needs pandas, which is not installed: pip install pandas, or read report.json"
        ) from None
    return pandas.DataFrame(list(rows), columns=list(columns) or None)


def table_html(
    told: Sequence[str], rows: Sequence[Mapping[str, Any]], picture: Mapping[str, Any] | None, language: str
) -> str:
    """Return sentences, the first rows as a table, and a loss curve; nothing is loaded from outside."""
    shown = list(rows[:_SHOWN])
    more = len(rows) - len(shown)
    return fill("table.html.j2", language, told=told, rows=shown, more=more, picture=picture)


def crossing_repr(found: Sequence[Crossing], folder: Path, limits: tuple[float, float]) -> str:
    """Return at most three lines: how much was crossed, the largest loss from training elsewhere, the report."""
    away = [one for one in found if one.trained != one.tested and one.gap == one.gap]
    worst = min(away, key=lambda one: one.gap, default=None)
    told = f"{len(found)} crossings"
    if worst is None:
        return f"<headstart result: {told}>\nreport: {folder}"
    gap = signed_with_interval(worst.gap, worst.gap_low, worst.gap_high, limits)
    where = f"largest gap: {worst.entry}, {worst.size:,} labels, {worst.trained} to {worst.tested} {gap}"
    return f"<headstart result: {told}>\n{where}\nreport: {folder}"


def crossing_html(found: Sequence[Crossing], limits: tuple[float, float], language: str = "en") -> str:
    """Return all crossings as a table."""
    told = {"answer": crossing_sentences(found, language, limits)[:1], "finalists": (), "tables": {}, "picture": None}
    return fill("result.html.j2", language, limits, crossings=found, **told)


def crossing_rows(found: Sequence[Crossing]) -> list[dict[str, Any]]:
    """Return one row per crossing, with the columns `CROSSING`; see `Crossing`."""
    return [asdict(one) for one in found]

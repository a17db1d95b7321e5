"""The tables of a report: scores, parts of the test rows, calibration, confusions, what could have been found."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from headstart.comparing.verdict import SizeVerdict
from headstart.core.item_nouns import some_items
from headstart.reporting import charts, markup
from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import number, percent, places, signed_with_interval, with_interval
from headstart.reporting.phrases import counted, named, phrase
from headstart.reporting.remarks import remark
from headstart.reporting.svg import shorten
from headstart.statistics.analysis import EntrySummary, SizeTable
from headstart.statistics.calibration import Calibration
from headstart.statistics.power import Detectable
from headstart.statistics.slices import KINDS, SliceScore

MOST_LINES = 60  # of scores that are shown at once; else all but the most labels are folded
PLOTS = 3
LONGEST = 480.0  # px of an answer that is quoted
ORDER = ("clean", "contaminated", "short", "middle", "long")  # of the parts of the test rows; others follow


def scores(found: StudyFindings, language: str) -> str:
    """Return all entries at all label counts."""
    columns = ["entry", "mean", "interval", "sd", "difference", "time", "draws", "remark"]
    kinds = ["", "", "", "", "", "", "", "left last"]
    head = markup.table_row([phrase(language, name) for name in columns], kinds, tag="th")
    bodies = {one.size: _score_lines(found, one, len(columns), language) for one in found.verdicts}
    if sum(map(len, bodies.values())) <= MOST_LINES:
        told = markup.table("scores", head, bodies.values())
    else:
        told = markup.table(f"scores-{found.last.size}", head, [bodies.pop(found.last.size)])
        for size, lines in bodies.items():
            told += markup.folded(counted(language, [size]), markup.table(f"scores-{size}", head, [lines]))
    values = {"metric": found.study.metric.name, "test": f"{found.study.test_rows:,}"}
    told_of = phrase(language, "scores_note", **values) + _guessing(found, language)
    notes = markup.note(told_of)
    if any(table.best("classical") for table in found.analysis.tables.values()):
        notes += markup.note(phrase(language, "differences_note"))
    return markup.section(phrase(language, "scores"), notes, told)


def _guessing(found: StudyFindings, language: str) -> str:
    """Return what an entry must beat to be called better than guessing; for classes what a constant answer scores."""
    analysis, metric = found.analysis, found.study.metric
    constant = number(analysis.constant, places(analysis.unit))
    if analysis.classes:
        return phrase(language, "constant_note", answer=analysis.constant_answer, constant=constant)
    name = "guessing_ranks" if metric.task == "retrieve" else "guessing_dealt"
    told = phrase(language, name, items=some_items(found.takes, language))
    if metric.task == "regress":
        told += phrase(language, "undefined")
    if analysis.constant == analysis.constant:
        answer = (
            shorten(analysis.constant_answer, LONGEST) if analysis.constant_answer else phrase(language, "no_answer")
        )
        told += phrase(language, "guessing_constant", answer=answer, constant=constant)
    return told


def _score_lines(found: StudyFindings, verdict: SizeVerdict, columns: int, language: str) -> list[str]:
    table = found.analysis.tables[verdict.size]
    lines = [_score_line(found, entry, table, verdict, language) for entry in table.entries.values()]
    return [markup.spanning(counted(language, [table.size]), columns), *lines]


def _score_line(
    found: StudyFindings, entry: EntrySummary, table: SizeTable, verdict: SizeVerdict, language: str
) -> str:
    classical = table.best("classical")
    lead = table.difference(entry.entry, classical.entry) if classical and classical.entry != entry.entry else None
    span = (
        "–"
        if entry.low != entry.low
        else with_interval(entry.mean, entry.low, entry.high, found.analysis.limits).partition(" ")[2]
    )
    best = found.analysis.unit
    gap = signed_with_interval(lead.value, lead.low, lead.high, found.analysis.limits) if lead else "–"
    cells = [
        entry.entry,
        number(entry.mean, places(best)),
        span,
        number(entry.sd, places(best)),
        gap,
        f"{entry.seconds:.1f}",
        f"{len(entry.scores)}",
    ]
    aside = entry.entry in (*verdict.unlearned, *verdict.unshown) or entry.kind == "majority"
    kind = "best" if entry.entry == verdict.best else "out" if aside else ""
    told = remark(found.study, entry, table, verdict, language)
    return markup.table_row([*cells, told], ["", *["span"] * 6, "left"], kind)


def slice_tables(found: StudyFindings, language: str) -> str:
    """Return scores on parts of the test rows, the most labels first, and on classes at the most labels."""
    given = [one for one in found.slices.scores if one.kind == "given"]
    others = dict.fromkeys(one.slice for one in given)
    names = [*(name for name in ORDER if name in others), *(name for name in others if name not in ORDER)]
    kinds = [kind for kind in KINDS if any(table.best(kind) for table in found.analysis.tables.values())]
    leads = {(one.size, one.slice): one for one in found.slices.leads}
    titles = ["part", "part_rows", *(f"kind_{kind}" for kind in kinds), *(["lead"] if leads else [])]
    head = markup.table_row([phrase(language, name) for name in titles], tag="th")
    out = []
    for table in reversed(found.analysis.tables.values()):
        best = [table.best(kind) for kind in kinds]
        shown = [entry.entry if entry else "–" for entry in best]
        lines = [markup.table_row([counted(language, [table.size]), "", *shown, *([""] if leads else [])], tag="th")]
        for name in names:
            told = [found.slices.score(entry, table.size, name) for entry in shown]
            if any(told):
                lead = leads.get((table.size, name))
                lines.append(
                    _slice_line(named(language, "slice", name), told, found.analysis.limits, lead if leads else False)
                )
        if len(lines) > 1:
            body = markup.table(f"slices-{table.size}", head, [lines])
            out.append(body if not out else markup.folded(counted(language, [table.size]), body))
    note = markup.note(phrase(language, "slices_note")) if out else ""
    return markup.section(phrase(language, "slices"), note, *out, _class_table(found, language))


def _slice_line(
    name: str, told: Sequence[SliceScore | None], limits: tuple[float, float] = (0.0, 1.0), lead: Any = False
) -> str:
    """Return the table row of a part. lead: a SliceLead, None where there is none, False where leads have no column."""
    marks = {"better": " ▲", "worse": " ▼", "undecided": ""}
    cells = [with_interval(one.mean, one.low, one.high, limits) + marks[one.claim] if one else "–" for one in told]
    last = [] if lead is False else [signed_with_interval(lead.value, lead.low, lead.high, limits) if lead else "–"]
    rows = next(one.rows for one in told if one)
    return markup.table_row([name, f"{rows:,}", *cells, *last], ["", *["span"] * (len(cells) + 1 + len(last))])


def _class_table(found: StudyFindings, language: str) -> str:
    """Return how much of each class is found, for the best entry of each kind at the most labels."""
    table = found.last
    best = [entry.entry for kind in KINDS if (entry := table.best(kind))]
    parts = {
        (one.entry, one.slice): one for one in found.slices.scores if (one.kind, one.size) == ("class", table.size)
    }
    head = markup.table_row([phrase(language, "class"), phrase(language, "part_rows"), *best], tag="th")
    told = {name: [parts.get((entry, name)) for entry in best] for name in found.study.classes}
    lines = [_slice_line(name, scores_) for name, scores_ in told.items() if any(scores_)]
    heading = phrase(language, "slices_classes", labels=counted(language, [table.size]))
    return markup.folded(heading, markup.table("classes", head, [lines]))


def calibrated(found: StudyFindings, language: str) -> str:
    """Return reliability plots of the entries that matter and the numbers of all entries, at the most labels."""
    told = found.calibration.get(found.last.size, ())
    by_entry = {one.entry: one for one in told}
    shown = [by_entry[name] for name in found.telling if name in by_entry][:PLOTS] or list(told[:PLOTS])
    titles = ["entry", "ECE", "calibration_error", "Brier", "log_loss", "confidence", "draws"]
    head = markup.table_row([name if name[0].isupper() else phrase(language, name) for name in titles], tag="th")
    lines = [_calibration_line(one) for one in told]
    everything = markup.folded(phrase(language, "all_entries"), markup.table("calibration", head, [lines]))
    labels = counted(language, [found.last.size])
    heading = phrase(language, "calibration", labels=labels)
    note = markup.note(phrase(language, "calibration_note")) if told else ""
    return markup.section(heading, note, charts.reliability(found, shown, language), everything)


def _calibration_line(one: Calibration) -> str:
    error = with_interval(one.error, one.low, one.high)
    cells = [number(one.ece), error, number(one.brier), number(one.log_loss), number(one.confidence), f"{one.draws}"]
    return markup.table_row([one.entry, *cells], ["", *["span"] * len(cells)])


def confusions(found: StudyFindings, language: str) -> str:
    """Return the confusion matrix of the best entry at the most labels; for many classes its most frequent mistakes."""
    mixed = found.confusion
    if mixed is None:
        return ""
    told = {"entry": mixed.entry, "labels": counted(language, [mixed.labels])}
    if mixed.counts is None:
        titles = ["true_class", "called", "part_rows", "share"]
        head = markup.table_row([phrase(language, name) for name in titles], ["", "left"], tag="th")
        lines = [
            markup.table_row([one.true, one.called, f"{one.rows:,}", percent(one.share)], ["", "left name"])
            for one in mixed.most
        ]
        table = markup.table("confused", head, [lines])
        note = markup.note(phrase(language, "confused_note")) if table else ""
        return markup.section(phrase(language, "confused", **told), note, table)
    counts_CC = np.array(mixed.counts)
    shares_CC = counts_CC / np.maximum(counts_CC.sum(1, keepdims=True), 1)
    lines = []
    for name, share_C in zip(found.study.classes, shares_CC):
        cells = "".join(
            f'<td style="background:color-mix(in srgb,var(--c0) {share * 60:.0f}%,var(--paper))">{100 * share:.0f}</td>'
            for share in share_C
        )
        lines.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    table = markup.table("confusion", markup.table_row(["", *found.study.classes], tag="th"), [lines], "confusion")
    return markup.section(phrase(language, "confusion", **told), markup.note(phrase(language, "confusion_note")), table)


def power(found: StudyFindings, language: str) -> str:
    """Return what could have been found at each label count, and what more draws or test rows would bring."""
    plans = [(one.size, one.plan) for one in found.verdicts if one.plan]
    if not plans:
        return ""
    digits = places(found.analysis.unit)
    wanted = number(plans[0][1].wanted, digits)
    titles = [phrase(language, name) for name in ("label_count", "pair", "finds", "by_draws", "by_rows")]
    head = markup.table_row(
        [*titles, phrase(language, "to_find", wanted=wanted)], ["", "left", "", "", "", "left"], tag="th"
    )
    lines = [
        markup.table_row(
            [
                f"{size:,}",
                f"{plan.first} – {plan.second}",
                _findable(plan.value, found.analysis.limits),
                *_by(plan, found.analysis.limits),
                _wanted(plan, language),
            ],
            ["", "left name", "", "", "", "left"],
        )
        for size, plan in plans
    ]
    return markup.section(
        phrase(language, "power"),
        markup.note(phrase(language, "power_note")),
        markup.table("power", head, [lines], "short"),
    )


def _findable(value: float, limits: tuple[float, float]) -> str:
    """Return the smallest difference that can be found; a dash where no two scores differ so much."""
    return number(value, places(limits[1])) if value <= limits[1] - limits[0] else "–"


def _by(plan: Detectable, limits: tuple[float, float]) -> list[str]:
    """Return the smallest findable differences with other numbers of draws, and of test rows."""
    found = (plan.by_draws, plan.by_rows)
    return ["; ".join(f"{count:,}: {_findable(value, limits)}" for count, value in by.items()) or "–" for by in found]


def _wanted(plan: Detectable, language: str) -> str:
    """Return what it takes to find a difference worth having."""
    if plan.more_draws == 0 or plan.more_rows == 0:
        return phrase(language, "plan_found")
    plans = [("draws", plan.more_draws), ("rows", plan.more_rows)]
    told = [phrase(language, f"plan_{name}", count=f"{count:,}") for name, count in plans if count]
    return f" {phrase(language, 'plan_or')} ".join(told) or phrase(language, "plan_none")


def effect_table(found: StudyFindings, language: str) -> str:
    """Return the effect of every change of an ablation, the most helpful first, by label count."""
    told = found.study.facts["ablation"]["effects"]
    titles = ["change", "effect", "draws", "claim"]
    head = markup.table_row([phrase(language, name) for name in titles], ["", "", "", "left last"], tag="th")
    bodies = []
    for size in dict.fromkeys(one["size"] for one in told):
        here = sorted((one for one in told if one["size"] == size), key=lambda one: -one["value"])
        lines = [markup.spanning(counted(language, [size]), len(titles))]
        for one in here:
            span = signed_with_interval(one["value"], one["low"], one["high"], found.analysis.limits)
            cells = [span, f"{one['draws']}"]
            claim = phrase(language, f"claim_{one['claim']}")
            kind = "out" if one["claim"] == "undecided" else ""
            lines.append(markup.table_row([one["change"], *cells, claim], ["", "span", "span", "left"], kind))
        bodies.append(lines)
    return markup.table("effects", head, bodies)

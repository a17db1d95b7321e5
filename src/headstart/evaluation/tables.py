"""The report's tables of results: scores, parts of the test rows, calibration, confusions, what could be found."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from headstart.evaluation import charts, html
from headstart.evaluation.analysis import RowSummary, SizeTable
from headstart.evaluation.calibration import Calibration
from headstart.evaluation.power import Detectable
from headstart.evaluation.slices import KINDS, SliceScore
from headstart.evaluation.summary import Findings, remark
from headstart.evaluation.verdict import SizeVerdict
from headstart.evaluation.words import counted, led, number, percent, say, slice_name, spanned

MOST_LINES = 60  # of scores that are shown at once; else all but the most labels are folded
PLOTS = 3
ORDER = ("clean", "contaminated", "short", "middle", "long")  # of the parts of the test rows; others follow


def scores(found: Findings, language: str) -> str:
    """Return all rows at all label counts."""
    columns = ["row", "mean", "interval", "sd", "difference", "time", "draws", "remark"]
    kinds = ["", "", "", "", "", "", "", "left last"]
    head = html.row([say(language, name) for name in columns], kinds, tag="th")
    bodies = {one.size: _score_lines(found, one, len(columns), language) for one in found.verdicts}
    if sum(map(len, bodies.values())) <= MOST_LINES:
        told = html.table("scores", head, bodies.values())
    else:
        told = html.table(f"scores-{found.last.size}", head, [bodies.pop(found.last.size)])
        for size, lines in bodies.items():
            told += html.folded(counted(language, [size]), html.table(f"scores-{size}", head, [lines]))
    constant, answer = number(found.analysis.constant), found.analysis.constant_class
    values = {"metric": found.study.metric.name, "test": f"{len(found.study.truth_N):,}", "answer": answer}
    notes = html.note(say(language, "scores_note", constant=constant, **values))
    if any(table.best("classical") for table in found.analysis.tables.values()):
        notes += html.note(say(language, "differences_note"))
    return html.section(say(language, "scores"), notes, told)


def _score_lines(found: Findings, verdict: SizeVerdict, columns: int, language: str) -> list[str]:
    table = found.analysis.tables[verdict.size]
    lines = [_score_line(found, row, table, verdict, language) for row in table.rows.values()]
    return [html.spanning(counted(language, [table.size]), columns), *lines]


def _score_line(found: Findings, row: RowSummary, table: SizeTable, verdict: SizeVerdict, language: str) -> str:
    classical = table.best("classical")
    lead = table.difference(row.row, classical.row) if classical and classical.row != row.row else None
    span = "–" if row.low != row.low else spanned(row.mean, row.low, row.high).partition(" ")[2]
    gap = led(lead.value, lead.low, lead.high) if lead else "–"
    cells = [row.row, number(row.mean), span, number(row.sd), gap, f"{row.seconds:.1f}", f"{len(row.scores)}"]
    aside = row.row in (*verdict.unlearned, *verdict.unshown) or row.kind == "majority"
    kind = "best" if row.row == verdict.best else "out" if aside else ""
    told = remark(found.study, row, table, verdict, language)
    return html.row([*cells, told], ["", *["span"] * 6, "left"], kind)


def slice_tables(found: Findings, language: str) -> str:
    """Return scores on parts of the test rows, the most labels first, and on classes at the most labels."""
    given = [one for one in found.slices.scores if one.kind == "given"]
    others = dict.fromkeys(one.slice for one in given)
    names = [*(name for name in ORDER if name in others), *(name for name in others if name not in ORDER)]
    kinds = [kind for kind in KINDS if any(table.best(kind) for table in found.analysis.tables.values())]
    leads = {(one.size, one.slice): one for one in found.slices.leads}
    titles = ["part", "part_rows", *(f"kind_{kind}" for kind in kinds), *(["lead"] if leads else [])]
    head = html.row([say(language, name) for name in titles], tag="th")
    out = []
    for table in reversed(found.analysis.tables.values()):
        best = [table.best(kind) for kind in kinds]
        shown = [row.row if row else "–" for row in best]
        lines = [html.row([counted(language, [table.size]), "", *shown, *([""] if leads else [])], tag="th")]
        for name in names:
            told = [found.slices.score(row, table.size, name) for row in shown]
            if any(told):
                lead = leads.get((table.size, name))
                lines.append(_slice_line(slice_name(language, name), told, lead if leads else False))
        if len(lines) > 1:
            body = html.table(f"slices-{table.size}", head, [lines])
            out.append(body if not out else html.folded(counted(language, [table.size]), body))
    note = html.note(say(language, "slices_note")) if out else ""
    return html.section(say(language, "slices"), note, *out, _class_table(found, language))


def _slice_line(name: str, told: Sequence[SliceScore | None], lead: Any = False) -> str:
    """Return a part's line. lead: a SliceLead, None where there is none, False without a column for it."""
    marks = {"better": " ▲", "worse": " ▼", "undecided": ""}
    cells = [spanned(one.mean, one.low, one.high) + marks[one.claim] if one else "–" for one in told]
    last = [] if lead is False else [led(lead.value, lead.low, lead.high) if lead else "–"]
    rows = next(one.rows for one in told if one)
    return html.row([name, f"{rows:,}", *cells, *last], ["", *["span"] * (len(cells) + 1 + len(last))])


def _class_table(found: Findings, language: str) -> str:
    """Return how much of each class is found, for the best row of each kind at the most labels."""
    table = found.last
    best = [row.row for kind in KINDS if (row := table.best(kind))]
    parts = {(one.row, one.slice): one for one in found.slices.scores if (one.kind, one.size) == ("class", table.size)}
    head = html.row([say(language, "class"), say(language, "part_rows"), *best], tag="th")
    told = {name: [parts.get((row, name)) for row in best] for name in found.study.classes}
    lines = [_slice_line(name, scores_) for name, scores_ in told.items() if any(scores_)]
    heading = say(language, "slices_classes", labels=counted(language, [table.size]))
    return html.folded(heading, html.table("classes", head, [lines]))


def calibrated(found: Findings, language: str) -> str:
    """Return reliability plots of the rows that matter and the numbers of all rows, at the most labels."""
    told = found.calibration.get(found.last.size, ())
    by_row = {one.row: one for one in told}
    shown = [by_row[name] for name in found.telling if name in by_row][:PLOTS] or list(told[:PLOTS])
    titles = ["row", "ECE", "calibration_error", "Brier", "log_loss", "confidence", "draws"]
    head = html.row([name if name[0].isupper() else say(language, name) for name in titles], tag="th")
    lines = [_calibration_line(one) for one in told]
    everything = html.folded(say(language, "all_rows"), html.table("calibration", head, [lines]))
    labels = counted(language, [found.last.size])
    heading = say(language, "calibration", labels=labels)
    note = html.note(say(language, "calibration_note")) if told else ""
    return html.section(heading, note, charts.reliability(found, shown, language), everything)


def _calibration_line(one: Calibration) -> str:
    error = spanned(one.error, one.low, one.high)
    cells = [number(one.ece), error, number(one.brier), number(one.log_loss), number(one.confidence), f"{one.draws}"]
    return html.row([one.row, *cells], ["", *["span"] * len(cells)])


def confusions(found: Findings, language: str) -> str:
    """Return the confusion matrix of the best row at the most labels, with many classes its most frequent mistakes."""
    mixed = found.confusion
    if mixed is None:
        return ""
    told = {"row": mixed.row, "labels": counted(language, [mixed.labels])}
    if mixed.counts is None:
        titles = ["true_class", "called", "part_rows", "share"]
        head = html.row([say(language, name) for name in titles], ["", "left"], tag="th")
        lines = [
            html.row([one.true, one.called, f"{one.rows:,}", percent(one.share)], ["", "left name"])
            for one in mixed.most
        ]
        table = html.table("confused", head, [lines])
        note = html.note(say(language, "confused_note")) if table else ""
        return html.section(say(language, "confused", **told), note, table)
    counts_CC = np.array(mixed.counts)
    shares_CC = counts_CC / np.maximum(counts_CC.sum(1, keepdims=True), 1)
    lines = []
    for name, share_C in zip(found.study.classes, shares_CC):
        cells = "".join(
            f'<td style="background:color-mix(in srgb,var(--c0) {share * 60:.0f}%,var(--paper))">{100 * share:.0f}</td>'
            for share in share_C
        )
        lines.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    table = html.table("confusion", html.row(["", *found.study.classes], tag="th"), [lines], "confusion")
    return html.section(say(language, "confusion", **told), html.note(say(language, "confusion_note")), table)


def power(found: Findings, language: str) -> str:
    """Return what could have been found at each label count, and what more draws or test rows would bring."""
    plans = [(one.size, one.plan) for one in found.verdicts if one.plan]
    if not plans:
        return ""
    wanted = number(plans[0][1].wanted)
    titles = [say(language, name) for name in ("label_count", "pair", "finds", "by_draws", "by_rows")]
    head = html.row([*titles, say(language, "to_find", wanted=wanted)], ["", "left", "", "", "", "left"], tag="th")
    lines = [
        html.row(
            [f"{size:,}", f"{plan.first} – {plan.second}", number(plan.value), *_by(plan), _wanted(plan, language)],
            ["", "left name", "", "", "", "left"],
        )
        for size, plan in plans
    ]
    return html.section(
        say(language, "power"), html.note(say(language, "power_note")), html.table("power", head, [lines], "short")
    )


def _by(plan: Detectable) -> list[str]:
    """Return what other numbers of draws, and of test rows, would find."""
    found = (plan.by_draws, plan.by_rows)
    return ["; ".join(f"{count:,}: {number(value)}" for count, value in by.items()) or "–" for by in found]


def _wanted(plan: Detectable, language: str) -> str:
    """Return what it takes to find a difference worth having."""
    if plan.more_draws == 0 or plan.more_rows == 0:
        return say(language, "plan_found")
    plans = [("draws", plan.more_draws), ("rows", plan.more_rows)]
    told = [say(language, f"plan_{name}", count=f"{count:,}") for name, count in plans if count]
    return f" {say(language, 'plan_or')} ".join(told) or say(language, "plan_none")


def effect_table(found: Findings, language: str) -> str:
    """Return the effect of every change of an ablation, the most helpful first, by label count."""
    told = found.study.facts["ablation"]["effects"]
    titles = ["change", "effect", "draws", "claim"]
    head = html.row([say(language, name) for name in titles], ["", "", "", "left last"], tag="th")
    bodies = []
    for size in dict.fromkeys(one["size"] for one in told):
        here = sorted((one for one in told if one["size"] == size), key=lambda one: -one["value"])
        lines = [html.spanning(counted(language, [size]), len(titles))]
        for one in here:
            cells = [led(one["value"], one["low"], one["high"]), f"{one['draws']}"]
            claim = say(language, f"claim_{one['claim']}")
            kind = "out" if one["claim"] == "undecided" else ""
            lines.append(html.row([one["change"], *cells, claim], ["", "span", "span", "left"], kind))
        bodies.append(lines)
    return html.table("effects", head, bodies)

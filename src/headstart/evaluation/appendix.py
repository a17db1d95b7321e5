"""The report's last part, for whoever checks it: what did not run, where the time went, receipts, data, settings."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

from headstart.evaluation import html
from headstart.evaluation.analysis import SLIGHT
from headstart.evaluation.study import Cell
from headstart.evaluation.summary import Findings, gathered_notes, grouped_failures
from headstart.evaluation.words import counted, duration, number, say, signed

ID = 12  # digits of a cell's id that are shown; enough to find it by
MOST_CLASSES = 50


def absent(found: Findings, language: str) -> str:
    """Return the rows that could not run and why, and those that did not learn."""
    told = [(name, sizes, reason) for name, sizes, reason in grouped_failures(found.study)]
    for kind, words in (("unlearned", {"slight": signed(SLIGHT)}), ("unshown", {})):
        names = dict.fromkeys(name for one in found.verdicts for name in getattr(one, kind))
        for name in names:
            sizes = [one.size for one in found.verdicts if name in getattr(one, kind)]
            told.append((name, sizes, say(language, f"why_{kind}", **words)))
    head = html.row([say(language, name) for name in ("row", "label_count", "reason")], ["", "left", "left"], tag="th")
    lines = [
        html.row([name, ", ".join(f"{size:,}" for size in sizes), reason], ["", "left span", "left"])
        for name, sizes, reason in told
    ]
    return html.section(say(language, "absent"), html.table("absent", head, [lines]))


def chosen(found: Findings, language: str) -> str:
    """Return what the rows chose and counted, folded."""
    lines = []
    for name, by_size in gathered_notes(found.study).items():
        for size, told in by_size.items():
            words = "; ".join(f"{key} {value}" for key, value in told.items())
            lines.append(html.row([name, f"{size:,}", words], ["", "", "left"]))
    head = html.row([say(language, "row"), say(language, "label_count"), ""], ["", "", "left"], tag="th")
    body = html.table("chosen", head, [lines])
    return html.folded(say(language, "chosen"), body and html.note(say(language, "chosen_note")) + body)


def budget(found: Findings, language: str) -> str:
    """Return the time asked for and spent, in all and by row."""
    study, costs = found.study, [one for one in found.costs if one.cells]
    if not costs:
        return ""
    training, testing = sum(one.training for one in costs), sum(one.testing for one in costs)
    spent = {"spent": training + testing, "training": training, "testing": testing}
    words = {name: duration(language, seconds) for name, seconds in spent.items()}
    planned = len(study.rows) * len(study.sizes) * study.draws
    told = say(language, "budget_spent", cells=f"{len(study.cells):,}", planned=f"{planned:,}", **words)
    if asked := study.facts.get("minutes"):
        told = f"{say(language, 'budget_asked', asked=duration(language, 60 * asked))} {told}"
    tables = found.analysis.tables
    titles = [say(language, name) for name in ("row", "cells", "training", "test", "total")]
    titles += [say(language, "median_at", labels=counted(language, [size])) for size in tables]
    lines = []
    for one in sorted(costs, key=lambda one: -one.seconds):
        medians = [table.rows[one.row].seconds if one.row in table.rows else None for table in tables.values()]
        cells = [f"{one.cells}", *(f"{value:.1f}" for value in (one.training, one.testing, one.seconds))]
        cells += ["–" if value is None else f"{value:.1f}" for value in medians]
        lines.append(html.row([one.row, *cells]))
    body = html.folded(say(language, "budget_rows"), html.table("budget", html.row(titles, tag="th"), [lines]))
    return html.section(say(language, "budget"), f"<p>{escape(told)}</p>", body)


def receipts(found: Findings, language: str) -> str:
    """Return how to make cells again, what they were made from, and, folded, a line for each."""
    study = found.study
    if not study.cells:
        return ""
    place = {facts.name: number_ for number_, facts in enumerate(study.rows)}
    cells = sorted(study.cells, key=lambda cell: (place.get(cell.row, len(place)), cell.size, cell.draw))
    blocks = []
    for name, own in groupby(cells, key=lambda cell: cell.row):
        blocks.append(f"<b>{escape(name)}</b>\n" + "\n".join(map(_receipt_line, own)))
    listed = f'<pre class="receipts" id="receipts">{chr(10).join(blocks)}</pre>'
    note = say(language, "receipts_note", command="headstart verify REPORT ID")
    summary = say(language, "receipts_folded", cells=f"{len(cells):,}")
    return html.section(
        say(language, "receipts"), html.note(note), html.facts(_made_from(cells)), html.folded(summary, listed)
    )


def _receipt_line(cell: Cell) -> str:
    identity = str(cell.receipt.get("cell", ""))[:ID]
    where = f"{cell.size}/{cell.draw + 1}"
    return f"{where:<9} {number(cell.score, 4):>6} {cell.seconds:>7.1f}  {identity}".rstrip()


def _made_from(cells: list[Cell]) -> dict[str, Any]:
    """Return what the cells' receipts have in common, or all that there is: hashes, splits, seeds, versions."""
    seen: dict[str, dict[str, None]] = {}
    for cell in cells:
        made = cell.receipt
        named = {f"{part} rows": value for part, value in made.get("data", {}).items()}
        named |= {f"workspace {part}": value for part, value in made.get("workspace", {}).items()}
        split = {name: value for name, value in made.get("split", {}).items() if name in ("how", "seed", "folds")}
        named |= {f"split {name}": value for name, value in split.items()}
        named |= {name: made[name] for name in ("seed", "threads", "machine") if name in made}
        named |= made.get("versions", {})
        for name, value in named.items():
            seen.setdefault(name, {})[str(value)] = None
    return {name: list(values) for name, values in seen.items()}


def data(found: Findings, language: str) -> str:
    """Return the ledger, the bases and, folded, the class counts."""
    stated = found.study.facts
    counts = stated.get("classes", {})
    head = html.row([say(language, name) for name in ("class", *counts)], tag="th")
    names = found.study.classes[:MOST_CLASSES] if counts else ()
    lines = [html.row([name, *(f"{counts[part].get(name, 0):,}" for part in counts)]) for name in names]
    table = html.table("data", head, [lines])
    ledger = html.facts(stated.get("data", {})) + html.facts(stated.get("ledger", {}))
    bases = "".join(html.facts({name: _flat(made)}) for name, made in stated.get("bases", {}).items())
    shown = table if len(lines) <= 10 else html.folded(f"{say(language, 'class')} ({len(counts['test'])})", table)
    return html.section(say(language, "data"), ledger, bases, shown)


def _flat(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of a base's receipt that fit in a line; report.json has the others."""
    return {name: value for name, value in receipt.items() if not isinstance(value, dict | list | tuple)}


def settings(found: Findings, language: str) -> str:
    """Return settings, versions and the command."""
    stated = found.study.facts
    shown = {"metric": found.study.metric.to_dict(), **stated.get("settings", {}), **stated.get("versions", {})}
    if "made" in stated:
        shown["made"] = stated["made"]
    command = stated.get("command")
    again = html.section(say(language, "rerun"), f"<pre>{escape(str(command))}</pre>" if command else "")
    return html.section(say(language, "settings"), html.facts(shown)) + again

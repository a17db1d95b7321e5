"""The last part of a report, for checking it: what did not run, where the time went, receipts, data, settings."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

from headstart.reporting import markup
from headstart.reporting.findings import StudyFindings, gathered_notes, grouped_failures
from headstart.reporting.number_text import number, places, signed
from headstart.reporting.phrases import counted, duration, phrase
from headstart.statistics.analysis import SLIGHT
from headstart.statistics.study import Cell

ID = 12  # digits of a cell's id that are shown, enough to find the cell
MOST_CLASSES = 50


def absent(found: StudyFindings, language: str) -> str:
    """Return the entries that could not run and why, and the entries that did not learn."""
    told = [(name, sizes, reason) for name, sizes, reason in grouped_failures(found.study)]
    unlearned = {one.size: one.unlearned for one in found.verdicts}
    unshown = {one.size: one.unshown for one in found.verdicts}
    reasons = (
        phrase(language, "why_unlearned", slight=signed(SLIGHT * found.analysis.unit, places(found.analysis.unit))),
        phrase(language, "why_unshown"),
    )
    for by_size, reason in zip((unlearned, unshown), reasons):
        names = dict.fromkeys(name for names in by_size.values() for name in names)
        told += [(name, [size for size, own in by_size.items() if name in own], reason) for name in names]
    head = markup.table_row(
        [phrase(language, name) for name in ("entry", "label_count", "reason")], ["", "left", "left"], tag="th"
    )
    lines = [
        markup.table_row([name, ", ".join(f"{size:,}" for size in sizes), reason], ["", "left span", "left"])
        for name, sizes, reason in told
    ]
    return markup.section(phrase(language, "absent"), markup.table("absent", head, [lines]))


def chosen(found: StudyFindings, language: str) -> str:
    """Return what the entries chose and counted, folded."""
    lines = []
    for name, by_size in gathered_notes(found.study).items():
        for size, told in by_size.items():
            words = "; ".join(f"{key} {value}" for key, value in told.items())
            lines.append(markup.table_row([name, f"{size:,}", words], ["", "", "left"]))
    head = markup.table_row(
        [phrase(language, "entry"), phrase(language, "label_count"), ""], ["", "", "left"], tag="th"
    )
    body = markup.table("chosen", head, [lines])
    return markup.folded(phrase(language, "chosen"), body and markup.note(phrase(language, "chosen_note")) + body)


def budget(found: StudyFindings, language: str) -> str:
    """Return the time asked for and spent, in all and by entry."""
    study, costs = found.study, [one for one in found.costs if one.cells]
    if not costs:
        return ""
    training, testing = sum(one.training for one in costs), sum(one.testing for one in costs)
    spent = {"spent": training + testing, "training": training, "testing": testing}
    words = {name: duration(language, seconds) for name, seconds in spent.items()}
    planned = len(study.entries) * len(study.sizes) * study.draws
    told = phrase(language, "budget_spent", cells=f"{len(study.cells):,}", planned=f"{planned:,}", **words)
    if asked := study.facts.get("minutes"):
        told = f"{phrase(language, 'budget_asked', asked=duration(language, 60 * asked))} {told}"
    tables = found.analysis.tables
    titles = [phrase(language, name) for name in ("entry", "cells", "training", "test", "total")]
    titles += [phrase(language, "median_at", labels=counted(language, [size])) for size in tables]
    lines = []
    for one in sorted(costs, key=lambda one: -one.seconds):
        own = [table.entries.get(one.entry) for table in tables.values()]
        cells = [f"{one.cells}", *(f"{value:.1f}" for value in (one.training, one.testing, one.seconds))]
        cells += [f"{entry.seconds:.1f}" if entry else "–" for entry in own]
        lines.append(markup.table_row([one.entry, *cells]))
    body = markup.folded(
        phrase(language, "budget_entries"), markup.table("budget", markup.table_row(titles, tag="th"), [lines])
    )
    return markup.section(phrase(language, "budget"), f"<p>{escape(told)}</p>", body)


def receipts(found: StudyFindings, language: str) -> str:
    """Return how to make cells again, what they were made from, and, folded, a line for each."""
    study = found.study
    if not study.cells:
        return ""
    place = {facts.name: number_ for number_, facts in enumerate(study.entries)}
    cells = sorted(study.cells, key=lambda cell: (place.get(cell.entry, len(place)), cell.size, cell.draw))
    blocks = []
    for name, own in groupby(cells, key=lambda cell: cell.entry):
        digits = places(found.analysis.unit) + 1
        blocks.append(f"<b>{escape(name)}</b>\n" + "\n".join(_receipt_line(cell, digits) for cell in own))
    listed = f'<pre class="receipts" id="receipts">{chr(10).join(blocks)}</pre>'
    note = phrase(language, "receipts_note", command="headstart verify REPORT ID")
    summary = phrase(language, "receipts_folded", cells=f"{len(cells):,}")
    return markup.section(
        phrase(language, "receipts"),
        markup.note(note),
        markup.facts(_made_from(cells)),
        markup.folded(summary, listed),
    )


def _receipt_line(cell: Cell, digits: int) -> str:
    identity = str(cell.receipt.get("cell", ""))[:ID]
    where = f"{cell.size}/{cell.draw + 1}"  # as `verify` takes it
    return f"{where:<9} {number(cell.score, digits):>6} {cell.seconds:>7.1f}  {identity}".rstrip()


def _made_from(cells: list[Cell]) -> dict[str, Any]:
    """Return all values of the cells' receipts by name: hashes, splits, seeds, versions."""
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


def data(found: StudyFindings, language: str) -> str:
    """Return the ledger, the bases and, folded, the class counts."""
    stated = found.study.facts
    counts = stated.get("classes", {})
    head = markup.table_row([phrase(language, name) for name in ("class", *counts)], tag="th")
    names = found.study.classes[:MOST_CLASSES] if counts else ()
    lines = [markup.table_row([name, *(f"{counts[part].get(name, 0):,}" for part in counts)]) for name in names]
    table = markup.table("data", head, [lines])
    ledger = markup.facts(stated.get("data", {})) + markup.facts(stated.get("ledger", {}))
    bases = "".join(markup.facts({name: _flat(made)}) for name, made in stated.get("bases", {}).items())
    shown = table if len(lines) <= 10 else markup.folded(f"{phrase(language, 'class')} ({len(counts['test'])})", table)
    return markup.section(phrase(language, "data"), ledger, bases, shown)


def _flat(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of a base's receipt that fit in a line; report.json has the others."""
    return {name: value for name, value in receipt.items() if not isinstance(value, dict | list | tuple)}


def settings(found: StudyFindings, language: str) -> str:
    """Return settings, versions and the command."""
    stated = found.study.facts
    shown = {"metric": found.study.metric.to_dict(), **stated.get("settings", {}), **stated.get("versions", {})}
    shown["seed"] = str(shown.get("seed", "–"))  # a name, no number of anything
    if "made" in stated:
        shown["made"] = stated["made"]
    command = stated.get("command")
    again = markup.section(phrase(language, "rerun"), f"<pre>{escape(str(command))}</pre>" if command else "")
    return markup.section(phrase(language, "settings"), markup.facts(shown)) + again

"""The HTML page of a report: the answer on the first screen, then what a reader needs to check it, folded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from headstart.comparing.exhibits import Exhibits
from headstart.comparing.verdict import SizeVerdict
from headstart.core.item_nouns import some_items
from headstart.reporting import charts
from headstart.reporting.answer import answer, audited, finalists, steps, winner_steps
from headstart.reporting.findings import StudyFindings, gathered_notes, grouped_failures
from headstart.reporting.layer_chart import layer_chart
from headstart.reporting.number_text import number, places, signed, signed_with_interval
from headstart.reporting.pages import fill
from headstart.reporting.phrases import counted, duration, named, phrase
from headstart.reporting.reason_phrases import reason_text
from headstart.reporting.remarks import caveats, remark
from headstart.reporting.svg import shorten
from headstart.reporting.verdict_text import missing_classical, outlook_text, size_text, worth_span
from headstart.statistics.analysis import SLIGHT, EntrySummary, SizeTable
from headstart.statistics.power import Detectable
from headstart.statistics.slices import KINDS, SliceLead, SliceScore
from headstart.statistics.study import Cell

_WIDE = 560  # px of the picture on top
_MOST_LINES = 12  # of quoted texts
_PLOTS = 3  # of calibration
_LONGEST = 480.0  # px of an answer that is quoted
_ID = 12  # digits of a cell's id that are shown, enough to find the cell
_ORDER = (
    "clean",
    "contaminated",
    "read_before",
    "short",
    "middle",
    "long",
)  # of the parts of the test rows; others follow


class Part(NamedTuple):
    """A part of the test rows, or a class: the scores of entries there, None where there is none, and the lead."""

    name: str
    scores: Sequence[SliceScore | None]
    lead: SliceLead | None

    @property
    def rows(self) -> int:
        """How many test rows it has."""
        return next(one.rows for one in self.scores if one)


def report_page(found: StudyFindings, language: str, shown: Exhibits) -> str:
    """Return the whole page as text; all names and class labels are escaped. shown: what is at hand of the data."""
    told = _first(found, language) | _checks(found, language) | _shown(found, shown)
    told |= {"study": found.study, "facts": found.study.facts, "tables": found.analysis.tables, "last": found.last}
    return fill("report.html.j2", language, found.analysis.limits, found=found, **told)


def _first(found: StudyFindings, language: str) -> dict[str, Any]:
    """Return what the first screen shows, and the same in words by label count."""
    verdicts, ablation = found.verdicts, found.study.facts.get("ablation")
    pretrained = any(facts.kind == "pretrained" for facts in found.study.entries)
    title = "title_ablation" if ablation else "title" if pretrained else "title_none"
    few = charts.few_names(found)
    return {
        "title": phrase(language, title),
        "answer": answer(found, language),
        "asides": _asides(found, language),
        "finalists": [] if ablation else finalists(found, language),
        "steps": [*steps(found, language), *winner_steps(found, language)],
        "picture": charts.effects(found, language) if ablation else charts.curve(found, few, _WIDE),
        "ablation": ablation,
        "paragraphs": [] if ablation else [(one.size, size_text(one, found.analysis, language)) for one in verdicts],
        "outlook": "" if ablation else outlook_text(found.outlook, language, found.analysis.limits),
        "audited": audited(found) and not ablation,
        "worth_span": worth_span,
        "cost": _cost(found, language),
        "all_curves": charts.curve(found, list(found.kinds)) if ablation or len(found.kinds) > 4 else None,
        "paired": None if ablation else charts.paired(found, language),
    }


def _asides(found: StudyFindings, language: str) -> list[str]:
    """Return what a reader must know of how the answer came about."""
    study, out = found.study, missing_classical(found.study, language)
    if folds := study.facts.get("settings", {}).get("folds"):
        rows = f"{study.test_rows:,}"
        out.append(phrase(language, "folds", folds=folds, rows=rows, draws=study.draws))
    if folds := study.facts.get("lent"):
        out.append(phrase(language, "lent", folds=folds, rows=f"{study.test_rows:,}"))
    if study.stopped and not (study.questions and study.stopped == "time"):  # draws are as many as the time allows
        planned = len(study.entries) * len(study.sizes) * study.draws
        out.append(phrase(language, f"stopped_{study.stopped}", done=len(study.cells), all=planned))
    return out


def _cost(found: StudyFindings, language: str) -> str:
    """Return what the best entry at the most labels costs, with its base."""
    best = found.verdicts[-1].best if found.verdicts else None
    if best is None:
        return ""
    entry = found.last.entries[best]
    told = {"entry": best, "labels": counted(language, [found.last.size]), "time": duration(language, entry.seconds)}
    words = phrase(language, "costs", **told)
    base = next(facts.base for facts in found.study.entries if facts.name == best)
    if seconds := found.study.facts.get("bases", {}).get(base, {}).get("seconds"):
        words += f" {phrase(language, 'costs_base', time=duration(language, seconds))}"
    return words


def _checks(found: StudyFindings, language: str) -> dict[str, Any]:
    """Return what a reader needs to check the answer."""
    study, last = found.study, found.last
    calibrated = found.calibration.get(last.size, ()) if last else ()
    by_entry = {one.entry: one for one in calibrated}
    plotted = [by_entry[name] for name in found.telling if name in by_entry][:_PLOTS] or list(calibrated[:_PLOTS])
    return {
        "audit": _audit(found, language),
        "guessing": _guessing(found, language),
        "remark": lambda *line: _remark(found, *line, language),
        "lead": lambda table, entry: _lead(found, table, entry),
        "slices": _slices(found, language),
        "class_parts": _classes(found),
        "kinds": _kinds(found),
        "calibrated": calibrated,
        "reliability": charts.reliability(found, plotted),
        "layers": layer_chart(study.facts.get("layers"), found.analysis.limits),
        "plan_text": lambda plan: _plan(found, plan, language),
        "absent": _absent(found, language),
        "caveats": caveats(study, found.analysis, language),
        "spent": sorted((one for one in found.costs if one.cells), key=lambda one: -one.seconds),
        "receipts": _receipts(found),
        "made_from": _made_from(study.cells),
        "notes": gathered_notes(study),
        "settings": _settings(found),
        "bases": {name: _flat(made) for name, made in study.facts.get("bases", {}).items()},
    }


def _shown(found: StudyFindings, shown: Exhibits) -> dict[str, Any]:
    """Return the surest mistakes with what the rows hold, as pictures or texts, and what networks were shown."""
    told = [(one, shown.rows[one.row]) for one in found.mistakes if one.row in shown.rows]
    pictured = [(one, quoted) for one, quoted in told if quoted.tiles]
    return {"exhibits": shown, "pictured": pictured, "quoted": [] if pictured else told[:_MOST_LINES]}


def _audit(found: StudyFindings, language: str) -> list[str]:
    """Return what the audit found, or that there was none."""
    facts = found.study.facts.get("audit") or {"skipped": True}
    items = some_items(found.takes, language)
    if "waived" in facts:
        return [phrase(language, "audit_was_waived", items=items)]
    lines = list(facts.get("sentences", {}).get(language, []))
    return [*lines, phrase(language, "audit_was_skipped", items=items)] if "skipped" in facts else lines


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
        words = analysis.constant_answer
        words = shorten(words, _LONGEST) if words else phrase(language, "no_answer")
        told += phrase(language, "guessing_constant", answer=words, constant=constant)
    return told


def _remark(found: StudyFindings, entry: EntrySummary, table: SizeTable, verdict: SizeVerdict, language: str) -> str:
    """Return what is to be said of an entry at one label count."""
    front = phrase(language, "remark_front") if entry.entry in found.fronts[table.size] else ""
    return "; ".join(filter(None, [remark(found.study, entry, table, verdict, language), front]))


def _lead(found: StudyFindings, table: SizeTable, entry: str) -> str:
    """Return the difference of an entry to the best classical one."""
    classical = table.best("classical")
    lead = table.difference(entry, classical.entry) if classical and classical.entry != entry else None
    return signed_with_interval(lead.value, lead.low, lead.high, found.analysis.limits) if lead else "–"


def _slices(found: StudyFindings, language: str) -> list[tuple[int, list[str], list[Part]]]:
    """Return by label count, the most first, the best entry of each kind and its scores on parts of the test rows."""
    given = dict.fromkeys(one.slice for one in found.slices.scores if one.kind == "given")
    names = [*(name for name in _ORDER if name in given), *(name for name in given if name not in _ORDER)]
    leads = {(one.size, one.slice): one for one in found.slices.leads}
    out = []
    for table in reversed(found.analysis.tables.values()):
        best = [entry.entry if (entry := table.best(kind)) else "–" for kind in _kinds(found)]
        parts = []
        for name in names:
            scores = [found.slices.score(entry, table.size, name) for entry in best]
            if any(scores):
                parts.append(Part(named(language, "slice", name), scores, leads.get((table.size, name))))
        if parts:
            out.append((table.size, best, parts))
    return out


def _classes(found: StudyFindings) -> tuple[list[str], list[Part]]:
    """Return the best entry of each kind at the most labels, and how much of each class it finds."""
    if found.last is None:
        return [], []
    best = [entry.entry for kind in KINDS if (entry := found.last.best(kind))]
    scores = {
        (one.entry, one.slice): one for one in found.slices.scores if (one.kind, one.size) == ("class", found.last.size)
    }
    told = {name: [scores.get((entry, name)) for entry in best] for name in found.study.classes}
    return best, [Part(name, own, None) for name, own in told.items() if any(own)]


def _kinds(found: StudyFindings) -> list[str]:
    return [kind for kind in KINDS if any(table.best(kind) for table in found.analysis.tables.values())]


def _plan(found: StudyFindings, plan: Detectable, language: str) -> list[str]:
    """Return what could be found, by number of draws, by number of test rows, and what a difference of worth takes."""
    limits = found.analysis.limits

    def findable(value: float) -> str:  # a dash where no two scores differ so much
        return number(value, places(limits[1])) if math.isfinite(value) else "–"

    both = [[f"{count:,}: {findable(value)}" for count, value in by.items()] for by in (plan.by_draws, plan.by_rows)]
    out = [findable(plan.value), *("; ".join(told) or "–" for told in both)]
    if plan.more_draws == 0 or plan.more_rows == 0:
        return [*out, phrase(language, "plan_found")]
    more = [("draws", plan.more_draws), ("rows", plan.more_rows)]
    told = [phrase(language, f"plan_{name}", count=f"{count:,}") for name, count in more if count]
    return [*out, f" {phrase(language, 'plan_or')} ".join(told) or phrase(language, "plan_none")]


def _absent(found: StudyFindings, language: str) -> list[tuple[str, list[int], str]]:
    """Return the entries that could not run or did not learn, with label counts and why."""
    told = [(name, sizes, reason_text(language, why)) for name, sizes, why in grouped_failures(found.study)]
    slight = signed(SLIGHT * found.analysis.unit, places(found.analysis.unit))
    for field, reason in (
        ("unlearned", phrase(language, "why_unlearned", slight=slight)),
        ("unshown", phrase(language, "why_unshown")),
    ):
        by_size = {one.size: vars(one)[field] for one in found.verdicts}
        named = dict.fromkeys(name for names in by_size.values() for name in names)
        told += [(name, [size for size, own in by_size.items() if name in own], reason) for name in named]
    return told


def _receipts(found: StudyFindings) -> list[tuple[str, str]]:
    """Return by entry a line for each of its cells: label count and draw as `verify` takes it, score, seconds, id."""
    place = {facts.name: number_ for number_, facts in enumerate(found.study.entries)}
    cells = sorted(found.study.cells, key=lambda cell: (place.get(cell.entry, len(place)), cell.size, cell.draw))
    digits = places(found.analysis.unit) + 1

    def line(cell: Cell) -> str:
        where, identity = f"{cell.size}/{cell.draw + 1}", str(cell.receipt.get("cell", ""))[:_ID]
        return f"{where:<9} {number(cell.score, digits):>6} {cell.seconds:>7.1f}  {identity}".rstrip()

    return [(name, "\n".join(map(line, own))) for name, own in groupby(cells, key=lambda cell: cell.entry)]


def _made_from(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Return all values of the cells' receipts by name: hashes, splits, seeds, versions."""
    seen: dict[str, dict[str, None]] = {}
    for made in (cell.receipt for cell in cells):
        told = {f"{part} rows": value for part, value in made.get("data", {}).items()}
        told |= {f"workspace {part}": value for part, value in made.get("workspace", {}).items()}
        split = {name: value for name, value in made.get("split", {}).items() if name in ("how", "seed", "folds")}
        told |= {f"split {name}": value for name, value in split.items()}
        told |= {name: made[name] for name in ("seed", "threads", "machine") if name in made}
        for name, value in (told | made.get("versions", {})).items():
            seen.setdefault(name, {})[str(value)] = None
    return {name: list(values) for name, values in seen.items()}


def _settings(found: StudyFindings) -> dict[str, Any]:
    """Return settings and versions."""
    stated = found.study.facts
    shown = {"metric": found.study.metric.to_dict(), **stated.get("settings", {}), **stated.get("versions", {})}
    shown["seed"] = str(shown.get("seed", "–"))  # a name, no number of anything
    return shown | ({"made": stated["made"]} if "made" in stated else {})


def _flat(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a base's receipt that fit in a line; report.json has the others."""
    return {name: value for name, value in receipt.items() if not isinstance(value, dict | list | tuple)}

"""Everything that was found in a study, computed once; page, terminal and JSON show parts of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from headstart.comparing.target import Target, judge_target
from headstart.comparing.verdict import Outlook, SizeVerdict, decide, outlook
from headstart.core.reason import as_reason
from headstart.statistics.analysis import Analysis, SizeTable, analyse
from headstart.statistics.calibration import Calibration, calibration
from headstart.statistics.confusion import Confusion, confused
from headstart.statistics.forecast import ExpectedScore, forecast
from headstart.statistics.mistakes import Mistake, mistakes
from headstart.statistics.slices import Slices, slices
from headstart.statistics.study import Study

Found = TypeVar("Found")


@dataclass(frozen=True)
class EntryCost:
    """What the cells of an entry took, in seconds over all of them."""

    entry: str
    cells: int
    training: float
    testing: float

    @property
    def seconds(self) -> float:
        """Training and testing together."""
        return self.training + self.testing


@dataclass(frozen=True, eq=False)
class StudyFindings:
    """Everything that was found, computed once; page, terminal and JSON show parts of it and compute nothing.

    mistakes: those that the best entry at the most labels was surest of. calibration, fronts: by label count. A front
    holds the entries that no other entry beats in both score and seconds, quickest first.
    """

    study: Study
    analysis: Analysis
    verdicts: tuple[SizeVerdict, ...]
    outlook: Outlook | None
    target: Target | None
    forecast: dict[str, tuple[ExpectedScore, ...]]
    calibration: dict[int, tuple[Calibration, ...]]
    slices: Slices
    confusion: Confusion | None
    mistakes: tuple[Mistake, ...]
    fronts: dict[int, tuple[str, ...]]
    costs: tuple[EntryCost, ...]

    @property
    def takes(self) -> str:
        """What the rows hold, `text` or `image`; a study that does not say is of texts."""
        return self.study.facts.get("takes", "text")

    @property
    def last(self) -> SizeTable | None:
        """The table of the most labels."""
        return self.analysis.tables[max(self.analysis.tables)] if self.analysis.tables else None

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of every entry that has a score, by mean at the most labels where it has one there."""
        tables = reversed(self.analysis.tables.values())
        return {entry.entry: entry.kind for table in tables for entry in table.entries.values()}

    @property
    def telling(self) -> list[str]:
        """The entries that a verdict is about at the most labels: the best one and the best of each kind."""
        last = self.last
        best = [self.verdicts[-1].best] if self.verdicts else []
        found = [last.best(kind) for kind in ("pretrained", "classical", "control")] if last else []
        return list(dict.fromkeys([*filter(None, best), *(best.entry for best in found if best)]))


@lru_cache(maxsize=2)
def findings(study: Study) -> StudyFindings:
    """Return everything that is to be said of a study."""
    analysis = analyse(study)
    verdicts = decide(study, analysis)
    tables = analysis.tables
    ahead = outlook(study, analysis)
    return StudyFindings(
        study=study,
        analysis=analysis,
        verdicts=verdicts,
        outlook=ahead,
        target=judge_target(study, analysis, verdicts),
        forecast=forecast(analysis, study.overlaps),
        calibration={size: calibration(study, table) for size, table in tables.items()},
        slices=slices(study),
        confusion=_of_best(confused, study, verdicts),
        mistakes=_of_best(mistakes, study, verdicts) or (),
        fronts={size: front(table) for size, table in tables.items()},
        costs=tuple(_cost(study, facts.name) for facts in study.entries),
    )


def _of_best(ask: Callable[[Study, str, int], Found], study: Study, verdicts: Sequence[SizeVerdict]) -> Found | None:
    """Return what `ask` finds of the best entry at the most labels; None where there is none, or no classes."""
    if not study.classes or not verdicts or verdicts[-1].best is None:
        return None
    return ask(study, verdicts[-1].best, verdicts[-1].size)


def front(table: SizeTable) -> tuple[str, ...]:
    """Return the compared entries that no other entry beats in both score and seconds (Pareto), quickest first."""
    entries = [entry for entry in table.entries.values() if entry.kind != "majority" and entry.paired]
    out, best = [], -np.inf
    for entry in sorted(entries, key=lambda entry: (entry.seconds, -entry.mean)):
        if entry.mean > best:
            out.append(entry.entry)
            best = entry.mean
    return tuple(out)


def _cost(study: Study, entry: str) -> EntryCost:
    cells = [cell for cell in study.cells if cell.entry == entry]
    testing = sum(cell.receipt.get("seconds", {}).get("testing", 0.0) for cell in cells)
    return EntryCost(entry, len(cells), sum(cell.seconds for cell in cells) - testing, testing)


def grouped_failures(study: Study) -> list[tuple[str, list[int], str]]:
    """Return (entry, label counts, reason) of what could not run, once per entry and reason."""
    return [
        (name, [size for size in sorted(reasons) if reasons[size] == reason], reason)
        for name, reasons in study.failures.items()
        for reason in dict.fromkeys(reasons.values())
    ]


def told_failures(study: Study) -> dict[str, dict[int, dict[str, Any]]]:
    """Return the reasons why cells could not be made, by entry and label count, as JSON data."""
    return {
        name: {size: as_reason(reason).told() for size, reason in reasons.items()}
        for name, reasons in study.failures.items()
    }


def gathered_notes(study: Study) -> dict[str, dict[int, dict[str, str]]]:
    """Return {entry: {label count: {note: value over the draws}}}: a value, a range, or up to four different values."""
    out: dict[str, dict[int, dict[str, str]]] = {}
    for facts in study.entries:
        for size in study.sizes:
            cells = list(study.cells_of(facts.name, size).values())
            keys = dict.fromkeys(key for cell in cells for key in cell.notes)
            told = {key: _gather([cell.notes[key] for cell in cells if key in cell.notes]) for key in keys}
            if told := {key: words for key, words in told.items() if words}:
                out.setdefault(facts.name, {})[size] = told
    return out


def _gather(values: Sequence[Any]) -> str:
    numbers = [v for v in values if isinstance(v, Real) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        low, high = min(numbers), max(numbers)
        return f"{low:g}" if low == high else f"{low:g}–{high:g}"
    distinct = list(dict.fromkeys(str(value) for value in values))
    words = ", ".join(distinct[:4]) + (" …" if len(distinct) > 4 else "")
    return words if len(words) <= 160 else words[:160] + "…"

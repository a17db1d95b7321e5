"""What page, terminal and JSON say alike: everything found in a study, remarks on rows, caveats, gathered notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np

from headstart.evaluation.analysis import Analysis, RowSummary, SizeTable, analyse
from headstart.evaluation.calibration import Calibration, calibration
from headstart.evaluation.forecast import Expected, forecast
from headstart.evaluation.slices import Slices, slices
from headstart.evaluation.study import Study
from headstart.evaluation.verdict import Outlook, SizeVerdict, decide, outlook
from headstart.evaluation.words import counted, say

LIMITED = 0.9  # a cell that used this share of its time may have wanted more
CONFUSION_CLASSES = 20  # with more than that only the most frequent confusions are told
MOST_CONFUSED = 20


@dataclass(frozen=True)
class Confused:
    """Test rows of class `true` that were called `called`: how many over all draws, and their share of the class."""

    true: str
    called: str
    rows: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """The mistakes of a row at a label count. counts: [C][C] by true and called class, None with many classes."""

    row: str
    labels: int
    counts: list[list[int]] | None
    most: tuple[Confused, ...]


@dataclass(frozen=True)
class RowCost:
    """What the cells of a row took, in seconds over all of them."""

    row: str
    cells: int
    training: float
    testing: float

    @property
    def seconds(self) -> float:
        """Training and testing together."""
        return self.training + self.testing


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that was found, computed once; page, terminal and JSON show parts of it and compute nothing.

    calibration: by label count. fronts: rows that no other one beats in both score and seconds, quickest first, by
    label count.
    """

    study: Study
    analysis: Analysis
    verdicts: tuple[SizeVerdict, ...]
    outlook: Outlook | None
    forecast: dict[str, tuple[Expected, ...]]
    calibration: dict[int, tuple[Calibration, ...]]
    slices: Slices
    confusion: Confusion | None
    fronts: dict[int, tuple[str, ...]]
    costs: tuple[RowCost, ...]

    @property
    def last(self) -> SizeTable | None:
        """The table of the most labels."""
        return self.analysis.tables[max(self.analysis.tables)] if self.analysis.tables else None

    @property
    def telling(self) -> list[str]:
        """The rows that a verdict is about at the most labels: the best one and the best of each kind."""
        last = self.last
        best = [self.verdicts[-1].best] if self.verdicts else []
        found = [last.best(kind) for kind in ("pretrained", "classical", "control")] if last else []
        return list(dict.fromkeys([*filter(None, best), *(row.row for row in found if row)]))


@lru_cache(maxsize=2)
def findings(study: Study) -> Findings:
    """Return everything that is to be said of a study."""
    analysis = analyse(study)
    verdicts = decide(study, analysis)
    tables = analysis.tables
    return Findings(
        study=study,
        analysis=analysis,
        verdicts=verdicts,
        outlook=outlook(study, analysis),
        forecast=forecast(analysis, study.overlaps),
        calibration={size: calibration(study, table) for size, table in tables.items()},
        slices=slices(study),
        confusion=confused(study, verdicts[-1].best, verdicts[-1].size) if verdicts and verdicts[-1].best else None,
        fronts={size: front(table) for size, table in tables.items()},
        costs=tuple(_cost(study, facts.name) for facts in study.rows),
    )


def front(table: SizeTable) -> tuple[str, ...]:
    """Return the compared rows that no other one beats in both score and seconds (Pareto), quickest first."""
    rows = [row for row in table.rows.values() if row.kind != "majority" and row.paired]
    out, best = [], -np.inf
    for row in sorted(rows, key=lambda row: (row.seconds, -row.mean)):
        if row.mean > best:
            out.append(row.row)
            best = row.mean
    return tuple(out)


def _cost(study: Study, row: str) -> RowCost:
    cells = [cell for cell in study.cells if cell.row == row]
    testing = sum(cell.receipt.get("seconds", {}).get("testing", 0.0) for cell in cells)
    return RowCost(row, len(cells), sum(cell.seconds for cell in cells) - testing, testing)


def confused(study: Study, row: str, size: int) -> Confusion:
    """Return what a row mixes up at a label count, over all its draws."""
    counts_CC = confusion(study, row, size)
    totals_C = np.maximum(counts_CC.sum(1), 1)
    wrong_CC = counts_CC - np.diag(np.diag(counts_CC))
    most = []
    for place in np.argsort(-wrong_CC, axis=None, kind="stable")[:MOST_CONFUSED]:
        true, called = np.unravel_index(place, wrong_CC.shape)
        if count := int(wrong_CC[true, called]):
            names = study.classes[true], study.classes[called]
            most.append(Confused(*names, count, float(count / totals_C[true])))
    whole = counts_CC.tolist() if len(study.classes) <= CONFUSION_CLASSES else None
    return Confusion(row, size, whole, tuple(most))


def confusion(study: Study, row: str, size: int) -> np.ndarray:
    """Return counts [C, C] of true (rows) and predicted (columns) classes over all draws of a row."""
    counts_CC = np.zeros((len(study.classes), len(study.classes)), np.int64)
    for cell in study.scores(row, size).values():
        np.add.at(counts_CC, (study.truth_N, cell.predicted_N.astype(np.int64)), 1)
    return counts_CC


def remark(study: Study, row: RowSummary, table: SizeTable, verdict: SizeVerdict, language: str) -> str:
    """Return what is to be said of a row at one label count, in a few words."""
    if row.kind == "majority":
        return say(language, "remark_reference")
    out = []
    if not row.paired:
        out.append(say(language, "remark_unpaired"))
    if row.row == verdict.best:
        out.append(say(language, "remark_best"))
    if row.row in verdict.peers:
        out.append(say(language, "remark_peer"))
    if row.row in verdict.unlearned:
        out.append(say(language, "remark_unlearned"))
    if row.row in verdict.unshown:
        out.append(say(language, "remark_unshown"))
    if reason := study.failures.get(row.row, {}).get(table.size):
        out.append(say(language, "remark_failed", reason=reason))
    return "; ".join(out)


def caveats(study: Study, analysis: Analysis, language: str) -> list[str]:
    """Return what this comparison cannot tell, as sentences; only those that apply."""
    folds = "folds" in study.facts.get("settings", {})
    names = ["folds"] if folds else ["population", "balanced"]
    if any(facts.base for facts in study.rows):
        names.append("seed")
    if any(cell.allowed and cell.seconds > LIMITED * cell.allowed for cell in study.cells):
        names.append("time")
    if any(len(table.draws) < 5 for table in analysis.tables.values()):
        names.append("draws")
    out = [say(language, f"caveat_{name}") for name in names + ["reuse"]]
    tables = analysis.tables.values()
    shared = [table.size for table in tables if table.overlap > 0.5 and not table.fixed_pool]
    fixed = [table.size for table in tables if table.fixed_pool and len(table.draws) > 1 and not folds]
    few = [size for size in study.sizes if size < len(study.classes)]
    for name, sizes in (("pool", shared), ("fixed", fixed), ("few", few)):
        if sizes:
            out.append(say(language, f"caveat_{name}", labels=counted(language, sizes)))
    return out


def grouped_failures(study: Study) -> list[tuple[str, list[int], str]]:
    """Return (row, label counts, reason) of what could not run, one entry per row and reason."""
    return [
        (name, [size for size in sorted(reasons) if reasons[size] == reason], reason)
        for name, reasons in study.failures.items()
        for reason in dict.fromkeys(reasons.values())
    ]


def gathered_notes(study: Study) -> dict[str, dict[int, dict[str, str]]]:
    """Return {row: {label count: {note: value over the draws}}}: one value, a range, or up to four different ones."""
    out: dict[str, dict[int, dict[str, str]]] = {}
    for facts in study.rows:
        for size in study.sizes:
            cells = list(study.scores(facts.name, size).values())
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

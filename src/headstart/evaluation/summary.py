"""What page, terminal and JSON say alike: remarks on rows, caveats, and notes gathered over the draws."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from headstart.evaluation.analysis import Analysis, RowSummary, SizeTable
from headstart.evaluation.study import Study
from headstart.evaluation.verdict import SizeVerdict
from headstart.evaluation.words import counted, say

LIMITED = 0.9  # a cell that used this share of its time may have wanted more


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
    names = ["population", "balanced"]
    if any(facts.base for facts in study.rows):
        names.append("seed")
    if any(cell.allowed and cell.seconds > LIMITED * cell.allowed for cell in study.cells):
        names.append("time")
    if any(len(table.draws) < 5 for table in analysis.tables.values()):
        names.append("draws")
    out = [say(language, f"caveat_{name}") for name in names + ["reuse"]]
    tables = analysis.tables.values()
    shared = [table.size for table in tables if table.overlap > 0.5 and not table.fixed_pool]
    fixed = [table.size for table in tables if table.fixed_pool and len(table.draws) > 1]
    few = [size for size in study.sizes if size < len(study.classes)]
    for name, sizes in (("pool", shared), ("fixed", fixed), ("few", few)):
        if sizes:
            out.append(say(language, f"caveat_{name}", labels=counted(language, sizes)))
    return out


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


def _gather(values: list[Any]) -> str:
    numbers = [v for v in values if isinstance(v, Real) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        low, high = min(numbers), max(numbers)
        return f"{low:g}" if low == high else f"{low:g}–{high:g}"
    distinct = list(dict.fromkeys(str(value) for value in values))
    words = ", ".join(distinct[:4]) + (" …" if len(distinct) > 4 else "")
    return words if len(words) <= 160 else words[:160] + "…"


def confusion(study: Study, row: str, size: int) -> np.ndarray:
    """Return counts [C, C] of true (rows) and predicted (columns) classes over all draws of a row."""
    counts_CC = np.zeros((len(study.classes), len(study.classes)), np.int64)
    for cell in study.scores(row, size).values():
        np.add.at(counts_CC, (study.truth_N, cell.predicted_N.astype(np.int64)), 1)
    return counts_CC

"""Remarks on the entries of a table, and caveats: what a comparison cannot tell; only those that apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.comparing.verdict import SizeVerdict
from headstart.reporting.phrases import counted, phrase
from headstart.reporting.reason_phrases import reason_text
from headstart.statistics.analysis import Analysis, EntrySummary, SizeTable
from headstart.statistics.study import Study

LIMITED = 0.9  # a cell that used this share of its time may have wanted more


def remark(study: Study, entry: EntrySummary, table: SizeTable, verdict: SizeVerdict, language: str) -> str:
    """Return in a few words what is to be said of an entry at one label count."""
    if entry.kind == "majority":
        return phrase(language, "remark_reference")
    out = []
    if not entry.paired:
        out.append(phrase(language, "remark_unpaired"))
    if entry.entry == verdict.best:
        out.append(phrase(language, "remark_best"))
    if entry.entry in verdict.peers:
        out.append(phrase(language, "remark_peer"))
    if entry.entry in verdict.unlearned:
        out.append(phrase(language, "remark_unlearned"))
    if entry.entry in verdict.unshown:
        out.append(phrase(language, "remark_unshown"))
    if reason := study.failures.get(entry.entry, {}).get(table.size):
        out.append(phrase(language, "remark_failed", reason=reason_text(language, reason)))
    return "; ".join(out)


def foreign_sentence(base: str, found: Mapping[str, Any], language: str) -> str:
    """Return that a base hardly knows the texts; found: `kind` and `share` of `training.coverage.Unread`."""
    return phrase(language, f"caveat_foreign_{found['kind']}", base=base, share=found["share"])


def caveats(study: Study, analysis: Analysis, language: str) -> list[str]:
    """Return what this comparison cannot tell, as sentences; only those that apply."""
    folds = "folds" in study.facts.get("settings", {})
    names = ["folds"] if folds else ["population", *(["balanced"] if study.classes else [])]
    if any(facts.base for facts in study.entries):
        names.append("seed")
    if any(cell.allowed and cell.seconds > LIMITED * cell.allowed for cell in study.cells):
        names.append("time")
    if any(len(table.draws) < 5 for table in analysis.tables.values()):
        names.append("draws")
    out = [foreign_sentence(base, found, language) for base, found in study.facts.get("foreign", {}).items()]
    out += [phrase(language, f"caveat_{name}") for name in names + ["reuse"]]
    tables = analysis.tables.values()
    shared = [table.size for table in tables if table.overlap > 0.5 and not table.fixed_pool]
    fixed = [table.size for table in tables if table.fixed_pool and len(table.draws) > 1 and not folds]
    few = [size for size in study.sizes if size < len(study.classes)]
    for name, sizes in (("pool", shared), ("fixed", fixed), ("few", few)):
        if sizes:
            out.append(phrase(language, f"caveat_{name}", labels=counted(language, sizes)))
    return out

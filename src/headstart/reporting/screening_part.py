"""What was screened: which entries were tried, who became a finalist, why the others went; folded on the page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from statistics import mean
from typing import Any

from headstart.reporting import markup
from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import number, places
from headstart.reporting.phrases import counted, duration, phrase


def screening(found: StudyFindings, language: str) -> str:
    """Return the section, or nothing for a study without screening."""
    told = found.study.facts.get("screening")
    if not told:
        return ""
    words = f"<p>{escape(_summary(found, told, language))}</p>"
    asked = markup.note(phrase(language, "screening_asked"))
    body = markup.note(phrase(language, "screening_note")) + _table(found, told, language)
    return markup.section(
        phrase(language, "screening"), words, asked, markup.folded(phrase(language, "screening_table"), body)
    )


def _summary(found: StudyFindings, told: Mapping[str, Any], language: str) -> str:
    rows = told["entries"]
    by_draws: dict[int, list[int]] = {}
    for size, table in found.analysis.tables.items():
        by_draws.setdefault(len(table.draws), []).append(size)
    draws = [
        phrase(language, "screening_draws", draws=draws, labels=counted(language, sizes))
        for draws, sizes in by_draws.items()
    ]
    return phrase(
        language,
        "screening_told",
        tried=sum(any(row["scores"].values()) for row in rows),
        entries=len(rows),
        time=duration(language, told["seconds"]),
        finalists=len(told["finalists"]),
        made=told["made"].replace("T", " "),
        draws="; ".join(draws) or "–",
    )


def _table(found: StudyFindings, told: Mapping[str, Any], language: str) -> str:
    digits, sizes = places(found.analysis.unit), [str(size) for size in found.study.sizes]
    titles = [
        phrase(language, "entry"),
        *(counted(language, [int(size)]) for size in sizes),
        phrase(language, "reason"),
    ]
    head = markup.table_row(titles, ["", *[""] * len(sizes), "left"], tag="th")

    def shown(row: Mapping[str, Any]) -> str:
        values = [[one for one in row["scores"].get(size, []) if one is not None] for size in sizes]
        scores = [number(mean(own), digits) if own else "–" for own in values]
        why = "; ".join(dict.fromkeys(row["left_out"].values()))
        reason = phrase(language, "finalist") if row["entry"] in told["finalists"] else why
        return markup.table_row([row["entry"], *scores, reason], ["", *[""] * len(sizes), "left"])

    return markup.table("screened", head, [[shown(row) for row in told["entries"]]])

"""The answer for a target score in words, in English and Korean."""

from __future__ import annotations

from headstart.comparing.target import Target
from headstart.reporting.number_text import number, places, two_digits, with_interval
from headstart.reporting.phrases import phrase


def target_text(
    found: Target | None, language: str, limits: tuple[float, float] = (0.0, 1.0), score: float | None = None
) -> str:
    """Return the answer as one sentence, or nothing where no score was asked for. limits: of the metric."""
    if found is None:
        return "" if score is None else phrase(language, "target.open")
    digits, limit = places(limits[1]), f"{found.limit or 0:,}"
    told = {
        "score": number(found.score, digits),
        "entry": found.entry,
        "mean": with_interval(found.mean, found.mean_low, found.mean_high, limits),
        "measured": f"{found.measured:,}",
        "limit": limit,
        "ceiling": number(found.ceiling, digits) if found.ceiling is not None else "",
    }
    beyond = phrase(language, "target.more_than", limit=limit)
    for name in ("labels", "low", "high"):
        value = getattr(found, name)
        told[name] = beyond if value is None else two_digits(value, (found.measured, found.limit or value))
    if found.outcome in ("reached", "unsure"):
        told["labels"] = f"{found.labels:,.0f}"
    return phrase(language, f"target.{_name(found)}", **told)


def _name(found: Target) -> str:
    if found.outcome == "unsure":
        return "probably" if found.mean >= found.score else "unsure"
    if found.outcome == "needs":
        if found.labels is None:
            return "needs_more" if found.limit is None else "needs_least"
        return "needs"
    if found.outcome == "out_of_reach":
        return "levels_off" if found.ceiling is not None and found.ceiling < found.score else "far"
    return found.outcome

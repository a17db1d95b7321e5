"""Looks up what a report says in a language, and writes what depends on the language: label counts and times."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.core.errors import unknown
from headstart.reporting.number_text import listed
from headstart.reporting.page_phrases import PAGE_PHRASES
from headstart.reporting.screening_phrases import SCREENING_PHRASES
from headstart.reporting.verdict_phrases import VERDICT_PHRASES

LANGUAGES = ("en", "ko")
PHRASES = VERDICT_PHRASES | PAGE_PHRASES | SCREENING_PHRASES


def phrase(language: str, name: str, **values: object) -> str:
    """Return the sentence `name` in `language` with `values` filled in. Raises HeadstartError: unknown language."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    return PHRASES[name][LANGUAGES.index(language)].format(**values)


def counted(language: str, sizes: Sequence[int]) -> str:
    """Return label counts as `1 label`, `16 labels` or `4, 1,000 labels`."""
    return phrase(language, "label" if list(sizes) == [1] else "labels", sizes=listed([f"{size:,}" for size in sizes]))


def duration(language: str, seconds: float) -> str:
    """Return a time as `4.2 s`, `12 min` or `3.1 h`."""
    if seconds < 100:
        return phrase(language, "seconds", count=f"{seconds:.1f}")
    unit, name = (60, "minutes") if seconds < 5400 else (3600, "hours")
    count = seconds / unit
    return phrase(language, name, count=f"{count:.1f}".removesuffix(".0") if count < 10 else f"{count:.0f}")


def named(language: str, kind: str, name: str) -> str:
    """Return what a reader calls `name`, one of a `kind` (slice, version); one without a phrase keeps its own name."""
    return phrase(language, f"{kind}_{name}") if f"{kind}_{name}" in PHRASES else name

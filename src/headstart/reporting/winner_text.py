"""What is said of the winner that a comparison leaves behind, in English and Korean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.reporting.phrases import duration, phrase


def winner_line(told: Mapping[str, Any], command: str, language: str) -> str:
    """Return what a terminal says of the winner. told: `facts["winner"]`; command: that answers rows with it."""
    return f"{phrase(language, 'winner.saved', **_values(told))}\n{command}"


def winner_begins(entry: str, rows: int, seconds: float, language: str) -> str:
    """Return what is said before training."""
    return phrase(language, "winner.begins", entry=entry, rows=f"{rows:,}", time=duration(language, seconds))


def winner_kept(entry: str, language: str) -> str:
    """Return what is said of a winner that need not be trained again."""
    return phrase(language, "winner.kept", entry=entry)


def winner_missing(why: str, language: str, **values: object) -> str:
    """Return why no winner was left behind. why: `failed`, `slow`, `interrupted`, `stopped`, `unshown`."""
    return phrase(language, f"winner.{why}", **values)


def _values(told: Mapping[str, Any]) -> dict[str, str]:
    return {"entry": told["entry"], "rows": f"{told['rows']:,}", "folder": told["folder"]}

"""Looks up what a report says in a language, and writes what depends on the language: label counts and times.

Every sentence stands once per language in catalogue/LANGUAGE.toml; Korean avoids particles that depend on how a name
sounds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources

from headstart.core.errors import unknown
from headstart.reporting.number_text import listed

LANGUAGES = ("en", "ko")


@lru_cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return all phrases of a language by name; those of a table of the file as `table.name`."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    file = resources.files("headstart.reporting") / "catalogue" / f"{language}.toml"
    out: dict[str, str] = {}
    for name, value in tomllib.loads(file.read_text(encoding="utf-8")).items():
        out |= (
            {f"{name}.{inner}": words for inner, words in value.items()} if isinstance(value, dict) else {name: value}
        )
    return out


def phrase(language: str, name: str, /, **values: object) -> str:
    """Return the phrase `name` in `language` with `values` filled in. Raises HeadstartError: unknown language."""
    return catalogue(language)[name].format(**values)


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
    return catalogue(language).get(f"{kind}_{name}", name)

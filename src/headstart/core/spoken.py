"""The language of the program: which it is, and messages in it.

The English sentence stands where it is said; `core/sentence_catalogue.py` finds its translation. English costs nothing:
no catalogue is read, no pattern compiled.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from headstart.core.errors import translate_errors, unknown

if TYPE_CHECKING:
    from headstart.core.sentence_catalogue import Catalogue

LANGUAGES = ("en", "ko")
VARIABLE = "HEADSTART_LANGUAGE"
_LETTERS = re.compile(r"[A-Za-z]{2}")


class Verbatim(str):
    """Text of the user or of a model, which is printed as it is in every language."""


class _Chosen:
    """The language of the program, of all threads; "" where none was chosen."""

    language = ""


def use_language(name: str = "auto") -> str:
    """Let messages and errors be in language `name` from now on, and return that language.

    name: auto (the environment variable HEADSTART_LANGUAGE, else the locale), en or ko. Raises HeadstartError: unknown.
    """
    _Chosen.language = _resolved(name)
    translate_errors(spoken if _Chosen.language != "en" else None)
    return _Chosen.language


def follow_environment() -> None:
    """Choose the language of HEADSTART_LANGUAGE, unless one was chosen already."""
    if not _Chosen.language:
        use_language("auto")


def speaking(name: str) -> contextlib.AbstractContextManager[str]:
    """Return a block in which messages are in language `name`; errors stay English, whoever prints them translates.

    name: as in `use_language`. Raises HeadstartError at once: unknown.
    """
    return _speaking(_resolved(name))


@contextlib.contextmanager
def _speaking(name: str) -> Iterator[str]:
    before, _Chosen.language = _Chosen.language, name
    try:
        yield _Chosen.language
    finally:
        _Chosen.language = before


def language() -> str:
    """Return the language that was chosen; English before any choice."""
    return _Chosen.language or "en"


def chosen_or_of_environment() -> str:
    """Return the language that was chosen; before any choice that of HEADSTART_LANGUAGE, else of the locale."""
    return _Chosen.language or _of_environment()


def _resolved(name: str) -> str:
    if name not in ("auto", *LANGUAGES):
        raise unknown("language", name, ("auto", *LANGUAGES))
    return _of_environment() if name == "auto" else name


def _of_environment() -> str:
    named = os.environ.get(VARIABLE, "auto").lower() or "auto"
    if named not in ("auto", *LANGUAGES):
        raise unknown(VARIABLE, named, ("auto", *LANGUAGES))
    if named != "auto":
        return named
    import locale

    # What setlocale knows depends on the locales that are installed; the variables say what the user wants.
    said = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), None)
    told = (locale.getlocale()[0] or "") if said is None else said
    return "ko" if told.lower().startswith(("ko", "korean")) else "en"


def spoken(text: str, into: str | None = None) -> str:
    """Return a message in language `into`, by default the chosen one; lines without a translation stay English."""
    wanted = language() if into is None else into
    if wanted == "en" or isinstance(text, Verbatim) or not _LETTERS.search(text):
        return text
    return _catalogue(wanted).told(text)


def spoken_word(text: str, into: str | None = None) -> str:
    """Return a single word, or a name of what is told beside it, in language `into`, by default the chosen one."""
    wanted = language() if into is None else into
    return text if wanted == "en" else _catalogue(wanted).word(text)


@lru_cache
def _catalogue(language: str) -> Catalogue:
    from headstart.core.sentence_catalogue import read_catalogue  # English has no use for it

    return read_catalogue(language)

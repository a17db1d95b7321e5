"""Errors that teach: one line with what was given, where, what is allowed, and the nearest valid choice."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_LINE = 4_000  # characters of a message
_LONGEST_NAME, _MOST_NAMES = 100, 10_000  # of names that are compared: characters, how many
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, surrogates, ends of lines and paragraphs


class HeadstartError(ValueError):
    """A mistake that the user can mend. The command line prints it as one line and exits with code 2."""

    def __str__(self) -> str:
        """Return the message as one line, whatever names and cells it holds, in the language of `use_language`."""
        told = _Told.translate(super().__str__())
        return one_line(told)


class _Told:
    """How an error tells its message."""

    translate: Callable[[str], str] = str


def translate_errors(translate: Callable[[str], str] | None) -> None:
    """Let errors tell their messages by this function; None: as they were raised."""
    _Told.translate = staticmethod(translate or str)


@contextmanager
def in_file(path: Path | str) -> Iterator[None]:
    """Say in what file a mistake is: a HeadstartError begins with its path."""
    try:
        yield
    except HeadstartError as error:
        raise HeadstartError(f"{path}: {error}") from None


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of `allowed`, or an empty string when nothing is close.

    Names of more than 100 characters are close to nothing: comparing takes the product of both lengths.
    """
    names = [] if len(given) > _LONGEST_NAME else [name for name in allowed if len(name) <= _LONGEST_NAME]
    close = difflib.get_close_matches(given, names[:_MOST_NAMES], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown(what: str, given: str, allowed: Iterable[str]) -> HeadstartError:
    """Return the error for a name that is not one of `allowed`, which it lists, nearest first named."""
    allowed = list(allowed)
    return HeadstartError(f"unknown {what} '{given}'{nearest(given, allowed)} (allowed: {', '.join(allowed)})")


def one_line(text: str) -> str:
    """Return the text with line ends, control characters and lone surrogates written as escapes.

    Names of files and of members of archives may hold any of them, and would break lines or steer the terminal. Of a
    text that is longer than a page the middle is left out: names of columns may be of megabytes.
    """
    if len(text) > _LONGEST_LINE:
        text = f"{text[: _LONGEST_LINE // 2]} ... {text[-_LONGEST_LINE // 2 :]}"
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char for char in text
    )

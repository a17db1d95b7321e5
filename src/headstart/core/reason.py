"""A reason why something was not done: English text that carries a stable code and the values it speaks of.

A `Reason` is a str, so that it is raised, printed and logged like any other text. The English sentence stands where the
reason is found (a new choice stays one file); other languages are looked up by the code, in
`reporting/reason_phrases.py`.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from headstart.core.errors import HeadstartError

# The codes of all reasons that this process made, by their English sentence: a code may have several.
MADE: dict[str, str] = {}
# How torch says it: its allocators of the processor (here, on Windows, on Macs), CUDA and its libraries, Metal.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed", "bad_alloc")


class _Listed(tuple):
    """Several names in a sentence: `{names}` joins them by commas, `{names:or}` by the word."""

    def __format__(self, word: str) -> str:
        return (f" {word} " if word else ", ").join(map(str, self))


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return a sentence with its values filled in; `{names:or}` joins a list of names by that word."""
    shown = {name: _Listed(one) if isinstance(one, tuple | list) else one for name, one in values.items()}
    return template.format(**shown)


class Reason(str):
    """`Reason("few_rows", "it needs {least} rows, got {rows}", least=8, rows=4)`: the sentence as text.

    code: stable, for machines and translations. values: numbers, texts, tuples of texts, other reasons.
    """

    code: str
    values: dict[str, Any]
    _english: str

    def __new__(cls, code: str, english: str, /, **values: Any) -> Reason:
        """Fill the values into the English sentence."""
        made = super().__new__(cls, filled(english, values))
        made.code, made.values, made._english = code, values, english
        MADE[english] = code
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Any]]:
        """Copies keep the code."""
        return (self.code, self._english), self.values

    def told(self) -> dict[str, Any]:
        """Return the reason as JSON data: code, text (English) and values, in which a reason is an object again."""
        values = {name: one.told() if isinstance(one, Reason) else one for name, one in self.values.items()}
        return {"code": self.code, "text": str.__str__(self), "values": values}

    def kept(self) -> dict[str, Any]:
        """Return the reason as JSON data from which `from_kept` makes it again in another process."""
        values = {name: {"reason": one.kept()} if isinstance(one, Reason) else one for name, one in self.values.items()}
        return {"code": self.code, "english": self._english, "values": values}

    @classmethod
    def from_kept(cls, data: Mapping[str, Any]) -> Reason:
        """Return the reason that `kept` wrote."""
        values = {
            name: cls.from_kept(one["reason"]) if isinstance(one, dict) and "reason" in one else one
            for name, one in data["values"].items()
        }
        return cls(data["code"], data["english"], **values)


def as_reason(text: str | None) -> Reason | None:
    """Return a reason as it is; a text without a code, from a choice of a third party, gets the code `other`."""
    return Reason("other", "{text}", text=text) if text and not isinstance(text, Reason) else text


def cannot_run(why: str) -> Reason:
    """Return the reason of a route that was started although it refuses to run."""
    return Reason("cannot_run", "this route cannot run: {why}", why=as_reason(why))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was not enough: of Python, of the operating system, of torch on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def reason_of(error: BaseException) -> Reason:
    """Return the reason that an error carries; of other errors, a reason that holds their first line."""
    carried = error.args[0] if error.args else None
    if isinstance(carried, Reason):
        return carried
    name, ours = type(error).__name__, isinstance(error, HeadstartError)
    # A HeadstartError tells its message in the reader's language; what is kept is English.
    said = str(carried) if ours else str(error)
    first = (said.strip().splitlines() or [""])[0]
    if is_out_of_memory(error):
        return Reason(
            "out_of_memory", "the memory was not enough for it ({kind}); a smaller base or batch needs less", kind=name
        )
    if ours:
        return Reason("error", "{message}", message=first)
    told = f"{name}: {first}".rstrip(": ")
    return Reason("unforeseen", "{message}", message=told)

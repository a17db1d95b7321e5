"""How files are read where their contents are not to decide: settings of the readers for one command, or one block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from headstart.core.errors import HeadstartError, unknown
from headstart.core.spec import ReaderSpec

_TRUTH = {"yes": True, "true": True, "no": False, "false": False}
_MARKS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|"}


@dataclass(frozen=True, kw_only=True)
class ReadHow:
    """None: by the contents of each file. Readers without such a setting go on as they are.

    encoding: of texts. delimiter: what ends a cell of a table. header: whether its first line names the columns.
    quoting: `yes` or `no`, whether quotes are marks around cells. sheet: of a workbook. lost: share of the rows that
    may be unreadable, 0 to 1.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    quoting: str | None = None
    sheet: str | None = None
    lost: float | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> ReadHow:
        """Return the settings from values or texts by name. Raises HeadstartError: no such setting, a wrong value."""
        known = [field.name for field in fields(cls)]
        if wrong := next((name for name in given if name not in known), None):
            raise unknown("setting of reading", wrong, known)
        return cls(**{name: _checked(name, value) for name, value in given.items()})

    @property
    def given(self) -> dict[str, Any]:
        """What is not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def applied(self, reader: ReaderSpec) -> ReaderSpec:
        """Return a reader with those of its settings that are given here."""
        own = {field.name for field in fields(reader)}
        return replace(reader, **{name: value for name, value in self.given.items() if name in own})


_CURRENT: ContextVar[ReadHow | None] = ContextVar("how files are read", default=None)


def current() -> ReadHow:
    """Return the settings that hold here."""
    return _CURRENT.get() or ReadHow()


@contextmanager
def reading(**settings: Any) -> Iterator[ReadHow]:
    """Read files so within the block: `with reading(encoding="cp949", header=False): ...`; see `ReadHow`.

    Raises HeadstartError: no such setting, a wrong value.
    """
    token = _CURRENT.set(ReadHow(**(current().given | ReadHow.of(settings).given)))
    try:
        yield current()
    finally:
        _CURRENT.reset(token)


def _checked(name: str, value: Any) -> Any:
    from headstart.data.encodings import check_encoding_name

    if value is None:
        return None
    if name == "encoding":
        check_encoding_name(str(value))
    if name == "header" and not isinstance(value, bool):
        return _one_of(name, value, _TRUTH)
    if name == "quoting":
        return _one_of(name, value, {"yes": "yes", "no": "no", "auto": None})
    if name == "delimiter":
        value = _MARKS.get(value, value)
        if len(value) != 1 or value in '\n\r"':
            raise HeadstartError(f"--delimiter {value!r}: expected one character, or tab, comma, semicolon, bar")
    if name == "lost":
        try:
            share = float(value)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise HeadstartError(f"--lost {value}: expected a share of the rows, 0 to 1")
        return share
    return value


def _one_of(name: str, value: Any, allowed: dict[str, Any]) -> Any:
    if str(value).lower() not in allowed:
        raise HeadstartError(f"--{name} {value}: expected {' or '.join(allowed)}")
    return allowed[str(value).lower()]

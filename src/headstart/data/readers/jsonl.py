"""JSON Lines, one object (a table row) or string (a document) per line, and files that are one JSON value of rows."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.spec import ReaderSpec
from headstart.data.annotation_tools import asked_names, plain_row
from headstart.data.json_tables import rows_of
from headstart.data.ledger import Ledger
from headstart.data.row import ByteStream, Row, Source, read_whole, refuse, usable

_OBJECT = re.compile(rb'\s*(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class JsonLines(ReaderSpec):
    """Keys are columns. A line that is not JSON is skipped, counted and named; the others are used."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")
    plain: ClassVar[bool] = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether it begins with a JSON object, alone or in a list."""
        return bool(_OBJECT.match(head))

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per line, or the rows of a file that is one JSON value (`json_tables.rows_of`).

        `line` is then the number of the row. Raises HeadstartError: one JSON value that is no table, too large a one.
        """
        if not _one_value(source.stream.peek().lstrip()):
            yield from self._lines(source, ledger)
            return
        data = read_whole(source, _MOST_BYTES)
        if len(data) > _MOST_BYTES:
            raise refuse(source.name, "one JSON value above 1 GiB", f"fix: jq -c '.[]' {source.name} > FILE.jsonl")
        value, fault = _parse(_text(data))
        found = None if fault else rows_of(value)
        if found is None and (fault or data.strip().count(b"\n") == 0):  # lines all the same, or one row alone
            yield from self._lines(Source(source.name, ByteStream(io.BytesIO(data))), ledger)
            return
        if found is None:
            raise refuse(source.name, "one JSON value in which no rows were found", "give a list of objects")
        rows, how = found
        ledger.note(f"one JSON value: {how}", source.name)
        asked = asked_names(rows)
        for number, row in enumerate(rows, 1):
            yield _row(row, source, number, ledger, asked)

    def _lines(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        for line in usable(source, ledger):
            text = line.text.strip()
            if not text:
                continue
            value, fault = _parse(text)
            if fault:
                ledger.reject("not valid JSON", source.name, line.number, fault)
            elif isinstance(value, dict | str):
                yield _row(value, source, line.number, ledger)
            else:
                ledger.reject("not a JSON object or string", source.name, line.number)


def _row(
    value: dict[str, Any] | str, source: Source, number: int, ledger: Ledger, asked: Mapping[str, bool] | None = None
) -> Row:
    if isinstance(value, dict):
        value = plain_row(value, lambda message: ledger.note(message, source.name), asked)
    return Row(value, source.name, number)


def _one_value(head: bytes) -> bool:
    """Whether a file that begins so may be one JSON value: a list, or an object that goes on over lines or ends it."""
    if head.startswith(b"["):
        return True
    first, _, rest = head.partition(b"\n")
    return head.startswith(b"{") and (not rest.strip() or first.rstrip().endswith((b"{", b"[", b",")))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _parse(text: str) -> tuple[Any, str]:
    """Return (value, fault); half a surrogate pair is a fault."""
    try:
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return None, f"{error.msg.removesuffix(' at')} at column {error.colno}"
    except UnicodeEncodeError:
        return None, "half a surrogate pair"
    except RecursionError:
        return None, "nested too deeply"
    except ValueError as error:
        return None, str(error).partition(";")[0]
    return value, ""

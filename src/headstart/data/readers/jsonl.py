"""JSON Lines: one JSON object (a table row) or one JSON string (a document) per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, refuse, usable


@dataclass(frozen=True, kw_only=True)
class JsonLines(ReaderSpec):
    """Keys are columns. A line that is not JSON is skipped, counted and named; the others are used."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the first line of an unnamed stream is a JSON object."""
        first = head.lstrip().split(b"\n", 1)[0].strip()
        return first.startswith(b"{") and first.endswith(b"}")

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per line. Raises HeadstartError for a file that is one JSON array or one indented object."""
        good = False
        for line in usable(source, ledger):
            text = line.text.strip()
            if not text:
                continue
            if not good and text in ("[", "{", "[{"):
                raise refuse(
                    source.name,
                    "holds one JSON value, not one per line",
                    f"fix: jq -c '.[]' {source.name} > FILE.jsonl",
                )
            value, fault = _parse(text)
            if fault:
                ledger.reject("not valid JSON", source.name, line.number, fault)
            elif isinstance(value, list) and not good and value and isinstance(value[0], dict):
                raise refuse(
                    source.name,
                    "holds one JSON array, not one object per line",
                    f"fix: jq -c '.[]' {source.name} > FILE.jsonl",
                )
            elif isinstance(value, dict | str):
                good = True
                yield Row(value, source.name, line.number)
            else:
                ledger.reject("not a JSON object or string", source.name, line.number)


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

"""Lines of fastText: `__label__NAME` as often as a text has labels, then the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, usable

_LABEL = re.compile(r"__label__(\S+)\s*,?\s*")
_LOOKED_AT = 20  # lines by which a file is recognised


@dataclass(frozen=True, kw_only=True)
class FastText(ReaderSpec):
    """Rows have the columns `text` and `label`, which is a list where a line has several labels."""

    suffixes: ClassVar[tuple[str, ...]] = (".ft",)
    plain: ClassVar[bool] = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the first lines begin with a label."""
        found = [line for line in head.split(b"\n")[:_LOOKED_AT] if line.strip()]
        return len(found) > 1 and all(line.lstrip().startswith(b"__label__") for line in found)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per line; a line without a label has none."""
        for line in usable(source, ledger):
            text, labels, begin = line.text.strip(), [], 0
            while match := _LABEL.match(text, begin):
                labels.append(match[1].rstrip(","))
                begin = match.end()
            text = text[begin:]
            if text or labels:
                label, *more = labels or [None]
                yield Row({"text": text, "label": labels if more else label}, source.name, line.number)

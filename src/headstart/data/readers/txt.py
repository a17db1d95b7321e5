"""Plain text: one document per line, per paragraph (blocks between blank lines) or per file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal, Self

from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.line_blocks import checked, line_blocks
from headstart.data.row import MAX_ROW_BYTES, Block, Line, Row, Source, in_blocks, lines

_SNIFFED_CHARACTERS = 1 << 16
_LINES_PER_PARAGRAPH = 50  # blank lines that are rarer do not separate paragraphs


@dataclass(frozen=True, kw_only=True)
class Text(ReaderSpec):
    """unit: what one document is; `auto` decides by the first 64 Ki characters and notes the decision."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".text")
    unit: Literal["auto", "line", "paragraph", "file"] = "auto"

    def with_unit(self, unit: str) -> Self:
        """See `ReaderSpec.with_unit`. Raises HeadstartError: unknown unit."""
        return self.with_settings([("unit", unit)])

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield documents; any above 16 MiB is cut, nothing is lost. Blank lines are rows of unit `line`."""
        head, found, unit = self._begun(source, ledger)
        if unit == "line":
            return _by_line(chain(head, found), source.name, ledger)
        return _joined(chain(head, found), source.name, ledger, whole=unit == "file")

    def blocks(self, source: Source, ledger: Ledger) -> Iterator[Block]:
        """See `ReaderSpec.blocks`: what `read` yields."""
        head, found, unit = self._begun(source, ledger)
        if unit != "line":
            yield from in_blocks(_joined(chain(head, found), source.name, ledger, whole=unit == "file"))
        elif head and len(head[-1].text or "") > _SNIFFED_CHARACTERS:  # perhaps in the middle of a line that is cut
            yield from in_blocks(_by_line(chain(head, found), source.name, ledger))
        else:
            yield checked(head, source.name, ledger)
            yield from line_blocks(source, ledger, before=head[-1].number if head else 0)

    def _begun(self, source: Source, ledger: Ledger) -> tuple[list[Line], Iterator[Line], str]:
        """Return (lines that were looked at, the others, the unit)."""
        found = lines(source, cut=True)
        if self.unit != "auto":
            return [], found, self.unit
        head = _head(found)
        unit, why = _guess(head)
        ledger.note(f"one document per {unit} ({why})", source.name)
        return head, found, unit


def _head(found: Iterator[Line]) -> list[Line]:
    head, size = [], 0
    for line in found:
        head.append(line)
        size += len(line.text or "") + 1
        if size > _SNIFFED_CHARACTERS:
            break
    return head


def _guess(head: list[Line]) -> tuple[str, str]:
    """Return the unit and why."""
    blank = [not (line.text or line.fault).strip() for line in head]
    filled = len(blank) - sum(blank)
    blocks = sum(not here and before for here, before in zip(blank, [True, *blank]))
    if blocks >= 2 and filled <= blocks * _LINES_PER_PARAGRAPH:
        return "paragraph", "guessed by the blank lines between blocks; --unit changes it"
    return "line", "guessed, no blocks between blank lines; --unit changes it"


def _by_line(found: Iterable[Line], source: str, ledger: Ledger) -> Iterator[Row]:
    for line in found:
        if line.text is None:
            ledger.reject(line.fault, source, line.number, line.detail)
        else:
            yield Row(line.text, source, line.number)


def _joined(found: Iterable[Line], source: str, ledger: Ledger, *, whole: bool) -> Iterator[Row]:
    """Collect lines up to a blank one, or up to the end when `whole`, or up to 16 MiB."""
    block: list[Line] = []
    size = 0

    def flush() -> Iterator[Row]:
        nonlocal block, size
        if any(line.text.strip() for line in block):
            yield Row("\n".join(line.text for line in block), source, block[0].number)
        block, size = [], 0

    for line in found:
        if line.text is None:
            ledger.reject(line.fault, source, line.number, line.detail)
            continue
        if not (line.text.strip() or whole):
            yield from flush()
            continue
        if block and size + len(line.text) * 3 > MAX_ROW_BYTES:
            ledger.note("a document was cut into pieces of at most 16 MiB", source)
            yield from flush()
        block.append(line)
        size += len(line.text) * 3 + 1
    yield from flush()

"""Sentences as blocks of lines between blank lines, for the CoNLL readers; a bad line rejects its block."""

from __future__ import annotations

from collections.abc import Iterator

from headstart.data.ledger import Ledger
from headstart.data.row import CUT_OFF, MAX_ROW_BYTES, TOO_LONG, Line, Source, lines


class SentenceFault(Exception):
    """A sentence cannot be used; reason, line and detail of the fault."""

    def __init__(self, reason: str, line: int, detail: str = ""):
        super().__init__(reason)
        self.reason, self.line, self.detail = reason, line, detail

    def tell(self, source: str, ledger: Ledger) -> None:
        """Count the sentence as read and skipped."""
        ledger.reject(self.reason, source, self.line, self.detail)


def blocks(source: Source, ledger: Ledger) -> Iterator[list[Line]]:
    """Yield blocks of usable lines; reject blocks with an unusable line, above 16 MiB or cut off by damage."""
    block: list[Line] = []
    fault: SentenceFault | None = None
    size = 0
    for line in lines(source):
        if line.text is not None and not line.text.strip():
            if fault is not None:
                fault.tell(source.name, ledger)
            elif block:
                yield block
            block, fault, size = [], None, 0
        elif fault is None:
            size += 3 * len(line.text or "")
            block.append(line)
            if line.text is None:
                fault = SentenceFault(line.fault, line.number, line.detail)
            elif size > MAX_ROW_BYTES:
                block, fault = [], SentenceFault(TOO_LONG, line.number)
    if fault is None and block and source.stream.damage:
        fault = SentenceFault(CUT_OFF, block[-1].number)
    if fault is not None:
        fault.tell(source.name, ledger)
    elif block:
        yield block

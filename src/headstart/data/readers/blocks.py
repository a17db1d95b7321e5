"""Sentences as blocks of lines between blank ones, which the CoNLL readers share; a broken line spoils its block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from headstart.data.ledger import Ledger
from headstart.data.row import CUT_OFF, MAX_ROW_BYTES, TOO_LONG, Line, lines


class Fault(Exception):
    """Why a sentence cannot be used, and in which line."""

    def __init__(self, reason: str, line: int, detail: str = ""):
        super().__init__(reason)
        self.reason, self.line, self.detail = reason, line, detail

    def tell(self, source: str, ledger: Ledger) -> None:
        """Count the sentence as read and skipped."""
        ledger.reject(self.reason, source, self.line, self.detail)


def blocks(stream: BinaryIO, source: str, ledger: Ledger) -> Iterator[list[Line]]:
    """Yield blocks of usable lines; reject one with an unusable line, above 16 MiB or broken off by damage."""
    block: list[Line] = []
    fault: Fault | None = None
    size = 0
    for line in lines(stream):
        if line.text is not None and not line.text.strip():
            if fault is not None:
                fault.tell(source, ledger)
            elif block:
                yield block
            block, fault, size = [], None, 0
        elif fault is None:
            size += 3 * len(line.text or "")
            block.append(line)
            if line.text is None:
                fault = Fault(line.fault, line.number, line.detail)
            elif size > MAX_ROW_BYTES:
                block, fault = [], Fault(TOO_LONG, line.number)
    if fault is None and block and getattr(stream, "damaged", False):
        fault = Fault(CUT_OFF, block[-1].number)
    if fault is not None:
        fault.tell(source, ledger)
    elif block:
        yield block

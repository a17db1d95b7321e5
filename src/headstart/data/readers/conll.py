"""CoNLL columns: a token per line, its BIO, IOB1 or BIOES tag in the last column, blank lines between sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Line, Row, Source
from headstart.data.sentence_blocks import SentenceFault, blocks
from headstart.data.tag_schemes import TAG, spans

_DOCUMENT = "-DOCSTART-"
_LOOKED_AT = 20  # lines by which a stream is recognised


@dataclass(frozen=True, kw_only=True)
class Conll(ReaderSpec):
    """A row is {"text", "entities": [{"start", "end", "label"}]}: tokens joined by one space, character offsets.

    Columns end at tabs where a line has any, else at blanks. A sentence with a line that has no tag is rejected.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".conll", ".bio", ".iob")
    plain: ClassVar[bool] = True

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the first lines of an unnamed stream all end in a tag; the last one may be cut."""
        whole = head.split(b"\n")[:-1]
        first = [_cells(text.decode("utf-8", "replace")) for text in whole[:_LOOKED_AT] if text.strip()]
        return len(first) > 1 and all(len(cells) > 1 and TAG.fullmatch(cells[-1]) for cells in first)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per sentence; `line` is its first one. Lines that start with -DOCSTART- are passed over."""
        dropped = 0
        for block in blocks(source, ledger):
            try:
                tokens, tags = _columns(block)
            except SentenceFault as fault:
                fault.tell(source.name, ledger)
                continue
            kept = [(token, tag) for token, tag in zip(tokens, tags) if token]
            dropped += len(tokens) - len(kept)
            if kept:
                yield Row(_sentence(*zip(*kept)), source.name, block[0].number)
        if dropped:
            ledger.note(f"{dropped:,} empty tokens were left out", source.name)


def _cells(text: str) -> list[str]:
    text = text.rstrip()
    return text.split("\t") if "\t" in text else text.split()


def _columns(block: list[Line]) -> tuple[list[str], list[str]]:
    """Return (tokens, tags); '' for a token of blanks only. Raises SentenceFault: a line without a tag."""
    tokens, tags = [], []
    for line in block:
        cells = _cells(line.text)
        if cells[0] == _DOCUMENT:
            continue
        if len(cells) < 2:
            raise SentenceFault("one column only", line.number, repr(cells[0][:40]))
        if not TAG.fullmatch(cells[-1]):
            raise SentenceFault("the last column is no BIO tag", line.number, repr(cells[-1][:40]))
        tokens.append(cells[0].strip())
        tags.append(cells[-1])
    return tokens, tags


def _sentence(tokens: Sequence[str], tags: Sequence[str]) -> dict[str, Any]:
    starts, end = [], 0
    for token in tokens:
        starts.append(end)
        end += len(token) + 1
    entities = [
        {"start": starts[first], "end": starts[last - 1] + len(tokens[last - 1]), "label": label}
        for first, last, label in spans(tags)
    ]
    return {"text": " ".join(tokens), "entities": entities}

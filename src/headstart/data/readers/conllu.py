"""CoNLL-U treebanks: sentences with the part of speech of every word (Universal Dependencies version 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from headstart.core.spec import ReaderSpec
from headstart.data.ledger import Ledger
from headstart.data.row import Line, Row, Source
from headstart.data.sentence_blocks import SentenceFault, blocks

_COLUMNS = 10
_FORM, _UPOS, _XPOS, _MISC = 1, 3, 4, 9
_TEXT = re.compile(r"#\s*text\s*=\s*(.*)")
_RANGE, _EMPTY = re.compile(r"(\d{1,9})-(\d{1,9})"), re.compile(r"\d+\.\d+")
_FIRST = re.compile(rb"(?:#[^\n]*\n|\r?\n)*1(?:-\d+)?\t(?:[^\t\n]*\t){8}[^\t\n]*\n")


@dataclass(frozen=True, kw_only=True)
class ConllU(ReaderSpec):
    """A row is {"text", "words": [{"start", "end", "label"}]}: character offsets, UPOS, or XPOS where no UPOS is given.

    Words of a multiword token (1-2) keep their own offsets if their forms make up the token; otherwise the token is one
    word with the labels joined by '+'. Empty nodes (1.1) are skipped.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".conllu",)

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether an unnamed stream starts with comments and a first word of ten columns."""
        return _FIRST.match(head) is not None

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per sentence; `line` is its first one.

        The text is that of the comment `# text`, or made of the forms where those are not found in it.
        """
        rebuilt = 0
        for block in blocks(source, ledger):
            try:
                text, pieces = _parse(block)
            except SentenceFault as fault:
                fault.tell(source.name, ledger)
                continue
            if not pieces:
                continue  # a block of comments
            starts = _find(pieces, text)
            if starts is None:
                rebuilt += text is not None
                text, starts = _write(pieces)
            yield Row({"text": text, "words": _words(pieces, starts)}, source.name, block[0].number)
        if rebuilt:
            ledger.note(f"{rebuilt:,} sentences differ from their '# text'; made of the words", source.name)


@dataclass
class _Piece:
    """A token of the text: its form, the blank after it, and the columns of its words."""

    form: str
    gap: str
    words: list[list[str]] = field(default_factory=list)


def _parse(block: list[Line]) -> tuple[str | None, list[_Piece]]:
    """Return the `# text` and the pieces. Raises SentenceFault: a line that is no word, or words out of order."""
    text, pieces = None, []
    number = until = 0  # number of the last word; last word of the current multiword token
    for line in block:
        if line.text.startswith("#"):
            said = _TEXT.match(line.text)
            text = said[1].rstrip() if said else text
            continue
        cells = line.text.split("\t")
        if len(cells) != _COLUMNS:
            raise SentenceFault("not ten columns", line.number, f"{len(cells)}")
        if not cells[_FORM].strip():
            raise SentenceFault("no form", line.number)
        if _EMPTY.fullmatch(cells[0]):
            continue
        joined = _RANGE.fullmatch(cells[0])
        wrong = joined and (until > number or int(joined[2]) <= number)
        if wrong or (joined[1] if joined else cells[0]) != str(number + 1):
            raise SentenceFault("words out of order", line.number, f"{cells[0][:20]!r} after {number}")
        if joined or number >= until:
            pieces.append(_Piece(cells[_FORM], "" if "SpaceAfter=No" in cells[_MISC].split("|") else " "))
        if joined:
            until = int(joined[2])
        else:
            number += 1
            pieces[-1].words.append(cells)
    if until > number:
        raise SentenceFault("words out of order", block[-1].number, f"{until} is missing")
    return text, pieces


def _find(pieces: list[_Piece], text: str | None) -> list[int] | None:
    """Return the start of each piece in `text`, or None if `text` is not made of the pieces and blanks."""
    if text is None:
        return None
    starts, end = [], 0
    for piece in pieces:
        while text[end : end + 1].isspace() and not text.startswith(piece.form, end):
            end += 1
        if not text.startswith(piece.form, end):
            return None
        starts.append(end)
        end += len(piece.form)
    return None if text[end:].strip() else starts


def _write(pieces: list[_Piece]) -> tuple[str, list[int]]:
    """Return (text made of the pieces, start of each piece)."""
    text, starts = "", []
    for piece in pieces:
        starts.append(len(text))
        text += piece.form + piece.gap
    return text.removesuffix(pieces[-1].gap), starts


def _words(pieces: list[_Piece], starts: list[int]) -> list[dict[str, Any]]:
    tagged = any(word[_UPOS] != "_" for piece in pieces for word in piece.words)
    column = _UPOS if tagged else _XPOS
    out = []
    for piece, start in zip(pieces, starts):
        forms, labels = [word[_FORM] for word in piece.words], [word[column] for word in piece.words]
        if "".join(forms) != piece.form:
            forms, labels = [piece.form], ["+".join(labels)]
        for form, label in zip(forms, labels):
            out.append({"start": start, "end": start + len(form), "label": label})
            start += len(form)
    return out

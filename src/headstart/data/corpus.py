"""A corpus: unlabelled texts or images of one or many files, streamed, every row accounted for."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from headstart.core.errors import HeadstartError, unknown
from headstart.core.examples import ImageRef, need_one_kind, takes_of
from headstart.core.item_nouns import one_item
from headstart.core.normal_form import normal_form
from headstart.core.spec import ReaderSpec
from headstart.data.columns import cell, check_column, columns_of, guess_text, sample_rows, shown_names
from headstart.data.filtering import Sieve, chosen_filters, sieve_of
from headstart.data.ledger import Ledger
from headstart.data.open import as_paths, expand, files_of, read_blocks, read_rows, shown
from headstart.data.read_how import ReadHow, current
from headstart.data.row import Block, Row, in_blocks

_BLOCKS = 16  # of each file,
_BLOCK_BYTES = 1 << 16  # of so many bytes: its content for `Corpus.fingerprint`
_FORMS = ("NFC", "NFD", "NFKC", "NFKD", "none")
_UNITS = ("auto", "line", "paragraph", "file")


class Corpus:
    """Unlabelled documents, read from disk anew on every pass; memory holds one row at a time.

    paths: files, folders, '-' (spooled to disk once). column: of texts or images in tables, None = guessed.
    unit: what a document of plain text is. normal_form: NFC unless asked otherwise, `none` leaves the text alone.
    limit: most documents used. filters: what is left out, as plain data ({"name": "length", "fewest": 20}); they look
    at all documents before the first one is used. reader: instead of the one chosen by suffix. how: settings of the
    readers (`ReadHow`), None: those that hold where the corpus is made. ledger and notes tell of the latest pass.
    Raises HeadstartError: a file that is missing or unreadable, no such column, no document at all.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        column: str | None = None,
        unit: Literal["auto", "line", "paragraph", "file"] = "auto",
        normal_form: Literal["NFC", "NFD", "NFKC", "NFKD", "none"] = "NFC",
        limit: int | None = None,
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        reader: ReaderSpec | None = None,
        how: Mapping[str, Any] | None = None,
    ):
        if normal_form not in _FORMS:
            raise unknown("normal form", str(normal_form), _FORMS)
        if unit not in _UNITS:
            raise unknown("unit", str(unit), _UNITS)
        if limit is not None and limit < 1:
            raise HeadstartError(f"limit={limit}: expected a whole number of documents, at least 1")
        self.paths, self.column, self.unit = as_paths(paths), column, unit
        self.normal_form, self.limit, self.reader = normal_form, limit, reader
        self.filters = chosen_filters(filters)
        self.how = current() if how is None else ReadHow.of(dict(how))
        self.ledger = Ledger()
        self.files = expand(paths, self.ledger, reader)

    @property
    def notes(self) -> list[str]:
        """What the latest pass guessed: format, column, unit, quoting."""
        return self.ledger.notes

    @property
    def takes(self) -> str:
        """What the first document is, `text` or `image`; reads no further. Raises HeadstartError: there is none."""
        return takes_of([next(self._unfiltered(Ledger())).value])

    def documents(self) -> Iterator[str | ImageRef]:
        """Yield every used document: texts, or references to images."""
        return chain.from_iterable(block.values for block in self.blocks())

    def blocks(self) -> Iterator[Block]:
        """Yield what `rows` yields in blocks of many documents, which is ten times sooner for lines of text.

        The ledger counts a block when it is yielded.
        """
        if self.filters or self.limit is not None:
            yield from in_blocks(self.rows())
            return
        self.ledger = ledger = Ledger()
        expand(self.paths, ledger, self.reader)
        first: str | ImageRef | None = None
        for name in self.files:
            blocks = (block for block in read_blocks(name, ledger, **self._reading) if block.values)
            for block in self._plain(blocks, name, ledger):
                item = block.values[0]
                first = item if first is None else first
                need_one_kind(first, item, block.source)
                ledger.use(len(block.values))
                yield block
        if first is None:
            raise self._nothing(ledger)
        ledger.need_most(self.how.lost)

    def _plain(self, blocks: Iterator[Block], name: str, ledger: Ledger) -> Iterator[Block]:
        """Yield texts in their normal form, without empty ones; what is no text, and all behind it, as `_told` does."""
        for block in blocks:
            values, source, lines = block
            if not all(isinstance(value, str) for value in values):
                yield from self._told(chain([block], blocks), name, ledger)
                return
            ledger.begin(len(values))
            if self.normal_form != "none" and not unicodedata.is_normalized(self.normal_form, "\n".join(values)):
                values = [normal_form(text, self.normal_form) for text in values]
            empty = [place for place, text in enumerate(values) if not text or text.isspace()]
            for place in empty:
                ledger.skip("empty", source, lines[place])
            if empty:
                left_out = set(empty)
                kept = [place for place in range(len(values)) if place not in left_out]
                values, lines = [values[place] for place in kept], [lines[place] for place in kept]
            if values:
                yield Block(values, source, lines)

    def _told(self, blocks: Iterator[Block], name: str, ledger: Ledger) -> Iterator[Block]:
        """Yield the documents of tables and images."""
        rows = chain.from_iterable(block.rows() for block in blocks)
        return in_blocks(self._usable(self._cells(rows, shown(name), ledger), ledger))

    def rows(self) -> Iterator[Row]:
        """Yield every used document as a row; starts a new ledger. Raises HeadstartError: there is none."""
        self.ledger = ledger = Ledger()
        sieve = self._sieve()
        for number, row in enumerate(self._unfiltered(ledger)):
            if sieve is not None:
                text, reason = sieve(number, row.value)
                if reason:
                    ledger.skip(reason, row.source, row.line)
                    continue
                if text != row.value:
                    ledger.tell("documents", "lines of boilerplate taken out")
                    row = Row(text, row.source, row.line)
            ledger.use()
            yield row
            if ledger.used == self.limit:
                ledger.note(f"stopped at the limit of {self.limit:,} documents", row.source)
                return
        if not ledger.used:
            raise self._nothing(ledger)
        ledger.need_most(self.how.lost)

    @property
    def _reading(self) -> dict[str, Any]:
        return {"unit": self.unit, "reader": self.reader, "tables": self.unit == "auto", "how": self.how}

    def _nothing(self, ledger: Ledger) -> HeadstartError:
        return HeadstartError(f"no document in {', '.join(map(shown, self.files[:3]))}: {_oneline(ledger)}")

    def _sieve(self) -> Sieve | None:
        """Return what the filters leave out, None without filters. Raises HeadstartError: filters of images."""
        if not self.filters:
            return None
        if self.takes != "text":
            raise HeadstartError(f"filter {self.filters[0]['name']}: filters look at texts, and these are images")

        def documents() -> Iterator[str]:
            return (row.value for row in self._unfiltered(Ledger()))

        return sieve_of(self.fingerprint(), self.filters, documents)

    def _unfiltered(self, ledger: Ledger) -> Iterator[Row]:
        """Yield every document that can be used, begun in the ledger; `rows` says whether it is."""
        expand(self.paths, ledger, self.reader)
        first: str | ImageRef | None = None
        for name in self.files:
            rows = read_rows(name, ledger, **self._reading)
            for row in self._usable(self._cells(rows, shown(name), ledger), ledger):
                first = row.value if first is None else first
                need_one_kind(first, row.value, row.source)
                yield row
        if first is None:
            raise self._nothing(ledger)

    def _usable(self, cells: Iterator[tuple[Row, str]], ledger: Ledger) -> Iterator[Row]:
        """Yield the rows that hold a text, in its normal form, or an image."""
        for row, takes in cells:
            ledger.begin()
            item = row.value
            if item is None:
                ledger.skip(f"no {one_item(takes)}", row.source, row.line)
                continue
            if isinstance(item, str) and self.normal_form != "none":
                item = normal_form(item, self.normal_form)
            if isinstance(item, str) and (not item or item.isspace()):
                ledger.skip("empty", row.source, row.line)
                continue
            yield Row(item, row.source, row.line)

    def _cells(self, rows: Iterator[Row], source: str, ledger: Ledger) -> Iterator[tuple[Row, str]]:
        """Yield rows whose value is a text or an image, or None where a table has none in the column, and which."""
        head = sample_rows(rows)
        column = self._column([row.value for row in head if isinstance(row.value, dict)], source, ledger)
        cells = [row.value.get(column) for row in head if isinstance(row.value, dict)]
        takes = takes_of([value for value in cells if value is not None])
        for row in chain(head, rows):
            if not isinstance(row.value, dict):
                yield row, takes
                continue
            value = row.value.get(column)
            yield Row(value if isinstance(value, ImageRef) else cell(value), row.source, row.line), takes

    def _column(self, sample: list[dict], source: str, ledger: Ledger) -> str | None:
        if not sample:
            return self.column
        columns = columns_of(sample)
        if self.column is not None:
            return check_column("text", self.column, columns, source)
        column, why = guess_text(sample, source)
        if len(columns) > 1:
            ledger.note(f"column '{column}' chosen from {shown_names(columns)} ({why})", source)
        return column

    def fingerprint(self) -> str:
        """Return a SHA-256 over the options and each file's size and 16 blocks of 64 KiB spread over it; cheap.

        Names and times are left out: a corpus that was moved, copied or touched is the same corpus.
        """
        options = [self.column, self.unit, self.normal_form, self.limit, self.reader and self.reader.to_dict()]
        options += [self.how.given] if self.how.given else []
        options += [self.filters] if self.filters else []
        digest = hashlib.sha256(json.dumps(options).encode())
        for path in (path for name in self.files for path in files_of(name)):
            size = path.stat().st_size
            digest.update(str(size).encode())
            with open(path, "rb") as stream:
                for block in range(_BLOCKS):
                    stream.seek(max(0, size - _BLOCK_BYTES) * block // (_BLOCKS - 1))
                    digest.update(stream.read(_BLOCK_BYTES))
        return digest.hexdigest()

    def bytes_on_disk(self) -> int:
        """Return the size of the files as they lie on disk, compressed or not."""
        return sum(path.stat().st_size for name in self.files for path in files_of(name))


def _oneline(ledger: Ledger) -> str:
    return ledger.summary().replace("\n", "; ")

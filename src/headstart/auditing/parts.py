"""One part of what an audit looks through, rows of a split or documents of a corpus, and how its rows are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from headstart.auditing.copies import KINDS, CopiesWithin, about_passages, first_with, inside
from headstart.auditing.items import kind_of
from headstart.core.examples import Examples, ImageRef
from headstart.data.row import Row

LISTED = 50  # findings of a kind that are written out; all are counted
PORTION = 8_192
Progress = Callable[[str], None]
Pictures = dict[tuple[str, int], tuple[ImageRef, ...]]  # by split and number of the row
CorpusRows = Callable[[], Iterable[Any]]  # items, or rows of them


class Part:
    """One split. items: one per row, tuples for pairs. single: each item by itself; of pairs all first items, then all
    second items. folds, single_folds: the folds of both. passages: the folds of what the rows are asked about, or None.
    kind: of the items. pictures: of `Audit`, `where` fills it."""

    def __init__(self, name: str, examples: Examples, pictures: Pictures):
        self.name, self.examples, self.pictures = name, examples, pictures
        self.kind = kind_of(examples.items)
        self.items = list(examples.items if examples.second is None else zip(examples.items, examples.second))
        self.folds = self.kind.folds(examples.items, examples.second)
        self.passages = self.kind.folds(examples.second) if examples.task == "answer" and examples.second else None
        if self.passages is not None:
            self.folds = about_passages(self.kind.folds(examples.items), self.passages)
        self.single = [*examples.items, *(examples.second or ())]
        self.single_folds = self.folds if examples.second is None else self.kind.folds(self.single)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def plain(self) -> list[Any]:
        """One item per row; the two texts of a pair are joined, of two images the first is taken."""
        alone = self.examples.second is None or self.examples.takes == "image"
        return list(self.examples.items) if alone else [" ".join(pair) for pair in self.items]

    def apart(self) -> tuple[np.ndarray, list[Any], list[str]]:
        """Return (numbers, items, folds) of independent rows: of the rows on one passage the first."""
        if self.passages is None:
            return np.arange(len(self)), self.plain, self.folds
        rows = np.flatnonzero(first_with(self.passages) == np.arange(len(self)))
        return rows, [self.plain[row] for row in rows], [self.passages[row] for row in rows]

    @cached_property
    def labels(self) -> list[str] | None:
        """The labels of the rows as text, so that they can be compared; None for unlabelled rows."""
        examples = self.examples
        if examples.labels is not None:
            return [examples.classes[label] for label in examples.labels]
        return None if examples.targets is None or examples.task == "retrieve" else [*map(str, examples.targets)]

    def where(self, row: int) -> dict[str, Any]:
        """Return how a reader finds a row: split, number from 1, file and line where they are known, what it holds."""
        out: dict[str, Any] = {"split": self.name, "row": int(row) + 1}
        if self.examples.places is not None:
            file, line = self.examples.places[row]
            out |= {"file": Path(file).name, "line": int(line)}
        items = _apart(self.items[row])
        _picture(self.pictures, out, items)
        return out | {"text": " | ".join(map(self.kind.shown, items))}

    def summary(self) -> dict[str, Any]:
        """Return profile and duplicates."""
        examples = self.examples
        out: dict[str, Any] = {"profile": self.kind.profile(examples.items), "duplicates": self._duplicates()}
        if examples.second is not None:
            out["profile_second"] = self.kind.profile(examples.second)
        if self.passages is not None:
            out["passages"] = len(set(self.passages))
        order = np.lexsort((np.arange(len(self)), self.kind.sizes(self.plain)))
        out["shortest"], out["longest"] = ([self.where(row) for row in rows] for rows in (order[:3], order[::-1][:3]))
        if examples.labels is not None:
            count_C = np.bincount(examples.labels, minlength=len(examples.classes)).tolist()
            out["classes"] = dict(zip(examples.classes, count_C))
        return out

    @cached_property
    def found(self) -> CopiesWithin:
        """The copies among the rows."""
        return inside(self.items, self.folds)

    def _duplicates(self) -> dict[str, Any]:
        """Return how many rows copy an earlier row (near: have a near copy), and the first of them."""
        out: dict[str, Any] = {}
        found = self.found
        for kind in KINDS:
            mate_N = found.partner(kind)
            rows = np.flatnonzero(mate_N >= 0)
            shown = rows if kind != "normalised" else rows[found.exact_N[rows] < 0]
            shown = shown if kind != "near" else shown[mate_N[shown] < shown]
            hows = [
                {} if kind != "near" else self.kind.how(self.folds[row], self.folds[mate_N[row]])
                for row in shown[:LISTED]
            ]
            listed = [[self.where(row), self.where(mate_N[row]) | how] for row, how in zip(shown, hows)]
            out[kind] = {"rows": len(rows), "listed": listed}
        return out

    def portions(self) -> Iterator[Portion]:
        """Yield the rows a portion at a time."""
        for start in range(0, len(self), PORTION):
            some, rest = slice(start, start + PORTION), slice(len(self) + start, len(self) + start + PORTION)
            single, single_folds = self.single[some], self.single_folds[some]
            if self.examples.second is not None:
                single = [item for pair in self.items[some] for item in pair]
                single_folds = [fold for pair in zip(single_folds, self.single_folds[rest]) for fold in pair]
            where = partial(_where, self, start)
            yield Portion(self.items[some], self.folds[some], single, single_folds, where)


def _apart(item: Any) -> tuple[Any, ...]:
    """Return the items of a row, one or the two of a pair."""
    return item if isinstance(item, tuple) else (item,)


def _picture(pictures: Pictures, row: dict[str, Any], items: Sequence[Any]) -> None:
    """Note the images of a row that is told of; row: its split and number."""
    if found := tuple(item for item in items if isinstance(item, ImageRef)):
        pictures[row["split"], row["row"]] = found


def _where(part: Part, start: int, at: int) -> dict[str, Any]:
    return part.where(start + at)


@dataclass(frozen=True)
class Portion:
    """Some rows of a stream. items, folds: as in `Part`. single, single_folds: the two of a pair one after the other.
    where(at): how a reader finds a row."""

    items: list[Any]
    folds: list[str]
    single: list[Any]
    single_folds: list[str]
    where: Callable[[int], dict[str, Any]]


def documents(corpus: CorpusRows, progress: Progress, pictures: Pictures) -> Iterator[Portion]:
    """Yield the corpus a portion at a time. pictures: of `Audit`, filled by `where`."""
    stream, seen = iter(corpus()), 0
    while rows := list(islice(stream, PORTION)):
        items = [row.value if isinstance(row, Row) else row for row in rows]
        folds = kind_of(items).folds(items)

        def where(at: int, rows: list = rows, items: list[Any] = items, seen: int = seen) -> dict[str, Any]:
            out: dict[str, Any] = {"split": "corpus", "row": seen + at + 1}
            if isinstance(rows[at], Row):
                out |= {"file": Path(rows[at].source).name, "line": rows[at].line}
            _picture(pictures, out, items[at : at + 1])
            return out | {"text": kind_of(items).shown(items[at])}

        yield Portion(items, folds, items, folds, where)
        before, seen = seen, seen + len(rows)
        if seen // 100_000 > before // 100_000:
            progress(f"corpus: {seen:,} documents compared")

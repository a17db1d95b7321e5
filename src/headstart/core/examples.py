"""Examples of a task: one or two items each (texts or images), and the answers to them where those are known."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.files import nearest_beside
from headstart.core.item_nouns import some_items

MOST_IMAGE_BYTES = 1 << 28  # of one image as it is encoded
_PAIR = (tuple, list, np.ndarray)  # what may hold the two items of a pair


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text as it was given, and their label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class ImageRef:
    """An image as its encoded bytes, in a file or in memory, that are decoded only when they are needed.

    path: the file, or None. data: the encoded bytes, or None. digest: the SHA-256 of the encoded bytes in hexadecimal
    digits. Two references are equal when their digests are.
    """

    path: Path | None = field(compare=False)
    data: bytes | None = field(compare=False, repr=False)
    digest: str

    @classmethod
    def from_file(cls, path: Path) -> ImageRef:
        """Return a reference to the image in a file. Raises HeadstartError when the file cannot be read."""
        return cls(path, None, hashlib.sha256(_bytes_of(path)).hexdigest())

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageRef:
        """Return a reference to an image in memory."""
        return cls(None, data, hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        """Return the file or, for an image in memory, the start of its digest."""
        return self.digest[:12] if self.path is None else str(self.path)

    @property
    def name(self) -> str:
        """The file's name without its folders or, for an image in memory, the start of its digest."""
        return f"image {self}" if self.path is None else self.path.name

    def read(self) -> bytes:
        """Return the encoded bytes. Raises HeadstartError: the file is gone or holds another image than before."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise HeadstartError(f"image {self}: neither a file nor bytes are given; give one of them")
        data = _bytes_of(self.path)
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise HeadstartError(f"{self.path}: the image was changed after it was first read; start again")
        return data


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a regular file of bounded size: a device or a pipe would never end."""
    if "\0" in str(path):
        raise HeadstartError(f"{str(path)!r}: no file has such a name")
    try:
        about = path.stat()
        if stat.S_ISREG(about.st_mode) and about.st_size <= MOST_IMAGE_BYTES:
            return path.read_bytes()
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such image{nearest_beside(path)}") from None
    except OSError as error:
        raise HeadstartError(f"{path}: the image cannot be read ({error.strerror or error})") from None
    if not stat.S_ISREG(about.st_mode):
        raise HeadstartError(f"{path}: this is no regular file; an image is read from one")
    sizes = f"{about.st_size >> 20:,} MiB, at most {MOST_IMAGE_BYTES >> 20}"
    raise HeadstartError(f"{path}: the file is too large for an image ({sizes})")


def digest(item: str | ImageRef) -> str:
    """Return what tells items apart, for caches, copies and receipts: a text itself, the SHA-256 of an image."""
    return item.digest if isinstance(item, ImageRef) else item


def takes_of(items: Sequence[Any]) -> str:
    """Return what the items are, `text` or `image`; no items count as texts."""
    return "image" if len(items) and isinstance(items[0], ImageRef) else "text"


def need_one_kind(first: Any, item: Any, source: str) -> None:
    """Raise HeadstartError, which names the file, when an item is of another kind than the first one of its data."""
    if (held := takes_of([item])) != (before := takes_of([first])):
        kinds = f"it holds {some_items(held)}, and what was read before {some_items(before)}"
        raise HeadstartError(f"{source}: {kinds}; give data of one kind")


def need_takes(items: Sequence[Any], takes: str, who: str) -> None:
    """Raise HeadstartError when `who` takes `text` and the items are images, or the other way round."""
    if len(items) and (held := takes_of(items)) != takes:
        wanted = some_items(takes)
        raise HeadstartError(f"{who} was trained on {wanted}, and these rows hold {some_items(held)}; give {wanted}")


def listed_items(given: Any) -> list[Any]:
    """Return texts or images as a list, whatever iterable holds them.

    Raises HeadstartError: one text alone, a table, a row that is neither a text nor an image.
    """
    items = _rows(given)
    wrong = next((row for row, item in enumerate(items) if not isinstance(item, str | ImageRef)), None)
    if wrong is not None:
        raise HeadstartError(f"row {wrong + 1} holds {type(items[wrong]).__name__}, expected a text or an image")
    return items


def _rows(given: Any) -> list[Any]:
    name = type(given).__name__
    alone = isinstance(given, str | bytes | Mapping | ImageRef) or "Frame" in name or "Table" in name
    if alone or not isinstance(given, Iterable):
        raise HeadstartError(f"{name} is no list of texts or images; give one: [TEXT], or one column of a table")
    return list(given)


@dataclass(frozen=True)
class Examples:
    """N examples of a task.

    items: N texts or images. second: the second items of N pairs, or None. labels: int64 [N] indexes into `classes`,
    or None when unknown. classes: the label names in a fixed order. groups: N group names that must not be split apart,
    or None. task: what is asked (`headstart list task`). targets: the N answers of a task other than `classify`, or
    None: numbers (regress), tuples of label names (multilabel), tuples of `Span` in `items` (tag), tuples of `Span` in
    `second`, empty where there is no answer (answer), texts (generate), ranks of the own `second` (retrieve). places:
    the N (file, line) that examples were read from, or None. weights: float64 [N], at least 0, how much each example
    counts in training, or None: all alike.
    """

    items: Sequence[Any]  # str or ImageRef
    second: Sequence[Any] | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    groups: Sequence[str] | None = None
    task: str = "classify"
    targets: Sequence[Any] | None = None
    places: Sequence[tuple[str, int]] | None = None
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, given: Any) -> Examples:
        """Return what a model is asked as examples without answers: an iterable of texts or images, or of pairs.

        Raises HeadstartError: see `listed_items`; pairs of another length than 2.
        """
        if isinstance(given, Examples):
            return given
        rows = _rows(given)
        if not rows or not isinstance(rows[0], _PAIR):
            return cls(listed_items(rows))
        wrong = next((row for row, pair in enumerate(rows) if not isinstance(pair, _PAIR) or len(pair) != 2), None)
        if wrong is not None:
            raise HeadstartError(f"row {wrong + 1} is no pair of two texts; give all rows as pairs, or none")
        return cls(listed_items(first for first, _ in rows), listed_items(second for _, second in rows))

    def __len__(self) -> int:
        return len(self.items)

    @property
    def weight_N(self) -> np.ndarray:
        """How much each example counts, float64 [N]; 1 where no weights are given."""
        return np.ones(len(self)) if self.weights is None else np.asarray(self.weights, np.float64)

    @property
    def takes(self) -> str:
        """What the items are; see `takes_of`."""
        return takes_of(self.items)

    def take(self, rows: np.ndarray) -> Examples:
        """Return the examples at integer positions `rows` [M], in that order."""
        pick = [int(row) for row in rows]
        return Examples(
            items=[self.items[row] for row in pick],
            second=None if self.second is None else [self.second[row] for row in pick],
            labels=None if self.labels is None else self.labels[rows],
            classes=self.classes,
            groups=None if self.groups is None else [self.groups[row] for row in pick],
            task=self.task,
            targets=None if self.targets is None else [self.targets[row] for row in pick],
            places=None if self.places is None else [self.places[row] for row in pick],
            weights=None if self.weights is None else self.weights[rows],
        )

    def counting(self) -> Examples:
        """Return the examples whose weight is not 0."""
        return self if self.weights is None else self.take(np.flatnonzero(self.weights > 0))

    def and_then(self, others: Examples) -> Examples:
        """Return these examples and then the others, which answer the same task with the same classes."""

        def joined(name: str) -> list[Any] | None:
            sides = [getattr(part, name) for part in (self, others)]
            return None if any(side is None for side in sides) else [*sides[0], *sides[1]]

        labels = None if self.labels is None else np.concatenate([self.labels, others.labels])
        weights = None
        if self.weights is not None or others.weights is not None:
            weights = np.concatenate([part.weight_N for part in (self, others)])
        lists = {name: joined(name) for name in ("second", "groups", "targets", "places")}
        items = [*self.items, *others.items]
        return Examples(items=items, labels=labels, classes=self.classes, task=self.task, weights=weights, **lists)

"""Labelled (or to be labelled) rows of a task: one or two texts each, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Span(NamedTuple):
    """A piece of a text: characters `start` to `end` (exclusive) of it as it was given, and what is said of them."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Examples:
    """Rows of a task.

    first: N texts. second: N texts for pairs, or None. labels: int64 [N] indexes into `classes`, or None when unknown.
    classes: the label names in a fixed order. groups: N group names that must not be split apart, or None.
    task: what is asked (`headstart list task`). targets: the N answers of a task other than `classify`, or None:
    numbers (regress), tuples of `Span` in `first` (tag), tuples of `Span` in `second`, empty where there is no answer
    (answer), texts (generate), ranks of the own `second` (retrieve). places: the N (file, line) that rows were read
    from, or None.
    """

    first: Sequence[str]
    second: Sequence[str] | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    groups: Sequence[str] | None = None
    task: str = "classify"
    targets: Sequence[Any] | None = None
    places: Sequence[tuple[str, int]] | None = None

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: np.ndarray) -> Examples:
        """Return the rows at integer positions `rows` [M], in that order."""
        pick = [int(row) for row in rows]
        return Examples(
            first=[self.first[row] for row in pick],
            second=None if self.second is None else [self.second[row] for row in pick],
            labels=None if self.labels is None else self.labels[rows],
            classes=self.classes,
            groups=None if self.groups is None else [self.groups[row] for row in pick],
            task=self.task,
            targets=None if self.targets is None else [self.targets[row] for row in pick],
            places=None if self.places is None else [self.places[row] for row in pick],
        )

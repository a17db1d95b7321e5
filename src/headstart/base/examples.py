"""Labelled (or to be labelled) rows for a task: one or two texts each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Examples:
    """Rows of a one- or two-sentence classification task.

    first: N texts. second: N texts for pairs, or None. labels: int64 [N] indexes into `classes`, or None when unknown.
    classes: the label names in a fixed order. groups: N group names that must not be split apart, or None.
    """

    first: Sequence[str]
    second: Sequence[str] | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    groups: Sequence[str] | None = None

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
        )

"""What an audit asks of the kind of items that it looks through: one file per kind, such as `text_items.py`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from headstart.core.examples import takes_of


class NearIndex(Protocol):
    """N different folds, compared with a stream of folds. found_N: for each its first near fold there, or -1."""

    found_N: np.ndarray

    def add(self, folds: Sequence[str]) -> None:
        """Compare the next different folds of the stream; `found_N` of new finds is a place in `folds`."""
        ...


class ItemKind(Protocol):
    """One kind of items. A fold is a text that is equal for items that differ in what means nothing."""

    def folds(self, first: Sequence[Any], second: Sequence[Any] | None = None) -> list[str]:
        """Return the fold of each item, or of each pair in its order."""
        ...

    def near(self, folds: Sequence[str]) -> np.ndarray:
        """Return for each of N different folds the place of a nearly equal one, or -1, int64 [N]."""
        ...

    def how(self, one: str, other: str) -> dict[str, str]:
        """Return {"how": ...} of two near copies where it can be told what was changed, else nothing."""
        ...

    def indexes(self, folds: Sequence[str]) -> tuple[NearIndex, ...]:
        """Return the indexes that find near copies of these different folds in a stream, the closest kind first."""
        ...

    def profile(self, items: Sequence[Any]) -> dict[str, Any]:
        """Return the profile of N items as plain JSON data; `rows` is N, `empty` the number of items with nothing."""
        ...

    def sizes(self, items: Sequence[Any]) -> np.ndarray:
        """Return what the smallest and the largest items are found by, int64 [N]."""
        ...

    def features(self, first: Sequence[Any], second: Sequence[Any] | None = None) -> sparse.csr_matrix | np.ndarray:
        """Return what the classifiers of the audit read, float32 [N, D], sparse counts or dense numbers."""
        ...

    def differences(self, train: Sequence[Any], test: Sequence[Any]) -> dict[str, Any]:
        """Return what is clearly more frequent on each side, in words: {"words": {"train": [...], "test": [...]}}.

        Of images besides `properties`, see `image_findings.properties`.
        """
        ...

    def shown(self, item: Any) -> str:
        """Return one line that shows an item to a reader."""
        ...


def kind_of(items: Sequence[Any]) -> ItemKind:
    """Return the kind of these items; no items count as texts."""
    return importlib.import_module(f"headstart.auditing.{takes_of(items)}_items")

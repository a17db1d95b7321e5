"""Texts as items of an audit: folding, near copies by one edit or by shared pieces, n-grams, words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from headstart.auditing import one_edit
from headstart.auditing.classifier import counts, pair_counts
from headstart.auditing.profile import profile
from headstart.text import shingles
from headstart.text.excerpt import excerpt as shown
from headstart.text.folding import fold_all as folds

__all__ = ["differences", "features", "folds", "how", "indexes", "near", "profile", "shown", "sizes"]

_WORDS, _PRIOR = 12, 500.0
_CLEAR = 4.0  # standard errors, beyond chance among 20,000 words


def near(folds: Sequence[str]) -> np.ndarray:
    """See `ItemKind.near`: one edit apart, else with most of their pieces in common."""
    mate_N = one_edit.partners(folds)
    return np.where(mate_N >= 0, mate_N, shingles.partners(folds))


def how(one: str, other: str) -> dict[str, str]:
    """Return nothing: readers see the difference of two texts."""
    return {}


def indexes(folds: Sequence[str]) -> tuple[one_edit.OneEditIndex, shingles.ShingleIndex]:
    """See `ItemKind.indexes`."""
    return one_edit.OneEditIndex(folds), shingles.ShingleIndex(folds)


def sizes(texts: Sequence[str]) -> np.ndarray:
    """Return the number of characters, int64 [N]."""
    return np.fromiter(map(len, texts), np.int64, len(texts))


def features(first: Sequence[str], second: Sequence[str] | None = None) -> sparse.csr_matrix:
    """See `ItemKind.features`: counts of hashed n-grams."""
    return counts(first) if second is None else pair_counts(first, second)


def differences(train: Sequence[str], test: Sequence[str]) -> dict[str, Any]:
    """Return for each side the words whose frequency differs beyond chance, the clearest first.

    Words are ranked by log-odds with a Dirichlet prior (Monroe, Colaresi, Quinn 2008).
    """
    found = [Counter(word for text in part for word in set(text.casefold().split())) for part in (train, test)]
    every = found[0] + found[1]
    total = sum(every.values())
    sums = [sum(part.values()) for part in found]
    scored = []
    for word, count in every.items():
        prior = _PRIOR * count / max(total, 1)
        ones, twos = found[0][word] + prior, found[1][word] + prior
        odds = np.log(ones / (sums[0] + _PRIOR - ones)) - np.log(twos / (sums[1] + _PRIOR - twos))
        scored.append((float(odds / np.sqrt(1 / ones + 1 / twos)), word))
    scored.sort()
    sides = {
        "train": [item for item in scored[::-1] if item[0] > _CLEAR],
        "test": [item for item in scored if item[0] < -_CLEAR],
    }
    words = {
        side: [
            {"word": word, "train": found[0][word], "test": found[1][word], "z": round(abs(z), 1)}
            for z, word in items[:_WORDS]
        ]
        for side, items in sides.items()
    }
    return {"words": words}

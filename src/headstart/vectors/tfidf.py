"""TF-IDF over character 1-4-grams within word bounds, learned on the labelled rows alone; needs no unlabelled text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

from headstart.core.word_grams import KnownGrams, count_grams, split_words
from headstart.vectors.subword import WordRows, count_ngrams, rule

SHORTEST, LONGEST = 1, 4
_MOST_NGRAMS = 200_000  # the most frequent n-grams are kept: 100 MB of weights for 100 classes


@dataclass(frozen=True)
class TfidfVectors:
    """ngrams: G strings, the columns. idf_G: float32, log((1 + N) / (1 + texts with it)) + 1, as in scikit-learn."""

    ngrams: tuple[str, ...]
    idf_G: np.ndarray

    @classmethod
    def train(cls, texts: Sequence[str], longest: int = LONGEST) -> Self:
        """Learn columns, n-grams of up to `longest` characters, and their idf weights from texts."""
        rows, grams = WordRows(map(split_words, texts)), rule(SHORTEST, longest)
        found = sorted(count_grams(dict.fromkeys(rows.words, 1), grams).strings())
        present_G = np.diff((rows.matrix @ rows.spelled(KnownGrams(found, grams))).tocsc().indptr)  # texts with each
        order = np.argsort(-present_G, kind="stable")[:_MOST_NGRAMS]
        # A training set of blank texts still needs one column.
        ranked, counts_G = ([found[place] for place in order], present_G[order]) if found else ([" "], np.zeros(1))
        return cls(tuple(ranked), (np.log((1.0 + len(texts)) / (1.0 + counts_G)) + 1.0).astype(np.float32))

    def embed(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return float32 [N, G]: (1 + log count) * idf, rows of length 1; a text of unknown n-grams is a zero row."""
        matrix = count_ngrams(texts, KnownGrams(self.ngrams, rule(SHORTEST, LONGEST)))
        matrix.data = (1.0 + np.log(matrix.data)) * self.idf_G[matrix.indices]
        length_N = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        return (sparse.diags(1.0 / np.maximum(length_N, 1e-12)).astype(np.float32) @ matrix).tocsr()

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays."""
        return {"ngrams": list(self.ngrams)}, {"idf": self.idf_G}

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from `parts()`."""
        return cls(tuple(data["ngrams"]), arrays["idf"])

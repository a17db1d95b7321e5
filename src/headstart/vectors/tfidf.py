"""TF-IDF over character 1-4-grams within word bounds, learned on the labelled rows alone; needs no unlabelled text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

from headstart.processors.ngram import split_words
from headstart.vectors.subword import count_ngrams, ngrams_of

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
        present: Counter[str] = Counter()
        for text in texts:
            present.update({gram for word in split_words(text) for gram in ngrams_of(word, SHORTEST, longest)})
        ranked = sorted(present, key=lambda gram: (-present[gram], gram))[:_MOST_NGRAMS]
        # A training set of blank texts still needs one column.
        ranked = ranked or [" "]
        counts_G = np.array([present[gram] for gram in ranked], dtype=np.float64)
        return cls(tuple(ranked), (np.log((1.0 + len(texts)) / (1.0 + counts_G)) + 1.0).astype(np.float32))

    def embed(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return float32 [N, G]: (1 + log count) * idf, rows of length 1; a text of unknown n-grams is a zero row."""
        number = {gram: position for position, gram in enumerate(self.ngrams)}
        matrix = count_ngrams(texts, number, SHORTEST, LONGEST)
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

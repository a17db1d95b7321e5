"""Subword PPMI + SVD document vectors: skip-gram in closed form (Levy & Goldberg, NIPS 2014), over character n-grams.

Co-occurrences are counted by sparse products. With A (windows x words) and B (words x n-grams), (A B)' (A B) counts how
often two n-grams occur in one window; n-grams of one word always co-occur, which carries no information, and `co = B'
(A' A - diag(word counts)) B` keeps co-occurrences across words only. PPMI uses the context distribution to the
power 0.75 (Levy, Goldberg & Dagan, TACL 2015). A document is the idf-weighted mean of the vectors of its n-grams.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse

from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason
from headstart.core.word_grams import KnownGrams, count_grams, split_words
from headstart.vectors.matrices import dense_product, leading_directions
from headstart.vectors.subword import WordRows, count_ngrams, rule
from headstart.vectors.transform import VectorTransform, unit_rows

GRAMS = rule(2, 4)
MOST_WORDS = 5_000_000  # largest number of words counted
WINDOW = 32  # words of one context window; a longer document is cut into several
TARGETS, CONTEXTS = 30_000, 5_000  # most frequent n-grams; the counts are one float32 array of 4 * 30,000 * 5,000 bytes
LEADING = 10_000  # most frequent n-grams whose rows choose the directions of the factorisation


def _windows(documents: Iterable[str]) -> Iterator[list[str]]:
    """Yield windows of at most WINDOW words, MOST_WORDS words in total."""
    left = MOST_WORDS
    for document in documents:
        words = split_words(document)[:left]
        left -= len(words)
        for start in range(0, len(words), WINDOW):
            yield words[start : start + WINDOW]
        if left <= 0:
            return


@dataclass(frozen=True)
class SubwordVectors:
    """Vectors of n-grams and the transform of document vectors.

    ngrams: G strings, most frequent first. vectors: float32 [G, D], already idf-weighted. transform: learned from the
    document vectors of the corpus, as for the frozen vectors of a network.
    """

    ngrams: tuple[str, ...]
    vectors: np.ndarray
    transform: VectorTransform

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 [N, D]: transformed unit-length means of the n-gram vectors of each text.

        A text without a known n-gram gets the zero vector before centring.
        """
        return self.transform.apply(_sum_rows(texts, self._known, self.vectors))

    @cached_property
    def _known(self) -> KnownGrams:
        return KnownGrams(self.ngrams, GRAMS)

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays."""
        return {"ngrams": list(self.ngrams)}, {"vectors": self.vectors, **self.transform.arrays()}

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from `parts()`."""
        return cls(tuple(data["ngrams"]), arrays["vectors"], VectorTransform.from_arrays(arrays))


def _sum_rows(texts: Sequence[str], known: KnownGrams, vectors: np.ndarray) -> np.ndarray:
    """Return unit-length sums of the n-gram vectors of each text, float32 [N, D]."""
    return unit_rows(np.asarray(count_ngrams(texts, known) @ vectors, dtype=np.float32))


def _meetings(windows: sparse.csr_matrix, words: sparse.csr_matrix, contexts: int) -> np.ndarray:
    """Return co-occurrences of target n-grams with context n-grams of *other* words, float32 [G, contexts].

    With windows A [windows, W] and words B [W, G]: B' (A'A - diag(word counts)) B.
    """
    counts_W = np.asarray(windows.sum(axis=0)).ravel()
    held, own = windows @ words, sparse.diags(-counts_W, dtype=np.float32) @ words[:, :contexts]
    return dense_product(sparse.hstack([held.T, words.T]), sparse.vstack([held[:, :contexts], own]))


def _ppmi(counts: np.ndarray) -> np.ndarray:
    """Turn counts [G, contexts] into positive pointwise mutual information, in place."""
    row, column = counts.sum(axis=1, dtype=np.float64), counts.sum(axis=0, dtype=np.float64) ** 0.75
    scale_row = (1.0 / np.maximum(row, 1e-9)).astype(np.float32)
    scale_column = (column.sum() / np.maximum(column, 1e-9)).astype(np.float32)
    values = torch.from_numpy(counts)  # the same memory; torch works with all its threads
    values *= torch.from_numpy(scale_row)[:, None]
    values *= torch.from_numpy(scale_column)
    values.clamp_(min=1.0).log_()
    return counts


def train_subword_vectors(
    documents: Iterable[str], *, dimensions: int = 256, limit: int = 200_000, seed: int = 0
) -> SubwordVectors:
    """Learn document vectors from at most `limit` unlabelled documents.

    Memory: MEMORY
    Raises HeadstartError when no two words of the corpus co-occur.
    """
    kept = list(itertools.islice(documents, limit))
    rows = WordRows(_windows(kept))
    known = _known_grams(rows)
    windows, members = rows.matrix, rows.spelled(known)
    counts = _meetings(windows, members, min(CONTEXTS, len(known.place))) if known.place else np.zeros((0, 0))
    if not counts.any():
        raise HeadstartError(
            Reason(
                "no_meetings",
                "corpus: no two words meet in its {documents:,} documents, so no vectors can be learnt",
                documents=len(kept),
            )
        )
    left, strength = leading_directions(_ppmi(counts), dimensions, LEADING, seed)
    present = np.diff((windows @ members).tocsc().indptr)  # windows with each n-gram
    idf = np.log((1.0 + windows.shape[0]) / (1.0 + present)) + 1.0
    vectors = (left * np.sqrt(strength) * idf[:, None]).astype(np.float32)
    sample = kept[:: max(1, len(kept) // 20_000)]
    return SubwordVectors(tuple(known.place), vectors, VectorTransform.of(_sum_rows(sample, known, vectors), "corpus"))


def _known_grams(rows: WordRows) -> KnownGrams:
    """Return the n-grams that are learnt: those of the most words, most frequent first."""
    times = np.asarray(rows.matrix.sum(axis=0)).ravel().astype(np.int64)
    frequent = count_grams(dict(zip(rows.words, times.tolist())), GRAMS, once=True)
    return KnownGrams(frequent.strings(TARGETS), GRAMS)

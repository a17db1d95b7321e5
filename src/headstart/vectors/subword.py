"""Counts of character n-grams within word bounds; the n-grams of a word are looked up once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse

from headstart.core.word_grams import GramRule, KnownGrams, split_words


def rule(shortest: int, longest: int) -> GramRule:
    """Return the rule of n-grams with spaces around a word, as in scikit-learn: `ab` with 3: ` ab`, `ab `."""
    return GramRule(shortest, longest, "  ")


def rows_of(places: np.ndarray, counts: np.ndarray, columns: int) -> sparse.csr_matrix:
    """Return float32 [rows, columns]: how often each column occurs in each row. counts: of `places` in each row."""
    ends, ones = np.concatenate([[0], np.cumsum(counts)]), np.ones(len(places), np.float32)
    matrix = sparse.csr_matrix((ones, places.astype(np.int32), ends), (len(counts), columns))
    matrix.sum_duplicates()
    return matrix


class WordRows:
    """Rows of words as numbers. words: the distinct ones in the order of their first place."""

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        number: dict[str, int] = {}
        flat: list[int] = []
        ends = [0]
        for row in rows:
            flat += [number.setdefault(word, len(number)) for word in row]
            ends.append(len(flat))
        self.words = list(number)
        self.matrix = rows_of(np.array(flat, np.int64), np.diff(ends), len(number))  # [rows, words]

    def spelled(self, known: KnownGrams) -> sparse.csr_matrix:
        """Return float32 [words, known n-grams]: how often each word holds each."""
        return rows_of(*known.of(self.words), len(known.place))


def count_ngrams(texts: Iterable[str], known: KnownGrams) -> sparse.csr_matrix:
    """Return float32 [N, known n-grams]: counts of the known n-grams in each text."""
    rows = WordRows(map(split_words, texts))
    counts = (rows.matrix @ rows.spelled(known)).tocsr()
    counts.sort_indices()
    return counts

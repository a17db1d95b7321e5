"""Counts of character n-grams within word bounds; the n-grams of a word are computed once and cached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse

from headstart.processors.ngram import split_words, word_ngrams


def ngrams_of(word: str, shortest: int, longest: int) -> list[str]:
    """Return the n-grams of one word, with spaces for its bounds as in scikit-learn: `ab` with 3: ` ab`, `ab `."""
    return word_ngrams(word, shortest, longest, bounds="  ")


def incidence(rows: Iterable[Sequence[int]], columns: int) -> sparse.csr_matrix:
    """Return float32 [rows, columns]: how often each column number occurs in each row."""
    ends, flat = [0], []
    for row in rows:
        flat.extend(row)
        ends.append(len(flat))
    ones = np.ones(len(flat), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, np.array(flat, np.int32), np.array(ends, np.int64)), (len(ends) - 1, columns))
    matrix.sum_duplicates()
    return matrix


def count_ngrams(texts: Iterable[str], number: dict[str, int], shortest: int, longest: int) -> sparse.csr_matrix:
    """Return float32 [N, len(number)]: counts of the known n-grams in each text; `number` gives their columns."""
    known: dict[str, list[int]] = {}

    def columns(text: str) -> list[int]:
        out: list[int] = []
        for word in split_words(text):
            if word not in known:
                known[word] = [number[gram] for gram in ngrams_of(word, shortest, longest) if gram in number]
            out.extend(known[word])
        return out

    return incidence(map(columns, texts), len(number))

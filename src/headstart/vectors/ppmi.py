"""Subword PPMI + SVD document vectors: skip-gram in closed form (Levy & Goldberg, NIPS 2014), over character n-grams.

Co-occurrences are counted by sparse products. With A (windows x words) and B (words x n-grams), (A B)' (A B) counts how
often two n-grams occur in one window; n-grams of one word always co-occur, which carries no information, and `co = B'
(A' A - diag(word counts)) B` keeps co-occurrences across words only. PPMI uses the context distribution to the
power 0.75 (Levy, Goldberg & Dagan, TACL 2015). A document is the idf-weighted mean of the vectors of its n-grams.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason
from headstart.processors.ngram import split_words
from headstart.vectors.subword import count_ngrams, incidence, ngrams_of
from headstart.vectors.transform import VectorTransform, unit_rows

SHORTEST, LONGEST = 2, 4  # characters of an n-gram, word bounds included
MOST_WORDS = 5_000_000  # largest number of words counted
WINDOW = 32  # words of one context window; a longer document is cut into several
TARGETS, CONTEXTS = 30_000, 5_000  # most frequent n-grams; the counts are one float32 array of 4 * 30,000 * 5,000 bytes
BLOCK, TOGETHER = 2_000, 200_000  # target n-grams counted at once, from words that occur so often in all


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
        return self.transform.apply(_sum_rows(texts, self.ngrams, self.vectors))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays."""
        return {"ngrams": list(self.ngrams)}, {"vectors": self.vectors, **self.transform.arrays()}

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from `parts()`."""
        return cls(tuple(data["ngrams"]), arrays["vectors"], VectorTransform.from_arrays(arrays))


def _sum_rows(texts: Sequence[str], ngrams: Sequence[str], vectors: np.ndarray) -> np.ndarray:
    """Return unit-length sums of the n-gram vectors of each text, float32 [N, D]."""
    counts = count_ngrams(texts, {gram: position for position, gram in enumerate(ngrams)}, SHORTEST, LONGEST)
    return unit_rows(np.asarray(counts @ vectors, dtype=np.float32))


def _meetings(windows: sparse.csr_matrix, words: sparse.csr_matrix, contexts: int) -> np.ndarray:
    """Return co-occurrences of target n-grams with context n-grams of *other* words, float32 [G, contexts].

    With windows A [windows, W] and words B [W, G]: B' (A'A - diag(word counts)) B. Words are multiplied first: a window
    of 32 words has 32 x 32 pairs of words and ten times ten as many pairs of n-grams.
    """
    counts_W = np.asarray(windows.sum(axis=0)).ravel()
    columns, right = windows.tocsc(), words[:, :contexts].tocsr()
    out = np.zeros((words.shape[1], contexts), dtype=np.float32)
    # Blocks of words that occur equally often in all, so that each takes the same memory.
    share_W = (np.cumsum(counts_W) // TOGETHER).astype(np.int64)
    for share in np.unique(share_W):
        start, end = np.searchsorted(share_W, [share, share + 1])
        some = slice(start, end)
        together = columns[:, some].T.tocsr() @ windows  # [words of the block, W]
        own = sparse.diags([counts_W[some]], [start], shape=together.shape, format="csr", dtype=np.float32)
        near, spelled = (together - own) @ right, words[some].tocsc()
        for first in range(0, words.shape[1], BLOCK):
            out[first : first + BLOCK] += (spelled[:, first : first + BLOCK].T.tocsr() @ near).toarray()
    return np.maximum(out, 0.0, out=out)


def _ppmi(counts: np.ndarray) -> np.ndarray:
    """Turn counts [G, contexts] into positive pointwise mutual information, in place."""
    row, column = counts.sum(axis=1, dtype=np.float64), counts.sum(axis=0, dtype=np.float64) ** 0.75
    scale_row = (1.0 / np.maximum(row, 1e-9)).astype(np.float32)
    scale_column = (column.sum() / np.maximum(column, 1e-9)).astype(np.float32)
    counts *= scale_row[:, None]
    counts *= scale_column[None, :]
    np.maximum(counts, 1.0, out=counts)
    return np.log(counts, out=counts)


def train_subword_vectors(
    documents: Iterable[str], *, dimensions: int = 256, limit: int = 200_000, seed: int = 0
) -> SubwordVectors:
    """Learn document vectors from at most `limit` unlabelled documents.

    Memory: 1.6 GB at the peak for 200,000 short reviews, of which 0.6 GB of counts and as much again for their
    factorisation are the same for any corpus; the rest grows with the words read, at most MOST_WORDS. Time: half a
    minute for those reviews on one core.
    Raises HeadstartError when no two words of the corpus co-occur.
    """
    kept = list(itertools.islice(documents, limit))
    windows, members, ngrams = _count(list(_windows(kept)))
    counts = _meetings(windows, members, min(CONTEXTS, len(ngrams))) if ngrams else np.zeros((0, 0))
    if not counts.any():
        raise HeadstartError(
            Reason(
                "no_meetings",
                "corpus: no two words meet in its {documents:,} documents, so no vectors can be learnt",
                documents=len(kept),
            )
        )
    rank = min(dimensions, min(counts.shape))
    left, strength, _ = randomized_svd(_ppmi(counts), rank, n_iter=2, random_state=seed)
    present = np.asarray(((windows @ members) > 0).sum(axis=0)).ravel()
    idf = np.log((1.0 + windows.shape[0]) / (1.0 + present)) + 1.0
    vectors = (left * np.sqrt(strength) * idf[:, None]).astype(np.float32)
    sample = kept[:: max(1, len(kept) // 20_000)]
    return SubwordVectors(ngrams, vectors, VectorTransform.of(_sum_rows(sample, ngrams, vectors), "corpus"))


def _count(windows: list[list[str]]) -> tuple[sparse.csr_matrix, sparse.csr_matrix, tuple[str, ...]]:
    """Return (windows x words, words x n-grams, the n-grams, most frequent first)."""
    frequency = Counter(itertools.chain.from_iterable(windows))
    column = {word: position for position, word in enumerate(frequency)}
    spelled = [ngrams_of(word, SHORTEST, LONGEST) for word in frequency]
    gram_count: Counter[str] = Counter()
    for grams, count in zip(spelled, frequency.values()):
        for gram in set(grams):
            gram_count[gram] += count
    ngrams = tuple(sorted(gram_count, key=lambda gram: (-gram_count[gram], gram))[:TARGETS])
    number = {gram: position for position, gram in enumerate(ngrams)}
    members = incidence(([number[gram] for gram in grams if gram in number] for grams in spelled), len(ngrams))
    return incidence(([column[word] for word in window] for window in windows), len(column)), members, ngrams

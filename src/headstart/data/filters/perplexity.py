"""Leaves out documents unlike the others: perplexity under their character 4-grams (after arXiv:1911.00359)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.core.spec import FilterSpec
from headstart.data.filtering import Filter
from headstart.text.character_ngrams import CharacterNgrams
from headstart.text.folding import hash_of

_FEWEST = 50  # documents of about one length, for a median of their own
_LEAST = 0.1  # bits: documents of one pattern differ less, and none of them is odd
_MAD = 1.4826  # median absolute deviation -> standard deviation of a normal distribution


@dataclass(frozen=True, kw_only=True)
class Perplexity(FilterSpec):
    """spread: robust standard deviations above the median of documents of about the same length, from which a document
    is left out. letters: characters of a document that count; learned: characters that the model learns from."""

    spread: float = 8.0
    letters: int = 2_000
    learned: int = 20_000_000

    def build(self) -> Filter:
        """See `FilterSpec.build`."""
        return _ByPerplexity(self)


class _ByPerplexity(Filter):
    looks = 2  # to learn, to score

    def __init__(self, spec: Perplexity):
        self.spec = spec
        self.model = CharacterNgrams()
        self.learned = self.scored = self.judged = 0  # documents
        self.bits: list[np.ndarray] = []
        self.lengths: list[np.ndarray] = []
        self.digests: list[np.ndarray] = []
        self.out_N: np.ndarray | None = None

    def look(self, texts: Sequence[str], turn: int) -> None:
        """See `Filter.look`."""
        some = [text[: self.spec.letters] for text in texts]
        if turn == 0:
            if self.model.learned < self.spec.learned:
                self.model.learn(some)
                self.learned += len(some)
            return
        # Documents come in the same portions in every pass: a portion was learned as a whole or not at all.
        self.bits.append(self.model.bits(some, among=self.scored < self.learned))
        self.lengths.append(np.array([len(text) for text in some]))
        self.digests.append(np.array([hash_of(text) for text in some], np.uint64))
        self.scored += len(some)

    def judge(self, texts: Sequence[str]) -> list[str]:
        """See `Filter.judge`."""
        if self.out_N is None:
            digest_N, length_N = np.concatenate(self.digests), np.concatenate(self.lengths)
            # A text that comes a thousand times is one text among those that tell what is usual.
            first_M, of_N = np.unique(digest_N, return_index=True, return_inverse=True)[1:]
            bits_M = np.concatenate(self.bits)[first_M]
            self.out_N = _far(bits_M, length_N[first_M], self.spec.spread)[of_N]
        some = self.out_N[self.judged : self.judged + len(texts)]
        self.judged += len(texts)
        return ["perplexity: unlike the corpus" if out else "" for out in some]


def _far(bits_N: np.ndarray, length_N: np.ndarray, spread: float) -> np.ndarray:
    """Return whether a document's bits are far above the median of those of about its length (powers of two), bool [N].

    Short documents differ more from each other than long ones do; lengths of few documents are taken together with the
    next shorter ones.
    """
    far_N = np.zeros(len(bits_N), bool)
    order = np.argsort(length_N, kind="stable")
    power = np.log2(np.maximum(length_N[order], 1)).astype(np.int64)
    ends = np.flatnonzero(np.r_[power[1:] != power[:-1], True]) + 1
    groups: list[np.ndarray] = []
    begin = 0
    for end in ends:
        if end - begin >= _FEWEST or not groups:
            groups.append(order[begin:end])
        else:
            groups[-1] = np.r_[groups[-1], order[begin:end]]
        begin = end
    for group in groups:
        middle = np.median(bits_N[group])
        deviation = _MAD * np.median(np.abs(bits_N[group] - middle))
        far_N[group] = bits_N[group] > middle + spread * max(deviation, _LEAST)
    return far_N

"""Interpolated modified Kneser-Ney: the n-gram control beside every language model (Chen & Goodman 1999, section 3).

Exact, over token ids, counted by sorting: P(w | h) = (c(hw) - D(c))^+ / c(h) + rest(h) P(w | h'), where h' is h without
its first token, c counts occurrences at the highest order and different left neighbours below it, and the shortest
model leans on the uniform one, so that every token of the vocabulary has a chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.normal_form import normal_form
from headstart.core.processor import Tokenizer

_DEFAULT = (0.5, 1.0, 1.5)  # discounts where the counts of counts cannot tell them (as KenLM, Heafield et al. 2013)
_CHUNK = 4096  # documents encoded or scored together
ORDER = 5
MOST_TOKENS = 8_000_000  # the control reads so many at most: about 2 GB while counting at order 5


@dataclass(frozen=True)
class _Grams:
    """The G different grams of one length.

    key_G: (number of the gram without its first token, first token) as one integer, sorted; its place is its number.
    count_G: of the gram. total_G, rest_G: sums over the grams that add one token after it, of counts and of discounts.
    """

    key_G: np.ndarray
    count_G: np.ndarray
    total_G: np.ndarray
    rest_G: np.ndarray


class KneserNey:
    """A token's chance given up to `order` - 1 tokens before it; begin marks stand before every document."""

    def __init__(self, documents: Iterable[np.ndarray], vocabulary: int, order: int = 5):
        """Count documents of ids below `vocabulary`. Raises HeadstartError: a wrong order or id, no token."""
        if not 1 <= order <= 8:
            raise HeadstartError(f"order={order}: expected a whole number from 1 to 8")
        self.vocabulary, self.order = vocabulary, order
        ids_N = self._joined(documents)
        own_N = ids_N < vocabulary  # the others are begin marks, which are never predicted
        if not own_N.any():
            raise HeadstartError("no token to count n-grams of")
        ends_N = own_N | np.append(own_N[1:], False)  # where grams end that are counted or lead up to a counted one
        key, number_N = np.zeros(1, np.int64), np.where(ends_N, 0, -1)
        keys, counts, contexts = [key], [], []
        for length in range(1, order + 1):
            shorter_N, key_N = number_N, self._keys(number_N, ids_N, length)
            key, number = np.unique(key_N[ends_N], return_inverse=True)
            number_N = np.full(len(ids_N), -1)
            number_N[ends_N] = number
            counted = np.unique(number_N[own_N], return_index=True)
            context_G = np.full(len(key), -1)
            context_G[counted[0]] = shorter_N[np.flatnonzero(own_N)[counted[1]] - 1]
            if length > 1:  # grams of one token less count by their different left neighbours
                suffix_G = key[counted[0]] // (vocabulary + 1)
                counts.append(np.bincount(suffix_G, minlength=len(keys[-1])))
            keys.append(key)
            contexts.append(context_G)
        counts.append(np.bincount(number_N[own_N], minlength=len(key)))
        self.discounts = [discounts(count_G) for count_G in counts]
        self._levels = [self._level(keys, counts, contexts, length) for length in range(order + 1)]

    def _level(self, keys: list, counts: list, contexts: list, length: int) -> _Grams:
        """Join what belongs to the grams of `length` tokens; that of no token stands for the empty context."""
        size = len(keys[length])
        count_G = counts[length - 1] if length else np.zeros(1, np.int64)
        if length == self.order:
            nothing = np.zeros(0)
            return _Grams(keys[length], count_G, nothing, nothing)
        after = contexts[length] >= 0
        context, longer = contexts[length][after], counts[length][after]
        rest = np.asarray(self.discounts[length])[np.minimum(longer, 3)]
        return _Grams(keys[length], count_G, np.bincount(context, longer, size), np.bincount(context, rest, size))

    def _joined(self, documents: Iterable[np.ndarray]) -> np.ndarray:
        """Return all ids, `order` begin marks (id `vocabulary`) before each document."""
        marks = np.full(self.order, self.vocabulary, np.int64)
        parts = [part for document in documents for part in (marks, np.asarray(document, np.int64))]
        ids_N = np.concatenate(parts) if parts else marks
        if len(ids_N) and not 0 <= ids_N.min() <= ids_N.max() <= self.vocabulary:
            raise HeadstartError(f"ids from {ids_N.min()} to {ids_N.max()}: expected 0 to {self.vocabulary - 1:,}")
        return ids_N

    def _keys(self, suffix_N: np.ndarray, ids_N: np.ndarray, length: int) -> np.ndarray:
        """Return the key of the gram of `length` tokens that ends at each place; -1 where its suffix is unknown."""
        first_N = np.concatenate([np.full(min(length - 1, len(ids_N)), self.vocabulary), ids_N[: 1 - length or None]])
        return np.where(suffix_N >= 0, suffix_N * (self.vocabulary + 1) + first_N, -1)

    def log_probabilities(self, documents: Sequence[np.ndarray]) -> np.ndarray:
        """Return the natural logarithm of every token's chance, float64 [N], the documents one after the other."""
        ids_N = self._joined(documents)
        own = np.flatnonzero(ids_N < self.vocabulary)
        chance = np.full(len(own), 1.0 / self.vocabulary)
        context_N = gram_N = np.zeros(len(ids_N), np.int64)
        for length in range(1, self.order + 1):
            context, below = context_N[own - 1], self._levels[length - 1]
            gram_N = self._find(length, gram_N, ids_N)
            gram = gram_N[own]
            count = np.where(gram >= 0, self._levels[length].count_G[gram], 0)
            total = np.where(context >= 0, below.total_G[context], 0.0)
            kept = count - np.asarray(self.discounts[length - 1])[np.minimum(count, 3)]
            rest = np.where(context >= 0, below.rest_G[context], 0.0)
            chance = np.where(total > 0, (kept + rest * chance) / np.maximum(total, 1.0), chance)
            context_N = gram_N
        return np.log(chance)

    def _find(self, length: int, suffix_N: np.ndarray, ids_N: np.ndarray) -> np.ndarray:
        """Return the number of the gram of `length` tokens that ends at each place; -1 for one never seen."""
        known, key_N = self._levels[length].key_G, self._keys(suffix_N, ids_N, length)
        place_N = np.minimum(np.searchsorted(known, key_N), len(known) - 1)
        return np.where(known[place_N] == key_N, place_N, -1)


def discounts(count_G: np.ndarray) -> tuple[float, float, float, float]:
    """Return (0, D1, D2, D3+) from the counts of counts (Chen & Goodman, equation 26), the usual ones if too few."""
    ones, twos, threes, fours = (np.bincount(np.minimum(count_G, 5), minlength=6)[1:5]).tolist()
    if 0 in (ones, twos, threes, fours):
        return 0.0, *_DEFAULT
    share = ones / (ones + 2 * twos)
    found = (1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes)
    return 0.0, *(value if 0 <= value <= most else default for value, most, default in zip(found, (1, 2, 3), _DEFAULT))


@dataclass(frozen=True)
class ControlScore:
    """What the control says of D documents: nats_D, tokens_D, bytes_D (UTF-8 of the text). trained: tokens counted."""

    nats_D: np.ndarray
    tokens_D: np.ndarray
    bytes_D: np.ndarray
    order: int
    trained: int

    @property
    def bits_per_byte(self) -> float:
        """Cost per UTF-8 byte, comparable between tokenizers."""
        return float(self.nats_D.sum() / self.bytes_D.sum() / np.log(2))


def control(
    tokenizer: Tokenizer, train: Iterable[str], test: Iterable[str], order: int = ORDER, most: int = MOST_TOKENS
) -> ControlScore:
    """Count n-grams of the first `most` tokens of `train` and score `test`, in the tokens of the language model.

    As in `bits_per_byte.py`, texts are NFC and a document's end mark is not scored; empty ones are left out. The mark
    is counted, so that its chance is none of the text's. Raises HeadstartError: no text.
    """
    counted, left = [], most
    stop = np.array([tokenizer.sep_id] if tokenizer.sep_id >= 0 else [], np.int64)
    for _, ids in _encoded(tokenizer, train):
        counted.append(np.concatenate([ids, stop])[:left])
        left -= len(counted[-1])
        if left <= 0:
            break
    model = KneserNey(counted, tokenizer.vocabulary, order)
    nats, tokens, sizes = [], [], []
    pairs = _encoded(tokenizer, test)
    while chunk := list(islice(pairs, _CHUNK)):
        lengths = np.array([len(ids) for _, ids in chunk])
        owner_N = np.repeat(np.arange(len(chunk)), lengths)
        nats.append(-np.bincount(owner_N, model.log_probabilities([ids for _, ids in chunk]), len(chunk)))
        tokens.append(lengths)
        sizes.append(np.array([len(text.encode("utf-8", "replace")) for text, _ in chunk]))
    if not nats:
        raise HeadstartError("no text to score")
    return ControlScore(*map(np.concatenate, (nats, tokens, sizes)), order, most - left)


def _encoded(tokenizer: Tokenizer, documents: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (NFC text, ids) of every document that is not empty."""
    source = (normal_form(document) for document in documents if document)
    while chunk := list(islice(source, _CHUNK)):
        yield from zip(chunk, tokenizer.encode(chunk))

"""Character n-grams within word bounds (2-4), and phrases if asked for: the input of bag encoders.

Subword n-grams follow fastText (Bojanowski et al. 2017, section 3.2). A word `w` is written `<w>`; its n-grams of 2 to
4 characters that are in the vocabulary become its ids, then comes the word-end id 0. Ids are sorted by frequency.
Frequent pairs of neighbouring words have ids too, behind those of the n-grams (word n-grams in a bag: Joulin et al.
2017, arXiv:1607.01759, section 2.1); the id of a pair is the last one of its second word.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.files import write_bytes
from headstart.core.json_files import read_json
from headstart.core.normal_form import normal_form
from headstart.core.processor import Tokenizer, joined_ids
from headstart.core.spec import ProcessorSpec
from headstart.core.word_grams import GramRule, KnownGrams, count_grams, split_words
from headstart.text.text_parts import text_groups, text_parts
from headstart.text.tokenizer_training import LONG_DOCUMENT
from headstart.text.word_ids import WordIds, strings

WORD_END = "[W]"
_CACHED_WORDS = 2_000_000  # about 150 bytes each: at most 300 MB
_CACHED_CHARACTERS = 64_000_000  # of words that are longer than usual
_COUNTED_WORDS = 3_000_000  # distinct words kept while counting; the rarest are pruned beyond it
_COUNTED_CHARACTERS = 128_000_000  # of words that are longer than usual
_SCORED_WORDS = 200_000  # the most frequent distinct words choose the n-grams; rarer ones hardly change the order
_COUNTED_PAIRS = 4_000_000  # distinct pairs kept while counting, 16 bytes each; the rarest are pruned beyond it
_PAIRS_AT_ONCE = 2_000_000  # words between two merges of counted pairs
_MANY = 256  # texts from which on words are looked up together
_AT_ONCE = 1 << 18  # characters of texts that are cut into words together
_LEAST_PAIR = 4  # sightings that make a pair of words a phrase
_MARK = np.zeros(1, np.uint32).tobytes()
_FILE = "ngrams.json"
_LONGEST = 100  # characters of an n-gram


def _check_lengths(where: str, smallest: int, largest: int) -> None:
    """Raise HeadstartError for lengths of n-grams that cannot be, or that no word has."""
    if not 1 <= smallest <= largest <= _LONGEST:
        raise HeadstartError(
            f"{where}: n-grams of {smallest} to {largest} characters; "
            f"expected smallest of 1 or more and largest no smaller, at most {_LONGEST}"
        )


@dataclass(frozen=True, kw_only=True)
class NgramSpec(ProcessorSpec):
    """vocabulary: n-grams kept (None = 30,000 or all seen twice); phrases: at most so many pairs of neighbouring words,
    seen four times or more, get ids besides; smallest, largest: lengths of n-grams; lower: fold case."""

    vocabulary: int | None = None
    phrases: int = 0
    smallest: int = 2
    largest: int = 4
    lower: bool = True

    def __post_init__(self) -> None:
        if self.phrases < 0:
            raise HeadstartError(f"{self.label()}.phrases={self.phrases}: expected 0 (none) or more")
        _check_lengths(self.label(), self.smallest, self.largest)

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> NgramTokenizer:
        """Count words in one streamed pass and keep the commonest n-grams. Raises HeadstartError: too few n-grams."""
        wanted = vocabulary or self.vocabulary
        words: Counter[str] = Counter()
        pairs = _Pairs()
        held = 0  # characters of the counted words, at most
        for part in (part for document in documents for part in text_parts(document, LONG_DOCUMENT)):
            found = split_words(part, self.lower)
            words.update(found)
            if self.phrases:
                pairs.add(found)
            held += len(part)
            full = len(words) > _COUNTED_WORDS
            if held > _COUNTED_CHARACTERS:
                held = sum(map(len, words))
                full |= held > _COUNTED_CHARACTERS // 2
            if full:
                words = Counter(dict(words.most_common(min(len(words), _COUNTED_WORDS) // 2)))
        counts = count_grams(dict(words.most_common(_SCORED_WORDS)), GramRule(self.smallest, self.largest))
        repeated = int((counts.count_G > 1).sum())
        if not repeated:
            raise HeadstartError("no character n-gram occurs twice in this corpus; more text is needed")
        if wanted is not None and wanted > repeated + 1:
            raise HeadstartError(
                f"vocabulary {wanted:,} is larger than the data allows: {repeated + 1:,} n-grams occur at least twice"
            )
        kept = counts.strings(min(repeated, (wanted or 30_001) - 1))
        return NgramTokenizer(kept, self.smallest, self.largest, self.lower, pairs.commonest(self.phrases))

    def load(self, folder: Path) -> NgramTokenizer:
        """Read a saved tokenizer; see `NgramTokenizer.load`."""
        return NgramTokenizer.load(folder)


class _Pairs:
    """Counts pairs of neighbouring words over a stream of documents, in arrays: there are millions of distinct ones."""

    def __init__(self) -> None:
        self._numbers: defaultdict[str, int] = defaultdict()
        self._numbers.default_factory = self._numbers.__len__
        self._waiting = array("i")
        self._key_P = np.zeros(0, np.int64)  # first word << 32 | second word, sorted
        self._count_P = np.zeros(0, np.int64)

    def add(self, words: list[str]) -> None:
        """Count the pairs of one document."""
        numbers = self._numbers
        if len(numbers) < _COUNTED_WORDS:
            self._waiting.extend([numbers[word] for word in words])
        else:  # a word first seen so late is in no phrase
            self._waiting.extend([numbers.get(word, -1) for word in words])
        self._waiting.append(-1)
        if len(self._waiting) > _PAIRS_AT_ONCE:
            self._merge()

    def _merge(self) -> None:
        number = np.array(self._waiting, np.int64)
        self._waiting = array("i")
        inner = (number[:-1] >= 0) & (number[1:] >= 0)
        key, count = np.unique((number[:-1] << 32 | number[1:])[inner], return_counts=True)
        self._key_P, place = np.unique(np.concatenate([self._key_P, key]), return_inverse=True)
        self._count_P = np.bincount(place, np.concatenate([self._count_P, count])).astype(np.int64)
        if len(self._key_P) > _COUNTED_PAIRS:
            kept = np.sort(np.argsort(-self._count_P, kind="stable")[: _COUNTED_PAIRS // 2])
            self._key_P, self._count_P = self._key_P[kept], self._count_P[kept]

    def commonest(self, most: int) -> list[str]:
        """Return at most so many phrases, "first second", the commonest first; ties in the order of the text."""
        self._merge()
        words = list(self._numbers)
        order = np.argsort(-self._count_P, kind="stable")[:most]
        keys = self._key_P[order[self._count_P[order] >= _LEAST_PAIR]].tolist()
        return [f"{words[key >> 32]} {words[key & 0xFFFFFFFF]}" for key in keys]


class NgramTokenizer(Tokenizer):
    """n-gram strings to ids 1.. in the given order, then phrases ("first second"); 0 ends a word.

    Ids do not spell text: `decode` lists n-grams and phrases. phrase_id: the first phrase's; that of a phrase is the
    last one of its second word, wherever the two words are neighbours.
    """

    kind = "ngram"
    reversible: ClassVar[bool] = False
    word_end_id = 0
    pad_id = 0
    special_ids = frozenset({0})

    def __init__(
        self,
        ngrams: Sequence[str],
        smallest: int = 2,
        largest: int = 4,
        lower: bool = True,
        phrases: Sequence[str] = (),
    ):
        self.ngrams, self.phrases = list(ngrams), list(phrases)
        self.smallest, self.largest, self.lower = smallest, largest, lower
        self.phrase_id = len(self.ngrams) + 1
        self.vocabulary = self.phrase_id + len(self.phrases)
        self._known = KnownGrams(self.ngrams, GramRule(smallest, largest))
        self._after: dict[str, dict[str, bytes]] = {}  # by first word, then by second word: the phrase's id
        for number, phrase in enumerate(self.phrases, self.phrase_id):
            first, second = phrase.split(" ")
            self._after.setdefault(first, {})[second] = np.array([number], np.uint32).tobytes()
        self._cache: dict[str, bytes] = {}  # by word: its ids
        self._cached = 0  # characters of these words
        self._quick = WordIds(self._of_words)

    def _codes(self, texts_words: Sequence[Sequence[str]], keep: bool) -> dict[str, bytes]:
        """Return the ids of each word of these texts, as bytes of uint32; those in the cache come from there.

        keep: whether the others are added to the cache.
        """
        words = {word for words in texts_words for word in words}
        new = [word for word in words if word not in self._cache]
        if not new:
            return self._cache
        places, count_W = self._known.of(new)
        flat, end_W = (places + 1).astype(np.uint32).tobytes(), np.cumsum(4 * count_W).tolist()
        codes = {word: flat[low:end] for word, low, end in zip(new, [0, *end_W], end_W)}
        held = self._cached + sum(map(len, new))
        if not keep or len(self._cache) + len(new) > _CACHED_WORDS or held > _CACHED_CHARACTERS:
            return codes | {word: self._cache[word] for word in words if word not in codes}
        self._cached = held
        self._cache |= codes
        return self._cache

    def _encode(self, texts: Sequence[str], keep: bool) -> Iterator[np.ndarray]:
        """Yield the ids of each text, int32; long ones are read in parts, a part of texts together."""
        for group in text_groups(texts, _AT_ONCE):
            if len(group) > 1 or len(group[0]) <= _AT_ONCE:
                yield from self._encode_parts(group, keep)
                continue
            parts, last = [], ""
            for part in text_parts(group[0], _AT_ONCE):
                parts += self._encode_parts([part], keep, last)
                last = part.rsplit(maxsplit=1)[-1] if self.phrases and not part.isspace() else last
            yield np.concatenate(parts)

    def _encode_parts(self, texts: Sequence[str], keep: bool, last: str = "") -> Iterator[np.ndarray]:
        """Yield the ids of each text; last: the word before the first text."""
        after, texts_words = self._after, [split_words(text, self.lower) for text in texts]
        before = split_words(last, self.lower)[-1:]
        known = self._codes(texts_words, keep)
        for words in texts_words:
            codes = [known[word] for word in words]
            for place, first in enumerate([*before, *words[:-1]], 1 - len(before)) if after and words else ():
                if first in after and (phrase := after[first].get(words[place])):
                    codes[place] += phrase
            yield np.frombuffer(_MARK.join([*codes, b""]), np.int32)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [ids.astype(np.int64) for ids in self._encode(texts, keep=False)]

    def encode_flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See `Tokenizer.encode_flat`; many texts, or long ones, are sooner where there are no phrases."""
        if not self.phrases and (len(texts) >= _MANY or sum(map(len, texts)) > _AT_ONCE):
            with contextlib.suppress(UnicodeEncodeError):  # half surrogate pairs
                return self._quick.encode([normal_form(text) for text in texts])
        return joined_ids(list(self._encode(texts, keep=True)))

    def _of_words(self, code_C: np.ndarray, size_W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids of words with the white space around them; see `WordIds`."""
        found = [split_words(word, self.lower) for word in strings(code_C, size_W)]
        places, count_P = self._known.of([*chain.from_iterable(found)])
        end_P = np.cumsum(count_P + 1)  # behind the id 0 that ends each word
        ids = np.zeros(int(count_P.sum()) + len(count_P), np.int64)
        ids[np.delete(np.arange(len(ids)), end_P - 1)] = places + 1
        until_P = np.concatenate([[0], end_P])
        words_W = np.cumsum([0, *map(len, found)])
        return ids, until_P[words_W[1:]] - until_P[words_W[:-1]]

    def unseen(self, texts: Sequence[str]) -> float:
        """Return the share of the n-grams of these texts that have no id, every occurrence counted; 0 without any."""
        words = Counter(word for text in texts for word in split_words(text, self.lower))
        times_W = np.array([*words.values()], np.int64)
        rule = self._known.rule
        bounded_W = np.array([len(word) + 2 for word in words], np.int64)
        total_W = sum(np.maximum(bounded_W - n + 1, 0) for n in range(rule.smallest, rule.largest + 1))
        total = int((times_W * total_W).sum())
        return 1 - int((times_W * self._known.of([*words])[1]).sum()) / total if total else 0.0

    def decode(self, ids: Sequence[int]) -> str:
        words = " ".join(self.token(int(i)) for i in ids).split(WORD_END)
        return " | ".join(word.strip() for word in words if word.strip())

    def token(self, token_id: int) -> str:
        if not 0 <= token_id < self.vocabulary:
            raise HeadstartError(f"no token {token_id}: ids go from 0 to {self.vocabulary - 1:,}")
        if token_id >= self.phrase_id:
            return self.phrases[token_id - self.phrase_id]
        return WORD_END if token_id == 0 else self.ngrams[token_id - 1]

    def save(self, folder: Path) -> None:
        data = {"kind": self.kind, "smallest": self.smallest, "largest": self.largest, "lower": self.lower}
        data |= {"ngrams": self.ngrams, "phrases": self.phrases}
        write_bytes(folder / _FILE, json.dumps(data, ensure_ascii=False).encode())
        write_bytes(folder / "headstart.json", json.dumps({"kind": self.kind}).encode())

    @classmethod
    def load(cls, folder: Path) -> NgramTokenizer:
        data = read_json(folder / _FILE)
        try:
            _check_lengths(str(folder / _FILE), data["smallest"], data["largest"])
            return cls(data["ngrams"], data["smallest"], data["largest"], data["lower"], data.get("phrases", ()))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise HeadstartError(f"{folder / _FILE}: not an n-gram tokenizer ({error!r})") from None

"""Character n-grams within word bounds (2-4): the input of bag encoders; a word-end mark keeps words apart.

Subword n-grams follow fastText (Bojanowski et al. 2017, section 3.2). A word `w` is written `<w>`; its n-grams of 2 to
4 characters that are in the vocabulary become its ids, then comes the word-end id 0. Ids are sorted by frequency.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from headstart.base.contracts import Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.files import read_json, write_bytes
from headstart.base.spec import TokenizerSpec

WORD_END = "[W]"
_CACHED_WORDS = 2_000_000  # about 150 bytes each: at most 300 MB
_COUNTED_WORDS = 3_000_000  # distinct words kept while counting; the rarest are pruned beyond it
_SCORED_WORDS = 200_000  # the most frequent distinct words choose the n-grams; rarer ones hardly change the order
_FILE = "ngrams.json"


def split_words(text: str, lower: bool = True) -> list[str]:
    """Return the NFC-normalised words of a text, split at white space, in lower case unless told otherwise."""
    text = unicodedata.normalize("NFC", text)
    return (text.lower() if lower else text).split()


def word_ngrams(word: str, smallest: int, largest: int, bounds: str = "<>") -> list[str]:
    """Return the character n-grams of a word between its two bounds (`<word>`), shortest first."""
    word = f"{bounds[0]}{word}{bounds[1]}"
    return [word[i : i + n] for n in range(smallest, largest + 1) for i in range(len(word) - n + 1)]


@dataclass(frozen=True, kw_only=True)
class NgramSpec(TokenizerSpec):
    """vocabulary: n-grams kept (None = 30,000 or all seen twice); smallest, largest: lengths; lower: fold case."""

    vocabulary: int | None = None
    smallest: int = 2
    largest: int = 4
    lower: bool = True

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> NgramTokenizer:
        """Count words in one streamed pass and keep the commonest n-grams. Raises HeadstartError: too few n-grams."""
        wanted = vocabulary or self.vocabulary
        words: Counter[str] = Counter()
        for document in documents:
            words.update(split_words(document, self.lower))
            if len(words) > _COUNTED_WORDS:
                words = Counter(dict(words.most_common(_COUNTED_WORDS // 2)))
        counts: Counter[str] = Counter()
        for word, count in words.most_common(_SCORED_WORDS):
            for gram in word_ngrams(word, self.smallest, self.largest):
                counts[gram] += count
        kept = sorted((g for g, c in counts.items() if c > 1), key=lambda g: (-counts[g], g))
        if not kept:
            raise HeadstartError("no character n-gram occurs twice in this corpus; more text is needed")
        if wanted is not None and wanted > len(kept) + 1:
            raise HeadstartError(
                f"vocabulary {wanted:,} is larger than the data allows: {len(kept) + 1:,} n-grams occur at least twice"
            )
        return NgramTokenizer(kept[: (wanted or 30_001) - 1], self.smallest, self.largest, self.lower)

    def load(self, folder: Path) -> NgramTokenizer:
        """Read a saved tokenizer; see `NgramTokenizer.load`."""
        return NgramTokenizer.load(folder)


class NgramTokenizer(Tokenizer):
    """n-gram strings to ids 1.. in the given order; 0 ends a word. Ids do not spell text: `decode` lists n-grams."""

    kind = "ngram"
    reversible: ClassVar[bool] = False
    word_end_id = 0
    pad_id = 0
    special_ids = frozenset({0})

    def __init__(self, ngrams: Sequence[str], smallest: int = 2, largest: int = 4, lower: bool = True):
        self.ngrams = list(ngrams)
        self.smallest, self.largest, self.lower = smallest, largest, lower
        self.vocabulary = len(self.ngrams) + 1
        self._ids = {gram: i + 1 for i, gram in enumerate(self.ngrams)}
        self._cache: dict[str, bytes] = {}

    def _encode_word(self, word: str) -> bytes:
        found = [self._ids[g] for g in word_ngrams(word, self.smallest, self.largest) if g in self._ids]
        code = np.array([*found, 0], np.int64).astype(np.uint32).tobytes()
        if len(self._cache) < _CACHED_WORDS:
            self._cache[word] = code
        return code

    def _encode(self, texts: Sequence[str]) -> Iterator[np.ndarray]:
        cache, encode_word = self._cache, self._encode_word
        for text in texts:
            words = split_words(text, self.lower)
            code = b"".join([cache[word] if word in cache else encode_word(word) for word in words])
            yield np.frombuffer(code, np.uint32).astype(np.int64)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return list(self._encode(texts))

    def decode(self, ids: Sequence[int]) -> str:
        words = " ".join(self.token(int(i)) for i in ids).split(WORD_END)
        return " | ".join(word.strip() for word in words if word.strip())

    def token(self, token_id: int) -> str:
        if not 0 <= token_id < self.vocabulary:
            raise HeadstartError(f"no token {token_id}: ids go from 0 to {self.vocabulary - 1:,}")
        return WORD_END if token_id == 0 else self.ngrams[token_id - 1]

    def save(self, folder: Path) -> None:
        data = {"kind": self.kind, "smallest": self.smallest, "largest": self.largest, "lower": self.lower}
        write_bytes(folder / _FILE, json.dumps({**data, "ngrams": self.ngrams}, ensure_ascii=False).encode())
        write_bytes(folder / "headstart.json", json.dumps({"kind": self.kind}).encode())

    @classmethod
    def load(cls, folder: Path) -> NgramTokenizer:
        data = read_json(folder / _FILE)
        try:
            return cls(data["ngrams"], data["smallest"], data["largest"], data["lower"])
        except (KeyError, TypeError) as error:
            raise HeadstartError(f"{folder / _FILE}: not an n-gram tokenizer ({error!r})") from None

"""Words as numbers by a hash, without a vocabulary to learn (a planted text processor)."""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json, write_json
from headstart.core.processor import KIND_FILE, Tokenizer
from headstart.core.spec import ProcessorSpec

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, kw_only=True)
class HashedWordsSpec(ProcessorSpec):
    """buckets: numbers that words share; a vocabulary that is asked for holds the special tokens besides."""

    buckets: int = 512

    def train(self, documents, vocabulary=None):
        return HashedWords(self.buckets if vocabulary is None else vocabulary - len(_SPECIAL))

    def load(self, folder):
        return HashedWords.load(folder)


class HashedWords(Tokenizer):
    kind, reversible = "hashed_words", False
    pad_id, unk_id, cls_id, sep_id, mask_id = range(len(_SPECIAL))
    special_ids = frozenset(range(len(_SPECIAL)))

    def __init__(self, buckets):
        self.buckets, self.vocabulary = buckets, buckets + len(_SPECIAL)

    def encode(self, texts):
        return [ids for ids, _ in self.encode_spans(texts)]

    def encode_spans(self, texts):
        found = [list(re.finditer(r"\S+", text)) for text in texts]
        return [
            (
                np.array([self._number(word[0]) for word in words], np.int64),
                np.array([word.span() for word in words], np.int64).reshape(-1, 2),
            )
            for words in found
        ]

    def _number(self, word):
        return len(_SPECIAL) + zlib.crc32(unicodedata.normalize("NFC", word).encode()) % self.buckets

    def decode(self, ids):
        return " ".join(self.token(int(number)) for number in ids if number not in self.special_ids)

    def token(self, token_id):
        if not 0 <= token_id < self.vocabulary:
            raise HeadstartError(f"no token {token_id}: ids go from 0 to {self.vocabulary - 1}")
        return _SPECIAL[token_id] if token_id < len(_SPECIAL) else f"#{token_id - len(_SPECIAL)}"

    def save(self, folder):
        write_json(folder / KIND_FILE, {"kind": self.kind, "buckets": self.buckets})

    @classmethod
    def load(cls, folder):
        facts = read_json(folder / KIND_FILE)
        if not isinstance(facts.get("buckets"), int):
            raise HeadstartError(f"{folder}: damaged tokenizer, it names no number of buckets")
        return cls(facts["buckets"])

"""The n-gram tokenizer of headstart in numpy alone: texts to ids, from ngrams.json."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np


class NgramTokenizer:
    """Words between white space, written <word>, to the ids of their character n-grams; 0 ends a word.

    Ids count from 1 in the order of `ngrams`; behind them come the ids of pairs of neighbouring words (`phrases`).
    """

    def __init__(self, folder: str | Path) -> None:
        told = json.loads((Path(folder) / "ngrams.json").read_text(encoding="utf-8"))
        self.smallest, self.largest, self.lower = told["smallest"], told["largest"], told["lower"]
        self.ids = {gram: number for number, gram in enumerate(told["ngrams"], 1)}
        self.phrases = {pair: number for number, pair in enumerate(told["phrases"], len(self.ids) + 1)}

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text."""
        text = unicodedata.normalize("NFC", text)
        words = (text.lower() if self.lower else text).split()
        ids: list[int] = []
        for place, word in enumerate(words):
            marked = f"<{word}>"
            for size in range(self.smallest, self.largest + 1):
                grams = (marked[start : start + size] for start in range(len(marked) - size + 1))
                ids += [self.ids[gram] for gram in grams if gram in self.ids]
            if place and f"{words[place - 1]} {word}" in self.phrases:  # the id of a pair ends its second word
                ids.append(self.phrases[f"{words[place - 1]} {word}"])
            ids.append(0)
        return ids

    def __call__(self, texts: list[str]) -> dict[str, np.ndarray]:
        """Return input_ids and attention_mask, int64 [B, T], padded with 0."""
        found = [self.encode(text) for text in texts]
        longest = max(1, *map(len, found)) if found else 1
        ids, mask = np.zeros((len(found), longest), np.int64), np.zeros((len(found), longest), np.int64)
        for row, own in enumerate(found):
            ids[row, : len(own)], mask[row, : len(own)] = own, 1
        return {"input_ids": ids, "attention_mask": mask}

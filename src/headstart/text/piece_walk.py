"""WordPiece for many words at once: the longest known piece first (Devlin et al. 2019), by a trie in arrays."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from headstart.text.bert_words import BertWords
from headstart.text.rust import Rust

_CODES = 0x110000


class Walked(NamedTuple):
    """ids: int64 [T] of all words one behind the other. count_W: ids of each word. hard_W: words that have none here,
    since Rust is to be asked."""

    ids: np.ndarray
    count_W: np.ndarray
    hard_W: np.ndarray


class PieceWalk:
    """rust: a tokenizer for which `bert_words.reads` and whose model is WordPiece."""

    def __init__(self, rust: Rust) -> None:
        self._words = BertWords(rust)
        model = json.loads(rust.to_str())["model"]
        self._unknown = model["vocab"][model["unk_token"]]
        self._longest = model["max_input_chars_per_word"]
        letters = sorted(set().union(*model["vocab"]))
        self._letters = {letter: number for number, letter in enumerate(letters, 1)}
        self._number_U = np.zeros(_CODES, np.int32)  # by code point; 0: in no piece
        self._number_U[[ord(letter) for letter in letters]] = np.arange(1, len(letters) + 1)
        self._trie(model["vocab"], model["continuing_subword_prefix"])

    def _trie(self, vocabulary: dict[str, int], mark: str) -> None:
        """Node 0 begins a word, node 1 goes on within it; a step is node * letters + letter."""
        steps: dict[int, int] = {}
        self._width = len(self._letters) + 1
        ids = [-1, -1]  # of the piece that ends at a node
        roots = [(piece, 0, number) for piece, number in vocabulary.items()]
        roots += [(piece[len(mark) :], 1, number) for piece, number in vocabulary.items() if piece.startswith(mark)]
        for piece, node, number in roots:
            for letter in piece:
                step = node * self._width + self._letters[letter]
                node = steps.setdefault(step, len(ids))
                if node == len(ids):
                    ids.append(-1)
            if piece:
                ids[node] = number
        self._steps = _Table(np.array([*steps], np.int64), np.array([*steps.values()], np.int64))
        self._id_N = np.array(ids, np.int64)

    def walk(self, code_C: np.ndarray, size_W: np.ndarray) -> Walked:
        """Return the ids of words, given as their code points one behind the other and their sizes."""
        cut = self._words.cut(code_C, size_W)
        ids, count_P = self._pieces(self._number_U[cut.letter_L], cut.start_P, cut.end_P)
        count_W = np.bincount(cut.word_L[cut.start_P], count_P, len(size_W)).astype(np.int64)
        return Walked(ids, count_W, cut.hard_W)

    def _pieces(self, letter_L: np.ndarray, start_P: np.ndarray, end_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids of all pre-tokens one behind the other, how many each has)."""
        letter_L = np.append(letter_L, 0)  # behind the last one there is none
        count_P = np.zeros(len(start_P), np.int64)
        unknown_P = end_P - start_P > self._longest
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # pre-tokens, places within them, ids
        # Every pre-token under way: its number, where it looks, its node, the last piece that ended and where.
        number = np.flatnonzero(~unknown_P)
        here, node = start_P[number], np.zeros(len(number), np.int64)
        last, behind, stop = np.full(len(number), -1), start_P[number], end_P[number]
        while len(number):
            step = node * self._width + np.where(here < stop, letter_L[here], 0)
            node = self._steps.of(step, 1)
            goes = node > 1
            here = here + goes
            piece = self._id_N[node]
            ends = goes & (piece >= 0)
            cut = ~goes & (last >= 0)
            found.append((number[cut], count_P[number[cut]], last[cut]))
            count_P[number[cut]] += 1
            here = np.where(goes, here, behind)
            unknown_P[number[~goes & (last < 0)]] = True
            last = np.where(ends, piece, np.where(goes, last, -1))
            behind = np.where(ends, here, behind)
            on = goes | (cut & (behind < stop))
            number, here, node = number[on], here[on], node[on]
            last, behind, stop = last[on], behind[on], stop[on]
        count_P[unknown_P] = 1
        first_P = np.cumsum(count_P) - count_P
        ids = np.full(int(count_P.sum()), self._unknown, np.int64)
        for number, place, piece in found:
            known = ~unknown_P[number]
            ids[first_P[number[known]] + place[known]] = piece[known]
        return ids, count_P


class _Table:
    """Values by key, looked up in arrays: an open hash table that is a quarter full at most; keys are not negative."""

    def __init__(self, keys: np.ndarray, values: np.ndarray) -> None:
        bits = max(4, (4 * len(keys)).bit_length())
        self._shift, self._last = np.uint64(64 - bits), (1 << bits) - 1
        self._key_T, self._value_T = np.full(1 << bits, -1, np.int64), np.zeros(1 << bits, np.int64)
        slot = self._slot(keys)
        while len(keys):
            free = self._key_T[slot] < 0
            taken, first = np.unique(slot[free], return_index=True)  # of several keys for one slot the first gets it
            placed = np.flatnonzero(free)[first]
            self._key_T[taken], self._value_T[taken] = keys[placed], values[placed]
            left = np.ones(len(keys), bool)
            left[placed] = False
            keys, values, slot = keys[left], values[left], slot[left] + 1 & self._last

    def _slot(self, keys: np.ndarray) -> np.ndarray:
        return (keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> self._shift).astype(np.int64)

    def of(self, keys: np.ndarray, missing: int) -> np.ndarray:
        """Return the values of these keys, `missing` for those without one."""
        slot = self._slot(keys)
        found = self._key_T[slot]
        out = np.where(found == keys, self._value_T[slot], missing)
        further = np.flatnonzero((found != keys) & (found >= 0))
        while len(further):
            slot[further] = slot[further] + 1 & self._last
            found = self._key_T[slot[further]]
            hit = found == keys[further]
            out[further[hit]] = self._value_T[slot[further[hit]]]
            further = further[~hit & (found >= 0)]
        return out

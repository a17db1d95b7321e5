"""Ids of many texts by WordPiece: every word once, in arrays; what arrays cannot do is asked of the Rust library."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from headstart.text.bert_words import reads
from headstart.text.piece_walk import PieceWalk
from headstart.text.rust import Rust
from headstart.text.text_parts import RUST_AT_ONCE, encoded_by_parts
from headstart.text.word_ids import WordIds, strings


def walks(rust: Rust) -> bool:
    """Whether a tokenizer is BERT's WordPiece, without tokens that were added to it."""
    parts = json.loads(rust.to_str())
    model, added = parts["model"], parts.get("added_tokens") or ()
    known = model["type"] == "WordPiece" and model["unk_token"] in model["vocab"] and reads(parts)
    return known and rust.reads_plainly() and all(token["special"] for token in added)


class PieceIds:
    """rust: a tokenizer that `walks`; texts are in NFC."""

    def __init__(self, rust: Rust) -> None:
        self._rust, self._walk = rust, PieceWalk(rust)
        self._words = WordIds(self._encode)

    def encode(self, texts: Sequence[str], *, keep: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids of all texts, int32 [T]; how many each text has, int64 [N]), as the Rust library makes them.

        keep: see `WordIds.encode`.
        """
        return self._words.encode(texts, keep=keep)

    def _encode(self, code_C: np.ndarray, size_W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids of words, given as their code points one behind the other and their sizes."""
        ids, count_W, hard_W = self._walk.walk(code_C, size_W)
        if not hard_W.any():
            return ids, count_W
        hard = strings(code_C[np.repeat(hard_W, size_W)], size_W[hard_W])
        asked, asked_count = encoded_by_parts(self._rust.ids, hard, RUST_AT_ONCE)
        count_W[hard_W] = asked_count
        from_rust = np.repeat(hard_W, count_W)
        both = np.empty(int(count_W.sum()), np.int64)
        both[from_rust], both[~from_rust] = asked, ids
        return both, count_W

"""Ids of many texts by tokenizers that cut at spaces: each word is asked of the Rust library once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.text.rust import Rust
from headstart.text.text_parts import RUST_AT_ONCE, encoded_by_parts
from headstart.text.word_ids import WordIds, strings

_WITHIN_WORDS = ("NFC", "Lowercase")  # normalizers that look at no more than a character, on text in NFC


def cut_before(rust: Rust) -> str:
    """Return the white space that always begins a token behind something else, so that words can be asked one by one.

    In byte-level byte pairs cut as GPT-2's are (Radford et al. 2019) space and line end do (the latter not where every
    text gets a space before it), in pieces that begin with the mark of a space (SentencePiece, Kudo & Richardson 2018)
    the space, and the line end where it counts as one.
    Empty: no kind does, tokens were added that may hold spaces, or chance decides (dropout of merges).
    """
    parts = json.loads(rust.to_str())
    added = parts.get("added_tokens") or ()
    apart = rust.reads_plainly() and all(token["special"] for token in added)
    if not apart or parts["model"].get("dropout") or not _narrow(parts["normalizer"]):
        return ""
    return _before(parts)


def _narrow(normalizer: dict[str, Any] | None) -> bool:
    """Whether what a normalizer makes of a word does not depend on the words around it."""
    if normalizer is None or normalizer["type"] in _WITHIN_WORDS:
        return True
    if normalizer["type"] == "Replace":  # a run of spaces lies in one word, with what follows it
        return normalizer["pattern"] == {"Regex": r"\s+"} and normalizer["content"] == " "
    return normalizer["type"] == "Sequence" and all(map(_narrow, normalizer["normalizers"]))


def _before(parts: dict[str, Any]) -> str:
    """Return what the pre-tokenizer cuts before."""
    whole = parts["pre_tokenizer"] or {"type": "none"}
    first, *rest = whole["pretokenizers"] if whole["type"] == "Sequence" else [whole]
    if any(part["type"] != "Split" for part in rest):  # what cuts further may
        return ""
    if first["type"] == "ByteLevel":
        before = " " if first["add_prefix_space"] else " \n"
        return before if first.get("use_regex", True) else ""
    if first["type"] != "Metaspace" or not first.get("split", True) or first["prepend_scheme"] == "first":
        return ""
    return " \n" if "Replace" in json.dumps(parts["normalizer"]) else " "


class SpacedIds:
    """rust: a tokenizer; before: what `cut_before` says of it. Texts are in NFC."""

    def __init__(self, rust: Rust, before: str) -> None:
        self._rust = rust
        self._words = WordIds(self._encode, before)

    def encode(self, texts: Sequence[str], *, keep: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids of all texts, int32 [T]; how many each text has, int64 [N]), as the Rust library makes them.

        keep: see `WordIds.encode`.
        """
        return self._words.encode(texts, keep=keep)

    def _encode(self, code_C: np.ndarray, size_W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids of words, given as their code points one behind the other and their sizes."""
        return encoded_by_parts(self._rust.ids, strings(code_C, size_W), RUST_AT_ONCE)

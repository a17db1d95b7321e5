"""Whether a tokenizer fits a text: keep it, extend it, or train a new one (measures of Rust et al. 2021)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from zlib import crc32

import numpy as np

from headstart.core.processor import Tokenizer
from headstart.processors.wordpiece import WordPiece
from headstart.text.fast_tokenizer import finish
from headstart.text.tokenizer_training import SPECIALS, sample, target
from headstart.text.wordpiece_training import train_pieces
from headstart.training.vocabulary_extension import refusal

KEEP = 1.25  # times the tokens of the text's own tokenizer: a quarter more length is cheaper than learning new ids
NEW = 2.0  # twice the tokens: the pieces are fragments, of which the old model knew little
LOST = 0.01  # share of words with an unknown id that is bearable; what is unknown no model can learn from
UNREAD = 0.2  # every fifth word unknown: this is not the language the tokenizer was made for
_BYTES = 4 * 2**20  # of text looked at, which settles every share to two digits
_FEWEST_WORDS = 1000  # below, a tokenizer trained on half of the text is no yardstick
_COSTLIEST = 20
_WORD = re.compile(r"\S+")


class CostlyWord(NamedTuple):
    """A word, how often it occurs, its pieces on average, and whether one of them is unknown."""

    word: str
    occurrences: int
    pieces: float
    unknown: bool


@dataclass(frozen=True, kw_only=True)
class VocabularyAdvice:
    """How a tokenizer writes a text, and what to do about it. Shares are 0 to 1.

    fertility: tokens per word between white space. ratio: tokens over those of a WordPiece trained on one half of the
    documents, both on the other half (None below 1,000 words). costliest: the words that cost most tokens above one
    each, an unknown word counting as many as it has characters.
    """

    verdict: Literal["keep", "extend", "new"]
    reason: str
    words: int
    fertility: float
    tokens_per_character: float
    unknown_ids: float
    unknown_words: float
    vocabulary_used: float
    ratio: float | None
    costliest: tuple[CostlyWord, ...]


def advise(tokenizer: Tokenizer, texts: Iterable[str]) -> VocabularyAdvice:
    """Measure a tokenizer on texts and say what to do about its vocabulary, with the numbers that decided.

    `keep` up to 1.25 times the tokens of the text's own tokenizer and 1 % of words with an unknown id; `new` from twice
    the tokens or every fifth word unknown on; `extend` between, where the kind can be extended, else `new`. The
    yardstick is a ratio because fertility is a matter of the language: English takes 1.2 to 1.5 tokens per word with a
    fitting tokenizer, Korean, whose words carry particles and endings, 2 to 3.
    Raises HeadstartError: no text, a tokenizer without spans.
    """
    kept = sample(texts, _BYTES).texts
    tally = _tally(tokenizer, kept)
    words = sum(tally.occurrences.values())
    unknown_words = sum(tally.unknown.values()) / words
    ratio = _ratio(tokenizer, kept) if words >= _FEWEST_WORDS else None
    fertility = tally.tokens / words
    verdict = _verdict(tokenizer, ratio, unknown_words)
    return VocabularyAdvice(
        verdict=verdict,
        reason=_reason(verdict, fertility, ratio, unknown_words),
        words=words,
        fertility=fertility,
        tokens_per_character=tally.tokens / tally.characters,
        unknown_ids=tally.unknown_ids / max(tally.tokens, 1),
        unknown_words=unknown_words,
        vocabulary_used=len(tally.used) / tokenizer.vocabulary,
        ratio=ratio,
        costliest=tuple(_costliest(tally)),
    )


@dataclass
class _Tally:
    """What is counted; occurrences, pieces and unknown are by word."""

    tokens: int = 0
    characters: int = 0
    unknown_ids: int = 0
    used: set[int] = field(default_factory=set)
    occurrences: Counter[str] = field(default_factory=Counter)
    pieces: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


def _tally(tokenizer: Tokenizer, texts: list[str]) -> _Tally:
    tally = _Tally()
    for text, (ids, spans) in zip(texts, tokenizer.encode_spans(texts)):
        tally.tokens += len(ids)
        tally.characters += len(text)
        tally.unknown_ids += int((ids == tokenizer.unk_id).sum())
        tally.used.update(ids.tolist())
        found = list(_WORD.finditer(text))
        if not found:
            continue
        last = spans[:, 1] - 1  # a piece may begin with the blank before its word
        place = np.searchsorted([word.start() for word in found], last, "right") - 1
        inside = (place >= 0) & (last < np.array([word.end() for word in found])[place])
        pieces = np.bincount(place[inside], minlength=len(found)).tolist()
        unknown = np.bincount(place[inside & (ids == tokenizer.unk_id)], minlength=len(found)).tolist()
        for word, count, lost in zip(found, pieces, unknown):
            tally.occurrences[word[0]] += 1
            tally.pieces[word[0]] += count
            tally.unknown[word[0]] += lost > 0
    return tally


def _costliest(tally: _Tally) -> list[CostlyWord]:
    def cost(word: str) -> int:
        return tally.pieces[word] - tally.occurrences[word] + tally.unknown[word] * len(word)

    ranked = sorted((word for word in tally.occurrences if cost(word) > 0), key=lambda word: (-cost(word), word))
    return [
        CostlyWord(word, times := tally.occurrences[word], tally.pieces[word] / times, tally.unknown[word] > 0)
        for word in ranked[:_COSTLIEST]
    ]


def _ratio(tokenizer: Tokenizer, texts: list[str]) -> float | None:
    """Return the tokens of one half of the documents over those of a WordPiece trained on the other half, with as many
    ids as would be chosen for this text. The halves go by checksum: equal documents together, no order matters."""
    seen, unseen = ([text for text in texts if crc32(text.encode()) % 2 == half] for half in (0, 1))
    if not all(any(map(str.split, half)) for half in (seen, unseen)):
        return None
    size, _ = target(sum(len(text.encode()) for text in texts))
    rust = train_pieces("wordpiece", seen, size, False, WordPiece.characters, SPECIALS)
    own = finish(rust, "wordpiece", SPECIALS)
    return sum(map(len, tokenizer.encode(unseen))) / sum(map(len, own.encode(unseen)))


def _verdict(tokenizer: Tokenizer, ratio: float | None, unknown_words: float) -> Literal["keep", "extend", "new"]:
    length = ratio or 1.0
    if length <= KEEP and unknown_words <= LOST:
        return "keep"
    if length >= NEW or unknown_words >= UNREAD or refusal(tokenizer) is not None:
        return "new"
    return "extend"


def _reason(verdict: str, fertility: float, ratio: float | None, unknown_words: float) -> str:
    said = {
        "keep": "keep this tokenizer",
        "extend": "extend this tokenizer",
        "new": "train a new tokenizer",
    }[verdict]
    compared = (
        f"{ratio:.2f} times those of a tokenizer trained on this text (up to {KEEP} is fine, {NEW:g} too many)"
        if ratio is not None
        else "too little text to compare with a tokenizer of its own"
    )
    return (
        f"{said}: {fertility:.2f} tokens per word, {compared}; {unknown_words:.1%} of words have an unknown id "
        f"(up to {LOST:.0%} is fine, {UNREAD:.0%} too many)"
    )

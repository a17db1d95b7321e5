"""Whether a base can read texts at all: the share that its vocabulary does not know or only spells out.

Thresholds: docs/decisions.md, 2026-11-27.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal, NamedTuple

from headstart.core.processor import Processor, Tokenizer
from headstart.processors.ngram import NgramTokenizer

UNSEEN = 0.5  # of the n-grams; measured: up to .43 in the same language, .52 and more in another
UNKNOWN = 0.1  # of the tokens; measured: .00 in the same language, .21 and more in another
SPELT = 0.9  # tokens per character: words fall into letters; measured: up to .43 in the same language, 1.5 in another
_SPELLERS = ("byte", "char")  # kinds whose tokens are letters in every language
_WORDS = 2_000  # ids of a vocabulary that holds words; smaller ones spell every text
_TEXTS = 500


class Unread(NamedTuple):
    """What a base cannot read of some texts.

    kind: `unseen` (share of n-grams that pre-training never saw), `unknown` (share of tokens that are unknown) or
    `spelt` (tokens per character).
    """

    kind: Literal["unseen", "unknown", "spelt"]
    share: float


def unread(processor: Processor, texts: Sequence[str]) -> Unread | None:
    """Return why these texts look foreign to the processor of a base, None when they do not or are no texts.

    texts: of them 500, evenly spread, are looked at.
    """
    step = max(1, len(texts) // _TEXTS)
    kept = [text for text in islice(texts, 0, None, step) if isinstance(text, str)]
    characters = sum(len(text) - text.count(" ") for text in kept)
    if not isinstance(processor, Tokenizer) or not characters:
        return None
    if isinstance(processor, NgramTokenizer):
        share = processor.unseen(kept)
        return Unread("unseen", share) if share >= UNSEEN else None
    encoded = processor.encode(kept)
    tokens = sum(map(len, encoded))
    unknown = sum(int((ids == processor.unk_id).sum()) for ids in encoded) if processor.unk_id >= 0 else 0
    if not tokens or unknown >= UNKNOWN * tokens:
        return Unread("unknown", unknown / tokens if tokens else 1.0)
    spelt, in_words = tokens / characters, processor.vocabulary >= _WORDS and processor.kind not in _SPELLERS
    return Unread("spelt", spelt) if in_words and spelt >= SPELT else None

"""What all tokenizer trainers share: special tokens, the bounded sample of one streamed pass, the size check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from headstart.core.errors import HeadstartError
from headstart.core.normal_form import normal_form
from headstart.text.alignment import mend
from headstart.text.text_parts import text_parts
from headstart.text.vocabulary import choose_vocabulary

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
STAGE_BYTES = 16 * 2**20  # where characters or words are counted
# Where pieces are trained: of 57 MB of reviews 11 MB are kept. Pieces of samples with stages of 16, 4 and 2 MiB spelled
# other reviews in 242,200, 240,000 and 238,500 tokens (WordPiece), 243,700, 243,300 and 243,600 (byte-pair encoding).
PIECE_STAGE_BYTES = 2 * 2**20
_BATCH = 1000
LONG_DOCUMENT = 1 << 16  # characters that are taken for a sample, or left out, together
LONGEST_WORD = 1_000  # characters without white space that pieces are learned from; of 16 MiB they would take a day
_WORD = re.compile(r"\S+")


def special_tokens(sentinels: int = 0) -> tuple[str, ...]:
    """Return what takes the first ids: the five above, then <extra_id_0> ... for the hidden spans of T5.

    Raises HeadstartError: a negative number of sentinels.
    """
    if sentinels < 0:
        raise HeadstartError(f"tokenizer sentinels={sentinels}: expected 0 or more")
    return (*SPECIALS, *map(sentinel, range(sentinels)))


def sentinel(number: int) -> str:
    """Return how sentinel `number` is written (Raffel et al. 2020)."""
    return f"<extra_id_{number}>"


class Sample(NamedTuple):
    """texts: NFC. size: UTF-8 bytes of all the text that they were taken from, about."""

    texts: list[str]
    size: int


def sample(documents: Iterable[str], stage_bytes: int = STAGE_BYTES) -> Sample:
    """Return a bounded sample of the documents in one pass.

    The first `stage_bytes` of text are kept whole, then every 2nd document of twice as much, every 4th of four times as
    much and so on: about stage_bytes x (1 + log2(corpus / stage_bytes)), the same sample for the same corpus. Documents
    of more than `LONG_DOCUMENT` characters count as several; words of more than `LONGEST_WORD` are cut, since the time
    to learn pieces grows with the square of their length. Raises HeadstartError: no text.
    """
    kept: list[str] = []
    size = stage = characters = all_characters = all_bytes = 0
    for position, part in enumerate(part for document in documents for part in text_parts(document, LONG_DOCUMENT)):
        all_characters += len(part)
        if position % (1 << stage):
            continue
        text = normal_form(mend(part))
        kept.extend(with_short_words(text))
        size += (found := len(text.encode()))
        characters, all_bytes = characters + len(text), all_bytes + found
        if size >= stage_bytes:
            size, stage = 0, stage + 1
    if not any(text and not text.isspace() for text in kept):
        raise HeadstartError("no text to train a tokenizer on")
    return Sample(kept, all_characters * all_bytes // max(characters, 1))


def with_short_words(text: str) -> Iterator[str]:
    """Yield a text in parts: as it is, unless words have more than `LONGEST_WORD` characters, which are cut."""
    if len(text) <= LONGEST_WORD or max(map(len, text.split()), default=0) <= LONGEST_WORD:
        yield text
        return
    begin = 0
    for word in _WORD.finditer(text):
        for end in range(word.start() + LONGEST_WORD, word.end(), LONGEST_WORD):
            yield text[begin:end]
            begin = end
    yield text[begin:]


def common_characters(texts: Sequence[str], most: int) -> list[str]:
    """Return the `most` most frequent characters that are no white space, ties and order by code point."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ranked = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
    return sorted(ranked[:most])


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts in lists of 1,000, as the Rust trainers like them."""
    return (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))


def target(text_bytes: int, *asked: int | None) -> tuple[int, bool]:
    """Return (size to train for, whether it was asked for): the first size asked, else one fit for so much text."""
    for size in asked:
        if size is not None:
            return size, True
    return choose_vocabulary(text_bytes), False


def check_size(kind: str, reached: int, asked: int, strict: bool) -> None:
    """Raise HeadstartError when a vocabulary that was asked for is not what the data gave."""
    if strict and reached < asked:
        raise HeadstartError(
            f"vocabulary {asked:,} is larger than the data allows: tokenizer {kind} reached {reached:,}; "
            "ask for less, or for none to have it chosen"
        )
    if strict and reached > asked:
        raise HeadstartError(f"vocabulary {asked:,} is too small for tokenizer {kind}: it needs at least {reached:,}")

"""How large a vocabulary a text supports."""

from __future__ import annotations

from headstart.core.errors import HeadstartError

_BYTES_PER_WORD = 8  # Korean with its blank: about 10; English: about 6
_BYTES_PER_ENTRY = 64  # below this, entries are seen so seldom that nothing is learned about them
_SMALLEST = 320  # 256 bytes and 5 special tokens, rounded up to a multiple of 64
_STEPS = ((10_000_000, 8192), (100_000_000, 16384))
_SMALL_BYTES = 5 * 2**20


def choose_vocabulary(text_bytes: int | None = None, *, words: int | None = None) -> int:
    """Return a vocabulary size, a multiple of 64: 4,096 up to 5 MiB of text, 8,192 up to 10 million words, 16,384 up
    to 100 million, 32,768 beyond; never more than one entry per 64 bytes, never below 320.

    Give the UTF-8 size or the number of words (one is estimated from the other). Raises HeadstartError: neither given.
    """
    if text_bytes is None and words is None:
        raise HeadstartError("choose_vocabulary needs the size of the text in bytes or in words")
    size = text_bytes if text_bytes is not None else words * _BYTES_PER_WORD
    count = words if words is not None else size // _BYTES_PER_WORD
    if size <= _SMALL_BYTES:
        chosen = 4096
    else:
        chosen = next((entries for most, entries in _STEPS if count <= most), 32768)
    return max(_SMALLEST, min(chosen, size // _BYTES_PER_ENTRY // 64 * 64))

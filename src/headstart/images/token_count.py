"""How many tokens a tokenizer of images is asked for: the colours of a palette, the codes of a code book."""

from __future__ import annotations

from headstart.core.errors import HeadstartError


def tokens_asked(own: int | None, vocabulary: int | None, *, most: int, setting: str, words: str) -> int | None:
    """Return the number of tokens, or None where neither says it.

    own: by the setting. vocabulary: tokens and a begin mark. most: the largest number, the least is 2. words: what the
    tokens are. Raises HeadstartError: both say something else, a number out of range.
    """
    count = own if vocabulary is None else vocabulary - 1
    if own not in (None, count) or (count is not None and not 2 <= count <= most):
        raise HeadstartError(
            f"vocabulary={vocabulary}: it is {words} (2 to {most}) and one begin mark; leave it out or set "
            f"processor.{setting}"
        )
    return count

"""Tags of tokens as data sets write them (BIO, IOB1, BIOES, BILOU), and the spans that they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

TAG = re.compile(r"O|[BIESLU]-.+")  # L and U of BILOU are E and S of BIOES


def is_scheme(tags: Sequence[str]) -> bool:
    """Whether these are tags of such a scheme, not one label for each token."""
    return bool(tags) and all(TAG.fullmatch(tag) for tag in tags)


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return (first token, end, label) of each entity, as conlleval reads tags of any scheme.

    An I- or E- that follows O, another label or an ended entity opens a new one.
    """
    found: list[tuple[int, int, str]] = []
    before, before_label = "O", ""
    for position, tag in enumerate(tags):
        kind, _, label = tag.partition("-")
        if kind in "BSU" or (kind != "O" and (before in "OESLU" or label != before_label)):
            found.append((position, position + 1, label))
        elif kind != "O":
            found[-1] = (found[-1][0], position + 1, label)
        before, before_label = kind, label
    return found

"""Normal forms of Unicode (Standard Annex 15) in time that grows with the text, whatever marks it piles up.

CPython sorts each run of combining marks by insertion: a text of 16 MiB of unsorted marks would take a day.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_LONG = 1_000  # characters, from which on a text is looked at; a shorter one takes a millisecond at most
_RUN = 64  # marks one behind the other from which on they are sorted here; no language has so many
_FIRST, _LAST = 0x300, 0x1F000  # code points between which all marks lie


def normal_form(text: str, form: str = "NFC") -> str:
    """Return `unicodedata.normalize(form, text)`."""
    if len(text) < _LONG or unicodedata.is_normalized(form, text):
        return unicodedata.normalize(form, text)
    spread = "NFKD" if "K" in form else "NFD"

    def ordered(run: re.Match[str]) -> str:
        # Canonical order is a stable sort by combining class, so that this text has the same normal form.
        apart = "".join(unicodedata.normalize(spread, mark) for mark in run[0])
        return "".join(sorted(apart, key=unicodedata.combining))

    return unicodedata.normalize(form, _runs(spread).sub(ordered, text))


@cache
def _runs(spread: str) -> re.Pattern[str]:
    """Return a pattern of long runs of characters that begin with a mark once they are taken apart."""
    codes = map(chr, range(_FIRST, _LAST))
    marks = "".join(one for one in codes if unicodedata.combining(unicodedata.normalize(spread, one)[0]))
    return re.compile(f"[{re.escape(marks)}]{{{_RUN},}}")

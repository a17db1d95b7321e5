"""A program of its own: finds the first regular expression that gives up on a text, as the library of tokenizers reads.

`python try_regexes.py < TRIALS`: [[expression, ...], [text, ...]]; prints the text or null. The search gives up after
ten million steps back (a panic); what it does until then cannot be interrupted, so that the caller sets a time. It
imports nothing of headstart, so that it starts quickly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from tokenizers import Regex, pre_tokenizers


def gives_up(patterns: Sequence[str], texts: Sequence[str]) -> str | None:
    """Return the text of the first search that gives up, or None."""
    for pattern in patterns:
        try:
            cutting = pre_tokenizers.Split(Regex(pattern), "isolated")
        except Exception:  # no expression, or a part that is none alone; the whole one is refused where it is used
            continue
        for text in texts:
            try:
                cutting.pre_tokenize_str(text)
            except BaseException:  # a panic is no Exception
                return text
    return None


if __name__ == "__main__":
    json.dump(gives_up(*json.load(sys.stdin)), sys.stdout)

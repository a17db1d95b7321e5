"""Regular expressions in the tokenizers of others: those that may take forever on a short text are refused.

A repetition within a repetition can read the same text in a number of ways that doubles with every character
((a+)+$), and the engine of the Rust library (Oniguruma) tries them all before it gives up: a megabyte takes hours, and
no signal reaches it. An expression that repeats no group, and at most three parts in a row, has too few ways for that.
The others are tried on texts made from their own letters, in a program that has a time limit.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.text.excerpt import excerpt

_PARTS = ("normalizer", "pre_tokenizer", "decoder")  # of a tokenizer.json; its model has no expressions
_SECONDS = 60  # for the program that tries; it takes less than one
_LENGTH = 128  # characters of a text to try: enough where a text has 1.14 times the ways with each character
_LETTERS = ("a", "A", "1", " ", "\n", "가", "é", "!", "_", "-", ".")
_SHOWN = 32  # characters of such a text in the message
_MOST = 20  # letters, and words, that texts are made from
_ENDS = ("", "!", "\n", "a")  # what makes a text fail that an expression would match
# What stands for one character, and holds brackets that group nothing.
_ESCAPE = re.compile(r"\\(?:[pPxo]\{[^}]*\}|k<[^>]*>|[^g])", re.DOTALL)
_REPEATED = re.compile(r"(?:[*+]|\{\d*,?\d*\})[+?]?")
_UNBOUNDED = re.compile(r"(?:[*+]|\{\d+,\})[+?]?")
_CHAIN = 4  # unbounded repetitions behind each other that take the fourth power of a text's length


def check_regexes(description: Any, where: str) -> None:
    """Raise HeadstartError where a regular expression in the parts of a tokenizer.json may take forever."""
    if not isinstance(description, dict):
        return
    for pattern in dict.fromkeys(_patterns([description.get(part) for part in _PARTS])):
        if doubtful(pattern) and (text := _hard_text(pattern, where)) is not None:
            raise HeadstartError(
                f"{where}: the regular expression '{excerpt(pattern)}' takes too many steps on texts like {text}; "
                "write what it repeats so that there is one way to read it, or take another tokenizer"
            )


def _patterns(values: list[Any]) -> Iterator[str]:
    """Yield every {"Regex": ...} within JSON values."""
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            values += value.values()
            if isinstance(value.get("Regex"), str):
                yield value["Regex"]


def doubtful(pattern: str) -> bool:
    """Whether a regular expression must be tried: it repeats a group, calls one, or repeats four times in a row."""
    bare = _bare(pattern)
    chained = any(len(_UNBOUNDED.findall(part)) >= _CHAIN for part in bare.split("|"))
    return chained or r"\g" in bare or any(True for _ in _repeated_groups(bare))


def _bare(pattern: str) -> str:
    """Return the expression, as long as it is, with every escape and class of characters as letters."""
    text = _ESCAPE.sub(lambda found: "x" * len(found.group()), pattern)
    out, depth, start = [], 0, 0
    for place, character in enumerate(text):
        if character == "[":
            start = start if depth else place
            depth += 1
        literal = depth == 1 and place - start < 3 and text[start:place] in ("[", "[^")  # []a] is a class of two
        ends = character == "]" and depth > 0 and not literal
        out.append("x" if depth else character)
        depth -= ends
    return "".join(out) if not depth else text


def _repeated_groups(bare: str) -> Iterator[tuple[int, int]]:
    """Yield where each group that is repeated begins, and where its repetition ends."""
    open_at: list[int] = []
    for place, character in enumerate(bare):
        if character == "(":
            open_at.append(place)
        elif character == ")":
            start = open_at.pop() if open_at else 0
            if found := _REPEATED.match(bare, place + 1):
                yield start, found.end()


@cache
def _hard_text(pattern: str, where: str) -> str | None:
    """Return how a text on which the search gives up begins; None: none was found. Raises HeadstartError: no answer."""
    patterns, bare = [pattern], _bare(pattern)
    for start, end in _repeated_groups(bare):
        behind = bare[end:].lstrip(")")
        if behind and not behind.startswith("|") and "(?>" not in bare[:start]:
            patterns.append(f"(?:{pattern[start:end]})(?!)")  # what follows may fail, wherever the group begins
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(Path(__file__).with_name("try_regexes.py"))],
            input=json.dumps([patterns, _texts(pattern)]),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
            env=os.environ | {"RUST_BACKTRACE": "0"},
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise HeadstartError(
            f"{where}: the regular expression '{excerpt(pattern)}' could not be tried on short texts within "
            f"{_SECONDS} s; take another tokenizer"
        ) from None
    found = json.loads(done.stdout)
    return None if found is None else repr(found[:_SHOWN])


def _texts(pattern: str) -> list[str]:
    """Return texts of one or two letters, or a word, again and again; those of the expression are among them."""
    own = [letter for letter in dict.fromkeys(pattern) if letter not in r"()[]{}|*+?\^$:<>="]
    letters = list(dict.fromkeys([*own[: _MOST // 2], *_LETTERS]))[:_MOST]
    words = list(dict.fromkeys(re.findall(r"\w{3,8}", pattern)))[:_MOST]
    ends = [*_ENDS, "\0" + "".join(own)]  # the search looks first whether letters that it needs are there at all
    texts = [(word * _LENGTH)[:_LENGTH] + end for word in [*letters, *words] for end in ends]
    return texts + [((one + other) * _LENGTH)[:_LENGTH] + "!" for one, other in itertools.permutations(letters, 2)]

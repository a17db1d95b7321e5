"""Tokens and features of taggers without a network: words and punctuation, or characters, and their context."""

from __future__ import annotations

import re
from sys import intern
from typing import NamedTuple

import numpy as np

from headstart.core.examples import Examples
from headstart.data.bio import spans_of, tags_of
from headstart.metrics.entity_f1 import EntityF1
from headstart.text.alignment import compose

_UNITS = {"word": re.compile(r"\w+|[^\w\s]"), "character": re.compile(r"\S")}
_ENOUGH = 0.98  # least entity F1 of the true spans after conversion to tags of words and back
_LOOKED_AT = 1_000  # examples used for the choice of the unit
_LONGEST = 100  # characters of a word, on each side, that count among the features of one of its characters
_EDGE = 4  # padding characters before and after a text
_KINDS = [
    (re.compile(pattern), kind) for pattern, kind in (("[가-힣]", "가"), (r"\d", "0"), ("[a-z]", "a"), ("[A-Z]", "A"))
]
_AGAIN = re.compile(r"(.)\1+")


class Units(NamedTuple):
    """text: the NFC text; places_T2: characters (start, end) of each unit in it; tokens_T2: in the text as given."""

    text: str
    places_T2: np.ndarray
    tokens_T2: np.ndarray

    def words(self) -> list[str]:
        """Return the text of each unit."""
        return [self.text[start:end] for start, end in self.places_T2]


def cut(text: str, unit: str) -> Units:
    """Return the units of a text; NFC and NFD spellings give the same units."""
    composed = compose(text)
    places_T2 = np.array([match.span() for match in _UNITS[unit].finditer(composed.text)], np.int64).reshape(-1, 2)
    return Units(composed.text, places_T2, composed.original(places_T2))


def fitting_unit(examples: Examples) -> str:
    """Return `word` where the true spans begin and end with words, else `character` (such as names with particles)."""
    few = examples.take(np.arange(min(len(examples), _LOOKED_AT)))
    again = []
    for text, spans in zip(few.items, few.targets):
        tokens_T2 = cut(text, "word").tokens_T2
        again.append(spans_of(tags_of(tokens_T2, spans, few.classes), tokens_T2, text, few.classes))
    return "word" if EntityF1().score(few.targets, again) >= _ENOUGH else "character"


def seen_around(units: Units, unit: str) -> list[list[str]]:
    """Return the features of each unit: one per template, prefixed by the number of the template."""
    rows = _around_words(units) if unit == "word" else _around_characters(units)
    # Interned: equal features share one string.
    return [[intern(f"{template}:{value}") for template, value in enumerate(row)] for row in rows]


def _around_words(units: Units) -> list[list[str]]:
    """Return features of words: words, affixes, shapes, blanks, two words on each side (Ratinov & Roth, CoNLL 2009)."""
    text, written = units.text, units.words()
    words = ["^^", "^", *(word.lower() for word in written), "$", "$$"]
    shapes = ["^", "^", *map(_shape, written), "$", "$"]
    rows = []
    for at, (start, end) in enumerate(units.places_T2.tolist(), 2):
        two, one, word, right, further = words[at - 2 : at + 3]
        blanks = f"{text[start - 1 : start].isspace() or not start}{text[end : end + 1].isspace() or end == len(text)}"
        rows.append(
            [
                *(word, one, two, right, further, f"{one} {word}", f"{word} {right}", f"{two} {one}"),
                *(
                    f"{right} {further}",
                    *(word[:size] for size in (1, 2, 3, 4)),
                    *(word[-size:] for size in (1, 2, 3, 4)),
                ),
                *(
                    shapes[at],
                    shapes[at - 1] + shapes[at],
                    shapes[at] + shapes[at + 1],
                    "".join(shapes[at - 1 : at + 2]),
                ),
                *(blanks, str(at == 2), right[-1:], right[-2:], one[-1:], one[-2:]),
            ]
        )
    return rows


def _around_characters(units: Units) -> list[list[str]]:
    """Return features of characters: n-grams within four characters, and the position in the word between blanks."""
    text = units.text
    padded = "\1" * _EDGE + text + "\2" * _EDGE
    kinds = "".join(" " if sign.isspace() else _kind(sign) for sign in padded)
    words = ["^", *(word[:_LONGEST] for word in text.split()), "$"]
    bounds = [match.span() for match in re.finditer(r"\S+", text)]
    rows, word = [], 0
    for at in units.places_T2[:, 0].tolist():
        word += at >= bounds[word][1]
        start, end = bounds[word]
        start, end = max(start, at + 1 - _LONGEST), min(end, at + _LONGEST)
        before, after, here = words[word], words[word + 2], at + _EDGE
        head, tail, place = text[start : at + 1], text[at:end], str(min(at - start, 5))
        windows = [
            (0, 1),
            (-1, 0),
            (-2, -1),
            (1, 2),
            (2, 3),
            (-1, 1),
            (0, 2),
            (-2, 0),
            (1, 3),
            (-2, 1),
            (-1, 2),
            (0, 3),
        ]
        windows += [(-3, 1), (0, 4), (-4, 0), (1, 5), (-2, 3)]
        rows.append(
            [
                *(padded[here + low : here + high] for low, high in windows),
                *(kinds[here + low : here + high] for low, high in ((-2, 3), (-1, 2), (-4, 1), (0, 5))),
                *(text[start:end], head, tail, head[:-1], tail[1:], before, after, before[-2:], before[-1:]),
                *(after[:2], after[:3], place, str(min(end - at, 5)), text[start : start + 2] + place),
                *(f"{before} {head}", f"{tail} {after}"),
            ]
        )
    return rows


def _kind(sign: str) -> str:
    return next((kind for pattern, kind in _KINDS if pattern.match(sign)), sign)


def _shape(word: str) -> str:
    """Return the shape of a word: kinds of characters, runs cut to two: `Seoul-2024` is `Aaa-00`."""
    return _AGAIN.sub(r"\1\1", "".join(map(_kind, word)))

"""The sentences of another language, found by the English ones: the English stands where it is said, alone.

A catalogue knows an f-string by its template, fields counted from 0: `f"{path}: no such directory{near}"` is
`"{0}: no such directory{1}"`. A sentence is recognised by its template, and what stood in the fields is put into the
template of the other language; a field that is a sentence itself is translated too, but never what stands in quotes,
which is a name or a text of the user. Of several ways to read a line the one wins that knows most of its characters.

A field of a translation may say what it holds: `{0:word}` words of `words.toml`; `{0:term}` one word of them,
`{0:number}` a number, `{0:name}` a name, and nothing else.
"""

from __future__ import annotations

import itertools
import re
import string
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import resources

from headstart.core import reason as reasons

# Between the parts of a line that was put together of sentences, the strongest first.
_JOINTS = ("; ", ". ", ": ", ", ", "  ")
_PLACE = re.compile(r"\{(\w*)(?::([^{}]+))?\}")
_BRACKETED = (re.compile(r"(.*?\S) ?\((.*)\)(.*)"), re.compile(r"(.*\S) ?\((.*)\)(.*)"))  # the first, the last "("
# What a field may hold.
_ANY, _ADDED = "(.*?)", r"((?:(?:[ ;:(]|[,.] ).*?)?)"
_PATTERNS = {"number": r"([-+]?[\d.,]*\d(?:e[-+]?\d+)?%?|nan|inf)", "name": r"([^\s,;]+)", "term": r"(\w+)"}
_COUNTED = re.compile(r"(\d[\d,]*) (.+)")
_LETTERS = re.compile(r"[A-Za-z]{2}|\d s\b")
_WORD = re.compile(r"\w+")
# The words of a literal by whether a field stands (before, behind) it: a word that touches a field may go on in it.
_NEXT_TO_A_FIELD = {
    (before, behind): re.compile((r"(?<=\W)" if before else r"(?<!\w)") + r"\w+" + (r"(?=\W)" if behind else r"(?!\w)"))
    for before, behind in itertools.product((False, True), repeat=2)
}


class _Sentence:
    """A template and its translation. literal: how many of its characters are written out."""

    def __init__(self, parts: list[tuple[str, str | None]], names: list[str], words: str):
        self.words = words
        self.names = names
        self.literal = sum(len(text) for text, _ in parts)
        self.anchor = max((text for text, _ in parts), key=len)
        self._parts = parts
        self._pattern: re.Pattern[str] | None = None

    def match(self, text: str) -> dict[str, str] | None:
        """Return what stands in the fields, or None where it is another sentence."""
        if self._pattern is None:
            self._pattern = re.compile("".join(re.escape(text) + (field or "") for text, field in self._parts))
        found = self._pattern.fullmatch(text)
        return None if found is None else dict(zip(self.names, found.groups()))

    def quoted(self, number: int) -> bool:
        """Whether a field stands in quotes."""
        before, after = self._parts[number][0], self._parts[number + 1][0]
        return before.endswith(("'", '"', "“")) and after.startswith(("'", '"', "”"))

    def whole_words(self) -> set[str]:
        """Return the words that stand in every text of this template: those that no field can make longer."""
        inside = [_NEXT_TO_A_FIELD[bool(number), field is not None] for number, (_, field) in enumerate(self._parts)]
        return {word for (text, _), words in zip(self._parts, inside) for word in words.findall(text)}


class _Sentences:
    """Sentences, the most literal first, found by their rarest word: a text is not held against all of them."""

    def __init__(self, sentences: Iterable[_Sentence]):
        self.all = sorted(sentences, key=lambda one: -one.literal)
        words = [one.whole_words() for one in self.all]
        often = Counter(word for some in words for word in some)
        self._places: dict[str | None, list[int]] = {}
        for place, some in enumerate(words):
            rarest = min(some, key=lambda word: (often[word], word), default=None)
            self._places.setdefault(rarest, []).append(place)

    def near(self, text: str) -> list[_Sentence]:
        """Return the sentences that a text can be."""
        found = [self._places.get(word, ()) for word in {None, *_WORD.findall(text)}]
        near = (self.all[place] for place in sorted(itertools.chain(*found)))
        return [sentence for sentence in near if sentence.anchor in text]


class Catalogue:
    """The sentences of a language. sentences: translations by English template; words: of single words."""

    def __init__(self, sentences: Mapping[str, str], words: Mapping[str, str], reasons: Mapping[str, str]):
        self._words = words
        self._reasons = reasons
        self._whole = {english: own for english, own in sentences.items() if not fields_of(english)}
        self._sentences = _Sentences(
            _sentence(english, own) for english, own in sentences.items() if fields_of(english)
        )
        self._known_reasons: set[str] = set()
        self._told = lru_cache(maxsize=4096)(self._tell)

    def reason(self, reason: reasons.Reason) -> str:
        """Return a reason in the language, by its code."""
        if reason.code not in self._reasons or reason.code in ("other", "error", "unforeseen"):
            return self.line(str(reason))
        values = {
            name: self.reason(one) if isinstance(one, reasons.Reason) else one for name, one in reason.values.items()
        }
        return reasons.filled(self._reasons[reason.code], values)

    def told(self, text: str) -> str:
        """Return a message in the language; lines without a translation stay as they are."""
        if isinstance(text, reasons.Reason):
            return self.reason(text)
        return "\n".join(self.line(one) for one in text.split("\n"))

    def line(self, text: str) -> str:
        """Return one line in the language."""
        if self._known_reasons != reasons.MADE.keys():
            self._add_reasons()
        return self._told(text)[0]

    def word(self, text: str) -> str:
        """Return a word of the catalogue in the language."""
        return self._word(text)[0]

    def _tell(self, text: str) -> tuple[str, int]:
        """Return (a text in the language, blanks at its ends as they are; how many of its characters were known)."""
        inner = text.strip()
        if not _LETTERS.search(inner):
            return text, 0
        ways = [*self._as_sentences(inner), *self._in_parts(inner)]
        told, known = max(ways, key=lambda way: way[1], default=(inner, 0))
        start = text.index(inner)
        return text[:start] + told + text[start + len(inner) :], known

    def _as_sentences(self, text: str) -> Iterator[tuple[str, int]]:
        """Return (translation, characters known) of every sentence of the catalogue that this can be."""
        if (own := self._whole.get(text)) is not None:
            yield own, len(text)
        for sentence in self._sentences.near(text):
            if (found := sentence.match(text)) is not None:
                yield self._filled(sentence, found)

    def _filled(self, sentence: _Sentence, found: Mapping[str, str]) -> tuple[str, int]:
        raw = {name for number, name in enumerate(sentence.names) if sentence.quoted(number)}
        known = sentence.literal

        def put(place: re.Match[str]) -> str:
            nonlocal known
            name, kind = place[1], place[2] or ""
            value = found[name]
            if kind in ("word", "term"):
                told, more = self._word(value)
            elif (
                kind in _PATTERNS or name in raw or (kind and not kind.isalpha())
            ):  # `{seconds:.0f}` is written already
                return value
            elif kind:  # a list of names, joined by a word: `{able:and}` in English
                told, more = f" {kind} ".join(self._told(one)[0] for one in re.split(r" (?:and|or) ", value)), 0
            else:
                told, more = self._told(value)
            known += more
            return told

        return _PLACE.sub(put, sentence.words).replace("{{", "{").replace("}}", "}"), known

    def _word(self, text: str) -> tuple[str, int]:
        inner = text.strip()
        if (own := self._words.get(inner)) is not None:
            return text.replace(inner, own), len(inner)
        head, found, rest = text.partition(", ")
        if not found:
            return self._told(text)
        (first, known), (others, more) = self._word(head), self._word(rest)
        return f"{first}, {others}", known + more

    def _in_parts(self, text: str) -> Iterator[tuple[str, int]]:
        """Return (translation, characters known) of a line that was put together of sentences, joint by joint."""
        for joint in _JOINTS:
            head, found, rest = text.partition(joint)
            if not found or not head or not rest:
                continue
            first, known = self._told(head)
            others, more = self._told(rest)
            yield f"{first}{joint}{others}", known + more
            for told, more in self._as_sentences(found.lstrip() + rest):  # `; did you mean 'x'?` has its joint
                yield f"{first}{told}", known + more
        if found := _COUNTED.fullmatch(text):  # `8 no label`, of a list of what was left out
            told, known = self._told(found[2])
            yield f"{told} {found[1]}", known
        for found in (pattern.fullmatch(text) for pattern in _BRACKETED):
            if found is None:
                continue
            parts = [self._told(part) for part in found.groups()]
            before, inner, after = (told for told, _ in parts)
            yield f"{before} ({inner}){after}", sum(known for _, known in parts)

    def _add_reasons(self) -> None:
        """Let the reasons that were made since be recognised too: their English stands where they are made."""
        new = {english: reasons.MADE[english] for english in reasons.MADE.keys() - self._known_reasons}
        self._known_reasons |= new.keys()
        # Those without a translation are of third parties; one that names other values is only told by its code.
        said = {english: self._reasons[code] for english, code in new.items() if code in self._reasons}
        known = {english: own for english, own in said.items() if _recognisable(english, own)}
        self._whole |= {english: own for english, own in known.items() if not fields_of(english, named=True)}
        added = [_sentence(english, own, named=True) for english, own in known.items() if english not in self._whole]
        self._sentences = _Sentences([*self._sentences.all, *added])
        self._told.cache_clear()


def fields_of(template: str, named: bool = False) -> list[str]:
    """Return the fields of a template: `{0}`, or of the sentence of a `Reason` `{name}`."""
    return [name for _, name in _parts(template, named) if name is not None]


def _parts(template: str, named: bool) -> list[tuple[str, str | None]]:
    """Return (text, the field behind it) of a template; behind its last text there is none."""
    if named:
        found = [(text, name or None) for text, name, _, _ in string.Formatter().parse(template)]
        return found if found and found[-1][1] is None else [*found, ("", None)]
    pieces = re.split(r"\{(\d+)\}", template)
    return [*zip(pieces[::2], pieces[1::2]), (pieces[-1], None)]


def _recognisable(english: str, own: str) -> bool:
    """Whether the sentence of a reason can be found by its template: it has words, and the same values."""
    asked = {place[1] for place in _PLACE.finditer(own)}
    return bool(_LETTERS.search(_literal(english))) and asked <= set(fields_of(english, named=True))


def _literal(template: str) -> str:
    return "".join(text for text, _ in _parts(template, True))


def _sentence(english: str, own: str, named: bool = False) -> _Sentence:
    parts = _parts(english, named)
    names = [name for _, name in parts if name is not None]
    # A field right behind another one holds what is added, such as `; did you mean 'x'?`, or nothing.
    added = [number > 0 and not text for number, (text, _) in enumerate(parts)]
    kinds = {place[1]: place[2] for place in _PLACE.finditer(own)}
    patterns = [
        None if name is None else _PATTERNS.get(kinds.get(name) or "", _ADDED if behind else _ANY)
        for (_, name), behind in zip(parts, added)
    ]
    return _Sentence([(text, pattern) for (text, _), pattern in zip(parts, patterns)], names, own)


def read_catalogue(language: str) -> Catalogue:
    """Return the sentences of a language, from all of its files."""
    root = resources.files("headstart")
    sentences, words = {}, {}
    for file in sorted((root / "core" / "catalogue" / language).iterdir(), key=lambda file: file.name):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        (words if file.name == "words.toml" else sentences).update(told)
    own = tomllib.loads((root / "reporting" / "catalogue" / f"{language}.toml").read_text(encoding="utf-8"))
    return Catalogue(sentences, words, own["reasons"])

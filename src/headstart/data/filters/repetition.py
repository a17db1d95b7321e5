"""Leaves out documents that repeat themselves: lines, runs of words, one character (arXiv:2112.11446, table A1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.core.spec import FilterSpec
from headstart.data.filtering import Filter

_FEWEST_LINES, _FEWEST_WORDS, _FEWEST_CHARACTERS = 5, 50, 20
_LOOKED_AT = 20_000  # words of a document


@dataclass(frozen=True, kw_only=True)
class Repetition(FilterSpec):
    """lines: share of the lines that came before in the document, from 5 lines on. words2, words3, words4: share of the
    characters in the commonest run of so many words, from 50 words on. character: share of the commonest character,
    white space apart, from 20 characters on. A document with more than one of these is left out."""

    lines: float = 0.3
    words2: float = 0.2
    words3: float = 0.18
    words4: float = 0.16
    character: float = 0.7

    def build(self) -> Filter:
        """See `FilterSpec.build`."""
        return _ByRepetition(self)


class _ByRepetition(Filter):
    def __init__(self, spec: Repetition):
        self.spec = spec

    def judge(self, texts: Sequence[str]) -> list[str]:
        """See `Filter.judge`."""
        return [self._reason(text) for text in texts]

    def _reason(self, text: str) -> str:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) >= _FEWEST_LINES and 1 - len(set(lines)) / len(lines) > self.spec.lines:
            return "repetition: the same lines"
        words = text.split(None, _LOOKED_AT)[:_LOOKED_AT]
        packed = "".join(words)
        if len(packed) >= _FEWEST_CHARACTERS and max(Counter(packed).values()) > self.spec.character * len(packed):
            return "repetition: one character"
        if len(words) >= _FEWEST_WORDS and self._same_words(words, len(packed)):
            return "repetition: the same words"
        return ""

    def _same_words(self, words: list[str], characters: int) -> bool:
        for size, most in ((2, self.spec.words2), (3, self.spec.words3), (4, self.spec.words4)):
            runs = Counter(zip(*(words[start:] for start in range(size))))
            run, times = max(runs.items(), key=lambda found: (found[1], sum(map(len, found[0]))))
            if times > 1 and times * sum(map(len, run)) > most * characters:
                return True
        return False

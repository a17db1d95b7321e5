"""Takes out lines that come in many documents, such as menus; documents left without a line go (arXiv:1911.00359)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from headstart.core.spec import FilterSpec
from headstart.data.filtering import Filter
from headstart.text.folding import fold, hash_of

_SLOTS = 1 << 22  # of each of two tables of counts, 16 MB each
# Lines with one of these say nothing of what a document is about (the list of C4, arXiv:1910.10683, and what Korean
# pages close with).
_NOTICES = re.compile(
    r"lorem ipsum|enable javascript|javascript (?:is|must be) |cookie policy|use of cookies|uses cookies|terms of use|"
    r"terms of service|privacy policy|all rights reserved|무단\s*전재|재배포\s*금지|저작권자|이용\s*약관|"
    r"개인정보\s*처리\s*방침",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Boilerplate(FilterSpec):
    """documents: a line in so many documents of several lines is taken out. notices: take out lines that name cookies,
    terms of use, rights and the like, of documents of several lines. longest: characters of a line that counts."""

    documents: int = 20
    notices: bool = True
    longest: int = 300

    def build(self) -> Filter:
        """See `FilterSpec.build`."""
        return _ByLines(self)


class _ByLines(Filter):
    looks = 1
    cleans = True

    def __init__(self, spec: Boilerplate):
        self.spec = spec
        self.counts = np.zeros((2, _SLOTS), np.uint32)

    def look(self, texts: Sequence[str], turn: int) -> None:
        """See `Filter.look`."""
        for text in texts:
            places = [_places(line) for line in {line for line, _ in self._short_lines(text)} if line]
            if places:
                first, second = np.array(places).T
                np.add.at(self.counts[0], first, 1)
                np.add.at(self.counts[1], second, 1)

    def judge(self, texts: Sequence[str]) -> list[str]:
        """See `Filter.judge`."""
        return ["" if self.cleaned(text).strip() else "boilerplate: nothing else" for text in texts]

    def cleaned(self, text: str) -> str:
        """See `Filter.cleaned`."""
        out = {line for folded, line in self._short_lines(text) if self._common(folded, line)}
        return "\n".join(line for line in text.splitlines() if line not in out) if out else text

    def _short_lines(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield (fold, line) for what may be boilerplate: short lines of a document of several lines."""
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1:
            yield from ((fold(line), line) for line in lines if len(line) <= self.spec.longest)

    def _common(self, folded: str, line: str) -> bool:
        if self.spec.notices and _NOTICES.search(line):
            return True
        if not folded:
            return False
        # Lines may share a slot: what both tables have at least is the count, or too high where both are shared.
        first, second = _places(folded)
        return min(self.counts[0, first], self.counts[1, second]) >= self.spec.documents


def _places(line: str) -> tuple[int, int]:
    """Return the slots of a line in the two tables."""
    digest = hash_of(line)
    return digest % _SLOTS, (digest >> 32) % _SLOTS

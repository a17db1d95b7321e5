"""Leaves out documents that are too short to learn from, or too long to be one document (arXiv:2112.11446)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.core.errors import HeadstartError
from headstart.core.spec import FilterSpec
from headstart.data.filtering import Filter


@dataclass(frozen=True, kw_only=True)
class Length(FilterSpec):
    """fewest, most: characters of a document, white space at its ends apart. words: fewest words between spaces."""

    fewest: int = 5
    most: int = 1_000_000
    words: int = 1

    def build(self) -> Filter:
        """See `FilterSpec.build`. Raises HeadstartError: nothing could be left."""
        if not 0 <= self.fewest <= self.most:
            raise HeadstartError(f"filter.length.fewest={self.fewest}: expected 0 to filter.length.most={self.most}")
        return _ByLength(self)


class _ByLength(Filter):
    def __init__(self, spec: Length):
        self.spec = spec

    def judge(self, texts: Sequence[str]) -> list[str]:
        """See `Filter.judge`."""
        return [self._reason(text.strip()) for text in texts]

    def _reason(self, text: str) -> str:
        if len(text) < self.spec.fewest:
            return f"length: under {self.spec.fewest:,} characters"
        if len(text) > self.spec.most:
            return f"length: over {self.spec.most:,} characters"
        # So many words need so many pieces: a long text is not split as a whole.
        if len(text.split(None, self.spec.words)) < self.spec.words:
            return f"length: under {self.spec.words:,} words"
        return ""

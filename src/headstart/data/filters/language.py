"""Leaves out documents in languages that the corpus is not in, as py3langid tells them (Lui and Baldwin, ACL 2012)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from headstart.core.errors import HeadstartError, unknown
from headstart.core.spec import FilterSpec
from headstart.data.filtering import Filter

_LOOKED_AT = 2_000  # characters of a document


@dataclass(frozen=True, kw_only=True)
class Language(FilterSpec):
    """keep: codes of languages as in ISO 639 (ko, en); none: the commonest, and those of `share` of all documents.
    certainty: from which probability a document is sure. letters: fewer letters: it stays. share: see keep."""

    keep: tuple[str, ...] | None = None
    certainty: float = 0.95
    letters: int = 40
    share: float = 0.05

    def build(self) -> Filter:
        """See `FilterSpec.build`. Raises HeadstartError: no such language."""
        known = sorted(map(str, _identifier().labels))
        for code in self.keep or ():
            if code not in known:
                raise unknown("language", code, known)
        if self.keep == ():
            raise HeadstartError(
                "filter.language.keep: no language named; give ko, or ko,en, or none for the corpus's own"
            )
        return _ByLanguage(self)


class _ByLanguage(Filter):
    def __init__(self, spec: Language):
        self.spec = spec
        self.looks = int(spec.keep is None)
        self.seen: Counter[str] = Counter()
        self.documents = 0
        self.kept: set[str] = set(spec.keep or ())

    def look(self, texts: Sequence[str], turn: int) -> None:
        """See `Filter.look`."""
        self.documents += len(texts)
        self.seen.update(code for text in texts if (code := self._language(text)))

    def judge(self, texts: Sequence[str]) -> list[str]:
        """See `Filter.judge`."""
        if not self.kept:
            least = self.spec.share * self.documents
            self.kept = {code for code, count in self.seen.items() if count >= least}
            self.kept |= {code for code, _ in self.seen.most_common(1)}
        return [
            f"language: {code}" if (code := self._language(text)) and code not in self.kept else "" for text in texts
        ]

    def _language(self, text: str) -> str:
        """Return the code of a document's language, '' where nothing is sure."""
        some = text[:_LOOKED_AT]
        if sum(map(str.isalpha, some)) < self.spec.letters:
            return ""
        code, probability = _identifier().classify(some)
        return str(code) if probability >= self.spec.certainty else ""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

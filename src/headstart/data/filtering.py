"""Filters of a corpus: passes in which they see all documents, then the reason why each document is left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.setting_lines import changed_settings

_AT_ONCE = 512  # documents that are looked at together
_AT_ONCE_CHARACTERS = 1 << 20


class Filter(ABC):
    """Judges the documents of one corpus: `look` gets all of them in order, in each of its `looks`; then `judge` gets
    all of them again, in the same order and once; `cleaned` is asked at every reading from then on."""

    looks = 0
    cleans = False  # whether it changes documents

    def look(self, texts: Sequence[str], turn: int) -> None:
        """Learn from the next documents of a pass, the first of which is turn 0."""
        raise NotImplementedError

    @abstractmethod
    def judge(self, texts: Sequence[str]) -> list[str]:
        """Return for each of the next documents why it is left out: a short phrase that many share; '': it stays."""

    def cleaned(self, text: str) -> str:
        """Return what is left of a document that stays."""
        return text


@dataclass(frozen=True)
class Sieve:
    """What the filters of a corpus decided. reason_N: the number in `reasons` for each document, 0 = it stays."""

    reason_N: np.ndarray
    reasons: list[str]
    cleaners: tuple[Filter, ...] = ()

    def __call__(self, number: int, text: str) -> tuple[str, str]:
        """Return (what is left of a document, why it is left out or ''), by its number among all documents.

        Raises HeadstartError: there were fewer documents when the filters looked.
        """
        if number >= len(self.reason_N):
            raise HeadstartError("the corpus grew while it was read; start again when nothing writes to its files")
        reason = self.reasons[self.reason_N[number]]
        for cleaner in () if reason else self.cleaners:
            text = cleaner.cleaned(text)
        return text, reason


def chosen_filters(filters: Iterable[dict]) -> list[dict]:
    """Return the filters as plain data in the order of the registry, each with all its settings.

    Raises HeadstartError: no such filter or setting, a wrong value.
    """
    specs = {spec.name: spec for spec in (registry.build_spec("filter", dict(one)) for one in filters)}
    order = registry.names("filter")
    return [specs[name].to_dict() for name in sorted(specs, key=order.index)]


def asked_filters(names: str | Sequence[str] | None, settings: Sequence[str]) -> tuple[list[dict], list[str]]:
    """Return (filters as plain data, the settings that are not theirs).

    names: `length,copies`, or `all`. A setting filter.length.fewest=20 asks for its filter too. Raises HeadstartError:
    no such filter or setting, a wrong value.
    """
    given = names.split(",") if isinstance(names, str) else list(names or [])
    asked: dict[str, list[tuple[str, str]]] = {}
    for name in (registry.named("filter", one.strip()).replace("-", "_") for one in given):
        for each in registry.names("filter") if name == "all" else [name]:
            asked.setdefault(each, [])
    rest = []
    for setting in settings:
        path, _, value = setting.partition("=")
        part, _, field = path.removeprefix("filter.").partition(".")
        if not path.startswith("filter."):
            rest.append(setting)
        elif not field:
            raise HeadstartError(f"'{setting}': write filter.NAME.SETTING=VALUE, such as filter.length.fewest=20")
        else:
            asked.setdefault(part, []).append((field, value))
    specs = [registry.load("filter", name)().with_settings(own) for name, own in asked.items()]
    return chosen_filters([spec.to_dict() for spec in specs]), rest


def filters_in_words(filters: Iterable[dict]) -> str:
    """Return the names of filters with those of their settings that are not the usual ones, '' for none."""
    specs = [registry.build_spec("filter", one) for one in filters]
    return ", ".join(" ".join([spec.name, *changed_settings(spec)]) for spec in specs)


def make_sieve(filters: Sequence[dict], documents: Callable[[], Iterator[str]]) -> Sieve:
    """Let filters (from `chosen_filters`) look at all documents, in as many passes as one of them needs; the
    first filter that leaves a document out gives the reason."""
    judges: list[Filter] = [registry.build_spec("filter", one).build() for one in filters]
    for turn in range(max(judge.looks for judge in judges)):
        for texts in _portions(documents()):
            for judge in judges:
                if turn < judge.looks:
                    judge.look(texts, turn)
    reasons, parts = [""], []
    for texts in _portions(documents()):
        first = [""] * len(texts)
        for judge in judges:
            first = [before or now for before, now in zip(first, judge.judge(texts))]
        for reason in dict.fromkeys(first):
            if reason not in reasons:
                reasons.append(reason)
        parts.append(np.array([reasons.index(reason) for reason in first], np.uint16))
    found = np.concatenate(parts) if parts else np.zeros(0, np.uint16)
    return Sieve(found, reasons, tuple(judge for judge in judges if judge.cleans))


@lru_cache(maxsize=2)
def _kept(key: str) -> list[Sieve]:
    """Return the place of the sieve of a corpus; a run reads its corpus several times."""
    return []


def sieve_of(key: str, filters: Sequence[dict], documents: Callable[[], Iterator[str]]) -> Sieve:
    """Return what `make_sieve` returns, made once for each `key`: the fingerprint of a corpus with its filters."""
    place = _kept(key)
    if not place:
        place.append(make_sieve(filters, documents))
    return place[0]


def _portions(documents: Iterator[str]) -> Iterator[list[str]]:
    """Yield documents in lists of some hundreds, or of a million characters."""
    some, size = [], 0
    for text in documents:
        some.append(text)
        size += len(text)
        if len(some) >= _AT_ONCE or size >= _AT_ONCE_CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some

"""The audit before a comparison: run once per data, kept beside the report, said before any score."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.commands.inputs import say

if TYPE_CHECKING:
    from headstart.base.examples import Examples
    from headstart.data.corpus import Corpus

AuditMode = Literal["run", "skip", "waive"]
LANGUAGES = ("en", "ko")
_FILE = "audit.json"
_AT_ONCE = 1024  # documents of one corpus, then those of the next
_FOR_CORPUS = 0.5  # of an audit's time: what the unlabelled documents may take
_PART = {
    "en": "Of the unlabelled text only the first {count:,} documents were held against the test rows, for time.",
    "ko": "시간 때문에 라벨 없는 글은 처음 {count:,}개 문서만 시험 행과 비교했습니다.",
}
_UNSEEN = {
    "en": "The text that {names} was pre-trained on is not at hand: whether it holds test rows is not known.",
    "ko": "사전학습에 쓴 글이 없어 시험 행이 그 안에 있었는지 확인하지 못한 모델: {names}.",
}
_TOO_LONG = {
    "en": "The audit was given up: it did not end within {seconds:.0f} s, half of the time.",
    "ko": "점검을 중단했습니다. 전체 시간의 절반인 {seconds:.0f}초 안에 끝나지 않았습니다.",
}


@dataclass(frozen=True)
class Gate:
    """facts: what the report states of the audit; slices: parts of the test rows by name, bool [N]."""

    facts: dict[str, Any]
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)

    def sentences(self, language: str) -> list[str]:
        """Return what was found, in words."""
        return self.facts.get("sentences", {}).get(language, [])


def audit_gate(
    mode: AuditMode,
    train: Examples,
    test: Examples | None,
    corpora: Mapping[str, Corpus | None],
    *,
    ledger: Mapping[str, Any],
    seed: int,
    out: Path,
    seconds: float,
) -> Gate:
    """Return the audit of these rows; one that is kept in `out` for the same rows and corpora is not run again.

    corpora: unlabelled text, see `corpora_of`. test: None where `train` is cross-validated. mode: skip leaves the audit
    out, so that there is no headline; waive does as well, but lets the headline be. An audit that does not end within
    `seconds` counts as left out; half of them go to the documents, and where that is too little for all, it is said how
    many were looked through.
    """
    if mode != "run":
        return Gate({"waived": True} if mode == "waive" else {"skipped": "as asked"})
    from headstart.auditing.audit import run_audit
    from headstart.base.files import write_json
    from headstart.evaluation.clock import OutOfTime, cut_after

    inputs = _identity(train, test, corpora, seed)
    if kept := _kept(out / _FILE, inputs, 0 if test is None else len(test)):
        say("audit: the data are the same as before, it is kept")
        return kept
    documents = _Documents([corpus for corpus in corpora.values() if corpus], time.monotonic() + _FOR_CORPUS * seconds)
    stream = documents if documents.corpora else None
    named = {"train" if part == "training" else part: told for part, told in ledger.items()}
    try:
        with cut_after(seconds):
            audit = run_audit(train, test, stream, ledger=named, seed=seed, progress=say)
    except OutOfTime:
        told = {language: [_TOO_LONG[language].format(seconds=seconds)] for language in LANGUAGES}
        return Gate({"skipped": told["en"][0], "sentences": told})
    sentences = {language: audit.sentences(language) for language in LANGUAGES}
    unseen = ", ".join(name for name, corpus in corpora.items() if corpus is None)
    for language, lines in sentences.items():
        lines += [_PART[language].format(count=documents.count)] if documents.cut else []
        lines += [_UNSEEN[language].format(names=unseen)] if unseen else []
    gate = Gate({"identity": audit.identity, "sentences": sentences, "data": audit.data}, audit.slices)
    if not documents.cut:  # with more time, more can be looked through
        slices = {name: np.flatnonzero(rows).tolist() for name, rows in gate.slices.items()}
        write_json(out / _FILE, {"inputs": inputs, "facts": gate.facts, "slices": slices})
    return gate


@dataclass
class _Documents:
    """The unlabelled documents, of each corpus in turn, until `end` (monotonic seconds); what is left then is cut."""

    corpora: Sequence[Corpus]
    end: float
    count: int = 0
    cut: bool = False

    def __call__(self) -> Iterator[str]:
        self.count, self.cut = 0, False
        turns = [corpus.documents() for corpus in self.corpora]
        while turns and not self.cut:  # in turns, so that little time is no reason to leave a base out
            for documents in list(turns):
                some = list(islice(documents, _AT_ONCE))
                self.count += len(some)
                yield from some
                if len(some) < _AT_ONCE:
                    turns.remove(documents)
            self.cut = bool(turns) and time.monotonic() > self.end


def _kept(path: Path, inputs: str, rows: int) -> Gate | None:
    """Return the audit that an earlier run left for the same inputs, or None."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["inputs"] != inputs:
            return None
        slices = {name: np.isin(np.arange(rows), places) for name, places in kept["slices"].items()}
        return Gate(kept["facts"], slices)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(train: Examples, test: Examples | None, corpora: Mapping[str, Corpus | None], seed: int) -> str:
    """Return a hash of everything an audit depends on; of the unlabelled files that is size and time of change."""
    from headstart.data.open import expand
    from headstart.evaluation.receipts import data_identity, versions

    parts: list[Any] = [seed, versions()["headstart"]]
    parts += [None if part is None else [data_identity(part), list(part.groups or ())] for part in (train, test)]
    for name, corpus in corpora.items():
        stats = [Path(file).stat() for file in expand(corpus.paths) if Path(file).is_file()] if corpus else []
        parts.append([name, corpus is None, [(stat.st_size, stat.st_mtime_ns) for stat in stats]])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

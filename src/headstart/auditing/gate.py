"""The audit before a comparison: run once for the same data and kept beside the report."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.core.time_limit import OutOfTime, cut_after

if TYPE_CHECKING:
    from headstart.auditing.audit import Embed
    from headstart.core.examples import Examples
    from headstart.data.corpus import Corpus

AuditMode = Literal["run", "skip", "waive"]
_FILE = "audit.json"
_AT_ONCE = 1024  # documents of one corpus, then documents of the next
_FOR_CORPUS = 0.5  # the share of an audit's time that the unlabelled documents may take


@dataclass(frozen=True)
class GateResult:
    """How the audit before a comparison ended; `reporting/audit_text.py` has the words for it.

    outcome: `audited`; `waived` or `skipped` as the user asked; `out_of_time` when the audit did not end within
    `seconds`. data, identity, slices: those of the `Audit`, empty unless audited. documents: the number of unlabelled
    documents that were compared with the test rows, None when all of them were. unseen: the bases whose pre-training
    text is not at hand.
    """

    outcome: Literal["audited", "waived", "skipped", "out_of_time"]
    data: dict[str, Any] = field(default_factory=dict)
    identity: str = ""
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)
    documents: int | None = None
    unseen: tuple[str, ...] = ()
    seconds: float = 0.0


def left_out(mode: Literal["skip", "waive"]) -> GateResult:
    """Return the result of an audit that is not run: `skip` leaves no headline, `waive` allows one without an audit."""
    return GateResult("waived" if mode == "waive" else "skipped")


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """seed: of folds and samples. folder: where an audit is kept. seconds: an audit that does not end within these
    counts as left out; half of them go to the documents. base: identity and vectors of a network of images, by which
    near copies are checked, or None."""

    seed: int
    folder: Path
    seconds: float
    base: tuple[str, Embed] | None = None


def audit_gate(
    train: Examples,
    test: Examples | None,
    corpora: Mapping[str, Corpus | None],
    settings: GateSettings,
    *,
    ledger: Mapping[str, Any],
    say: Callable[[str], None],
) -> GateResult:
    """Return the audit of these rows; an audit kept in the folder for the same rows and corpora is not run again.

    corpora: unlabelled text by name, None for text that is not at hand. test: None where `train` is cross-validated.
    When the time is too short for all documents, the result says how many were compared. say: called with a line at
    each long step.
    """
    from headstart.auditing.audit import run_audit
    from headstart.core.json_files import certified, write_json

    base, path = settings.base, settings.folder / _FILE
    inputs, embed = _inputs_identity(train, test, corpora, [settings.seed, base and base[0]]), base and base[1]
    if kept := _kept(path, inputs, 0 if test is None else len(test), say):
        say("audit: the data are the same as before, it is kept")
        return kept
    end = time.monotonic() + _FOR_CORPUS * settings.seconds
    documents = _Documents([corpus for corpus in corpora.values() if corpus], end)
    stream = documents if documents.corpora else None
    by_part = {"train" if part == "training" else part: told for part, told in ledger.items()}
    try:
        with cut_after(settings.seconds):
            asked = {
                "ledger": by_part,
                "seed": settings.seed,
                "embed": embed,
                "doubt_by_vectors": False,
                "progress": say,
            }
            audit = run_audit(train, test, stream, **asked)
    except OutOfTime:
        return GateResult("out_of_time", seconds=settings.seconds)
    unseen = tuple(name for name, corpus in corpora.items() if corpus is None)
    count = documents.count if documents.cut else None
    result = GateResult("audited", audit.data, audit.identity, audit.slices, count, unseen)
    if not documents.cut:  # with more time, more documents can be compared: such a result is not kept
        slices = {name: np.flatnonzero(rows_N).tolist() for name, rows_N in audit.slices.items()}
        kept_data = {"identity": audit.identity, "data": audit.data, "unseen": unseen, "slices": slices}
        write_json(path, certified({"inputs": inputs, **kept_data}))
    return result


@dataclass
class _Documents:
    """The unlabelled documents of all corpora, a batch of each corpus in turn, until `end` (monotonic seconds)."""

    corpora: Sequence[Corpus]
    end: float
    count: int = 0
    cut: bool = False

    def __call__(self) -> Iterator[str]:
        self.count, self.cut = 0, False
        turns = [corpus.documents() for corpus in self.corpora]
        while turns and not self.cut:  # in turns, so that short time leaves no corpus out
            for documents in list(turns):
                some = list(islice(documents, _AT_ONCE))
                self.count += len(some)
                yield from some
                if len(some) < _AT_ONCE:
                    turns.remove(documents)
            self.cut = bool(turns) and time.monotonic() > self.end


def _kept(path: Path, inputs: str, rows: int, say: Callable[[str], None]) -> GateResult | None:
    """Return the audit that an earlier run left for the same inputs, or None; say: is told of a damaged one.

    rows: the number of test rows.
    """
    from headstart.core.errors import HeadstartError
    from headstart.core.json_files import need_certified, read_json
    from headstart.core.report_files import AuditFile
    from headstart.core.spec_base import checked

    if not path.is_file():
        return None
    try:
        kept = checked(f"{path}:", need_certified(path, checked(str(path), read_json(path), dict)), AuditFile)
    except HeadstartError as error:
        say(f"warning: {error}; the data are audited again")
        return None
    if kept["inputs"] != inputs:
        return None
    slices = {name: np.isin(np.arange(rows), places) for name, places in kept["slices"].items()}
    return GateResult("audited", kept["data"], kept["identity"], slices, unseen=tuple(kept["unseen"]))


def _inputs_identity(
    train: Examples, test: Examples | None, corpora: Mapping[str, Corpus | None], settings: Sequence[Any]
) -> str:
    """Return a hash of everything an audit depends on; unlabelled files count by their size and time of change."""
    from headstart.data.identity import examples_identity
    from headstart.data.open import expand

    parts: list[Any] = [*settings, metadata.version("headstart")]
    parts += [None if part is None else [examples_identity(part), list(part.groups or ())] for part in (train, test)]
    for name, corpus in corpora.items():
        stats = [Path(file).stat() for file in expand(corpus.paths) if Path(file).is_file()] if corpus else []
        parts.append([name, corpus is None, [(stat.st_size, stat.st_mtime_ns) for stat in stats]])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

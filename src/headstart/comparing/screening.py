"""Screening: every entry is tried on rows of the labelled pool alone, and what is behind or too dear is left out.

A trial learns a label draw and is scored on pool rows that the draw does not hold; no test row is read. First every
entry is tried at the middle label count, the usual ones first, then what is left at the others, then on more draws;
after each round the lower half of a role goes (successive halving: Jamieson and Talwalkar, AISTATS 2016). Draws of
screening are not used again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.comparing.finalists import Screened, Trial
from headstart.comparing.make_cell import make_cell, refusal_of
from headstart.comparing.receipts import versions, workspace_identity
from headstart.comparing.screening_rows import ROUNDS, SEED, STEPS, TIMED, Round, screening_round
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.slow_bases import Reading, too_slow
from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.core.json_files import certified, need_certified, read_json, write_json
from headstart.core.migration import FORMAT
from headstart.core.reason import Reason, reason_of
from headstart.core.report_files import ScreeningFile
from headstart.core.spec_base import checked
from headstart.core.time_limit import OutOfTime, cut_after
from headstart.data.identity import examples_identity
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry

SCREENING = "screening.json"
SHARE = 1 / 3  # of the time of a comparison, at most, for screening
_TIMED_SECONDS = 1.0  # a base's pace is known when new rows took so long
_READ = 2e-5  # seconds a row: what takes longer read rows, what takes less found them read already
_LEAST = 0.5  # seconds of training that an entry is given, at least
_PATIENCE = 4.0  # a trial may take so many times what it was given
_FAR = 0.15  # of the best score behind its role's best: not tried again at this label count
_USUAL = ("probe", "finetune", "knn", "joined_bases", "vote")  # of the pre-trained entries, those that are tried first


class TrialTerms(NamedTuple):
    """The seconds of a trial. seconds: told to the route. limit: after which it is cut off.

    once: it pays for what is paid once.
    """

    seconds: float
    limit: float
    once: bool


class Outcome(NamedTuple):
    """made: the trial, why it failed, or None where it was cut off. seconds: that it took."""

    made: Trial | Reason | None
    seconds: float


@dataclass
class ScreeningClock:
    """end: of screening, monotonic seconds. once: seconds left by which the end may move for what is paid once."""

    end: float
    once: float

    def extend(self, seconds: float) -> None:
        """Move the end by what was paid once."""
        moved = min(seconds, self.once)
        self.end, self.once = self.end + moved, self.once - moved


@dataclass(eq=False)
class Screening:
    """One screening. affordable: seconds that one model of a finalist may take.

    entries: of the whole study; majority and controls are not screened. file: in the report folder, of trials and
    decision. asked: pool rows that every trial is scored on; fewer where a base is slow to embed them. paces: seconds
    in which a base embeds a row, by workspace.
    """

    data: StudyData
    workspaces: Mapping[str | None, Workspace]
    settings: StudySettings
    sizes: Sequence[int]
    clock: ScreeningClock
    affordable: float
    progress: Callable[[str], None]
    entries: tuple[Entry, ...]
    file: str = SCREENING
    asked: int = STEPS[-1]
    paces: dict[str, float] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of trials and decision."""
        return self.settings.folder / self.file

    def run(self) -> Screened:
        """Try the entries; trials of an interrupted run are taken up."""
        found = Screened(in_usual_order(self.entries), self.sizes, self.settings.metric.limits[1])
        kept = _read(self.path, self.identity)
        found.trials, self.asked = [Trial.kept(one) for one in kept.get("trials", [])], kept.get("asked", STEPS[-1])
        self.paces = kept.get("paces", {})
        self._refusals(found)
        self._prepare(found)
        middle = self.sizes[len(self.sizes) // 2]
        others = [size for size in self.sizes if size != middle]
        for number in range(ROUNDS):
            rows = screening_round(self.data, self.sizes, self.settings.seed, number, self.asked)
            # In the first draw the middle label count decides who is tried at the others.
            for sizes in ([middle], others) if number == 0 else (self.sizes,):
                self._round(sizes, rows, found)
                for size in sizes:
                    found.halve(size, self.sizes if sizes == [middle] else [size])
            if not self._go_on(found):
                break
        for entry in found.entries:
            if not found.tried(entry.name):
                out = Reason("screening_time", "the time of screening was out before it")
                found.leave_out(entry.name, self.sizes, out)
        return found

    def _round(self, sizes: Sequence[int], rows: Round, found: Screened) -> None:
        """Try every entry that is still in on one draw."""
        for place, entry in enumerate(found.entries):
            coming = self._coming(found.entries[place:], sizes, found)
            for size in sizes:
                if time.monotonic() >= self.clock.end:
                    return
                if self._wanted(entry, size, rows, found):
                    self._try(entry, size, rows, found, coming)
            keep_decision(self, found, None)

    @staticmethod
    def _coming(entries: Sequence[Entry], sizes: Sequence[int], found: Screened) -> int:
        """Return how many trials of these entries are still in."""
        return sum(size not in found.left_out.get(one.name, {}) for one in entries for size in sizes)

    @staticmethod
    def _wanted(entry: Entry, size: int, rows: Round, found: Screened) -> bool:
        """Whether an entry is still in at a label count and has not been tried on this draw."""
        known = any((one.entry, one.size, one.draw) == (entry.name, size, rows.number) for one in found.trials)
        return not known and size not in found.left_out.get(entry.name, {})

    @cached_property
    def identity(self) -> str:
        """What trials depend on, as one hash."""
        parts = {
            "pool": examples_identity(self.data.train),
            "routes": {one.name: one.route.to_dict() for one in self.entries},
            "workspaces": [workspace_identity(space, base) for base, space in self.workspaces.items()],
            "settings": [self.settings.seed, list(self.sizes), self.settings.metric.name],
            "versions": versions(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def _refusals(self, found: Screened) -> None:
        """Let every entry say why it cannot run before time is spent on it."""
        rows = screening_round(self.data, self.sizes, self.settings.seed, 0)
        for entry in found.entries:
            for size in self.sizes:
                examples = self.data.train.take(rows.learnt[size])
                if refusal := refusal_of(entry.route, examples, self.workspaces[entry.space]):
                    found.leave_out(entry.name, [size], refusal)

    def _prepare(self, found: Screened) -> None:
        """Let every entry do ahead what is paid once, on the clock of what is paid once; a trial tells what fails."""
        rows = cache(lambda count: screening_round(self.data, self.sizes, self.settings.seed, 0, count))
        alive = [one for one in found.entries if found.sizes_of(one.name)]
        # Embedding goes first and keeps what it has when it is cut off; statistics of the text are all or nothing.
        alive.sort(key=lambda one: one.route.classical)
        embedding = [one for one in alive if not one.route.classical]
        share = self.clock.once / 2
        if not found.trials:  # else it is settled how many are asked, and how fast the bases are
            for entry in embedding:
                self._time(entry, lambda count: rows(count).asked, share)
            slowest = max(self.paces.values(), default=0.0)
            if slowest * self.asked > share > 0:
                self.asked = max([STEPS[0], *(step for step in STEPS if step * slowest <= share)])
        reading = Reading.of(self.data, self.settings, self.sizes, 1 - SHARE, self.hands)
        told: dict[Reason, list[int]] = {}
        for name, reasons in too_slow(self.entries, self.paces, reading).items():
            for size, reason in reasons.items():
                found.leave_out(name, [size], reason)
                told.setdefault(reason, []).append(size)
        for reason, sizes in told.items():
            self.progress(f"{', '.join(f'{size:,}' for size in sorted(set(sizes)))} labels: {reason}")
        self._all_ahead(alive, rows(self.asked), found)

    def _all_ahead(self, entries: Sequence[Entry], rows: Round, found: Screened) -> None:
        """Let all entries prepare for the first draw."""
        share = self.clock.once / 2
        for entry in entries:
            if entry.route.classical:
                self._ahead(entry, rows.asked, self.clock.once)
            elif sizes := found.sizes_of(entry.name):
                self._ahead(entry, np.concatenate([rows.asked, rows.learnt[sizes[-1]]]), share)

    def _time(self, entry: Entry, asked: Callable[[int], np.ndarray], seconds: float) -> None:
        """Note how long the base of an entry takes to embed a row, unless an entry before it told.

        What an entry learns beside the vectors, as `joined` learns patches once, is no matter of its base.
        """
        if self.paces.get(str(entry.space), 0.0) > _READ:
            return
        known, pace = 0, 0.0
        for count in TIMED:
            rows = asked(count)
            if len(rows) == known:
                break
            took = self._ahead(entry, rows, seconds)
            if known:  # the first rows pay for what is paid before any row
                pace = took / (len(rows) - known)
                if took >= _TIMED_SECONDS or 3 * took >= seconds:
                    break
            known = len(rows)
        self.paces[str(entry.space)] = max(pace, self.paces.get(str(entry.space), 0.0))

    def _ahead(self, entry: Entry, rows: np.ndarray, seconds: float) -> float:
        """Let an entry prepare for rows of the pool; return the seconds that it took, and pay for them."""
        begun = time.monotonic()
        if seconds > 0:
            with contextlib.suppress(OutOfTime, Exception), cut_after(seconds):
                entry.route.prepare(self.data.train.take(rows), self.workspaces[entry.space])
        took = time.monotonic() - begun
        self.clock.extend(took)
        return took

    def _go_on(self, found: Screened) -> bool:
        """Whether another round could change what is chosen, and there is time for it."""
        left = [len(found.contenders(role, size)) for size in self.sizes for role in ("pretrained", "classical")]
        return time.monotonic() < self.clock.end and max(left) > 1

    def _try(self, entry: Entry, size: int, rows: Round, found: Screened, coming: int) -> None:
        """Make one trial; coming: trials of this round, this one included.

        The first trial of a classical entry may take long, and longer than the clock says: it pays for what is paid
        once (vectors learned from the unlabelled text), and without it there is nothing to hold pre-training against.
        """
        terms, begun = self._terms(entry, found, coming), time.monotonic()
        made = self._trial(entry, size, rows, terms)
        self._note(entry, size, found, terms, Outcome(made, time.monotonic() - begun))

    def _terms(self, entry: Entry, found: Screened, coming: int) -> TrialTerms:
        """Return the seconds of a trial; coming: trials of this round, this one included."""
        left = max(self.clock.end - time.monotonic(), 0.0)
        share = self.hands * left / max(coming, 1)
        allowed = min(max(min(share, left), _LEAST), max(self.affordable, _LEAST))
        limit = max(_PATIENCE * allowed, left / 4)
        once = entry.route.classical and not found.tried(entry.name)
        limit = max(limit, self.clock.once) if once else limit
        return TrialTerms(limit if entry.route.classical else allowed, limit, once)  # as in confirmation

    @property
    def hands(self) -> int:
        """How many trials are made at once."""
        return 1

    def _note(self, entry: Entry, size: int, found: Screened, terms: TrialTerms, outcome: Outcome) -> None:
        """Take the outcome of a trial up."""
        if terms.once:
            self.clock.extend(outcome.seconds / self.hands)
        if outcome.made is None:
            slow = Reason("not_ready", "one model was not ready within {seconds:.0f} s", seconds=round(terms.limit, 3))
            found.leave_out(entry.name, self.sizes, slow)
        elif isinstance(outcome.made, Reason):
            found.leave_out(entry.name, [size], outcome.made)
        else:
            found.trials.append(outcome.made)
        self._look_at(entry, size, found)

    def _trial(self, entry: Entry, size: int, rows: Round, terms: TrialTerms) -> Trial | Reason | None:
        """Make one trial; return its score, why it failed, or None where it was cut off."""
        begun, asked = time.monotonic(), rows.asking(self.data)
        seed, workspace = self.settings.seed + SEED + rows.number, self.workspaces[entry.space]
        try:
            with cut_after(terms.limit):
                made = make_cell(entry.route, rows.split(size), asked, workspace, seed=seed, seconds=terms.seconds)
            score = float(self.settings.metric.score(asked.truth, made.predicted))
        except OutOfTime:
            return None
        except DiskError:  # no fault of the entry
            raise
        except Exception as error:  # whatever a route raises, the other entries go on
            return reason_of(error)
        return Trial(entry.name, size, rows.number, score, time.monotonic() - begun)

    def _look_at(self, entry: Entry, size: int, found: Screened) -> None:
        """Leave out an entry that is far behind its role's best at this label count, or too slow to be confirmed.

        Far behind at the middle label count, it is not tried at the others.
        """
        name, best = entry.name, found.contenders(entry.kind, size)
        least = found.score(best[0].name, size) - _FAR * found.unit if best else 0.0
        if best and found.scores(name, size) and found.level(entry, size, best[0]) < least:
            middle = size == self.sizes[len(self.sizes) // 2]
            reason = Reason("far_behind", "far behind {best} in screening", best=best[0].name)
            found.leave_out(name, self.sizes if middle else [size], reason)
        seconds = [one.seconds for one in found.trials if one.entry == name]
        if len(seconds) > 1 and min(seconds) > _PATIENCE * self.affordable:
            reason = Reason(
                "too_slow",
                "one model takes about {seconds:.0f} s, too long for {draws} draws in this time",
                seconds=round(min(seconds), 3),
                draws=FLIPPED,
            )
            found.leave_out(name, self.sizes, reason)


def in_usual_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are screened: classical ones, then the usual pre-trained ones, then the others."""
    names = [one.route.name for one in entries]

    def place(entry: Entry) -> tuple[int, int]:
        if entry.route.classical:
            return 0, 0
        name = entry.route.name
        return 1, _USUAL.index(name) if name in _USUAL else len(_USUAL) + names.index(name)

    return sorted((one for one in entries if one.kind in ("classical", "pretrained")), key=place)


def keep_decision(screening: Screening, found: Screened, decision: Mapping[str, Any] | None) -> None:
    """Write the trials so far and, once it is made, the decision; see `finalists.told`."""
    told = {"trials": [one.told() for one in found.trials], "asked": screening.asked, "decision": decision}
    told["paces"] = screening.paces
    write_json(screening.path, certified({"format": FORMAT, "identity": screening.identity, **told}))


def kept_decision(screening: Screening) -> dict[str, Any] | None:
    """Return the decision of an earlier run of the same screening: finalists stay once test rows were scored."""
    return _read(screening.path, screening.identity).get("decision")


def _read(path: Path, identity: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    told = read_json(path)
    if not isinstance(told, dict) or told.get("identity") != identity:
        return {}
    try:
        return checked(f"{path}:", need_certified(path, told), ScreeningFile)
    except HeadstartError as error:
        raise HeadstartError(f"{error}; put it back, or delete it: the entries are screened again") from None

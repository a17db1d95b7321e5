"""The run of a study: finished cells are taken up, the other cells are made slab by slab within the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from headstart.comparing.budget import LEAST, Budget, PlannedCell, TimeTaken
from headstart.comparing.cells import CellStore
from headstart.comparing.draws import Split
from headstart.comparing.looks import Looks
from headstart.comparing.make_cell import cell_of, make_cell, refusal_of
from headstart.comparing.receipts import receipt, workspace_identity
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.winner import expected_seconds, leading
from headstart.core.disk_errors import DiskError
from headstart.core.progress_line import ProgressLine
from headstart.core.reason import Reason, reason_of
from headstart.core.time_limit import OutOfTime, cut_after
from headstart.data.identity import examples_identity
from headstart.fitting.workspace import Workspace
from headstart.statistics.study import Cell, Entry

_BETWEEN = 10.0  # seconds between two lines on how many draws the time allows
_GRACE = 0.02  # share of the time by which a cell may outlive the end
_FOR_REPORT, _MOST_FOR_REPORT = 0.03, 0.1  # shares of the time
_GROWTH = 3.0  # the last report may take so many times as long as the report of a part did
_SELDOM = 50.0  # between two reports pass so many times the seconds that a report takes
_MOST_FOR_WINNER = 0.15  # share of the time that is kept free, at most, for training the winner
_NEEDED = ("probe", "finetune", "scratch")  # made first: should the time be short, the other entries miss it
_ENOUGH_DRAWS = 3  # to reach so many, entries that take far more than their share are left out


class Terms(NamedTuple):
    """The seconds of a cell. allowed: of training, None of a classical entry. limit: after which it is cut off.

    last: it is cut off by the end of the time, not for taking more than its share.
    """

    allowed: float | None
    limit: float
    last: bool

    @property
    def seconds(self) -> float:
        """What the route is told."""
        return self.limit if self.allowed is None else self.allowed


@dataclass
class StudyRun:
    """The state of a run.

    workspaces: by base. progress: called with a line of text. cells: the finished ones. failures: {entry: {label count:
    reason}}. slabs: the cells to come; a slab holds the cells of all entries on one draw at one label count, and draws
    are the outermost loop. looks: when the answer is looked at before the end.
    """

    data: StudyData
    workspaces: Mapping[str | None, Workspace]
    settings: StudySettings
    store: CellStore
    budget: Budget
    progress: Callable[[str], None]
    cells: list[Cell] = field(default_factory=list)
    failures: dict[str, dict[int, Reason]] = field(default_factory=dict)
    slabs: list[list[PlannedCell]] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)
    planned: int = 0
    told: int = -1
    told_at: float = -math.inf
    end: float = 0.0
    kept: float = -math.inf
    reserve: float = 0.0

    @property
    def left(self) -> float:
        """Seconds until the end of the cells."""
        return self.end - self.reserve - time.monotonic()

    @property
    def work_left(self) -> float:
        """Seconds of making cells until the end, of all that make cells together."""
        return self.left

    @property
    def _reports(self) -> int:
        """How many reports are written at the end: one more, which names the winner, once that is trained."""
        return 2 if self.data.winner else 1

    def _reserve(self) -> None:
        """Keep seconds free for training on all rows the entry that leads now, as far as its cells tell."""
        leader = leading(self.cells) if self.data.winner else None
        if leader is not None:
            wanted = expected_seconds(self.cells, leader, len(self.data.winner.rows))
            self.reserve = min(wanted, _MOST_FOR_WINNER * self.budget.seconds)

    def plan(self, entries: Sequence[Entry], splits: Sequence[Split]) -> None:
        """List all cells, take up those that are finished, and ask each route whether it refuses to run."""
        data = {"training": examples_identity(self.data.train), "test": examples_identity(self.data.test)}
        spaces = {name: workspace_identity(self.workspaces[name], name) for name in {one.space for one in entries}}
        ordered = sorted(entries, key=_order_in_slab)
        for split in splits:
            seed = self.settings.seed
            slab = [
                PlannedCell(one, split, receipt(one.route, split, data, spaces[one.space], seed=seed))
                for one in ordered
            ]
            self.planned += len(slab)
            self.slabs.append([cell for cell in slab if not self._take_up(cell)])
        if self.cells:
            self.progress(f"{len(self.cells)} of {self.planned} cells were finished earlier and are kept")
        for entry, reasons in self.settings.left_out.items():
            for size, reason in reasons.items():
                self._fail(entry, size, reason)
        for planned in [cell for slab in self.slabs for cell in slab if cell.split.draw == 0]:
            self._ask_refusal(planned)
        sizes, draws = len({split.size for split in splits}), len({split.draw for split in splits})
        self.progress(f"plan: {len(entries)} entries x {sizes} label counts x {draws} draws = {self.planned} cells")

    def _take_up(self, planned: PlannedCell) -> bool:
        """Whether the cell was finished in an earlier run; if so it is kept."""
        cell = self.store.get(planned.receipt["cell"], len(self.data.test))
        if cell is None:
            return False
        # The metric may be another one now. So may be the folder of the base, and with it the name of the entry.
        score = self._score(cell.predicted)
        self.cells.append(replace(cell, entry=planned.entry.name, score=score))
        took = cell.receipt["seconds"]
        self.budget.note(planned.entry.name, TimeTaken(cell.size, took["training"], took["testing"], cell.allowed))
        return True

    def _ask_refusal(self, planned: PlannedCell) -> None:
        """Let a route say why it cannot run before any time is spent on it."""
        examples = self.data.learnable.take(planned.split.parts[0][0])
        if refusal := refusal_of(planned.entry.route, examples, self.workspaces[planned.entry.space]):
            self._fail(planned.entry.name, planned.split.size, refusal)

    def work_off(
        self,
        end: float,
        keep: Callable[[], None] | None = None,
        *,
        decided: Callable[[], Collection[int]] = frozenset,
        prepare: Callable[[], None] = lambda: None,
    ) -> str | None:
        """Make the cells of the slabs until `end` (monotonic seconds); return None, `time` or `interrupted`.

        keep: writes the report so far. It is called between slabs, and time is left to call it once more before `end`.
        decided: returns the label counts whose questions the cells so far answer; they get no further draws.
        prepare: called before the first cell, if one is to be made.
        """
        self.end = end if keep is None else end - self._reports * _FOR_REPORT * self.budget.seconds
        try:
            self._reserve()
            self._look(decided)  # at the draws of an earlier run
            if self._alive():
                self._ready(prepare)
            while slabs := self._alive():
                left = self.work_left
                ahead = self.budget.ahead(slabs, left)
                if self.left > 0 and self._leave_out(ahead):
                    continue
                if self.left <= 0 or (not ahead and self.budget.cost(slabs[0]) > left):
                    return self._time_is_out(self.left)
                self._tell(max(ahead, 1), left)
                if not self._slab(max(ahead, 1)):
                    return self._time_is_out(0.0)
                self._reserve()
                if keep is not None:
                    self._keep(keep, end)
                self._look(decided)
            self._settle()
        except KeyboardInterrupt:
            self._abandon()
            self.progress("interrupted: finished cells are saved, the same command continues")
            return "interrupted"
        return None

    def _ready(self, prepare: Callable[[], None]) -> None:
        """Do ahead what is paid once."""
        prepare()

    def _settle(self) -> None:
        """Wait for the cells that are being made; there are none where one is made at a time."""

    def _abandon(self) -> None:
        """Keep what is finished of the cells that are being made, and end the others."""

    def _look(self, decided: Callable[[], Collection[int]]) -> None:
        """Where a look is due and more draws are possible, end the draws of label counts that are decided."""
        slabs = self._alive()
        finished = min((slab[0].split.draw for slab in slabs), default=0)  # draws are the outermost loop
        if finished not in self.looks.planned:
            return
        self._settle()
        slabs = self._alive()
        possible = {slab[0].split.draw for slab in slabs[: self.budget.ahead(slabs, self.work_left)]}
        if not self.looks.due(finished, len(possible)):
            return
        found = decided()
        self.looks.close(found, finished)
        for size in sorted(found):
            self.progress(f"{size:,} labels: decided after {finished} draws")
        self.slabs = [slab for slab in slabs if slab[0].split.size not in found]

    def _keep(self, keep: Callable[[], None], end: float) -> None:
        """Write the report so far, but not too often; its seconds tell how many to leave for the last report."""
        begun = time.monotonic()
        if begun < self.kept:
            return
        keep()
        took = time.monotonic() - begun
        self.kept = time.monotonic() + _SELDOM * took
        self.end = min(self.end, end - self._reports * min(_GROWTH * took, _MOST_FOR_REPORT * self.budget.seconds))

    def _alive(self) -> list[list[PlannedCell]]:
        """Return the coming slabs without the cells of entries that failed there; empty slabs are left out."""
        self.slabs = [kept for slab in self.slabs if (kept := [cell for cell in slab if self._runs(cell)])]
        return self.slabs

    def _slab(self, ahead: int) -> bool:
        """Make the next slab; `ahead` slabs share the time. Return whether there was time for all of it."""
        slab, *others = self.slabs[:ahead]
        # Cells that take all the training they get come last: they use what the others left.
        slab.sort(key=lambda cell: math.isinf(self.budget.need(cell).wanted))
        while slab:
            if self.left <= 0:
                return False
            if self._runs(slab[0]) and not self._make(slab, others):
                return False
            slab.pop(0)
        return True

    def _make(self, slab: Sequence[PlannedCell], others: Sequence[Sequence[PlannedCell]]) -> bool:
        """Make the first cell of a slab; others: the coming slabs. Return False where the time ended in it."""
        planned, coming = slab[0], self._coming(slab, others)
        terms = self._terms(slab, coming)
        try:
            with cut_after(terms.limit):
                made = make_cell(
                    planned.entry.route,
                    planned.split,
                    self.data,
                    self.workspaces[planned.entry.space],
                    seed=planned.receipt["seed"],
                    seconds=terms.seconds,
                )
        except OutOfTime:
            return self._cut(planned, terms)
        except DiskError:  # no fault of the entry: it ends the comparison
            raise
        except Exception as error:  # whatever a route raises, the other entries go on
            self._fail(planned.entry.name, planned.split.size, reason_of(error))
            return True
        cell, ended = cell_of(planned.entry.name, planned.split, planned.receipt, made, terms.allowed), time.monotonic()
        cell = replace(cell, score=self._score(cell.predicted))
        self.store.put(planned.receipt["cell"], cell)
        self._finished(cell, coming[1:], time.monotonic() - ended)
        return True

    def _coming(self, slab: Sequence[PlannedCell], others: Sequence[Sequence[PlannedCell]]) -> list[PlannedCell]:
        return [cell for cell in (*slab, *(cell for other in others for cell in other)) if self._runs(cell)]

    def _terms(self, slab: Sequence[PlannedCell], coming: Sequence[PlannedCell]) -> Terms:
        """Return the seconds of the first cell of a slab; coming: the cells that share the time with it."""
        planned, left = slab[0], self.left
        hungry = sum(math.isinf(self.budget.need(cell).wanted) for cell in slab)
        level = self.budget.level(coming, self.work_left)
        # A cell that took much longer than expected leaves the others of its slab what a draw is worth at least.
        level = min(max(level, min(LEAST, left / (2 * max(hungry, 1)))), left)
        entries = len({other.entry.name for other in coming})
        limit, last = self.budget.limit(planned, level, entries), left + _GRACE * self.budget.seconds
        return Terms(self.budget.allowance(planned, level), min(limit, last), last <= limit)

    def _cut(self, planned: PlannedCell, terms: Terms) -> bool:
        """Note that a cell was cut off; return False where it was by the end of the time."""
        if terms.last:
            return False
        reason = Reason(
            "over_share",
            "a cell did not end within {seconds:.0f} s, far more than its share",
            seconds=round(terms.limit, 3),
        )
        self._drop(planned.entry.name, reason)
        return True

    def _finished(self, cell: Cell, coming: Sequence[PlannedCell], storing: float = 0.0) -> None:
        """Take a finished cell up and say so; coming: the cells after it. storing: seconds."""
        self.cells.append(cell)
        took = cell.receipt["seconds"]
        self.budget.note(cell.entry, TimeTaken(cell.size, took["training"], took["testing"], cell.allowed, storing))
        self.progress(ProgressLine(self._line(cell, coming), len(self.cells) / max(self.planned, 1)))

    def _runs(self, planned: PlannedCell) -> bool:
        return planned.split.size not in self.failures.get(planned.entry.name, {})

    def _score(self, predicted: np.ndarray | list[Any]) -> float:
        return float(self.settings.metric.score(self.data.truth, predicted))

    def _fail(self, entry: str, size: int, reason: Reason) -> None:
        told = reason in self.failures.get(entry, {}).values()
        self.failures.setdefault(entry, {})[size] = reason
        if not told:
            self.progress(f"{entry}, {size:,} labels: could not run: {reason}")

    def _drop(self, entry: str, reason: Reason) -> None:
        """Leave an entry out from here on; its finished cells stay."""
        for size in sorted({cell.split.size for slab in self.slabs for cell in slab}):
            self._fail(entry, size, reason)

    def _leave_out(self, ahead: int) -> bool:
        """Leave out, or give less time to, one entry that keeps the others from enough draws; return whether it did."""
        draws = sorted({cell.split.draw for slab in self.slabs for cell in slab})
        if ahead >= len(self.slabs) or self.slabs[ahead][0].split.draw >= min(_ENOUGH_DRAWS, draws[-1] + 1):
            return False
        if (name := self.budget.hog(self.slabs[0])) is None:
            return False
        if name not in self.budget.limited and any(name in one.against for one in self.settings.questions.values()):
            self.budget.limited.add(name)  # without it there is no answer
            self.progress(
                f"{name}: takes its share of the time from now on, with fewer settings tried where it is short"
            )
            return True
        planned = next(cell for cell in self.slabs[0] if cell.entry.name == name)
        cost = self.budget.need(planned).fixed
        reason = Reason(
            "hog",
            "one cell takes about {seconds:.0f} s, which would leave the other entries too few draws",
            seconds=round(cost, 3),
        )
        self._drop(name, reason)
        return True

    def _tell(self, ahead: int, left: float) -> None:
        """Say, when it changed, how many draws the time allows."""
        draws = {cell.split.draw for slab in self.slabs for cell in slab}
        reached = {cell.split.draw for slab in self.slabs[:ahead] for cell in slab}
        if ahead < len(self.slabs):
            reached -= {self.slabs[ahead][0].split.draw}
        count = max(draws) + 1 - len(draws - reached)
        now = time.monotonic()
        if count != self.told and now - self.told_at >= _BETWEEN:
            self.told, self.told_at = count, now
            level = self.budget.level([cell for slab in self.slabs[:ahead] for cell in slab], left)
            whole = f"{count} of {max(draws) + 1} draws of every entry" if count else "a part of the first draw"
            self.progress(f"the {self.left / 60:.1f} min left allow {whole}, about {level:.1f} s of training per cell")

    def _time_is_out(self, left: float) -> str:
        self._settle()
        slab = self.slabs[0] if self.slabs else []
        why = ""
        if slab and left > 0:
            why = f"; {slab[0].split.size:,} labels, draw {slab[0].split.draw + 1} would take more than {left:.0f} s"
        self.progress(f"time is out: {len(self.cells)} of {self.planned} cells are finished{why}")
        done, begun = {(cell.entry, cell.size) for cell in self.cells}, {cell.size for cell in self.cells}
        for planned in (cell for later in self.slabs for cell in later):
            if planned.place not in done and planned.split.size in begun:
                reasons = self.failures.setdefault(planned.entry.name, {})
                reasons.setdefault(planned.split.size, Reason("time_out", "the time was out before it"))
        return "time"

    def _line(self, cell: Cell, coming: Sequence[PlannedCell]) -> str:
        digits = 3 if self.settings.metric.limits[1] <= 1 else 1
        score = "undefined" if math.isnan(cell.score) else f"{cell.score:.{digits}f}".removeprefix("0")
        minutes = self.budget.expected(coming, self.work_left) / self.budget.hands / 60
        wait = f"about {minutes:.0f} min left" if minutes >= 1 else "less than a minute left"
        where = f"[cell {len(self.cells)}/{self.planned}] {cell.entry}, {cell.size:,} labels"
        return f"{where}, draw {cell.draw + 1}: {score} ({cell.seconds:.1f} s), {wait}"


def _order_in_slab(entry: Entry) -> int:
    """Return the place of an entry in a slab: classical entries first, then what a verdict cannot do without."""
    if entry.route.classical:
        return -1
    return _NEEDED.index(entry.route.name) if entry.route.name in _NEEDED else len(_NEEDED)

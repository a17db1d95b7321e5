"""One run of a comparison: finished cells taken up, the others worked off slab by slab within the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import MetricSpec, RouteSpec
from headstart.evaluation.budget import Budget, Job, Taken
from headstart.evaluation.cells import CellStore
from headstart.evaluation.clock import OutOfTime, cut_after
from headstart.evaluation.draws import Split
from headstart.evaluation.receipts import data_identity, receipt, workspace_identity
from headstart.evaluation.study import Cell, Row

_GRACE = 0.02  # share of the time after whose end a cell that was begun before is cut off
_FOR_REPORT, _MOST_FOR_REPORT = 0.03, 0.1  # shares of the time
_GROWTH = 3.0  # times what the report of a part takes is left for the whole
_SELDOM = 50.0  # times what a report takes pass before the next
_NEEDED = ("probe", "finetune", "scratch")  # should the time be short, the other rows miss it
_ENOUGH_DRAWS = 3  # to reach so many, rows that take far more than their share are left out


def make_cell(
    route: RouteSpec, split: Split, train: Examples, test: Examples, workspace: Any, *, seed: int, seconds: float
) -> tuple[np.ndarray, dict[str, Any], tuple[float, float]]:
    """Train a route on a split and ask it the test rows: (probabilities [N, C], notes, seconds of either).

    seed: of the route. Raises HeadstartError when the route refuses or answers with something else; whatever it raises.
    """
    scores_NC = np.full((len(test), len(test.classes)), np.nan)
    training, notes = 0.0, {}
    begun = time.monotonic()
    for learnt, asked in split.parts:
        examples = train.take(learnt)
        if refusal := route.refuses(examples, workspace):
            raise HeadstartError(refusal)
        before = time.monotonic()
        model: TaskModel = route.run(examples, workspace, seed=seed, seconds=seconds / len(split.parts))
        training += time.monotonic() - before
        rows = np.arange(len(test)) if asked is None else asked
        found = np.asarray(model.scores(test if asked is None else test.take(asked)))
        if found.shape != (len(rows), len(test.classes)) or not np.isfinite(found).all():
            raise HeadstartError(f"it gave scores of shape {found.shape} or not-a-number, not one row per test row")
        scores_NC[rows] = found
        notes = dict(model.notes)
    return scores_NC, notes, (training, time.monotonic() - begun - training)


@dataclass
class Run:
    """The state of one run; cells and failures ({row: {label count: reason}}) pile up.

    slabs: the cells to come of all rows on one draw at one label count, draws outermost.
    """

    train: Examples
    test: Examples
    workspaces: Mapping[str | None, Any]
    metric: MetricSpec
    store: CellStore
    progress: Callable[[str], None]
    budget: Budget
    cells: list[Cell] = field(default_factory=list)
    failures: dict[str, dict[int, str]] = field(default_factory=dict)
    slabs: list[list[Job]] = field(default_factory=list)
    planned: int = 0
    told: int = -1
    end: float = 0.0
    kept: float = -math.inf

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.end - time.monotonic()

    def plan(self, rows: Sequence[Row], splits: Sequence[Split], seed: int) -> None:
        """List all cells; take up those that are finished; hear who refuses to run."""
        data = {"training": data_identity(self.train), "test": data_identity(self.test)}
        spaces = {base: workspace_identity(self.workspaces[base], base) for base in {row.base for row in rows}}
        ordered = sorted(rows, key=_place)
        for split in splits:
            slab = [Job(r, split, receipt(r.route, split, data, spaces[r.base], seed=seed)) for r in ordered]
            self.planned += len(slab)
            self.slabs.append([job for job in slab if not self._take_up(job)])
        if self.cells:
            self.progress(f"{len(self.cells)} of {self.planned} cells were finished earlier and are kept")
        for job in [job for slab in self.slabs for job in slab if job.split.draw == 0]:
            self._hear(job)
        sizes, draws = len({split.size for split in splits}), len({split.draw for split in splits})
        self.progress(f"plan: {len(rows)} rows x {sizes} label counts x {draws} draws = {self.planned} cells")

    def _take_up(self, job: Job) -> bool:
        """Whether the job was finished in an earlier run; its cell is kept."""
        cell = self.store.get(job.receipt["cell"], len(self.test))
        if cell is None:
            return False
        score = self.metric.score(self.test.labels, cell.predicted_N)  # the metric may be another one now
        # Another folder name is another row name; the cell is the same.
        self.cells.append(replace(cell, row=job.row.name, score=float(score)))
        took = cell.receipt["seconds"]
        self.budget.note(job.row.name, Taken(cell.size, took["training"], took["testing"], cell.allowed))
        return True

    def _hear(self, job: Job) -> None:
        """Let a route say why it cannot run before any time is spent on it."""
        examples = self.train.take(job.split.parts[0][0])
        try:
            refusal = job.row.route.refuses(examples, self.workspaces[job.row.base])
        except Exception as error:  # whatever a route raises, the other rows go on
            refusal = _reason(error)
        if refusal:
            self._fail(job.row.name, job.split.size, refusal)

    def all(self, end: float, keep: Callable[[], None] | None = None) -> str | None:
        """Work off the slabs until `end` (monotonic seconds); return None, `time` or `interrupted`.

        keep: writes the report so far; it is called between slabs, and so that it can be called once more before `end`.
        """
        self.end = end if keep is None else end - _FOR_REPORT * self.budget.seconds
        try:
            while slabs := self._alive():
                left = self.left
                ahead = self.budget.ahead(slabs, left)
                if left > 0 and self._leave_out(ahead):
                    continue
                if left <= 0 or (not ahead and self.budget.cost(slabs[0]) > left):
                    return self._time_is_out(left)
                self._tell(max(ahead, 1), left)
                if not self._slab(max(ahead, 1)):
                    return self._time_is_out(0.0)
                if keep is not None:
                    self._keep(keep, end)
        except KeyboardInterrupt:
            self.progress("interrupted: finished cells are saved, the same command continues")
            return "interrupted"
        return None

    def _keep(self, keep: Callable[[], None], end: float) -> None:
        """Write the report so far, but not too often; how long that takes says how much to leave for the last one."""
        begun = time.monotonic()
        if begun < self.kept:
            return
        keep()
        took = time.monotonic() - begun
        self.kept = time.monotonic() + _SELDOM * took
        self.end = min(self.end, end - min(_GROWTH * took, _MOST_FOR_REPORT * self.budget.seconds))

    def _alive(self) -> list[list[Job]]:
        """Return the coming slabs without the cells of rows that failed there, empty ones left out."""
        alive = [[j for j in slab if j.split.size not in self.failures.get(j.row.name, {})] for slab in self.slabs]
        self.slabs = [slab for slab in alive if slab]
        return self.slabs

    def _slab(self, ahead: int) -> bool:
        """Run the next slab; `ahead` slabs share the time. Return whether there was time for all of it."""
        slab, *others = self.slabs[:ahead]
        slab.sort(key=lambda job: math.isinf(self.budget.need(job).wanted))  # the hungry take what is left in the end
        while slab:
            coming = [job for job in (*slab, *(job for other in others for job in other)) if self._runs(job)]
            job, left = slab[0], self.left
            if left <= 0:
                return False
            if not self._runs(job):
                slab.pop(0)
                continue
            level = self.budget.level(coming, left)
            rows = len({other.row.name for other in coming})
            limit, last = self.budget.limit(job, level, rows), left + _GRACE * self.budget.seconds
            if not self._one(job, self.budget.allowance(job, level), min(limit, last), coming):
                if last <= limit:
                    return False
                self._drop(job.row.name, f"a cell did not end within {limit:.0f} s, far more than its share")
            slab.pop(0)
        return True

    def _runs(self, job: Job) -> bool:
        return job.split.size not in self.failures.get(job.row.name, {})

    def _one(self, job: Job, allowed: float | None, limit: float, coming: Sequence[Job]) -> bool:
        """Train and test one cell and make it durable, or record why it could not run; return False when cut off."""
        route, split, workspace = job.row.route, job.split, self.workspaces[job.row.base]
        seconds = limit if allowed is None else allowed
        try:
            with cut_after(limit):
                scores_NC, notes, took = make_cell(
                    route, split, self.train, self.test, workspace, seed=job.receipt["seed"], seconds=seconds
                )
        except OutOfTime:
            return False
        except Exception as error:  # whatever a route raises, the other rows go on
            self._fail(job.row.name, split.size, _reason(error))
            return True
        made = time.monotonic()
        cell = self._cell(job, scores_NC, notes, Taken(split.size, *took, allowed))
        self.store.put(job.receipt["cell"], cell)
        self.cells.append(cell)
        self.budget.note(job.row.name, Taken(split.size, *took, allowed, time.monotonic() - made))
        self.progress(self._line(cell, coming[1:]))
        return True

    def _cell(self, job: Job, scores_NC: np.ndarray, notes: dict[str, Any], taken: Taken) -> Cell:
        predicted_N, rows = scores_NC.argmax(1).astype(np.uint16), np.arange(len(self.test))
        seconds = {"training": taken.training, "testing": taken.testing, "allowed": taken.allowed}
        return Cell(
            row=job.row.name,
            size=job.split.size,
            draw=job.split.draw,
            score=float(self.metric.score(self.test.labels, predicted_N)),
            seconds=taken.training + taken.testing,
            allowed=taken.allowed,
            notes=notes,
            predicted_N=predicted_N,
            confidence_N=scores_NC[rows, predicted_N].astype(np.float16),
            likelihood_N=scores_NC[rows, self.test.labels].astype(np.float16),
            receipt=job.receipt | {"seconds": seconds},
        )

    def _fail(self, row: str, size: int, reason: str) -> None:
        told = reason in self.failures.get(row, {}).values()
        self.failures.setdefault(row, {})[size] = reason
        if not told:
            self.progress(f"{row}, {size} labels: could not run: {reason}")

    def _drop(self, row: str, reason: str) -> None:
        """Leave a row out from here on; its finished cells stay."""
        for size in sorted({job.split.size for slab in self.slabs for job in slab}):
            self._fail(row, size, reason)

    def _leave_out(self, ahead: int) -> bool:
        """Leave out one row that keeps the others from having enough draws; return whether there was one."""
        draws = sorted({job.split.draw for slab in self.slabs for job in slab})
        if ahead >= len(self.slabs) or self.slabs[ahead][0].split.draw >= min(_ENOUGH_DRAWS, draws[-1] + 1):
            return False
        if (name := self.budget.hog(self.slabs[0])) is None:
            return False
        job = next(job for job in self.slabs[0] if job.row.name == name)
        cost = self.budget.need(job).fixed
        self._drop(name, f"one cell takes about {cost:.0f} s, which would leave the other rows too few draws")
        return True

    def _tell(self, ahead: int, left: float) -> None:
        """Say, when it changed, how many draws the time allows."""
        draws = {job.split.draw for slab in self.slabs for job in slab}
        reached = {job.split.draw for slab in self.slabs[:ahead] for job in slab}
        if ahead < len(self.slabs):
            reached -= {self.slabs[ahead][0].split.draw}
        count = max(draws) + 1 - len(draws - reached)
        if count != self.told:
            self.told = count
            level = self.budget.level([job for slab in self.slabs[:ahead] for job in slab], left)
            whole = f"{count} of {max(draws) + 1} draws of every row" if count else "a part of the first draw"
            self.progress(f"the {left / 60:.1f} min left allow {whole}, about {level:.1f} s of training per cell")

    def _time_is_out(self, left: float) -> str:
        slab = self.slabs[0] if self.slabs else []
        why = ""
        if slab and left > 0:
            why = f"; {slab[0].split.size} labels, draw {slab[0].split.draw + 1} would take more than {left:.0f} s"
        self.progress(f"time is out: {len(self.cells)} of {self.planned} cells are finished{why}")
        done, begun = {(cell.row, cell.size) for cell in self.cells}, {cell.size for cell in self.cells}
        for job in (job for later in self.slabs for job in later):
            if job.place not in done and job.split.size in begun:
                self.failures.setdefault(job.row.name, {}).setdefault(job.split.size, "the time was out before it")
        return "time"

    def _line(self, cell: Cell, coming: Sequence[Job]) -> str:
        score = f"{cell.score:.3f}".removeprefix("0")
        minutes = self.budget.expected(coming, self.left) / 60
        wait = f"about {minutes:.0f} min left" if minutes >= 1 else "less than a minute left"
        where = f"[cell {len(self.cells)}/{self.planned}] {cell.row}, {cell.size} labels"
        return f"{where}, draw {cell.draw + 1}: {score} ({cell.seconds:.1f} s), {wait}"


def _place(row: Row) -> int:
    """Return where a row comes in a slab: classical ones first, then what a verdict cannot do without."""
    if row.route.classical:
        return -1
    return _NEEDED.index(row.route.name) if row.route.name in _NEEDED else len(_NEEDED)


def _reason(error: Exception) -> str:
    """Return one line: a HeadstartError's own words, for others the kind of error and its first line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return first if isinstance(error, HeadstartError) else f"{type(error).__name__}: {first}".rstrip(": ")

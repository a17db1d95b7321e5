"""How the time of a comparison is divided: what cells cost is measured, training gets what is left, in equal parts.

A cell costs what cannot be changed (all of a classical route; of a trainable one its predictions on the test rows) and
training, which a trainable route is given seconds for. Routes that are content with less leave the rest to the hungry
ones (max-min fairness: Bertsekas & Gallager, Data Networks, 1992, section 6.5.2); a route that ignores its seconds is
charged for what it takes and asked for less. The same label draws for every row matter more than many draws: a slab,
the cells of all rows on one draw at one label count, is begun when it can be ended and not otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from headstart.evaluation.draws import Split
from headstart.evaluation.study import Row

_CONTENT, _OVERRUN = 0.9, 1.1  # of the seconds given: less was enough; more was taken
_FEW_DRAWS = 5  # so many draws are worth short trainings; further ones are not
_LEAST, _LEAST_LATER = 1.0, 5.0  # seconds of training that a hungry cell must get, in the first draws and later
_GENEROUS = 4.0  # a cell may take so many times what is expected or fair before it is cut off
_CAREFUL = 0.97  # of the time left is handed out, so that the last cell of a slab is not the one that is cut off
_HOG = 3.0  # times the usual row's cost


@dataclass(frozen=True, eq=False)
class Job:
    """One cell to come. receipt: see `receipts.py`."""

    row: Row
    split: Split
    receipt: dict

    @property
    def place(self) -> tuple[str, int]:
        """Row name and label count."""
        return self.row.name, self.split.size


class Taken(NamedTuple):
    """What one finished cell took: seconds; allowed is None for a classical route. storing: after it was made."""

    size: int
    training: float
    testing: float
    allowed: float | None
    storing: float = 0.0

    @property
    def overran(self) -> bool:
        """Whether training took clearly more than it was given."""
        return self.allowed is not None and self.training > max(_OVERRUN * self.allowed, self.allowed + 0.1)


class Need(NamedTuple):
    """What a cell will take: `fixed` whatever it is given, and training up to `wanted` (infinite: all it can get)."""

    fixed: float
    wanted: float


@dataclass
class Budget:
    """The costs seen so far, by row, in the order of the cells; `seconds` for everything."""

    seconds: float
    taken: dict[str, list[Taken]] = field(default_factory=dict)
    storing: float = 0.0

    def note(self, row: str, taken: Taken) -> None:
        """Remember what a cell took."""
        self.taken.setdefault(row, []).append(taken)
        self.storing += 0.2 * (taken.storing - self.storing)  # a running mean

    def known(self, row: str) -> bool:
        """Whether the row's costs can be told: its first cell may have paid for what is paid once (embedding)."""
        return len(self.taken.get(row, ())) > 1

    def need(self, job: Job) -> Need:
        """Return what a cell is expected to take; of a row that is not `known` nothing but hunger is assumed."""
        name, size = job.place
        seen = self.taken.get(name, [])
        classical = job.row.route.classical
        if not seen:
            return Need(self.storing, 0.0 if classical else math.inf)
        later = seen[1:] or seen
        same = [one for one in later if one.size == size] or [one for one in seen if one.size == size]
        last = (same or later)[-1]
        training = median(one.training for one in same) if same else last.training
        testing = later[-1].testing + self.storing
        if not self.known(name):
            return Need(self.storing, 0.0 if classical else training if self._content(seen[0], size) else math.inf)
        if classical:
            return Need(training + testing, 0.0)
        if last.overran:
            return Need(testing + last.training, 0.0)
        return Need(testing, training if self._content(last, size) else math.inf)

    @staticmethod
    def _content(taken: Taken, size: int) -> bool:
        """Whether less than it was given is enough for the row, as far as a cell of that label count tells."""
        return taken.size == size and taken.training < _CONTENT * taken.allowed

    def level(self, jobs: Sequence[Job], left: float) -> float:
        """Return the seconds of training that each trainable job of these may use, when all of them share `left`."""
        needs = [self.need(job) for job in jobs]
        wants = sorted(need.wanted for need, job in zip(needs, jobs) if not job.row.route.classical)
        free = _CAREFUL * left - sum(need.fixed for need in needs)
        share = free
        for place, want in enumerate(wants):
            share = free / (len(wants) - place)
            if want >= share:
                break
            free -= want
            share = want + free  # all are content: the next one may use what nobody needs
        return max(share, 0.05 * left / max(len(wants), 1))

    def allowance(self, job: Job, level: float) -> float | None:
        """Return the seconds to give to a job, None to a classical one; who overran repeatedly gets less."""
        if job.row.route.classical:
            return None
        overruns = [one.training / one.allowed for one in self.taken.get(job.row.name, ()) if one.overran]
        return level / median(overruns) if len(overruns) > 1 else level

    def limit(self, job: Job, level: float, rows: int) -> float:
        """Return the seconds after which a cell is cut off; rows: how many still have cells to come."""
        need = self.need(job)
        longest = max((one.training + one.testing for one in self.taken.get(job.row.name, ())), default=0.0)
        expected = max(need.fixed + min(need.wanted, level), longest)
        share = self.seconds / max(rows, 1)
        return max(share, min(_GENEROUS * share, self.seconds / 4), _GENEROUS * expected)

    def ahead(self, slabs: Sequence[Sequence[Job]], left: float) -> int:
        """Return how many of the coming slabs can be ended in time with a training worth the name in each cell."""
        jobs: list[Job] = []
        for count, slab in enumerate(slabs):
            jobs += slab
            needs = [self.need(job) for job in jobs]
            hungry = [need.fixed for need in needs if math.isinf(need.wanted)]
            least = _LEAST if slab[0].split.draw < _FEW_DRAWS else _LEAST_LATER
            least = max([least, sum(hungry) / len(hungry)]) if hungry else 0.0
            if sum(need.fixed + min(need.wanted, least) for need in needs) > left:
                return count
        return len(slabs)

    def expected(self, jobs: Sequence[Job], left: float) -> float:
        """Return the seconds that these jobs will take when `left` is there for them."""
        level = self.level(jobs, left)
        needs = [self.need(job) for job in jobs]
        return min(sum(need.fixed + min(need.wanted, level) for need in needs), max(left, 0.0))

    def cost(self, slab: Sequence[Job]) -> float:
        """Return what a slab takes at least; rows whose costs are not known count nothing."""
        return sum(self.need(job).fixed for job in slab if self.known(job.row.name))

    def hog(self, slab: Sequence[Job]) -> str | None:
        """Return the row that takes far more than its share in a slab and than the other rows do, or None."""
        costs = {job.row.name: self.need(job).fixed for job in slab if self.known(job.row.name)}
        name = max(costs, key=costs.__getitem__, default=None)
        if name is None or len(slab) < 2:
            return None
        fair = self.seconds / len(slab)
        return name if costs[name] > max(fair / _FEW_DRAWS, _HOG * median(costs.values())) else None

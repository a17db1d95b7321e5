"""How the time of a comparison is divided: what cells cost is measured, training gets what is left, in equal parts.

A cell costs fixed seconds (all of a classical route; of a trainable route its predictions on the test rows) and
training, which a trainable route is given seconds for. Routes that need less leave the rest to routes that take all
they get (max-min fairness: Bertsekas & Gallager, Data Networks, 1992, section 6.5.2); a route that ignores its seconds
is charged for what it takes and given less. The same label draws for every entry matter more than many draws: a slab,
the cells of all entries on one draw at one label count, is begun only when there is time to end it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from headstart.comparing.draws import Split
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry

_CONTENT, _OVERRUN = 0.9, 1.1  # of the seconds given: less was enough; more was taken
_FEW_DRAWS = 5  # an entry that keeps the others from so many draws is a hog
LEAST, _LEAST_LATER = 1.0, 5.0  # seconds of training that a hungry cell must get, in `short_draws` and later
_GENEROUS = 4.0  # a cell may take so many times what is expected or fair before it is cut off
_CAREFUL = 0.97  # of the time left is handed out, so that the last cell of a slab is not cut off
_HOG = 3.0  # times the usual entry's cost


@dataclass(frozen=True, eq=False)
class PlannedCell:
    """One cell to come. receipt: see `receipts.py`."""

    entry: Entry
    split: Split
    receipt: dict

    @property
    def place(self) -> tuple[str, int]:
        """Entry name and label count."""
        return self.entry.name, self.split.size


class TimeTaken(NamedTuple):
    """The seconds of one finished cell; allowed is None for a classical route. storing: after the cell was made."""

    size: int
    training: float
    testing: float
    allowed: float | None
    storing: float = 0.0

    @property
    def overran(self) -> bool:
        """Whether training took clearly more than it was given."""
        return self.allowed is not None and self.training > max(_OVERRUN * self.allowed, self.allowed + 0.1)


class TimeNeeded(NamedTuple):
    """The seconds a cell will take: `fixed` in any case, and training up to `wanted` (infinite: all it can get)."""

    fixed: float
    wanted: float


@dataclass
class Budget:
    """The costs seen so far, by entry, in the order of the cells.

    seconds: for everything. hands: cells that are made at once; `left` of the methods is for all of them together, so
    many times the seconds of the clock. short_draws: so many draws are worth short trainings; further ones are not.
    chosen_with: by entry and label count, the seconds that a model took when the entry was chosen; more draws than a
    verdict needs are made only where there is time for such models. limited: classical entries that are given seconds
    as trainable ones are, because they take too long otherwise and no answer is possible without them.
    """

    seconds: float
    short_draws: int = FLIPPED
    chosen_with: Mapping[tuple[str, int], float] = field(default_factory=dict)
    limited: set[str] = field(default_factory=set)
    hands: int = 1
    taken: dict[str, list[TimeTaken]] = field(default_factory=dict)
    storing: float = 0.0

    def note(self, entry: str, taken: TimeTaken) -> None:
        """Remember what a cell took."""
        self.taken.setdefault(entry, []).append(taken)
        self.storing += 0.2 * (taken.storing - self.storing)  # a running mean

    def known(self, entry: str) -> bool:
        """Whether the entry's costs are known: its first cell may have paid for what is paid once (embedding)."""
        return len(self.taken.get(entry, ())) > 1

    def need(self, planned: PlannedCell) -> TimeNeeded:
        """Return what a cell is expected to take; of an entry that is not `known` nothing but hunger is assumed."""
        name, size = planned.place
        seen = self.taken.get(name, [])
        classical = not self.elastic(planned)
        if not seen:
            return TimeNeeded(self.storing, 0.0 if classical else math.inf)
        later = seen[1:] or seen  # the first cell may have paid for what is paid once
        nearest = min((one.size for one in later), key=lambda other: abs(other - size))
        same = [one for one in later if one.size == nearest]
        last, training = same[-1], median(one.training for one in same)
        testing = later[-1].testing + self.storing
        if not self.known(name):
            wanted = training if not classical and self._content(seen[0], size) else math.inf
            return TimeNeeded(self.storing, 0.0 if classical else wanted)
        if classical:
            return TimeNeeded(training + testing, 0.0)
        if last.overran:
            return TimeNeeded(testing + last.training, 0.0)
        return TimeNeeded(testing, training if self._content(last, size) else math.inf)

    def elastic(self, planned: PlannedCell) -> bool:
        """Whether the entry is given seconds of training."""
        return not planned.entry.route.classical or planned.entry.name in self.limited

    @staticmethod
    def _content(taken: TimeTaken, size: int) -> bool:
        """Whether less than it was given is enough for the entry, as far as a cell of that label count tells."""
        return taken.allowed is not None and taken.size == size and taken.training < _CONTENT * taken.allowed

    def level(self, cells: Sequence[PlannedCell], left: float) -> float:
        """Return the seconds of training that each trainable cell of these may use, when all of them share `left`."""
        needs = [self.need(cell) for cell in cells]
        wants = sorted(need.wanted for need, cell in zip(needs, cells) if self.elastic(cell))
        free = _CAREFUL * left - sum(need.fixed for need in needs)
        share = free
        for place, want in enumerate(wants):
            share = free / (len(wants) - place)
            if want >= share:
                break
            free -= want
            share = want + free  # all are content: the next cell may use what nobody needs
        return max(share, 0.05 * left / max(len(wants), 1))

    def allowance(self, planned: PlannedCell, level: float) -> float | None:
        """Return the seconds to give to a cell, None to a classical one; a repeatedly overrunning entry gets less."""
        if not self.elastic(planned):
            return None
        overruns = [one.training / one.allowed for one in self.taken.get(planned.entry.name, ()) if one.overran]
        return level / median(overruns) if len(overruns) > 1 else level

    def limit(self, planned: PlannedCell, level: float, entries: int) -> float:
        """Return the seconds after which a cell is cut off; entries: how many still have cells to come."""
        need = self.need(planned)
        longest = max((one.training + one.testing for one in self.taken.get(planned.entry.name, ())), default=0.0)
        expected = max(need.fixed + min(need.wanted, level), longest)
        share = self.hands * self.seconds / max(entries, 1)
        return max(share, min(_GENEROUS * share, self.seconds / 4), _GENEROUS * expected)

    def ahead(self, slabs: Sequence[Sequence[PlannedCell]], left: float) -> int:
        """Return how many of the coming slabs can be ended in time with enough training in each cell."""
        cells: list[PlannedCell] = []
        for count, slab in enumerate(slabs):
            cells += slab
            needs = [self.need(cell) for cell in cells]
            hungry = [need.fixed for need in needs if math.isinf(need.wanted)]
            least = LEAST if slab[0].split.draw < self.short_draws else _LEAST_LATER
            least = max([least, sum(hungry) / len(hungry)]) if hungry else 0.0
            if slab[0].split.draw >= FLIPPED:  # `level` hands out equal seconds: what the slowest was chosen with
                open_ended = [cell for cell, need in zip(cells, needs) if math.isinf(need.wanted)]
                least = max([least, *(self.chosen_with.get(cell.place, 0.0) for cell in open_ended)])
            training = [min(need.wanted, least) for need in needs]
            if sum(need.fixed for need in needs) + sum(training) > left:
                return count
        return len(slabs)

    def expected(self, cells: Sequence[PlannedCell], left: float) -> float:
        """Return the seconds that these cells will take when `left` is there for them."""
        level = self.level(cells, left)
        needs = [self.need(cell) for cell in cells]
        return min(sum(need.fixed + min(need.wanted, level) for need in needs), max(left, 0.0))

    def cost(self, slab: Sequence[PlannedCell]) -> float:
        """Return what a slab takes at least; entries whose costs are not known count nothing."""
        return sum(self.need(cell).fixed for cell in slab if self.known(cell.entry.name))

    def hog(self, slab: Sequence[PlannedCell]) -> str | None:
        """Return the entry that takes far more than its share in a slab and than the other entries do, or None."""
        costs = {cell.entry.name: self.need(cell).fixed for cell in slab if self.known(cell.entry.name)}
        name = max(costs, key=costs.__getitem__, default=None)
        if name is None or len(slab) < 2:
            return None
        fair = self.hands * self.seconds / len(slab)
        return name if costs[name] > max(fair / _FEW_DRAWS, _HOG * median(costs.values())) else None

"""A run of a study whose cells are made by several workers at once; every decision is made here, as for one worker.

Which worker makes a cell, and which of two cells is finished first, changes nothing: cells depend on their tickets
alone, looks wait for the cells of all draws before them, and where a cell fails the later draws of that entry at that
label count do not count, though they may be made already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from headstart.comparing.budget import PlannedCell
from headstart.comparing.cells import CellStore
from headstart.comparing.crew import Crew
from headstart.comparing.draws import Split
from headstart.comparing.slabs import StudyRun, Terms
from headstart.comparing.tickets import cell_ticket, failure, prepare_ticket, sharing
from headstart.comparing.work_queue import WorkQueue
from headstart.core.errors import HeadstartError
from headstart.core.files import remove_file
from headstart.core.reason import Reason

_FOR_ONCE = 0.25  # of the time left, at most, for what one entry does ahead
_WAIT = 0.5  # seconds between two looks at the clock
_AFTER = 2.0  # seconds after the limit of a cell in which its worker must have said that it was cut off


@dataclass(frozen=True, eq=False)
class Flight:
    """A cell that is being made. sent: monotonic seconds."""

    planned: PlannedCell
    terms: Terms
    sent: float


@dataclass
class SharedRun(StudyRun):
    """crew: makes the cells. splits: of all cells of an entry. flights: by name of the ticket, in the order sent.

    landed: results that wait for an earlier draw of their entry and label count. over: a cell was cut off by the end.
    """

    crew: Crew = field(kw_only=True)
    splits: Sequence[Split] = field(kw_only=True)
    flights: dict[str, Flight] = field(default_factory=dict)
    landed: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: bool = False

    def __post_init__(self) -> None:
        self.places = {split.identity: place for place, split in enumerate(self.splits)}

    @property
    def work_left(self) -> float:
        """Seconds of making cells until the end, of all workers together, without what is being made."""
        now, hands = time.monotonic(), self.crew.hands
        self.budget.hands = hands
        coming = 0.0
        for flight in self.flights.values():
            need = self.budget.need(flight.planned)
            expected = need.fixed + min(need.wanted, flight.terms.seconds)
            coming += max(expected - (now - flight.sent), 0.0)
        return max(hands * self.left - coming, 0.0)

    def _ready(self, prepare: Callable[[], None]) -> None:
        """Let the workers do ahead what is paid once, each base's entries in one ticket: they share its vectors."""
        cells = [cell for slab in self._alive() for cell in slab]
        entries = list({cell.entry.name: cell.entry for cell in cells}.values())
        limit = max(_FOR_ONCE * self.left, 0.1)
        tickets = [prepare_ticket(group, [], test=True, limit=limit) for group in sharing(entries)]
        for name in self.crew.together(tickets, time.monotonic() + 2 * limit):
            self.crew.forget(name)

    def _make(self, slab: Sequence[PlannedCell], others: Sequence[Sequence[PlannedCell]]) -> bool:
        """Send the first cell of a slab as soon as there is room; return False where the time ended meanwhile."""
        while not self.crew.has_room:
            self._land(_WAIT)
            if self.over or self.left <= 0:
                return False
        planned, coming = slab[0], self._coming(slab, others)
        if not self._runs(planned):  # it failed in an earlier draw meanwhile
            return True
        terms = self._terms(slab, coming)
        how = {"allowed": terms.allowed, "seconds": terms.seconds, "limit": terms.limit}
        name, ticket = cell_ticket(planned, self.places[planned.split.identity], **how)
        self.crew.submit(name, ticket)
        self.flights[name] = Flight(planned, terms, time.monotonic())
        self._land(0.0)
        return not self.over

    def _settle(self) -> None:
        """Wait for the cells that are being made."""
        while self.flights:
            self._land(_WAIT)

    def _abandon(self) -> None:
        """Stop the workers of this machine and take up what they finished."""
        self.crew.stop()
        self.landed |= self.crew.collect(0.0)
        for name, flight in self.flights.items():
            if name in self.landed:
                self._take(flight, self.landed.pop(name))
            self.crew.forget(name)
        self.flights.clear()

    def _land(self, wait: float) -> None:
        """Take up results that came, and give up what is long overdue."""
        self.landed |= self.crew.collect(wait)
        now = time.monotonic()
        for name, flight in self.flights.items():
            if name not in self.landed and now - flight.sent > self._patience(flight):
                self.crew.forget(name)
                self.landed[name] = {"cut": True}
        for name in list(self.flights):
            if name in self.landed and self._is_next(name):
                self._take(self.flights[name], self.landed.pop(name))
                self.crew.forget(name)
                del self.flights[name]

    def _patience(self, flight: Flight) -> float:
        """Return the seconds after which a ticket counts as cut off; it may have waited for another one."""
        last = flight.terms.limit if flight.terms.last else (1 + len(self.flights)) * flight.terms.limit
        return last + _AFTER

    def _is_next(self, name: str) -> bool:
        """Whether no earlier draw of the same entry and label count is being made."""
        place = self.flights[name].planned.place
        return next(other for other, flight in self.flights.items() if flight.planned.place == place) == name

    def _take(self, flight: Flight, result: dict[str, Any]) -> None:
        """Take the result of a cell up; where an earlier draw failed it does not count.

        Raises HeadstartError: the disk refused its answers.
        """
        if "refused" in result:
            raise HeadstartError(result["refused"])
        planned = flight.planned
        entry, size = planned.place
        if not self._runs(planned):
            if "line" in result:
                remove_file(self.store.folder / result["line"]["answers"])
            return
        if (reason := failure(result)) is not None:
            self._fail(entry, size, reason)
        elif "line" in result:
            self._add(planned, result["line"])
        else:
            self.over |= not self._cut(planned, flight.terms)

    def _add(self, planned: PlannedCell, line: dict[str, Any]) -> None:
        self.store.add(line)
        cell = self.store.get(planned.receipt["cell"], len(self.data.test))
        if cell is None:
            lost = Reason("answers_lost", "the answers that its worker wrote are damaged or not there")
            self._fail(*planned.place, lost)
            return
        slabs = (one for slab in self.slabs for one in slab if self._runs(one))
        self._finished(cell, list(slabs))


def take_up_finished(store: CellStore, queue: WorkQueue) -> None:
    """Add the cells that workers finished after the command that asked for them had ended."""
    for name in queue.done():
        line = (queue.result(name) or {}).get("line")
        if line is not None:
            store.add(line)
            queue.forget(name)

"""Screening whose trials are made by several workers at once: a stage is decided when all of its trials are made.

Trials are looked at in the order of one worker, and those that one worker would not have made do not count.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.comparing.crew import Crew
from headstart.comparing.finalists import Screened, Trial
from headstart.comparing.screening import Outcome, Screening, TrialTerms, keep_decision
from headstart.comparing.screening_rows import SEED, Round
from headstart.comparing.tickets import failure, prepare_ticket, sharing, trial_ticket
from headstart.statistics.study import Entry


@dataclass(eq=False)
class SharedScreening(Screening):
    """crew: makes the trials."""

    crew: Crew = field(kw_only=True)

    @property
    def hands(self) -> int:
        """How many trials are made at once."""
        return self.crew.hands

    def _all_ahead(self, entries: Sequence[Entry], rows: Round, found: Screened) -> None:
        """Let all entries prepare for the first draw, those on one base in one ticket."""
        begun, tickets = time.monotonic(), []
        for group in sharing(entries):
            most = max((max(found.sizes_of(one.name), default=0) for one in group), default=0)
            learnt = [] if group[0].route.classical or not most else [rows.learnt[most]]
            limit = self.clock.once if group[0].route.classical else self.clock.once / 2
            tickets.append(prepare_ticket(group, np.concatenate([rows.asked, *learnt]), test=False, limit=limit))
        for name in self.crew.together(tickets, begun + self.clock.once):
            self.crew.forget(name)
        self.clock.extend(time.monotonic() - begun)

    def _round(self, sizes: Sequence[int], rows: Round, found: Screened) -> None:
        """Try every entry that is still in on one draw; take the outcomes up when all are there."""
        wanted = [(one, size) for one in found.entries for size in sizes if self._wanted(one, size, rows, found)]
        coming, terms, tickets = len(wanted), {}, {}
        for entry, size in wanted:
            terms[entry, size] = self._terms(entry, found, coming)
            tickets[entry, size] = self._ticket(entry, size, rows, terms[entry, size])
        end = max(self.clock.end, time.monotonic() + max((one.limit for one in terms.values()), default=0.0))
        results = self.crew.together(tickets.values(), end) if time.monotonic() < self.clock.end else {}
        for at in wanted:
            result = results.get(tickets[at][0])
            if result is not None and self._wanted(*at, rows, found):  # else an earlier one of the stage left it out
                self._note(*at, found, terms[at], _outcome(*at, rows, result, terms[at]))
        keep_decision(self, found, None)
        for name, _ in tickets.values():
            self.crew.forget(name)

    def _ticket(self, entry: Entry, size: int, rows: Round, terms: TrialTerms) -> tuple[str, dict[str, Any]]:
        how = {"seed": self.settings.seed + SEED + rows.number, "asked": self.asked, "screening": self.identity}
        return trial_ticket(entry, size, rows.number, **how, seconds=terms.seconds, limit=terms.limit)


def _outcome(entry: Entry, size: int, rows: Round, result: dict[str, Any], terms: TrialTerms) -> Outcome:
    """Return the outcome of a trial from its worker's result."""
    if (reason := failure(result)) is not None:
        return Outcome(reason, 0.0)
    if "score" not in result:
        return Outcome(None, terms.limit)
    score = math.nan if result["score"] is None else result["score"]
    return Outcome(Trial(entry.name, size, rows.number, score, result["seconds"]), result["seconds"])

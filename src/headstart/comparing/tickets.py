"""Tickets of the queue, as JSON data: a cell, a trial of screening, or rows to prepare for; each can be made anywhere.

A ticket is named by what it makes, so that a comparison that goes on finds what was finished, or is still being made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from headstart.comparing.budget import PlannedCell
from headstart.core import registry
from headstart.core.reason import Reason
from headstart.statistics.study import Entry


def entry_ticket(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON data; see `entry_of`."""
    told = {"base": entry.base, "beside": entry.beside, "change": entry.change}
    return told | {"route": entry.route.to_dict(), "name": entry.name}


def entry_of(told: dict[str, Any]) -> Entry:
    """Return the entry that `entry_ticket` wrote. Raises HeadstartError: its route is not installed here."""
    route = registry.build_spec("route", told["route"])
    return Entry(route, told["base"], told["change"], told["beside"])


def cell_ticket(
    planned: PlannedCell, place: int, *, allowed: float | None, seconds: float, limit: float
) -> tuple[str, dict[str, Any]]:
    """Return name and ticket of a cell. place: of its split among those of the study. seconds: told to the route.

    allowed: of training, None for a classical entry. limit: seconds after which it is cut off.
    """
    times = {"allowed": allowed, "seconds": seconds, "limit": limit}
    told = {"kind": "cell", "entry": entry_ticket(planned.entry), "split": place, "receipt": planned.receipt}
    return planned.receipt["cell"], told | times


def trial_ticket(
    entry: Entry, size: int, number: int, *, asked: int, seed: int, seconds: float, limit: float, screening: str
) -> tuple[str, dict[str, Any]]:
    """Return name and ticket of a trial on screening draw `number`; asked: pool rows. screening: its identity."""
    told = {"kind": "trial", "entry": entry_ticket(entry), "size": size, "number": number, "asked": asked, "seed": seed}
    return _name("trial", [screening, told]), told | {"seconds": seconds, "limit": limit}


def prepare_ticket(
    entries: Sequence[Entry], pool: Sequence[int] | np.ndarray, *, test: bool, limit: float
) -> tuple[str, dict[str, Any]]:
    """Return name and ticket of what entries do ahead, one after the other; pool: rows of it. test: and all test rows.

    The name is of the rows and of what the entries share, see `sharing`. limit: seconds after which each is cut off.
    """
    rows = [int(row) for row in pool]
    told = {"kind": "prepare", "entries": [entry_ticket(one) for one in entries], "pool": rows, "test": test}
    shared = [one.name if one.route.classical else one.space for one in entries[:1]]
    return _name("prepare", [shared, rows, test]), told | {"limit": limit}


def sharing(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return groups of entries that share what is paid once: those on one base, and each classical one."""
    spaces = dict.fromkeys(one.space for one in entries if not one.route.classical)
    based = [[one for one in entries if one.space == space and not one.route.classical] for space in spaces]
    return based + [[one] for one in entries if one.route.classical]


def _name(kind: str, told: Any) -> str:
    return f"{kind}-{hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]}"


def describe(ticket: dict[str, Any]) -> str:
    """Return what a ticket makes, for people."""
    if ticket.get("kind") == "cell":
        split = ticket["receipt"]["split"]
        return f"{ticket['entry']['name']}, {split['size']:,} labels, draw {split['draw'] + 1}"
    if ticket.get("kind") == "trial":
        return f"{ticket['entry']['name']}, {ticket['size']:,} labels, screening"
    return ", ".join(one["name"] for one in ticket.get("entries", [])) + ": what is paid once"


def failure(result: dict[str, Any]) -> Reason | None:
    """Return why a ticket could not be made, or None where it was made or cut off."""
    return Reason.from_kept(result["failed"]) if "failed" in result else None

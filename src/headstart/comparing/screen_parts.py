"""Screening for a crossing: every part is screened on its own rows, and the finalists of all parts meet all test rows.

A part's winner must be trained on the other parts too, or there is no gap to tell. What most parts chose goes first.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from headstart.comparing.finalists import MOST_FINALISTS
from headstart.comparing.screen_and_confirm import screen
from headstart.comparing.settings import StudyData, StudySettings
from headstart.fitting.workspace import Workspace
from headstart.statistics.study import Entry


def screen_parts(
    entries: Sequence[Entry],
    data: Mapping[str, StudyData],
    workspaces: Mapping[str | None, Workspace],
    settings: StudySettings,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[list[Entry], dict[str, dict[str, Any]]]:
    """Return the entries to train on every part, and what was screened by part, see `finalists.told`.

    The seconds of the settings are for all parts together, confirmation included.
    """
    own = replace(settings, seconds=settings.seconds / len(data))
    facts: dict[str, dict[str, Any]] = {}
    for number, (name, rows) in enumerate(data.items()):
        progress(f"{name}:")
        file = f"screening-{number}.json"  # the name of a part may be no file name
        facts[name] = screen(entries, rows, workspaces, own, time.monotonic(), progress, file)
    return finalists_of_parts(entries, [one["finalists"] for one in facts.values()]), facts


def finalists_of_parts(entries: Sequence[Entry], chosen: Sequence[Sequence[str]]) -> list[Entry]:
    """Return at most `MOST_FINALISTS` entries, and majority, in the order of `entries`.

    chosen: the names of each part's finalists, the most important first. Every part's first choice of each kind comes
    before any second choice; among equals what more parts chose comes first.
    """
    known = {one.name: one for one in entries}
    votes = Counter(name for names in chosen for name in names)
    rank: dict[str, int] = {}  # the best place that a part gives an entry among those of its kind
    for names in chosen:
        seen: Counter[str] = Counter()
        for name in names:
            kind = known[name].kind
            rank[name] = min(rank.get(name, seen[kind]), seen[kind])
            seen[kind] += 1
    tried = [name for name in rank if known[name].kind != "majority"]
    best = sorted(tried, key=lambda name: (rank[name], -votes[name]))[:MOST_FINALISTS]
    return [one for one in entries if one.name in best or (one.kind == "majority" and one.name in votes)]

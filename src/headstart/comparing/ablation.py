"""What each single change to a route brought: paired differences to the route as it is, one family by Holm at 5 %.

The changes are named before the study runs, and each is compared with the unchanged route only. The family therefore
has one test per change and label count, not one per pair of entries: the changes are the questions of the study
(`statistics/analysis.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.statistics.analysis import ALPHA, Claim, analyse
from headstart.statistics.study import Entry, Question, Study


@dataclass(frozen=True)
class Effect:
    """A changed entry minus the unchanged entry at one label count.

    low, high: interval at the level at which Holm tested the change; it excludes zero exactly where `claim` is made. p:
    the adjusted p-value.
    """

    change: str
    size: int
    value: float
    low: float
    high: float
    p: float
    draws: int

    @property
    def claim(self) -> Claim:
        """Whether the change is better or worse than no change, or that is undecided."""
        if self.p > ALPHA:
            return "undecided"
        return "better" if self.value > 0 else "worse"


def questions_of_changes(unchanged: Entry, changed: Sequence[Entry], sizes: Sequence[int]) -> dict[int, Question]:
    """Return what an ablation asks at each label count: is a changed entry apart from the unchanged one?"""
    return dict.fromkeys(sizes, Question(unchanged.name, tuple(entry.name for entry in changed)))


def effects(study: Study, unchanged: Entry, changed: Sequence[Entry]) -> list[Effect]:
    """Return the effect of every changed entry that was compared with the unchanged one, by label count."""
    tables = analyse(replace(study, questions=questions_of_changes(unchanged, changed, study.sizes))).tables
    return [
        Effect(entry.change, size, lead.value, lead.low, lead.high, lead.p_holm, lead.draws)
        for size, table in tables.items()
        for entry in changed
        if (lead := table.difference(entry.name, unchanged.name)) is not None
    ]

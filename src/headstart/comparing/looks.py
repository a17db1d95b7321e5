"""When a comparison looks at its answer, and the share of the error rate that each look may use.

Looks are fixed beforehand, by numbers of draws. The shares of the error rate add up to the whole (union bound), so that
looking more than once costs no false claims. Whether a look takes place depends on time alone, not on the scores: where
the time is about to end anyway, the error rate is kept for the last look.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from headstart.statistics.analysis import ALPHA
from headstart.statistics.study import Look

# With 8 draws two-sided sign flips reach 2 / 2^8 = .0078, below the level of the first look.
PLANNED = {8: 0.2 * ALPHA, 16: 0.2 * ALPHA}  # number of finished draws: level of the look
_WORTH_A_LOOK = 4  # so many draws must still be possible, else the look waits for the end


@dataclass
class Looks:
    """planned: level by number of finished draws; without any, there is one look, at the end. made: the looks so far.

    spent: of the error rate by looks so far. closed: level at which a label count was looked at last, by label count.
    """

    planned: dict[int, float] = field(default_factory=dict)
    made: list[Look] = field(default_factory=list)
    spent: float = 0.0
    level: float = ALPHA
    closed: dict[int, float] = field(default_factory=dict)

    def due(self, finished: int, possible: int) -> bool:
        """Whether to look after so many finished draws; possible: draws for which time is left. Spends its level."""
        level = self.planned.get(finished)
        if level is None or possible < _WORTH_A_LOOK:
            return False
        self.planned = {draws: one for draws, one in self.planned.items() if draws > finished}
        self.spent, self.level = self.spent + level, level
        return True

    def close(self, sizes: Collection[int], finished: int) -> None:
        """End the draws of these label counts at the level of the look just made; the others go on to the last look."""
        self.made.append(Look(finished, self.level, tuple(sorted(sizes))))
        self.closed |= dict.fromkeys(sizes, self.level)
        self.level = ALPHA - self.spent

    def levels(self, sizes: Collection[int]) -> dict[int, float]:
        """Return the level of each label count's last look so far."""
        return {size: self.closed.get(size, self.level) for size in sizes}

"""What a base that is slow to read rows cannot be asked in the time, known before any time is spent on it.

An entry of frozen vectors reads the test rows once and the drawn rows once; the control, the same network from random
start, reads the test rows anew for each of its models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.reason import Reason
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry

_READING = 0.8  # of the time for confirmation, at most, that may pass in reading rows


@dataclass(frozen=True)
class Reading:
    """What confirmation reads, and the time for it. test: test reading. pool: rows that labels are drawn from.

    sizes: the label counts. seconds: for the whole comparison, of which confirmation has `share`. hands: how many cells
    are made at once.
    """

    test: int
    pool: int
    sizes: Sequence[int]
    seconds: float
    share: float
    hands: int = 1

    @classmethod
    def of(
        cls, data: StudyData, settings: StudySettings, sizes: Sequence[int], share: float, hands: int = 1
    ) -> Reading:
        """Return what is read; where test rows are lent or cross-validated, every row is a test row."""
        pool = 0 if settings.folds or data.lent else len(data.train)
        return cls(len(data.test), pool, sizes, settings.seconds, share, hands)

    @property
    def budget(self) -> float:
        """Seconds that may pass in reading reading."""
        return _READING * self.share * self.seconds * self.hands

    def once(self, size: int) -> int:
        """Return the rows that `FLIPPED` draws at this label count, and at fewer labels, read in all."""
        return self.test + min(self.pool, FLIPPED * size)

    def minutes(self, seconds: float) -> int:
        """Return the whole minutes of a comparison in which rows may be read for so many seconds."""
        return math.ceil(seconds / (_READING * self.share) / 60 / self.hands)


def too_slow(entries: Sequence[Entry], paces: Mapping[str, float], reading: Reading) -> dict[str, dict[int, Reason]]:
    """Return by entry and label count why there is no time for `FLIPPED` draws of an entry on a slow base.

    paces: seconds in which a base reads one row, by workspace. The control is kept at as many label counts as fit
    beside the vectors, the middle one first: without it nothing is said about pre-training.
    """
    found: dict[str, dict[int, Reason]] = {}

    def leave_out(kind: str, space: str, size: int, reason: Reason) -> None:
        for one in entries:
            if (one.kind, one.space) == (kind, space):
                found.setdefault(one.name, {}).setdefault(size, reason)

    middle = reading.sizes[len(reading.sizes) // 2]
    for space, pace in paces.items():
        again = pace * FLIPPED * reading.test  # what the control reads at one label count
        all_of_it = pace * reading.once(max(reading.sizes)) + again * len(reading.sizes)
        fit = [size for size in reading.sizes if pace * reading.once(size) <= reading.budget]
        for size in reading.sizes:
            if size not in fit:
                reason = _slow_base(space, pace, reading.minutes(all_of_it))
                leave_out("pretrained", space, size, reason)
                leave_out("control", space, size, reason)
        once = pace * reading.once(max(fit, default=0))
        for number, size in enumerate(sorted(fit, key=lambda one: (one != middle, one)), start=1):
            if once + number * again > reading.budget:
                leave_out("control", space, size, _slow_control(space, pace, reading.minutes(all_of_it)))
    return found


def _slow_base(base: str, pace: float, minutes: int) -> Reason:
    return Reason(
        "slow_base",
        "{base} reads a row in about {pace} s: {draws} draws do not fit; with --minutes {minutes} they do",
        base=base,
        pace=f"{pace:.2g}",
        draws=FLIPPED,
        minutes=minutes,
    )


def _slow_control(base: str, pace: float, minutes: int) -> Reason:
    return Reason(
        "slow_control",
        "the network of {base} from random start reads all test rows for each of its models, in about {pace} s a row: "
        "{draws} draws do not fit; with --minutes {minutes} they do",
        base=base,
        pace=f"{pace:.2g}",
        draws=FLIPPED,
        minutes=minutes,
    )

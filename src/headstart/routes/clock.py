"""The seconds that a route was given, and how they are divided over what is still to come."""

from __future__ import annotations

import math
import time

CUT = "cut_by_clock"  # the note that tells whether a route would have gone on had it been given more
_LEAST = 0.1  # seconds that a part gets when nothing is left: what was begun ends with a step at least
_MOSTLY = 0.7  # of the last fit's time must be left for another


class Clock:
    """Runs from its making. seconds: None = no limit; fits: those that are to come, for `part`."""

    def __init__(self, seconds: float | None, fits: int = 1):
        self.seconds, self.fits = seconds, fits
        self._begun = self._last = time.monotonic()

    @property
    def used(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    @property
    def left(self) -> float:
        """Seconds to the end, below 0 after it; infinite without a limit."""
        return math.inf if self.seconds is None else self.seconds - self.used

    @property
    def out(self) -> bool:
        """Whether the time is used up."""
        return self.left <= 0

    @property
    def more(self) -> bool:
        """Whether another fit may be begun, if it takes as long as the last one, whatever that was given."""
        return self.left > max(0.0, _MOSTLY * (time.monotonic() - self._last))

    def share(self, part: float) -> float | None:
        """Return this part of what is left, a tenth of a second at least; None without a limit."""
        return None if self.seconds is None else max(part * self.left, _LEAST)

    def part(self) -> float | None:
        """Return the seconds of the next of the fits; what one leaves goes to the others."""
        self.fits, self._last = self.fits - 1, time.monotonic()
        return self.share(1 / (max(self.fits, 0) + 1))

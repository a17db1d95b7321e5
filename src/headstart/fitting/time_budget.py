"""The time budget of a route and its division over the fits that are still to come."""

from __future__ import annotations

import math
import time

CUT = "cut_by_clock"  # key of the note that tells whether more time would have changed the fit
_LEAST = 0.1  # seconds that a part gets when no time is left, enough for one step
_MOSTLY = 0.7  # share of the duration of the last fit that must be left for another fit


class Clock:
    """A clock that starts when it is made. seconds: None = no limit; fits: number of fits to come, for `part`."""

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
        """Whether the time left is enough for another fit that takes as long as the last fit."""
        return self.left > max(0.0, _MOSTLY * (time.monotonic() - self._last))

    def share(self, part: float) -> float | None:
        """Return this share of the seconds left, at least a tenth of a second; None without a limit."""
        return None if self.seconds is None else max(part * self.left, _LEAST)

    def part(self) -> float | None:
        """Return the seconds of the next fit; seconds that a fit leaves go to the later fits."""
        self.fits, self._last = self.fits - 1, time.monotonic()
        return self.share(1 / (max(self.fits, 0) + 1))

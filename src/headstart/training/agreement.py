"""What the ranks of a run decide together, once per step: targets, the clock of the first, whether to stop."""

from __future__ import annotations

import signal
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from headstart.core import ranks
from headstart.core.errors import HeadstartError

_MOST_TERMS = 8  # of a loss; the message has a fixed length
_NO_SIGNAL = 1_000  # stands for a stop that no signal asked for


@dataclass
class Stop:
    """Set `requested` (from a signal handler, say) and the loop saves and returns after the current step.

    armed: the loop is running, so that a request will be heard. reason: the name of the signal, if it was one.
    waited: seconds in which the loop could not go on, which are no training time.
    """

    requested: bool = False
    armed: bool = False
    reason: str = ""
    waited: float = 0.0


class Agreement:
    """seconds: of training so far, by the clock of the first rank; stopping: whether any rank was asked to stop.

    Alone, both are what they are now; with others, what they were when they last spoke. targets: of all ranks in the
    step, whatever term they are of.
    """

    def __init__(self, stop: Stop, before: float) -> None:
        """before: seconds of training before this fit."""
        self.stop = stop
        self._zero = time.monotonic() - before - stop.waited
        self._alone = ranks.world() == 1
        self._seconds, self._stopping = before, False
        self.targets = 0

    @property
    def seconds(self) -> float:
        """Seconds of training so far; all since the start counts, evaluations and saves too, but not `Stop.waited`."""
        return self._own if self._alone else self._seconds

    @property
    def _own(self) -> float:
        return time.monotonic() - self._zero - self.stop.waited

    @property
    def stopping(self) -> bool:
        """Whether to save and return."""
        return self.stop.requested if self._alone else self._stopping

    def meet(self) -> None:
        """Agree on the time and on stopping."""
        self.counts({})

    def counts(self, own: Mapping[str, int]) -> Mapping[str, int]:
        """Return the targets of each term of the loss over all ranks, and agree on the rest with the same message."""
        if self._alone:
            self.targets = sum(own.values())
            return own
        if len(own) > _MOST_TERMS:
            raise HeadstartError(f"a loss of {len(own)} terms on several processes: at most {_MOST_TERMS}")
        # Terms may differ from rank to rank (a share may lack one kind of target), so that each is told by its name.
        keys = {name: zlib.crc32(name.encode()) for name in own}
        told = [number for name, count in own.items() for number in (keys[name], count)]
        told += [0] * (2 * _MOST_TERMS - len(told))
        every = ranks.exchanged([self._own, _code(self.stop), *told])
        self._seconds = float(every[0, 0])
        self._heed(int(every[:, 1].max()))
        sums: dict[int, int] = {}
        for key, count in every[:, 2:].reshape(-1, 2).tolist():
            sums[int(key)] = sums.get(int(key), 0) + int(count)
        self.targets = sum(sums.values())
        return {name: sums[key] for name, key in keys.items()}

    def _heed(self, code: int) -> None:
        if code:
            self._stopping = self.stop.requested = True
            self.stop.reason = self.stop.reason or _reason(code)


def _code(stop: Stop) -> int:
    """Return 0, or the number of the signal by which this rank was asked to stop."""
    if not stop.requested:
        return 0
    return signal.Signals[stop.reason].value if stop.reason in signal.Signals.__members__ else _NO_SIGNAL


def _reason(code: int) -> str:
    return "" if code == _NO_SIGNAL else signal.Signals(code).name

"""Learning-rate schedule: the learning rate as a share of its peak, tied to the used share of the budget."""

from __future__ import annotations

_LEAST = 0.01  # share of the peak that the very first step has, so that it does something


def learning_rate_factor(progress: float, *, warmup: float, hold: float, final: float) -> float:
    """Return the learning rate at `progress` (0 to 1) as a share of its peak: warm-up, constant, linear to `final`.

    warmup, hold: shares of the budget at whose end the learning rate has risen, begins to fall.
    """
    if progress < warmup:
        return max(progress / warmup, _LEAST)
    start = max(hold, warmup)
    if progress <= start or start >= 1.0:
        return 1.0
    return 1.0 + (final - 1.0) * (progress - start) / (1.0 - start)

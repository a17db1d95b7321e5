"""How the held-out loss of a run went on towards its end, read from its metrics."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from headstart.training.metrics_file import METRICS, read_metrics

_BEFORE = 0.8  # of the progress: where the last fifth begins
_NEAR = 0.5  # an evaluation at this progress or later must lie before the last fifth


def held_out_fall(folder: Path) -> dict[str, float] | None:
    """Return the held-out loss at the start (`first`), where the last fifth begins (`before`) and at the end (`last`).

    `before` is read off the line between the evaluations around it. None where fewer than three were made, none of them
    near enough, or where the folder is no run.
    """
    found: dict[int, tuple[float, float]] = {}
    for event in read_metrics(folder / METRICS):
        if event.get("kind") == "evaluation" and math.isfinite(loss := event.get("loss", math.nan)):
            found[event["step"]] = event["progress"], loss
    points = [found[step] for step in sorted(found)]
    if len(points) < 3 or not any(_NEAR <= at <= _BEFORE for at, _ in points) or points[-1][0] < 1.0:
        return None
    progress, losses = map(list, zip(*points))
    return {"first": losses[0], "before": float(np.interp(_BEFORE, progress, losses)), "last": losses[-1]}

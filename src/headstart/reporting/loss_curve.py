"""The loss of a run while it was trained, as places in pixels: training loss as a line, held-out loss as dots."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from headstart.reporting.svg import Scale, nice_ticks
from headstart.training.metrics_file import METRICS, read_metrics

_WIDE, _HEIGHT, _RIGHT = 560.0, 240.0, 540.0
_MOST = 200  # places on the line


def loss_rows(folder: Path) -> list[dict[str, Any]]:
    """Return a row per logged step and evaluation of a run: kind, step, seconds, loss; [] where nothing was logged."""
    names = ("kind", "step", "seconds", "loss", "learning_rate")
    told = [event for event in read_metrics(folder / METRICS) if event.get("kind") in ("step", "evaluation")]
    return [{name: event.get(name) for name in names} for event in told]


def loss_curve(folder: Path) -> dict[str, Any] | None:
    """Return the places of a run's losses by step, or None where there are fewer than two."""
    rows = [row for row in loss_rows(folder) if row["loss"] is not None and math.isfinite(row["loss"])]
    trained, held = ([row for row in rows if row["kind"] == kind] for kind in ("step", "evaluation"))
    if len(trained) < 2:
        return None
    trained = [
        trained[place] for place in sorted({*range(0, len(trained), -(-len(trained) // _MOST)), len(trained) - 1})
    ]
    losses = [row["loss"] for row in (*trained, *held)]
    last = max(row["step"] for row in (*trained, *held))
    x, y = Scale(0, last, 44, _RIGHT), Scale(min(losses), max(losses), _HEIGHT - 44, 12)
    spots = [
        [(x(row["step"]), y(row["loss"]), f"{row['step']:,}: {row['loss']:.4g}") for row in part]
        for part in (trained, held)
    ]
    marks = [(x(tick), int(tick)) for tick in nice_ticks(0, last, 6) if tick == int(tick)]
    sizes = {"wide": _WIDE, "height": _HEIGHT, "right": _RIGHT}
    return sizes | {
        "y": y,
        "ticks": nice_ticks(y.low, y.high, 5),
        "marks": marks,
        "line": spots[0],
        "held_out": spots[1],
    }

"""The chart of probes by layer, as places in pixels: how well each layer reads, beside the vector that routes read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.reporting.number_text import with_interval
from headstart.reporting.svg import COLOURS, Scale, nice_ticks, shorten, spread

_WIDE, _HEIGHT, _RIGHT = 560.0, 300.0, 400.0


def layer_chart(told: Mapping[str, Any] | None, limits: tuple[float, float]) -> dict[str, Any] | None:
    """Return the lines of all bases; None without any. told: `facts["layers"]` of a study; limits: of the metric."""
    bases: Mapping[str, Sequence[Mapping[str, float]]] = dict(list((told or {}).get("bases", {}).items())[:COLOURS])
    if not bases:
        return None
    every = [value for scores in bases.values() for one in scores for value in (one["low"], one["high"])]
    deepest = int(max(one["layer"] for scores in bases.values() for one in scores))
    pad = max((max(every) - min(every)) * 0.05, 0.01)
    x = Scale(0, max(deepest, 1), 44, _RIGHT)
    y = Scale(max(min(every) - pad, 0.0), min(max(every) + pad, 1.0), _HEIGHT - 44, 12)
    lines = []
    for place, (name, scores) in enumerate(bases.items()):
        layers = [one for one in scores if one["layer"] >= 0]
        readout = next((one for one in scores if one["layer"] < 0), None)
        upper, lower = ([(x(one["layer"]), y(one[end])) for one in layers] for end in ("high", "low"))
        spots = [(x(one["layer"]), y(one["mean"]), f"{name}, {one['layer']}: {_said(one, limits)}") for one in layers]
        line = {"spots": spots, "band": [*upper, *reversed(lower)], "colour": f"var(--c{place})"}
        if readout:
            at = y(readout["mean"])
            line["readout"] = [(44, at, f"{name}: {_said(readout, limits)}"), (_RIGHT, at, "")]
        lines.append(line | {"label": shorten(name, _WIDE - _RIGHT - 34), "tip": spots[-1]})
    for line, at in zip(lines, spread([line["tip"][1] for line in lines], 15, 14, _HEIGHT - 46)):
        line["name_at"] = at
    marks = [(x(tick), int(tick)) for tick in nice_ticks(0, max(deepest, 1), 8) if tick == int(tick)]
    told_of = {"wide": _WIDE, "height": _HEIGHT, "right": _RIGHT, "y": y, "marks": marks, "lines": lines}
    return told_of | {"ticks": nice_ticks(y.low, y.high, 6)}


def _said(one: Mapping[str, float], limits: tuple[float, float]) -> str:
    return with_interval(one["mean"], one["low"], one["high"], limits)

"""The charts of a report as places in pixels, which templates/charts.html.j2 draws: curves, leads, calibration.

The entries that a verdict is about come first and have colours; where colours run out, entries are grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import number, signed_with_interval, with_interval
from headstart.reporting.phrases import counted
from headstart.reporting.svg import COLOURS, Scale, nice_ticks, shorten, spread, text_width
from headstart.statistics.analysis import EntrySummary, SizeTable
from headstart.statistics.calibration import Calibration
from headstart.statistics.forecast import ExpectedScore

WIDTH = 880.0
PANELS = 4  # label counts beside each other
TICK_ROOM = 38.0  # px between numbers on an axis
LARGER = 1.25  # letters on a small screen, for which there must be room
GREY = "var(--soft)"
DASHES = {"classical": "7 4", "control": "2 3", "majority": "1 5", "pretrained": "none"}
Spot = tuple[float, float]


class PlottedDifference(NamedTuple):
    """A difference with its interval; sure: whether the difference is claimed."""

    value: float
    low: float
    high: float
    sure: bool


def entry_styles(found: StudyFindings) -> dict[str, tuple[str, str]]:
    """Return (colour, dashes) of every entry but majority: first the telling ones, then by mean at the most labels."""
    kinds = {name: kind for name, kind in found.kinds.items() if kind != "majority"}
    names = list(dict.fromkeys([*(name for name in found.telling if name in kinds), *kinds]))
    colours = [f"var(--c{place})" if place < COLOURS else GREY for place in range(len(names))]
    return {name: (colour, DASHES[kinds[name]]) for name, colour in zip(names, colours)}


def few_names(found: StudyFindings) -> list[str]:
    """Return what the picture on top shows: the winner, and the best entry of each other kind, at the most labels."""
    first = {found.kinds[name]: name for name in reversed(found.telling)}
    return [name for name in found.telling if name in first.values()]


def _finite(*values: float) -> list[float]:
    return [value for value in values if value == value]


def _clipped(means: Sequence[float], ends: Sequence[float], limits: tuple[float, float]) -> tuple[float, float]:
    """Return the range of means and interval ends; ends far off the means are cut, so that the means stay apart.

    limits: worst and best value of the metric.
    """
    low, high, best = min(means), max(means), limits[1]
    room = max(0.6 * (high - low), 0.03 * best)
    values = [*means, *(min(max(end, low - room, limits[0]), high + room, best) for end in ends)]
    low, high = min(values), max(values)
    pad = max((high - low) * 0.04, 0.005 * best)
    pad += max(0.05 * best - (high - low) / 2 - pad, 0.0)  # a range of less than .1 would make much of little
    return low - pad, high + pad


def curve(found: StudyFindings, names: Sequence[str], wide: float = WIDTH) -> dict[str, Any] | None:
    """Return the label-efficiency curve of entries: means by label count with bands, forecast, and names at the ends.

    None where there are fewer than two label counts or none of the entries.
    """
    styles = {name: style for name, style in entry_styles(found).items() if name in names}
    tables, limits = found.analysis.tables, found.analysis.limits
    if not styles or len(tables) < 2:
        return None
    points = {name: [(size, t.entries[name]) for size, t in tables.items() if name in t.entries] for name in styles}
    beyond = {name: found.forecast.get(name, ()) if name in found.telling else () for name in styles}
    sizes, ahead = list(tables), sorted({one.labels for told in beyond.values() for one in told})
    shown = [entry for entries in points.values() for _, entry in entries]
    ends = [
        end for one in (*shown, *(e for told in beyond.values() for e in told)) for end in _finite(one.low, one.high)
    ]
    right = wide - min(LARGER * max(text_width(name) for name in styles) + 34, 0.36 * wide)
    height = max(0.52 * wide, 60 + 15.0 * len(styles))
    x = Scale(min(sizes) / 1.05, max(sizes + ahead) * 1.05, 44, right, log=True)
    y = Scale(*_clipped([entry.mean for entry in shown], ends, limits), height - 44, 12)
    lines = [_line(name, points[name], beyond[name], (x, y), limits) for name in styles]
    for one, at in zip(lines, spread([one["tip"][1] for one in lines], 15, 14, height - 46)):
        one |= {"colour": styles[one["name"]][0], "dashes": styles[one["name"]][1], "name_at": at}
        one["label"] = shorten(one["name"], (wide - right - 30) / LARGER)
    marks = list(zip(spread([x(size) for size in sizes + ahead], TICK_ROOM, 52, right), sizes + ahead))
    meet = found.outlook.crossover if found.outlook else None
    if meet and (meet.value is None or not {meet.first, meet.second} <= set(names)):
        meet = None
    told = {"wide": wide, "height": height, "right": right, "x": x, "y": y, "ticks": _ticks(y), "lines": lines}
    return told | {"marks": marks, "last": x(sizes[-1]) if ahead else None, "meet": meet}


def _ticks(y: Scale) -> list[float]:
    return nice_ticks(*sorted((y.low, y.high)), 7)


def _line(
    name: str,
    entries: Sequence[tuple[int, EntrySummary]],
    ahead: Sequence[ExpectedScore],
    axes: tuple[Scale, Scale],
    limits: tuple[float, float],
) -> dict[str, Any]:
    """Return the spots of an entry, what each says, and the outline of its interval; the same for its forecast."""
    x, y = axes

    def outline(spans: Sequence[tuple[int, EntrySummary | ExpectedScore]]) -> list[Spot]:
        upper = [(x(size), y.inside(one.high)) for size, one in spans]
        return upper + [(x(size), y.inside(one.low)) for size, one in reversed(spans)]

    def said(size: int, value: float, one: EntrySummary | ExpectedScore) -> tuple[float, float, str]:
        return x(size), y(value), f"{name}, {size:,}: {with_interval(value, one.low, one.high, limits)}"

    spots = [said(size, one.mean, one) for size, one in entries]
    further = [said(one.labels, one.value, one) for one in ahead]
    band = outline([(one.labels, one) for one in ahead])
    return {
        "name": name,
        "spots": spots,
        "band": outline([(size, one) for size, one in entries if one.low == one.low]),
        "ahead": further,
        "ahead_band": [spots[-1][:2], *band] if ahead else [],
        "tip": (further or spots)[-1],
    }


def paired(found: StudyFindings, language: str) -> dict[str, Any] | None:
    """Return leads over the best classical entry with their intervals, a panel per label count; None without any."""
    styles = entry_styles(found)
    panels = {counted(language, [size]): _leads(table) for size, table in found.analysis.tables.items()}
    names = [name for name in styles if any(name in spans for spans in panels.values())]
    return _forest(panels, {name: styles[name][0] for name in names}, found.analysis.limits)


def _leads(table: SizeTable) -> dict[str, PlottedDifference]:
    """Return the differences of all compared entries to the best classical entry, by entry name."""
    classical = table.best("classical")
    leads = {name: table.difference(name, classical.entry) for name in table.entries} if classical else {}
    return {
        name: PlottedDifference(one.value, one.low, one.high, one.claim != "undecided")
        for name, one in leads.items()
        if one
    }


def effects(found: StudyFindings, language: str) -> dict[str, Any] | None:
    """Return the effect of every change of an ablation, a panel per label count; None without any."""
    told = found.study.facts["ablation"]["effects"]
    panels: dict[str, dict[str, PlottedDifference]] = {}
    for one in told:
        span = PlottedDifference(one["value"], one["low"], one["high"], one["claim"] != "undecided")
        panels.setdefault(counted(language, [one["size"]]), {})[one["change"]] = span
    ordered = sorted(told, key=lambda one: (-one["size"], -one["value"]))
    return _forest(panels, dict.fromkeys((one["change"] for one in ordered), "var(--c0)"), found.analysis.limits)


def _forest(
    panels: Mapping[str, Mapping[str, PlottedDifference]], colours: Mapping[str, str], limits: tuple[float, float]
) -> dict[str, Any] | None:
    """Return named differences with their intervals around zero, `PANELS` panels in a row; limits: of the metric."""
    panels = {title: spans for title, spans in panels.items() if spans}
    if not panels:
        return None
    left = min(max(text_width(name) for name in colours) + 16, 280)
    every = [value for spans in panels.values() for span in spans.values() for value in span[:3]]
    most = max(0.02 * limits[1], 2 * max(abs(span.value) for spans in panels.values() for span in spans.values()))
    values = [min(max(value, -most), most) for value in _finite(*every, 0.0)]
    pad = max((max(values) - min(values)) * 0.06, 0.005 * limits[1])
    step = 24.0 if len(colours) <= 12 else 19.0
    across = -(-len(panels) // -(-len(panels) // PANELS))  # as even lines of panels as possible
    tall, width = 68 + step * len(colours), (WIDTH - left) / across
    out = []
    for place, (title, spans) in enumerate(panels.items()):
        top, start = place // across * (tall + 10), left + place % across * width
        x = Scale(min(values) - pad, max(values) + pad, start + 12, start + width - 12)
        ticks = nice_ticks(x.low, x.high, 5)
        apart = max(-(-TICK_ROOM * (len(ticks) - 1) // max(x(ticks[-1]) - x(ticks[0]), 1.0)), 1)  # written ones
        zero = ticks.index(0)
        lines = [
            {"name": shorten(name, left - 14), "y": top + 34 + step * (row + 0.5), "colour": colour, "span": span,
             "title": span and f"{name}: {signed_with_interval(*span[:3], limits)}"}
            for row, (name, colour) in enumerate(colours.items())
            for span in [spans.get(name)]
        ]  # fmt: skip
        marks = [(tick, (count - zero) % apart == 0) for count, tick in enumerate(ticks)]
        middle = start + width / 2
        out.append({"title": title, "top": top, "x": x, "marks": marks, "lines": lines, "middle": middle,
                    "first": place % across == 0})  # fmt: skip
    rows = -(-len(panels) // across)
    return {"wide": WIDTH, "height": (tall + 10) * rows, "tall": tall, "left": left, "panels": out}


def reliability(found: StudyFindings, shown: Sequence[Calibration]) -> dict[str, Any] | None:
    """Return reliability plots of up to three entries beside each other; None without any."""
    if not shown:
        return None
    styles, side, gap, panels = entry_styles(found), 230.0, 52.0, []
    low = max(0.0, int(min(min(one.confidence, one.right) for told in shown for one in told.bins) * 10) / 10)
    for place, told in enumerate(shown):
        left = 44 + place * (side + gap)
        x, y = Scale(low, 1.0, left, left + side), Scale(low, 1.0, 44 + side, 44)
        spots = [
            (x(one.confidence), y(one.right), f"{number(one.confidence)} → {number(one.right)}") for one in told.bins
        ]
        name, colour = shorten(told.entry, side + gap - 14), styles.get(told.entry, (GREY,))[0]
        panels.append({"told": told, "name": name, "left": left, "x": x, "y": y, "spots": spots, "colour": colour})
    told = {"wide": WIDTH, "height": 90 + side, "side": side, "low": low, "panels": panels, "size": shown[0].size}
    return told | {"ticks": _ticks(y), "across": nice_ticks(low, 1.0, 5)}

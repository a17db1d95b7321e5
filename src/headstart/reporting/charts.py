"""The charts of a report: score by labels with its forecast, leads, score and cost, calibration.

The entries that a verdict is about come first and have colours; where colours run out, entries are grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headstart.reporting.findings import StudyFindings
from headstart.reporting.number_text import number, places, signed, signed_with_interval, two_digits, with_interval
from headstart.reporting.phrases import counted, duration, phrase
from headstart.reporting.svg import (
    COLOURS,
    Box,
    Scale,
    dot,
    line,
    log_ticks,
    nice_ticks,
    path,
    picture,
    place_label,
    shorten,
    spread,
    text,
    text_width,
)
from headstart.statistics.analysis import EntrySummary, SizeTable
from headstart.statistics.calibration import Calibration
from headstart.statistics.forecast import ExpectedScore

WIDTH = 880.0
PANELS = 4  # label counts beside each other
TICK_ROOM = 38.0  # px between numbers on an axis
GREY = "var(--soft)"
DASHES = {"classical": "7 4", "control": "2 3", "majority": "1 5", "pretrained": "none"}


class PlottedDifference(NamedTuple):
    """A difference with its interval; sure: whether the difference is claimed."""

    value: float
    low: float
    high: float
    sure: bool


class Axes(NamedTuple):
    """The axes of the curve: label counts across, scores up; limits: worst and best value of the metric."""

    x: Scale
    y: Scale
    limits: tuple[float, float]


def entry_styles(found: StudyFindings) -> dict[str, tuple[str, str]]:
    """Return (colour, dashes) of every entry but majority: first the telling ones, then by mean at the most labels."""
    kinds: dict[str, str] = {}
    for table in reversed(found.analysis.tables.values()):
        kinds |= {
            entry.entry: entry.kind
            for entry in table.entries.values()
            if entry.entry not in kinds and entry.kind != "majority"
        }
    names = list(dict.fromkeys([*(name for name in found.telling if name in kinds), *kinds]))
    colours = [f"var(--c{place})" if place < COLOURS else GREY for place in range(len(names))]
    return {name: (colour, DASHES[kinds[name]]) for name, colour in zip(names, colours)}


def _finite(*values: float) -> list[float]:
    return [value for value in values if value == value]


def _range(values: list[float], best: float, room: float = 0.06) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max((high - low) * room, 0.005 * best)
    return low - pad, high + pad


def _clipped(means: Sequence[float], ends: Sequence[float], limits: tuple[float, float]) -> tuple[float, float]:
    """Return the range of means and interval ends; ends far off the means are cut, so that the means stay apart.

    limits: worst and best value of the metric.
    """
    low, high, best = min(means), max(means), limits[1]
    room = max(0.6 * (high - low), 0.03 * best)
    inside = [min(max(end, low - room, limits[0]), high + room, best) for end in ends]
    low, high = _range([*means, *inside], best, 0.04)
    short = max(0.05 * best - (high - low) / 2, 0.0)  # a range of less than .1 would make much of little
    return low - short, high + short


def _grid(y: Scale, left: float, right: float, best: float = 1.0) -> str:
    """Return lines and numbers of the scores; best: the best score of the metric."""
    out = []
    for tick in nice_ticks(*sorted((y.low, y.high)), 7):
        out.append(line(left, y(tick), right, y(tick), "grid"))
        out.append(text(left - 8, y(tick), number(tick, places(best) - 1), "end", "tick"))
    return "".join(out)


def curve(found: StudyFindings, language: str) -> str:
    """Return the label-efficiency curve: means by label count with bands, forecast and crossover, names at the ends."""
    styles, tables = entry_styles(found), found.analysis.tables
    if not styles or len(tables) < 2:
        return ""
    points = {name: [(size, t.entries[name]) for size, t in tables.items() if name in t.entries] for name in styles}
    expected = dict.fromkeys(one.entry for one in found.outlook.entries) if found.outlook else {}
    beyond = {name: found.forecast[name] for name in expected if name in found.forecast}
    sizes = list(tables)
    ahead = sorted({one.labels for told in beyond.values() for one in told})
    ends = [value for told in beyond.values() for one in told for value in (one.low, one.high)]
    shown = [entry for entries in points.values() for _, entry in entries]
    ends += [end for entry in shown for end in _finite(entry.low, entry.high)]
    limits = found.analysis.limits
    low, high = _clipped([entry.mean for entry in shown], ends, limits)
    right = WIDTH - min(max(text_width(name) for name in styles) + 40, 300)
    height = max(380.0, 60 + 15.0 * len(styles))
    x = Scale(min(sizes) / 1.05, max(sizes + ahead) * 1.05, 52, right, log=True)
    y = Scale(low, high, height - 44, 12)
    axes = Axes(x, y, limits)
    parts = (
        [
            f'<rect x="{x(sizes[-1]):.1f}" y="12" width="{right - x(sizes[-1]):.1f}" height="{height - 56:.1f}" '
            'class="shade"/>'
        ]
        if ahead
        else []
    )
    parts.append(_grid(y, 52, right, limits[1]))
    marks = spread([x(size) for size in sizes + ahead], 38, 60, right)
    parts += [text(at, height - 26, f"{size:,}", "middle", "tick") for at, size in zip(marks, sizes + ahead)]
    parts.append(text((52 + right) / 2, height - 8, phrase(language, "axis_labels"), "middle", "tick"))
    if ahead:
        parts.append(text((x(sizes[-1]) + right) / 2, 20, phrase(language, "forecast"), "middle", "tick"))
    parts += [_band(entries, axes, styles[name][0]) for name, entries in points.items() if styles[name][0] != GREY]
    parts += [_line_of(name, entries, axes, styles[name]) for name, entries in reversed(points.items())]
    parts += [_beyond(name, points[name][-1], told, axes, styles[name][0]) for name, told in beyond.items()]
    parts += _crossing(found, x, height - 44, language)
    tips = {name: (x(entries[-1][0]), y(entries[-1][1].mean)) for name, entries in points.items()}
    tips |= {name: (x(told[-1].labels), y(told[-1].value)) for name, told in beyond.items()}
    parts += _end_names(tips, styles, right, height)
    return picture(WIDTH, height, phrase(language, "curve"), parts)


def _band(entries: Sequence[tuple[int, EntrySummary]], axes: Axes, colour: str) -> str:
    x, y, _ = axes
    spans = [(x(size), entry) for size, entry in entries if entry.low == entry.low]
    if not spans:
        return ""
    upper = [(at, y.inside(entry.high)) for at, entry in spans]
    edge = upper + [(at, y.inside(entry.low)) for at, entry in reversed(spans)]
    if len(spans) > 1:
        return path(edge, "band", f"fill:{colour}", close=True)
    return line(*edge[0], *edge[1], "bar", f"stroke:{colour}")


def _line_of(name: str, entries: Sequence[tuple[int, EntrySummary]], axes: Axes, style: tuple[str, str]) -> str:
    (x, y, limits), (colour, dashes) = axes, style
    places = [(x(size), y(entry.mean)) for size, entry in entries]
    thin = ";stroke-width:1;opacity:.7" if colour == GREY else ""
    parts = [path(places, "curve", f"stroke:{colour};stroke-dasharray:{dashes}{thin}")]
    told = [f"{name}, {size:,}: {with_interval(entry.mean, entry.low, entry.high, limits)}" for size, entry in entries]
    radius = 2 if colour == GREY else 3
    return "".join(parts + [dot(*place, f"fill:{colour}", radius, title) for place, title in zip(places, told)])


def _beyond(name: str, last: tuple[int, EntrySummary], told: Sequence[ExpectedScore], axes: Axes, colour: str) -> str:
    """Return the forecast of an entry, from its last score on."""
    (x, y, limits), (start, entry) = axes, last
    middle = [(x(start), y(entry.mean)), *((x(one.labels), y(one.value)) for one in told)]
    upper = [(x(one.labels), y.inside(one.high)) for one in told]
    lower = [(x(one.labels), y.inside(one.low)) for one in reversed(told)]
    parts = [path([middle[0], *upper, *lower], "band", f"fill:{colour}", close=True)]
    parts.append(path(middle, "beyond", f"stroke:{colour}"))
    for place, one in zip(middle[1:], told):
        title = f"{name}, {one.labels:,}: {with_interval(one.value, one.low, one.high, limits)}"
        parts.append(dot(*place, f"fill:var(--paper);stroke:{colour};stroke-width:1.5", 3, title))
    return "".join(parts)


def _crossing(found: StudyFindings, x: Scale, bottom: float, language: str) -> list[str]:
    """Return a mark where two entries are expected to meet, with its interval on the axis."""
    meet = found.outlook.crossover if found.outlook else None
    if meet is None or meet.value is None:
        return []
    at, low, high = (x(min(value or meet.limit, meet.limit)) for value in (meet.value, meet.low, meet.high))
    return [
        line(at, 30, at, bottom, "front"),
        line(low, bottom, high, bottom, "bar", f"stroke:{GREY}"),
        text(at, 36, f"{phrase(language, 'meets')} {two_digits(meet.value)}", "middle", "tick halo"),
    ]


def _end_names(
    tips: Mapping[str, tuple[float, float]], styles: Mapping[str, tuple[str, str]], right: float, height: float
) -> list[str]:
    """Return the entries' names beside the picture, with thin lines to the ends of their curves."""
    parts = []
    for (name, (at, level)), place in zip(tips.items(), spread([tip[1] for tip in tips.values()], 15, 14, height - 46)):
        colour = styles[name][0]
        parts.append(line(at + 5, level, right + 22, place, "leader", f"stroke:{colour}"))
        parts.append(text(right + 26, place, shorten(name, WIDTH - right - 30), style=f"fill:{colour}"))
    return parts


def paired(found: StudyFindings, language: str) -> str:
    """Return leads over the best classical entry with their intervals, a panel per label count; '' without any."""
    styles = entry_styles(found)
    panels = {counted(language, [size]): _leads(table) for size, table in found.analysis.tables.items()}
    names = [name for name in styles if any(name in spans for spans in panels.values())]
    return _forest(panels, {name: styles[name][0] for name in names}, phrase(language, "paired"), found.analysis.limits)


def _leads(table: SizeTable) -> dict[str, PlottedDifference]:
    """Return the differences of all compared entries to the best classical entry, by entry name."""
    classical = table.best("classical")
    if classical is None:
        return {}
    leads = {name: table.difference(name, classical.entry) for name in table.entries if name != classical.entry}
    return {
        name: PlottedDifference(one.value, one.low, one.high, one.claim != "undecided")
        for name, one in leads.items()
        if one
    }


def effects(found: StudyFindings, language: str) -> str:
    """Return the effect of every change of an ablation, a panel per label count; '' without any."""
    told = found.study.facts["ablation"]["effects"]
    panels: dict[str, dict[str, PlottedDifference]] = {}
    for one in told:
        span = PlottedDifference(one["value"], one["low"], one["high"], one["claim"] != "undecided")
        panels.setdefault(counted(language, [one["size"]]), {})[one["change"]] = span
    last = sorted((one for one in told if one["size"] == told[-1]["size"]), key=lambda one: -one["value"])
    names = dict.fromkeys([*(one["change"] for one in last), *(one["change"] for one in told)])
    return _forest(panels, dict.fromkeys(names, "var(--c0)"), phrase(language, "effects"), found.analysis.limits)


def _forest(
    panels: Mapping[str, Mapping[str, PlottedDifference]],
    colours: Mapping[str, str],
    label: str,
    limits: tuple[float, float],
) -> str:
    """Return named differences with their intervals around zero, `PANELS` panels in a row; limits: of the metric."""
    best = limits[1]
    panels = {title: spans for title, spans in panels.items() if spans}
    if not panels:
        return ""
    left = min(max(text_width(name) for name in colours) + 16, 280)
    every = [value for spans in panels.values() for span in spans.values() for value in span[:3]]
    most = max(0.02 * best, 2 * max(abs(span.value) for spans in panels.values() for span in spans.values()))
    low, high = _range([min(max(value, -most), most) for value in _finite(*every, 0.0)], best)
    titles, step = list(panels), 24.0 if len(colours) <= 12 else 19.0
    across = -(-len(titles) // -(-len(titles) // PANELS))  # as even lines of panels as possible
    tall = 68 + step * len(colours)
    parts = []
    for place, title in enumerate(titles):
        above, column = divmod(place, across)
        top, width = above * (tall + 10), (WIDTH - left) / across
        heights = {name: top + 34 + step * (line_ + 0.5) for line_, name in enumerate(colours)}
        if column == 0:
            parts += [text(left - 10, at, shorten(name, left - 14), "end") for name, at in heights.items()]
        x = Scale(low, high, left + column * width + 12, left + (column + 1) * width - 12)
        parts.append(text(left + (column + 0.5) * width, top + 12, title, "middle", "strong"))
        ticks = nice_ticks(low, high, 5)
        apart = -(-TICK_ROOM * (len(ticks) - 1) // max(x(ticks[-1]) - x(ticks[0]), 1.0))  # written ones
        for count, tick in enumerate(ticks, -ticks.index(0)):
            parts.append(line(x(tick), top + 26, x(tick), top + tall - 30, "axis" if tick == 0 else "grid"))
            if count % max(apart, 1) == 0:
                parts.append(
                    text(x(tick), top + tall - 16, signed(tick, places(best) - 1) if tick else "0", "middle", "tick")
                )
        for name, span in panels[title].items():
            if span.low == span.low:
                ends = x.inside(span.low), x.inside(span.high)
                parts.append(line(ends[0], heights[name], ends[1], heights[name], "bar", f"stroke:{colours[name]}"))
            style = f"fill:{colours[name] if span.sure else 'var(--paper)'};stroke:{colours[name]};stroke-width:2"
            told = f"{name}: {signed_with_interval(*span[:3], limits)}"
            parts.append(dot(x(span.value), heights[name], style, 4.5, told))
    return picture(WIDTH, (tall + 10) * -(-len(titles) // across), label, parts)


def cost(found: StudyFindings, language: str) -> str:
    """Return score against seconds per model at the most labels; entries that no other beats in both are joined."""
    table, styles = found.last, entry_styles(found)
    entries = [table.entries[name] for name in styles if name in table.entries]
    if not entries:
        return ""
    times = {entry.entry: max(entry.seconds, 1e-3) for entry in entries}
    ends = [end for entry in entries for end in _finite(entry.low, entry.high) if styles[entry.entry][0] != GREY]
    limits = found.analysis.limits
    low, high = _clipped([entry.mean for entry in entries], ends, limits)
    first, last, height = min(times.values()) / 1.6, max(times.values()) * 1.6, 400.0
    x, y = Scale(first, last, 52, WIDTH - 12, log=True), Scale(low, high, height - 44, 12)
    parts = [_grid(y, 52, WIDTH - 12, limits[1])]
    for tick in log_ticks(first, last):
        parts.append(line(x(tick), 12, x(tick), height - 44, "grid"))
        parts.append(text(x(tick), height - 30, f"{tick:g}", "middle", "tick"))
    parts.append(text((52 + WIDTH) / 2, height - 9, phrase(language, "axis_seconds"), "middle", "tick"))
    places = {entry.entry: (x(times[entry.entry]), y(entry.mean)) for entry in entries}
    taken = [Box(px - 6, py - 6, px + 6, py + 6) for px, py in places.values()]
    best = found.fronts[table.size]
    parts.append(path([places[name] for name in best], "front"))
    for entry in sorted(entries, key=lambda entry: entry.entry not in best):
        (px, py), colour = places[entry.entry], styles[entry.entry][0]
        if entry.low == entry.low and colour != GREY:
            parts.append(line(px, y.inside(entry.low), px, y.inside(entry.high), "bar", f"stroke:{colour};opacity:.35"))
        score = with_interval(entry.mean, entry.low, entry.high, limits)
        told = f"{entry.entry}: {score}, {duration(language, entry.seconds)}"
        fill = colour if entry.entry in best else "var(--paper)"
        parts.append(dot(px, py, f"fill:{fill};stroke:{colour};stroke-width:2", 5, told))
        name = shorten(entry.entry, 240)
        if spot := place_label(px, py, name, taken, Box(54, 8, WIDTH - 4, height - 46)):
            if abs(spot[1] - py) > 10:
                parts.append(line(px, py, spot[0], spot[1], "leader", f"stroke:{colour}"))
            parts.append(text(spot[0], spot[1], name, spot[2], "halo", f"fill:{colour}"))
    return picture(WIDTH, height, phrase(language, "cost", labels=counted(language, [table.size])), parts)


def reliability(found: StudyFindings, shown: Sequence[Calibration], language: str) -> str:
    """Return reliability plots of up to three entries beside each other; '' without any."""
    if not shown:
        return ""
    styles, side, gap = entry_styles(found), 230.0, 52.0
    least = min(min(one.confidence, one.right) for told in shown for one in told.bins)
    low = max(0.0, int(least * 10) / 10)
    parts = []
    for place, told in enumerate(shown):
        left = 44 + place * (side + gap)
        x, y = Scale(low, 1.0, left, left + side), Scale(low, 1.0, 44 + side, 44)
        parts.append(text(left, 10, shorten(told.entry, side + gap - 14), kind="strong"))
        short = {"ece": number(told.ece), "error": with_interval(told.error, told.low, told.high)}
        parts.append(text(left, 28, phrase(language, "calibration_short", **short), kind="tick"))
        parts.append(_grid(y, left, left + side))
        for tick in nice_ticks(low, 1.0, 5):
            parts.append(line(x(tick), 44, x(tick), 44 + side, "grid"))
            parts.append(text(x(tick), 58 + side, f"{tick:.1f}".lstrip("0") if tick else "0", "middle", "tick"))
        parts.append(line(x(low), y(low), x(1.0), y(1.0), "axis"))
        colour = styles.get(told.entry, (GREY,))[0]
        spots = [(x(one.confidence), y(one.right)) for one in told.bins]
        parts.append(path(spots, "curve", f"stroke:{colour}"))
        for spot, one in zip(spots, told.bins):
            parts.append(dot(*spot, f"fill:{colour}", 3.5, f"{number(one.confidence)} → {number(one.right)}"))
        axes = f"{phrase(language, 'axis_confidence')} → {phrase(language, 'axis_right')} ↑"
        parts.append(text(left + side / 2, 76 + side, axes, "middle", "tick"))
    return picture(WIDTH, 90 + side, phrase(language, "calibration", labels=counted(language, [shown[0].size])), parts)

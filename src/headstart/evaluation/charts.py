"""The report's pictures: score by labels, lead over the best classical row, score and cost. Labels sit on the lines."""

from __future__ import annotations

from headstart.evaluation.analysis import Analysis, SizeTable
from headstart.evaluation.svg import (
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
from headstart.evaluation.words import counted, number, say, signed

WIDTH = 880.0
DASHES = {"classical": "7 4", "control": "2 3", "majority": "1 5", "pretrained": "none"}


def row_styles(analysis: Analysis) -> dict[str, tuple[str, str]]:
    """Return (colour, dashes) of every row, by name; the best row of the largest label count has the first colour."""
    names: dict[str, str] = {}
    for table in reversed(analysis.tables.values()):
        names |= {row.row: row.kind for row in table.rows.values() if row.row not in names}
    places = {name: place for place, name in enumerate(n for n, kind in names.items() if kind != "majority")}
    return {
        name: (f"var(--c{places[name] % COLOURS})" if name in places else "var(--soft)", DASHES[kind])
        for name, kind in names.items()
    }


def _finite(*values: float) -> list[float]:
    return [value for value in values if value == value]


def _range(values: list[float], room: float = 0.06) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max((high - low) * room, 0.005)
    return low - pad, high + pad


def curve(analysis: Analysis, language: str) -> str:
    """Return the label-efficiency curve: mean by label count with bands, names at the line ends."""
    styles = row_styles(analysis)
    sizes = list(analysis.tables)
    names = [name for name, (_, dashes) in styles.items() if dashes != DASHES["majority"]]
    if not names:
        return ""
    right = min(max(text_width(name) for name in names) + 40, 300)
    points = {name: [(s, t.rows[name]) for s, t in analysis.tables.items() if name in t.rows] for name in names}
    shown = [row for rows in points.values() for _, row in rows]
    low, high = _range([v for row in shown for v in _finite(row.mean, row.low, row.high)])
    height = max(360.0, 60 + 17.0 * len(names))
    x = Scale(min(sizes) / 1.05, max(sizes) * 1.05, 52, WIDTH - right, log=True)
    y = Scale(low, high, height - 44, 12)
    parts = [_grid(y, low, high, 52, WIDTH - right)]
    marks = spread([x(size) for size in sizes], 34, 60, WIDTH - right)
    parts += [text(place, height - 26, f"{size}", "middle", "tick") for place, size in zip(marks, sizes)]
    parts.append(text((52 + WIDTH - right) / 2, height - 8, say(language, "axis_labels"), "middle", "tick"))
    for name, rows in points.items():
        colour = styles[name][0]
        spans = [(x(size), row) for size, row in rows if row.low == row.low]
        edge = [(px, y(row.high)) for px, row in spans] + [(px, y(row.low)) for px, row in reversed(spans)]
        if len(spans) > 1:
            parts.append(path(edge, "band", f"fill:{colour}", close=True))
        elif len(spans) == 1:
            parts.append(line(*edge[0], *edge[1], "bar", f"stroke:{colour}"))
    for name, rows in points.items():
        colour, dashes = styles[name]
        places = [(x(size), y(row.mean)) for size, row in rows]
        parts.append(path(places, "curve", f"stroke:{colour};stroke-dasharray:{dashes}"))
        told = [f"{name}, {size}: {number(row.mean)} [{number(row.low)}, {number(row.high)}]" for size, row in rows]
        parts += [dot(px, py, f"fill:{colour}", 3, title) for (px, py), title in zip(places, told)]
    ends = [(x(rows[-1][0]), y(rows[-1][1].mean)) for rows in points.values()]
    heights = spread([end[1] for end in ends], 15, 14, height - 46)
    for name, (px, py), label in zip(points, ends, heights):
        colour = styles[name][0]
        parts.append(line(px + 5, py, WIDTH - right + 22, label, "leader", f"stroke:{colour}"))
        parts.append(text(WIDTH - right + 26, label, shorten(name, right - 30), style=f"fill:{colour}"))
    return picture(WIDTH, height, say(language, "curve"), parts)


def _grid(y: Scale, low: float, high: float, left: float, right: float) -> str:
    out = []
    for tick in nice_ticks(low, high, 7):
        out.append(line(left, y(tick), right, y(tick), "grid"))
        out.append(text(left - 8, y(tick), number(tick, 2), "end", "tick"))
    return "".join(out)


def paired(analysis: Analysis, language: str) -> str:
    """Return leads over the best classical row with their intervals, a panel per label count; '' when there is none."""
    leads = {size: _leads(table) for size, table in analysis.tables.items()}
    leads = {size: found for size, found in leads.items() if found}
    if not leads:
        return ""
    styles = row_styles(analysis)
    names = [name for name in styles if any(name in found for found in leads.values())]
    left = min(max(text_width(name) for name in names) + 16, 280)
    width, step = (WIDTH - left) / len(leads), 24.0
    height = 34 + step * len(names) + 34
    spans = [v for found in leads.values() for lead in found.values() for v in (lead.low, lead.high, lead.value)]
    low, high = _range(_finite(*spans, 0.0))
    rows = {name: 34 + step * (place + 0.5) for place, name in enumerate(names)}
    parts = [text(left - 10, py, shorten(name, left - 14), "end") for name, py in rows.items()]
    for place, (size, found) in enumerate(leads.items()):
        start = left + place * width
        x = Scale(low, high, start + 12, start + width - 12)
        parts.append(text(start + width / 2, 12, counted(language, [size]), "middle", "strong"))
        for tick in nice_ticks(low, high, max(3, int(width / 45))):
            parts.append(line(x(tick), 26, x(tick), height - 30, "axis" if tick == 0 else "grid"))
            parts.append(text(x(tick), height - 16, signed(tick, 2) if tick else "0", "middle", "tick"))
        for name, lead in found.items():
            colour = styles[name][0]
            told = f"{name}: {signed(lead.value)} [{signed(lead.low)}, {signed(lead.high)}]"
            if lead.low == lead.low:
                parts.append(line(x(lead.low), rows[name], x(lead.high), rows[name], "bar", f"stroke:{colour}"))
            fill = colour if lead.claim != "undecided" else "var(--paper)"
            parts.append(dot(x(lead.value), rows[name], f"fill:{fill};stroke:{colour};stroke-width:2", 4.5, told))
    return picture(WIDTH, height, say(language, "paired"), parts)


def _leads(table: SizeTable) -> dict:
    """Return the differences of all compared rows to the best classical row, by row name."""
    classical = table.best("classical")
    if classical is None:
        return {}
    found = {name: table.difference(name, classical.row) for name in table.rows if name != classical.row}
    return {name: lead for name, lead in found.items() if lead}


def cost(analysis: Analysis, language: str) -> str:
    """Return score against seconds per model at the largest label count."""
    size, table = max(analysis.tables.items())
    styles = row_styles(analysis)
    rows = [row for row in table.rows.values() if row.kind != "majority"]
    if not rows:
        return ""
    times = {row.row: max(row.seconds, 1e-3) for row in rows}
    low, high = _range([v for row in rows for v in _finite(row.mean, row.low, row.high)])
    first, last, height = min(times.values()) / 1.6, max(times.values()) * 1.6, 360.0
    x, y = Scale(first, last, 52, WIDTH - 12, log=True), Scale(low, high, height - 44, 12)
    parts = [_grid(y, low, high, 52, WIDTH - 12)]
    for tick in log_ticks(first, last):
        parts.append(line(x(tick), 12, x(tick), height - 44, "grid"))
        parts.append(text(x(tick), height - 30, f"{tick:g}", "middle", "tick"))
    parts.append(text((52 + WIDTH) / 2, height - 9, say(language, "axis_seconds"), "middle", "tick"))
    frame = Box(54, 8, WIDTH - 4, height - 46)
    places = {row.row: (x(times[row.row]), y(row.mean)) for row in rows}
    taken = [Box(px - 6, py - 6, px + 6, py + 6) for px, py in places.values()]
    for row in rows:
        (px, py), colour = places[row.row], styles[row.row][0]
        if row.low == row.low:
            parts.append(line(px, y(row.low), px, y(row.high), "bar", f"stroke:{colour};opacity:.45"))
        told = f"{row.row}: {number(row.mean)}, {row.seconds:.1f} s"
        parts.append(dot(px, py, f"fill:{colour};stroke:var(--paper)", 5, told))
        if spot := place_label(px, py, shorten(row.row, 240), taken, frame):
            if abs(spot[1] - py) > 10:
                parts.append(line(px, py, spot[0], spot[1], "leader", f"stroke:{colour}"))
            parts.append(text(spot[0], spot[1], shorten(row.row, 240), spot[2], "halo", f"fill:{colour}"))
    return picture(WIDTH, height, say(language, "cost", labels=counted(language, [size])), parts)

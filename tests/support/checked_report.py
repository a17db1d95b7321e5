"""What no report may say: numbers outside of their bounds, sentences that contradict the table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from headstart.comparing.verdict import MARGIN
from headstart.core import registry
from headstart.reporting.number_text import listed
from headstart.reporting.phrases import counted, phrase
from headstart.statistics.analysis import ALPHA, FLIPPED
from headstart.statistics.intervals import SPREAD

_EPS = 1e-9
_NO_NUMBER = re.compile(r"(?<![\w.])(nan|inf|-inf|None|null|True|False)(?![\w])")
_PER_CENT = re.compile(r"(\d[\d,.]*) ?%")


def faults(data: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a report: its JSON data, and what a reader sees, by language."""
    metric = registry.load("metric", data["metric"]["name"])()
    low, high = metric.limits
    return [
        *_numbers(data, low, high),
        *_claims(data),
        *_worth(data),
        *(fault for language, text in texts.items() for fault in _words(data, text, language)),
    ]


def _numbers(data: Mapping[str, Any], low: float, high: float) -> Iterator[str]:
    most = high - low
    for table in data["sizes"]:
        for one in table["entries"]:
            where = f"{one['entry']}, {table['labels']} labels"
            yield from _span(where, one["mean"], one["low"], one["high"], low, high, len(one["scores"]))
            yield from _within(f"gain of {where}", one["gain"], -most, most)
            yield from _within(f"p of {where}", one["p_learned"], 0.0, 1.0)
        for one in table["pairs"]:
            where = f"{one['first']} - {one['second']}, {table['labels']} labels"
            yield from _span(where, one["value"], one["low"], one["high"], -most, most, one["draws"])
            ends = one["unadjusted_low"], one["unadjusted_high"]
            yield from _span(f"{where}, plain", one["value"], *ends, -most, most, one["draws"])
            yield from _within(f"p of {where}", one["p_holm"], 0.0, 1.0)
    draws = {table["labels"]: len(table["draws"]) for table in data["sizes"]}
    for told in data["forecast"].values():
        for one in told:
            yield from _span(f"forecast of {one['entry']}", one["value"], one["low"], one["high"], low, high, SPREAD)
    for one in data["calibration"]:
        where = f"calibration of {one['entry']}"
        yield from _span(where, one["error"], one["low"], one["high"], 0.0, 1.0, one["draws"])
        for name in ("ece", "brier", "confidence"):
            yield from _within(f"{name}, {where}", one[name], 0.0, 1.0)
    for one in data["slices"]["scores"]:
        limits = (0.0, 1.0) if one["kind"] == "class" else (low, high)
        where, count = f"slice {one['slice']} of {one['entry']}", draws[one["size"]]
        yield from _span(where, one["mean"], one["low"], one["high"], *limits, count)
        yield from _span(f"gap of {where}", one["gap"], one["gap_low"], one["gap_high"], -most, most, count, need=False)
        if one["p"] <= ALPHA and count < FLIPPED:
            yield f"{where}: a claim from {count} draws"
    for one in data["verdicts"]:
        if plan := one["plan"]:
            values = [plan["value"], *plan["by_draws"].values(), *plan["by_rows"].values()]
            for value in values:
                yield from _within(f"detectable at {one['size']} labels", value, 0.0, most)


def _span(
    where: str, value: float, start: float | None, end: float | None, low: float, high: float, draws: int, need=True
) -> Iterator[str]:
    yield from _within(where, value, low, high)
    if (start is None) != (end is None):
        yield f"{where}: half an interval"
    if start is None or end is None:
        return
    if draws < SPREAD:
        yield f"{where}: an interval from {draws} draws"
    if not start - _EPS <= value <= end + _EPS:
        yield f"{where}: {value} outside of its interval [{start}, {end}]"
    if not (low - _EPS <= start and end <= high + _EPS):
        yield f"{where}: interval [{start}, {end}] outside of [{low}, {high}]"
    if need and end - start <= 0:
        yield f"{where}: an interval without width"


def _within(where: str, value: float | None, low: float, high: float) -> Iterator[str]:
    if value is not None and not low - _EPS <= value <= high + _EPS:
        yield f"{where}: {value} outside of [{low}, {high}]"


def _claims(data: Mapping[str, Any]) -> Iterator[str]:
    for table in data["sizes"]:
        for one in table["pairs"]:
            if one["claim"] == "undecided":
                continue
            where = f"{one['first']} - {one['second']}, {table['labels']} labels"
            if one["draws"] < FLIPPED:
                yield f"{where}: a claim from {one['draws']} draws"
            if not (one["low"] > 0 if one["claim"] == "better" else one["high"] < 0):
                yield f"{where}: {one['claim']} with [{one['low']}, {one['high']}]"
            if one["asked"] is False:
                yield f"{where}: a claim that nobody asked for"


def _worth(data: Mapping[str, Any]) -> Iterator[str]:
    unit = registry.load("metric", data["metric"]["name"])().limits[1]
    for one in data["verdicts"]:
        worth, where = one["worth"], f"{one['size']} labels"
        leads = [lead for lead in (worth["classical"], worth["control"]) if lead]
        if worth["outcome"] == "worth" and (len(leads) < 2 or any(lead["low"] <= 0 for lead in leads)):
            yield f"{where}: worth it although a lead's interval reaches zero"
        if worth["outcome"] == "not_worth" and not any(
            lead["high"] < MARGIN * unit and lead["draws"] >= FLIPPED for lead in leads
        ):
            yield f"{where}: not worth it although every lead may be above the margin"
        if told := one["labels"]:
            fewest, most = told["measured"]
            value = {"below": fewest, "above": most, "within": told["value"]}[told["side"]]
            start, end = told["low"] or -math.inf, told["high"] or math.inf
            if not start - _EPS <= value <= end + _EPS:
                yield f"{where}: worth {told['side']} {told['value']} outside of [{told['low']}, {told['high']}]"


def _words(data: Mapping[str, Any], text: str, language: str) -> Iterator[str]:
    for found in _NO_NUMBER.findall(text):
        yield f"{language}: '{found}' in the words"
    for share in _PER_CENT.findall(text):
        if float(share.replace(",", "").rstrip(".")) > 100:
            yield f"{language}: {share} %"
    paragraphs = dict(zip([one["size"] for one in data["verdicts"]], data["verdict"][language][1:]))
    tables = {table["labels"]: table for table in data["sizes"]}
    for one in data["verdicts"]:
        words, table = paragraphs[one["size"]], tables[one["size"]]
        entries = {entry["entry"]: entry for entry in table["entries"]}
        few = len(table["draws"]) < FLIPPED
        for name in entries:
            used = phrase(language, "use", entry=name, score="\0").partition("\0")[0]
            if words.startswith(used) and (few or not entries[name]["learned"] or name != one["best"]):
                yield f"{language}: {used!r} at {one['size']} labels, which is not shown"
        said = phrase(language, f"size_{one['worth']['outcome']}") if one["worth"]["outcome"] != "none" else None
        for outcome in ("worth", "not_worth", "undecided"):
            told = phrase(language, f"size_{outcome}")
            if (told in words) != (told == said):
                yield f"{language}: {told!r} at {one['size']} labels, where the outcome is {one['worth']['outcome']}"
        if one["peers"] and phrase(language, "peers", entries=listed(one["peers"])) not in words:
            yield f"{language}: the peers at {one['size']} labels are not named"
        for peer in one["peers"]:
            pair = next(p for p in table["pairs"] if {p["first"], p["second"]} == {one["best"], peer})
            if pair["claim"] != "undecided":
                yield f"{language}: {peer} 'cannot be told apart' beside a claim"
        for name in one["unlearned"]:
            if entries[name]["learned"] or entries[name]["gain_high"] is None:
                yield f"{language}: {name} did not learn, and the table shows that it did or nothing"
        for name in one["unshown"]:
            if entries[name]["learned"] or few:
                yield f"{language}: {name} is not shown at {one['size']} labels, but it is, or no verdict is due"
    first = data["verdict"][language][0]
    for outcome in ("worth", "not_worth", "undecided"):
        sizes = [one["size"] for one in data["verdicts"] if one["worth"]["outcome"] == outcome]
        told = phrase(language, f"headline_{outcome}", labels=counted(language, sizes)) if sizes else None
        if told and told not in first:
            yield f"{language}: the headline lacks {told!r}"

"""Fills the templates: pages that open offline, print, and follow light or dark setting."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context

from headstart.core.item_nouns import one_item, some_items
from headstart.core.spoken import spoken_word
from headstart.reporting import number_text
from headstart.reporting.phrases import counted, duration, named, phrase
from headstart.reporting.reason_phrases import reason_text


@lru_cache
def _environment() -> Environment:
    """Return what compiles the templates; what they are given is escaped, and a name that they lack is an error."""
    loader = PackageLoader("headstart.reporting", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["words"] = pass_context(lambda context, value: as_words(value, context["word"]))
    made.filters |= {"png": lambda data: base64.b64encode(data).decode()}
    made.filters |= {"thousands": lambda count: f"{count:,}", "tenths": lambda value: f"{value:.1f}"}
    made.filters["reason"] = pass_context(lambda context, told: reason_text(context["language"], told))
    made.filters["labelled"] = pass_context(lambda context, size: context["some_labels"](size))
    for name in ("percent", "percent_tenths", "listed", "number", "two_digits", "with_interval"):
        made.filters[name] = getattr(number_text, name)
    return made


def fill(template: str, language: str, limits: tuple[float, float] = (0.0, 1.0), **values: Any) -> str:
    """Return the page that a template makes of `values`.

    limits: worst and best value of the metric; `score`, `span`, `gap` and `figure` write values of the metric.
    """
    digits = number_text.places(limits[1])
    told: dict[str, Any] = {
        name: partial(function, language)
        for name, function in (("t", phrase), ("counted", counted), ("duration", duration), ("named", named))
    }
    told |= {"word": partial(spoken_word, into=language)}
    told |= {"some_labels": lambda size: counted(language, [size])}
    told |= {"one_item": partial(one_item, language=language), "some_items": partial(some_items, language=language)}
    told |= {
        "figure": lambda value: number_text.number(value, digits),
        "coarse": lambda tick, plus=False: (number_text.signed if plus else number_text.number)(tick, digits - 1),
        "span": lambda one: number_text.with_interval(one.mean, one.low, one.high, limits).partition(" ")[2] or "–",
        "score": lambda *told: number_text.with_interval(*told, limits),
        "gap": lambda *told: number_text.signed_with_interval(*told, limits),
    }
    page = _environment().get_template(template).render(language=language, limits=limits, **told, **values)
    return page.strip() + "\n"


def as_words(value: Any, word: Callable[[str], str] = str) -> str:
    """Return JSON data as words. word: how a name is told."""
    if isinstance(value, Mapping):
        return ", ".join(f"{word(name)} {as_words(inner, word)}" for name, inner in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(as_words(one, word) for one in value) or "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)

"""The JSON Schema of report.json, built from the data classes that it holds; `docs/report-schema.json` is its copy.

Scores and their differences are in units of the metric, times in seconds, labels and rows in numbers of rows. What has
no value is null. An undocumented key is an error.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from headstart.comparing.cross import Crossing
from headstart.comparing.target import Target
from headstart.comparing.verdict import Outlook, SizeVerdict
from headstart.core.migration import FORMAT
from headstart.reporting.findings import EntryCost
from headstart.reporting.phrases import LANGUAGES
from headstart.reporting.schema_words import WORDS
from headstart.statistics.analysis import Difference, EntrySummary
from headstart.statistics.calibration import Calibration
from headstart.statistics.confusion import Confusion
from headstart.statistics.forecast import ExpectedScore
from headstart.statistics.mistakes import Mistake
from headstart.statistics.slices import Slices
from headstart.statistics.study import EntryFacts, Look, Question

_PLAIN = {int: "integer", str: "string", bool: "boolean", float: ["number", "null"], type(None): "null"}
_CLAIM = {"enum": ["better", "worse", "undecided"]}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_OPEN = {"type": "object"}  # settings, notes and receipts: their keys are those of the choices they are of


def report_schema() -> dict[str, Any]:
    """Return the schema of report.json, of compare and ablate or of cross, as JSON data (draft 2020-12)."""
    made = _Schema()
    comparison, crossing = made.comparison(), made.crossing()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "report.json of headstart",
        "description": __doc__.split("\n\n")[1].replace("\n", " ").strip(),
        "oneOf": [comparison, crossing],
        "$defs": made.definitions,
    }


class _Schema:
    """definitions: by name of the data class."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type hint."""
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        if dataclasses.is_dataclass(kind):
            return self.named(kind)
        if origin is Literal:
            return {"enum": list(inner)}
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in inner]}
        if origin in (list, tuple, Sequence):
            return {"type": "array", "items": self.of(inner[0])}
        if origin in (dict, Mapping):
            return _by_name(self.of(inner[1]))
        if isinstance(kind, type) and issubclass(kind, tuple):  # a NamedTuple is a list in JSON
            return {"type": "array"}
        return {}

    def named(self, kind: type, **more: dict[str, Any]) -> dict[str, Any]:
        """Return a reference to the definition of a data class; more: keys that JSON has besides its fields."""
        if kind.__name__ not in self.definitions:
            self.definitions[kind.__name__] = {}  # a class may hold itself
            fields = {name: self.of(hint) for name, hint in typing.get_type_hints(kind).items()}
            self.definitions[kind.__name__] = _object(fields | more, f"{kind.__name__}.")
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def reason(self) -> dict[str, Any]:
        """Return the schema of a reason."""
        self.definitions["Reason"] = _object(
            {"code": {"type": "string"}, "text": {"type": "string"}, "values": _OPEN}, "Reason."
        )
        return {"$ref": "#/$defs/Reason"}

    def cell(self, **more: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a cell without its answers."""
        number, seconds = {"type": "integer"}, {"type": ["number", "null"]}
        fields = {"entry": {"type": "string"}, "size": number, "draw": number, "score": seconds, "seconds": seconds}
        return _object(fields | {"allowed": seconds, "notes": _OPEN, "receipt": _OPEN} | more, "Cell.")

    def comparison(self) -> dict[str, Any]:
        """Return the schema of a report of compare or ablate."""
        entry = self.named(EntrySummary, learned={"type": "boolean"})
        pair, number, score = self.named(Difference), {"type": "integer"}, {"type": ["number", "null"]}
        size = {
            "labels": number,
            "draws": {"type": "array", "items": number},
            "overlap": score,
            "entries": _list(entry),
            "pairs": _list({"allOf": [pair]}),
        }
        self.definitions["Difference"]["properties"]["claim"] = _CLAIM | {"description": WORDS["Difference.claim"]}
        told = dict.fromkeys(LANGUAGES, _TEXTS)
        return _object(
            {
                "format": {"const": FORMAT},
                "task": {"type": "string"},
                "metric": _OPEN,
                "classes": _TEXTS,
                "facts": _OPEN,
                "stopped": {"enum": [None, "time", "interrupted"]},
                "verdict": _object(told, "languages."),
                "verdicts": _list(self.of(SizeVerdict)),
                "constant": _object({"class": {"type": "string"}, "score": score}, "constant."),
                "entries": _list(self.of(EntryFacts)),
                "failures": _by_name(_by_name(self.reason())),
                "sizes": _list(_object(size, "sizes.")),
                "cells": _list(self.cell()),
                "notes": _by_name(_by_name(_OPEN)),
                "forecast": _by_name(_list(self.of(ExpectedScore))),
                "outlook": self.of(Outlook | None),
                "target": self.of(Target | None),
                "questions": _by_name(self.of(Question)),
                "levels": _by_name({"type": "number"}),
                "looks": _list(self.of(Look)),
                "calibration": _list(self.of(Calibration)),
                "slices": self.of(Slices),
                "confusion": {
                    "anyOf": [self.of(Confusion), {"type": "object", "properties": {"entry": {"const": None}}}]
                },
                "mistakes": _list(self.of(Mistake)),
                "fronts": _by_name(_TEXTS),
                "costs": _list(self.of(EntryCost)),
                "caveats": _object(told, "languages."),
            },
            "",
            optional=("claim",),
        )

    def crossing(self) -> dict[str, Any]:
        """Return the schema of a report of cross."""
        shared = {"trained": {"type": "string"}, "tested": {"type": "string"}, "rows": {"type": "integer"}}
        return _object(
            {
                "format": {"const": FORMAT},
                "kind": {"const": "cross"},
                "parts": _by_name(_OPEN),
                "stopped": {"enum": [None, "time", "interrupted"]},
                "crossings": _list(self.of(Crossing)),
                "failures": _by_name(_by_name(_by_name(self.reason()))),
                "cells": _list(self.cell(trained={"type": "string"})),
                "shared": _list(_object(shared, "shared.")),
                "sentences": _object(dict.fromkeys(LANGUAGES, _TEXTS), "languages."),
            },
            "cross.",
        )


def _object(fields: Mapping[str, dict[str, Any]], place: str, optional: Sequence[str] = ()) -> dict[str, Any]:
    """Return an object with these keys and no other; every key has its words, its own or those of the name."""
    properties = {
        name: one | {"description": WORDS[place + name] if place + name in WORDS else WORDS[name]}
        for name, one in fields.items()
    }
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _by_name(value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


if __name__ == "__main__":
    print(json.dumps(report_schema(), indent=1))

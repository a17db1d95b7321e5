"""Rows as annotation tools export them: what they wrap is unwrapped, and what was not accepted is no label.

Prodigy: `answer` says whether a row was accepted; choices are ids in `accept`. Label Studio: the texts lie in `data`,
the results in `annotations`, by the name of what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_ANSWERS = ("accept", "reject", "ignore")
_OWN = ("tokens", "options", "accept", "meta", "config")  # of Prodigy, none of them a label
_GIVEN = ("label", "spans", "relations")  # what an annotator of Prodigy accepts
_NUMBERS = ("rating", "number")
_SPANS = ("labels", "hypertextlabels")


def asked_names(rows: Sequence[Any]) -> dict[str, bool]:
    """Return the names of what Label Studio asked in these rows, and whether the answers are spans."""
    found: dict[str, bool] = {}
    for row in rows:
        given = row.get("annotations") if isinstance(row, dict) and isinstance(row.get("data"), dict) else None
        for one in given if isinstance(given, list) else ():
            results = one.get("result") if isinstance(one, dict) else None
            for result in results if isinstance(results, list) else ():
                if isinstance(result, dict):
                    found[str(result.get("from_name", "label"))] = result.get("type") in _SPANS
    return found


def plain_row(
    row: dict[str, Any], note: Callable[[str], None], asked: Mapping[str, bool] | None = None
) -> dict[str, Any]:
    """Return the row of a table that an exported row stands for; any other row as it is.

    note: takes what was done. asked: `asked_names` of the whole export; a row that nobody annotated has none of these,
    and one that was annotated without a span has no span.
    """
    if row.get("answer") in _ANSWERS and ("_task_hash" in row or "_input_hash" in row):
        return _of_prodigy(row, note)
    if isinstance(row.get("data"), dict) and isinstance(row.get("annotations", row.get("completions")), list):
        return _of_label_studio(row, note, asked or {})
    return row


def _of_prodigy(row: dict[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    kept = {name: cell for name, cell in row.items() if name not in _OWN and not name.startswith("_")}
    if row["answer"] != "accept":
        note("rows of Prodigy that were not accepted have no label")
        return {name: cell for name, cell in kept.items() if name not in _GIVEN}
    if isinstance(row.get("accept"), list):
        kept["label"] = _one_or_all(row["accept"])
    return kept


def _of_label_studio(row: dict[str, Any], note: Callable[[str], None], asked: Mapping[str, bool]) -> dict[str, Any]:
    data = {name: cell for name, cell in row["data"].items() if name not in asked}
    given = [one for one in row.get("annotations", row.get("completions")) if isinstance(one, dict)]
    sound = [one for one in given if not one.get("was_cancelled") and isinstance(one.get("result"), list)]
    note("rows of Label Studio: data, and results by the name of what was asked")
    if len(sound) > 1:
        note("rows with several annotations: the one marked as the truth is taken, else the first")
    if not sound:
        return data
    chosen = next((one for one in sound if one.get("ground_truth")), sound[0])
    return data | {name: [] for name, spans in asked.items() if spans} | _results(chosen["result"])


def _results(results: list[Any]) -> dict[str, Any]:
    """Return the answers by the name of what was asked: classes, numbers, texts, or lists of spans."""
    found: dict[str, Any] = {}
    for one in results:
        if not isinstance(one, dict) or not isinstance(one.get("value"), dict):
            continue
        name, kind, value = str(one.get("from_name", "label")), one.get("type"), one["value"]
        if kind == "choices":  # of several parts of a text each
            before = found.get(name, [])
            if not isinstance(before, _Choices):
                before = found[name] = _Choices.fromkeys(before if isinstance(before, list) else [before])
            before.update(dict.fromkeys(value.get("choices", [])))
        elif kind in _NUMBERS:
            found[name] = value.get(kind)
        elif kind == "textarea":
            found[name] = _one_or_all(value.get("text", []))
        elif kind in _SPANS:
            if not isinstance(found.get(name), list):
                found[name] = []
            found[name].append({"labels": value.get(kind), **value})
    return {name: _one_or_all(list(one)) if isinstance(one, _Choices) else one for name, one in found.items()}


class _Choices(dict[Any, None]):
    """Choices in their order, each once."""


def _one_or_all(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def trained_pairs(value: Any) -> list[dict[str, Any]] | None:
    """Return rows of pairs [text, {"entities" or "cats": ...}], as spaCy 2 trains on and its annotators export.

    Such a list lies alone, or under `annotations` beside the `classes`; empty entries are left out. None: no such list.
    """
    if isinstance(value, dict) and isinstance(value.get("annotations"), list) and "classes" in value:
        value = [one for one in value["annotations"] if one]
    if not isinstance(value, list) or not value:
        return None
    rows = []
    for one in value:
        if (row := _pair(one)) is None:
            return None
        rows.append(row)
    return rows


def _pair(one: Any) -> dict[str, Any] | None:
    if not isinstance(one, list) or len(one) != 2 or not isinstance(one[0], str) or not isinstance(one[1], dict):
        return None
    row: dict[str, Any] = {"text": one[0]}
    if "entities" in one[1]:
        row["entities"] = one[1]["entities"]
    if isinstance(cats := one[1].get("cats"), dict):
        row["label"] = _one_or_all([name for name, share in cats.items() if share and share >= 0.5])
    return row if len(row) > 1 else None

"""Spans and answers in the cells of tables, in the forms in which annotation tools and data sets write them.

Where a cell says what a span covers, its offsets are checked against the text, and read as they must have been meant:
ends that are inclusive, code units of UTF-16 (Java, JavaScript), bytes of UTF-8. Nothing is shifted in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import Gathered, Guess, Unusable, read_labelled

_START = ("start", "begin", "start_offset", "startOffset", "start_char", "answer_start", "start_index")
_END = ("end", "stop", "end_offset", "endOffset", "end_char", "end_index")
_LABEL = ("label", "labels", "type", "entity", "entity_group", "entity_type", "tag", "category")
_COVERED = ("text", "word", "surface", "form", "mention", "value", "span_text")
_HOLDERS = ("entities", "spans", "labels", "annotations", "result", "label", "ents")  # of a list inside an object


class FoundSpan(NamedTuple):
    """start, end: as they are written; end None: not given. covered: the text that the span is said to cover, or ''."""

    start: int
    end: int | None
    label: str
    covered: str


class Reading(NamedTuple):
    """name: for messages, empty for the usual one. places(text, start, end) -> (start, end) in characters."""

    name: str
    places: Callable[[str, int, int], tuple[int, int]]


def _in_units(codec: str, size: int) -> Callable[[str, int, int], tuple[int, int]]:
    def places(text: str, start: int, end: int) -> tuple[int, int]:
        data = text.encode(codec)
        return tuple(len(data[: size * place].decode(codec, "ignore")) for place in (start, end))

    return places


_READINGS = (
    Reading("", lambda text, start, end: (start, end)),
    Reading("ends are inclusive", lambda text, start, end: (start, end + 1)),
    Reading("offsets count code units of UTF-16", _in_units("utf-16-le", 2)),
    Reading("offsets count bytes of UTF-8", _in_units("utf-8", 1)),
    Reading("offsets count from 1, ends are inclusive", lambda text, start, end: (start - 1, end)),
)


def span_items(value: Any) -> list[FoundSpan] | None:
    """Return the spans in a cell, labels in it; None where it holds no known form of a list of spans."""
    items = _listed(value)
    if items is None:
        return None
    found = [_span(item) for item in items]
    return None if any(one is None for one in found) else found


def answer_items(value: Any) -> list[FoundSpan] | None:
    """Return the answers in a cell, without labels; None where it holds no known form of a list of answers.

    Besides lists of objects: {"text": [...], "answer_start": [...]}, as `datasets` writes SQuAD, and one object alone.
    """
    if isinstance(value, dict) and "text" in value and any(name in value for name in _START):
        start = value[next(name for name in _START if name in value)]
        if isinstance(value["text"], list) and isinstance(start, list) and len(value["text"]) == len(start):
            value = [{"text": text, "start": place} for text, place in zip(value["text"], start)]
            value = [one for one in value if not (one["text"] == "" and one["start"] in (-1, 0))]  # no answer
        else:
            value = [] if value["text"] == "" and start == -1 else [value]
    if not isinstance(value, list):
        return None
    found = []
    for item in value:
        start = _first(item, _START) if isinstance(item, dict) and not any(name in item for name in _LABEL) else None
        if not _is_place(start) or not isinstance(item.get("text"), str):
            return None
        found.append(FoundSpan(start, None, "", item["text"]))
    return found


def placed(spans: Sequence[FoundSpan], text: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return (start, end, label) of spans in characters of the text, and how their offsets were read, '' as usual.

    Raises Unusable: a span that does not hold what it is said to cover, beyond the text.
    """
    whole = [span._replace(end=span.start + len(span.covered) if span.end is None else span.end) for span in spans]
    checked = [span for span in whole if span.covered]
    for reading in _READINGS if checked else _READINGS[:1]:
        if "inclusive" in reading.name and any(span.end is None for span in spans):
            continue
        found = [(*reading.places(text, span.start, span.end), span) for span in whole]
        if all(_same(text[max(start, 0) : end], span.covered) for start, end, span in found if span.covered):
            return [(start, end, span.label) for start, end, span in found], reading.name
    moved = [_only_place(span, text) for span in whole]
    if all(moved):
        return [(start, start + len(span.covered), span.label) for (start,), span in zip(moved, whole)], "moved"
    wrong = next(span for span in checked if not _same(text[max(span.start, 0) : span.end], span.covered))
    raise Unusable("span that does not hold its text", f"'{wrong.covered[:40]}' at {wrong.start}")


def read_spans(
    request: ReadRequest,
    cell: Callable[[Any, Sequence[str], Counter[str]], Any],
    *,
    guesses: Mapping[str, Guess],
    verbatim: bool,
) -> tuple[Gathered, Ledger]:
    """Return (rows, ledger) of files with spans, see `read_labelled`; the ledger tells how offsets were read.

    cell(value of the label column, the texts, a count of readings) -> answer of the row; it may raise `Unusable`.
    """
    readings: Counter[str] = Counter()
    rows, ledger = read_labelled(
        request, lambda value, texts: cell(value, texts, readings), guesses=guesses, verbatim=verbatim
    )
    for note in _told(readings):
        ledger.note(note, rows.where)
    return rows, ledger


def _told(readings: Counter[str]) -> list[str]:
    """Return notes on how offsets were read, by number of rows."""
    words = {"moved": "were not where their offsets say, and are moved to the only place of their text"}
    return [
        f"the spans of {count:,} rows {words[name]}" if name in words else f"in {count:,} rows {name}: converted"
        for name, count in readings.most_common()
        if name
    ]


def _only_place(span: FoundSpan, text: str) -> tuple[int] | None:
    """Return the only place of a covered text, in a tuple; None where it has none, or several."""
    if not span.covered or text.count(span.covered) != 1:
        return None
    return (text.index(span.covered),)


def _same(found: str, covered: str) -> bool:
    return found == covered or found.strip() == covered.strip() != ""


def _listed(value: Any) -> list[Any] | None:
    """Return a list of spans, also from inside an object: {"entities": [...]} as spaCy writes it."""
    if isinstance(value, dict):
        name = next((name for name in _HOLDERS if isinstance(value.get(name), list)), None)
        return None if name is None else value[name]
    return value if isinstance(value, list) else None


def _span(item: Any) -> FoundSpan | None:
    if isinstance(item, list | tuple) and len(item) == 3:  # spaCy and doccano: start, end, label
        places = [one for one in item if _is_place(one)]
        labels = [one for one in item if isinstance(one, str)]
        return FoundSpan(places[0], places[1], labels[0], "") if (len(places), len(labels)) == (2, 1) else None
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("value"), dict):  # Label Studio
        item = item["value"]
    start, end, label = (_first(item, names) for names in (_START, _END, _LABEL))
    covered = _first(item, _COVERED)
    label = label[0] if isinstance(label, list) and len(label) == 1 else label
    if end is None and _is_place(start) and _is_place(item.get("length")):
        end = start + item["length"]
    if not _is_place(start) or label is None or isinstance(label, list | dict):
        return None
    if end is None and not isinstance(covered, str):
        return None
    if end is not None and not _is_place(end):
        return None
    return FoundSpan(start, end, str(label), covered if isinstance(covered, str) else "")


def _first(item: dict[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

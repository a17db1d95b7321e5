"""Spans and answers in the cells of tables, in the forms in which annotation tools and data sets write them.

Where a cell says what a span covers, its offsets are checked against the text, and read as they must have been meant
(`span_offsets.py`). Nothing is shifted in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.span_offsets import READINGS, USUAL, Offsets
from headstart.data.task_files import Gathered, Guess, Unusable, read_labelled

_START = ("start", "begin", "start_offset", "startOffset", "start_char", "answer_start", "start_index")
_END = ("end", "stop", "end_offset", "endOffset", "end_char", "end_index")
_LABEL = ("label", "labels", "type", "entity", "entity_group", "entity_type", "tag", "category")
_COVERED = ("text", "word", "surface", "form", "mention", "value", "span_text")
_HOLDERS = ("entities", "spans", "labels", "annotations", "result", "label", "ents")  # of a list inside an object
_MOST_SEARCHES = 1_000  # spans of one text that are looked for where none of their offsets fits


class FoundSpan(NamedTuple):
    """start, end: as they are written; end None: not given. covered: the text that the span is said to cover, or ''."""

    start: int
    end: int | None
    label: str
    covered: str


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


def placed(spans: Sequence[FoundSpan], text: str, offsets: Offsets) -> list[tuple[int, int, str]]:
    """Return (start, end, label) of spans in characters of the text; offsets counts how they were read.

    Raises Unusable: a span that does not hold what it is said to cover, beyond the text.
    """
    whole = [span._replace(end=span.start + len(span.covered) if span.end is None else span.end) for span in spans]
    checked = [span for span in whole if span.covered]
    if not checked:
        for span in whole:
            offsets.see(text, span.start, span.end)
    for reading in READINGS if checked else (offsets.default,):
        if "inclusive" in reading.name and any(span.end is None for span in spans):
            continue
        found = [(*reading.places(text, span.start, span.end), span) for span in whole]
        if all(_same(text[max(start, 0) : end], span.covered) for start, end, span in found if span.covered):
            offsets.counts[reading.name] += 1
            return [(start, end, span.label) for start, end, span in found]
    moved = [_only_place(span, text) for span in whole] if len(whole) <= _MOST_SEARCHES else [None]
    if all(moved):
        offsets.counts["moved"] += 1
        return [(start, start + len(span.covered), span.label) for (start,), span in zip(moved, whole)]
    wrong = next(span for span in checked if not _same(text[max(span.start, 0) : span.end], span.covered))
    raise Unusable("span that does not hold its text", f"'{wrong.covered[:40]}' at {wrong.start}")


def read_spans(
    request: ReadRequest,
    cell: Callable[[Any, Sequence[str], Offsets], Any],
    *,
    guesses: Mapping[str, Guess],
    verbatim: bool,
) -> tuple[Gathered, Ledger]:
    """Return (rows, ledger) of files with spans, see `read_labelled`; the ledger tells how offsets were read.

    cell(value of the label column, the texts, how offsets are read) -> answer of the row; it may raise `Unusable`.
    The files are read again where their words say that offsets are not meant as usual.
    """

    def read(offsets: Offsets) -> tuple[Gathered, Ledger]:
        return read_labelled(
            request, lambda value, texts: cell(value, texts, offsets), guesses=guesses, verbatim=verbatim
        )

    offsets, fault = Offsets(), None
    try:
        rows, ledger = read(offsets)
    except HeadstartError as error:
        fault = error
    if (meant := offsets.by_words()) is not USUAL:
        offsets, fault = Offsets(), None
        offsets.default = meant
        rows, ledger = read(offsets)
    if fault is not None:
        raise fault
    for note in offsets.notes():
        ledger.note(note, rows.where)
    return rows, ledger


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
    if "value" in item and covered == item["value"] and "entity" in item:
        covered = None  # of Rasa: what the entity is, however it is written
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

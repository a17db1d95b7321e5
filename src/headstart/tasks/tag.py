"""Sequence labelling: labelled spans of a text (named entities, slots, parts of speech)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.spec import TaskSpec
from headstart.data.columns import columns_of, shown_names
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.span_cells import placed, read_spans, span_items
from headstart.data.span_offsets import Offsets
from headstart.data.task_files import GUESSES, Unusable

_DEFAULT = ("entities", "words")


@dataclass(frozen=True, kw_only=True)
class TagTask(TaskSpec):
    """The label column holds a list of {"start", "end", "label"}, characters of the text from 0, end exclusive, or one
    of the forms of `data/span_cells.py`."""

    head: ClassVar[str] = "tag"
    metric: ClassVar[str] = "entity_f1"
    verbatim: ClassVar[bool] = True

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` for the columns.

        classes: the labels of the training file; spans with other labels count as missed and are noted. None = the
        labels found, sorted. Rows with invalid spans (no list, beyond the text, blank, overlapping) are skipped and
        named. Raises HeadstartError: no such column, no usable row, no span at all, pairs of texts.
        """
        if request.text2 is not None:
            raise HeadstartError(f"text2={request.text2}: task tag reads one text; spans are of a single text")
        guesses = {**GUESSES, "label": _guess}
        rows, ledger = read_spans(
            request, lambda value, texts, read: _spans(value, texts[0], read), guesses=guesses, verbatim=self.verbatim
        )
        found = {span.label for spans in rows.targets for span in spans}
        if not found and request.classes is None:
            raise HeadstartError(f"no span in any row of {rows.where}; task tag needs labelled spans")
        if request.classes is not None and (new := sorted(found - set(request.classes))):
            ledger.note(f"labels that the training rows did not have, so none is found: {', '.join(new)}", rows.where)
        kept = tuple(sorted(found)) if request.classes is None else tuple(request.classes)
        return rows.examples(targets=rows.targets, classes=kept, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], request: ReadRequest) -> str | None:
        """Return why these rows hold spans: a column of lists of {start, end, label}."""
        columns = _columns(rows)
        if (label := request.label) is not None:
            columns = [name for name in columns if name == label]
        return f"'{columns[0]}' holds lists of spans" if columns else None

    def to_json(self, answer: tuple[Span, ...]) -> dict[str, Any]:
        """Return the spans as a label column holds them."""
        return {"entities": [span._asdict() for span in answer]}

    def quality(self, answers: list[tuple[Span, ...]], examples: Examples) -> list[float]:
        """Return minus the number of missed and wrong spans of each row."""
        return [-float(len(set(said) ^ set(gold))) for said, gold in zip(answers, examples.targets, strict=True)]


def _spans(value: Any, text: str, offsets: Offsets) -> tuple[Span, ...]:
    """Return the spans in a cell, by position; offsets counts how they were read. Raises Unusable."""
    if not isinstance(value, list | dict):
        raise Unusable("no list of spans")
    if (items := span_items(value)) is None:
        raise Unusable("span without start, end and label")
    found = placed(items, text, offsets)
    spans, before = sorted(Span(*one) for one in found), 0
    for span in spans:
        if not 0 <= span.start < span.end <= len(text):
            beyond = f"{span.start} to {span.end} of {len(text)} characters"
            raise Unusable("span beyond the text", beyond, lost=True)
        if not text[span.start : span.end].strip():
            raise Unusable("span of blanks", f"{span.start} to {span.end}")
        if span.start < before:
            raise Unusable("overlapping spans", f"at {span.start}")
        before = span.end
    return tuple(spans)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns with lists of spans, common names first."""
    names = sorted(columns_of(rows), key=lambda name: _DEFAULT.index(name) if name in _DEFAULT else len(_DEFAULT))
    return [name for name in names if any(span_items(row.get(name)) for row in rows)]


def _guess(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
    """Return (column, why) of the spans. Raises HeadstartError when there is none."""
    columns = [name for name in _columns(rows) if name not in avoid]
    if not columns:
        known = shown_names(columns_of(rows))
        raise HeadstartError(f"{source}: no column holds lists of spans; name it with --label (columns: {known})")
    return columns[0], "lists of start, end and label"

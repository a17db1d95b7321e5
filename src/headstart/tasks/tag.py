"""Labelled pieces of a text: named entities, slots, parts of speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples, Span
from headstart.base.spec import TaskSpec
from headstart.data.columns import columns_of
from headstart.data.ledger import Ledger
from headstart.data.task_files import GUESSES, Unusable, read_labelled
from headstart.tasks.tables import Asked, FromTables

_USUAL = ("entities", "words")


@dataclass(frozen=True, kw_only=True)
class TagSpec(FromTables, TaskSpec):
    """The label column holds a list of {"start", "end", "label"}, characters of the text from 0, end exclusive."""

    head: ClassVar[str] = "tag"
    metric: ClassVar[str] = "entity_f1"
    verbatim: ClassVar[bool] = True

    def gather(self, asked: Asked) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` for the columns.

        classes: the labels of the training file; others stay in the answers, where no model can find them, and are
        noted. None = those found, sorted. Rows whose spans are none (no list, beyond the text, blank, overlapping) are
        skipped and named. Raises HeadstartError: no such column, no usable row, no span at all, pairs of texts.
        """
        if asked.named.text2 is not None:
            raise HeadstartError(f"text2={asked.named.text2}: task tag reads one text; spans are of a single text")
        guesses = {**GUESSES, "label": _guess}
        rows, ledger = read_labelled(
            asked.paths, _spans, named=asked.named, remembered=asked.remembered, guesses=guesses, verbatim=self.verbatim
        )
        found = {span.label for spans in rows.targets for span in spans}
        if not found and asked.classes is None:
            raise HeadstartError(f"no span in any row of {rows.where}; task tag needs labelled pieces of text")
        if asked.classes is not None and (new := sorted(found - set(asked.classes))):
            ledger.note(f"labels that the training rows did not have, so none is found: {', '.join(new)}", rows.where)
        kept = tuple(sorted(found)) if asked.classes is None else tuple(asked.classes)
        return rows.examples(targets=rows.targets, classes=kept, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], named: dict[str, str | None]) -> str | None:
        """Return why these rows hold spans: a column of lists of {start, end, label}."""
        columns = _columns(rows)
        if (label := named.get("label")) is not None:
            columns = [name for name in columns if name == label]
        return f"'{columns[0]}' holds lists of spans" if columns else None

    def plain(self, answer: tuple[Span, ...], classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the spans as a label column holds them."""
        return {"entities": [span._asdict() for span in answer]}

    def quality(self, answers: list[tuple[Span, ...]], examples: Examples) -> list[float]:
        """Return minus the number of spans missed or wrongly said in each row."""
        return [-float(len(set(said) ^ set(gold))) for said, gold in zip(answers, examples.targets, strict=True)]


def _spans(value: Any, texts: list[str]) -> tuple[Span, ...]:
    """Return the spans in a cell, by position. Raises Unusable."""
    if not isinstance(value, list):
        raise Unusable("no list of spans")
    try:
        spans = sorted(Span(item["start"], item["end"], str(item["label"])) for item in value)
    except (TypeError, KeyError):
        raise Unusable("span without start, end and label") from None
    before = 0
    for span in spans:
        if type(span.start) is not int or type(span.end) is not int:
            raise Unusable("span whose start or end is no whole number", f"{span.start} to {span.end}")
        if not 0 <= span.start < span.end <= len(texts[0]):
            raise Unusable("span beyond the text", f"{span.start} to {span.end} of {len(texts[0])} characters")
        if not texts[0][span.start : span.end].strip():
            raise Unusable("span of blanks", f"{span.start} to {span.end}")
        if span.start < before:
            raise Unusable("overlapping spans", f"at {span.start}")
        before = span.end
    return tuple(spans)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns with a list of spans in them, usual names first."""

    def is_list(cell: Any) -> bool:
        items = cell if isinstance(cell, list) else []
        return bool(items) and all(
            isinstance(item, dict) and {"start", "end", "label"} <= item.keys() for item in items
        )

    names = sorted(columns_of(rows), key=lambda name: _USUAL.index(name) if name in _USUAL else len(_USUAL))
    return [name for name in names if any(is_list(row.get(name)) for row in rows)]


def _guess(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
    """Return (column, why) of the spans. Raises HeadstartError when there is none."""
    columns = [name for name in _columns(rows) if name not in avoid]
    if not columns:
        known = ", ".join(columns_of(rows))
        raise HeadstartError(f"{source}: no column holds lists of spans; name it with --label (columns: {known})")
    return columns[0], "lists of start, end and label"

"""Extractive question answering: a span of a text, or no answer (SQuAD, KorQuAD, KLUE MRC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.spec import TaskSpec
from headstart.data.columns import columns_of, shown_names
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.span_cells import answer_items, placed, read_spans
from headstart.data.span_offsets import Offsets
from headstart.data.task_files import Guess, Unusable
from headstart.metrics.answer_f1 import AnswerF1


@dataclass(frozen=True, kw_only=True)
class AnswerTask(TaskSpec):
    """`text` is the question, `text2` the text with the answer; SQuAD files have such rows.

    The label column holds the list of right answers, {"start", "text"} with character offsets into `text2` from 0; an
    empty list means that `text2` does not answer the question.
    """

    head: ClassVar[str] = "answer"
    metric: ClassVar[str] = "answer_f1"
    verbatim: ClassVar[bool] = True

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` for the columns.

        Rows with invalid answers (no list, not found at their start) are skipped and named.
        Raises HeadstartError: no such column, no usable row.
        """
        rows, ledger = read_spans(
            request,
            lambda value, texts, read: _answers(value, texts[1], read),
            guesses=_GUESSES,
            verbatim=self.verbatim,
        )
        return rows.examples(targets=rows.targets, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], request: ReadRequest) -> str | None:
        """Return why these rows hold answers, or None: a column of lists of {start, text}."""
        columns = [name for name in _columns(rows) if request.label in (None, name)]
        return f"'{columns[0]}' holds lists of answers" if columns else None

    def to_json(self, answer: tuple[Span, ...]) -> dict[str, Any]:
        """Return the text of the answer with its offsets; null for no answer."""
        if not answer:
            return {"answer": None}
        return {"answer": answer[0].label, "start": answer[0].start, "end": answer[0].end}

    def metric_inputs(
        self, answers: list[tuple[Span, ...]], examples: Examples
    ) -> tuple[list[tuple[str, ...]], list[str]]:
        """Return (right texts, predicted text) of each row."""
        truth = [tuple(span.label for span in spans) for spans in examples.targets]
        return truth, [spans[0].label if spans else "" for spans in answers]

    def quality(self, answers: list[tuple[Span, ...]], examples: Examples) -> list[float]:
        """Return the F1 of each answer."""
        return AnswerF1().statistics(*self.metric_inputs(answers, examples))[:, 0].tolist()


def _answers(value: Any, text: str, offsets: Offsets) -> tuple[Span, ...]:
    """Return the answers in a cell, as spans of the text; offsets counts how they were read. Raises Unusable."""
    if not isinstance(value, list | dict):
        raise Unusable("no list of answers")
    if (items := answer_items(value)) is None:
        raise Unusable("answer without start and text")
    if any(not item.covered.strip() for item in items):
        raise Unusable("answer of blanks")
    found = placed(items, text, offsets)
    return tuple(Span(start, end, text[start:end]) for start, end, _ in found)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns with lists that hold mostly answers."""
    found = []
    for name in columns_of(rows):
        cells = [row[name] for row in rows if isinstance(row.get(name), list | dict) and row[name]]
        if 2 * sum(answer_items(cell) is not None for cell in cells) > len(cells):
            found.append(name)
    return found


def _guess_answers(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
    """Return (column, why) of the answers. Raises HeadstartError when there is none."""
    columns = [name for name in _columns(rows) if name not in avoid]
    if not columns:
        known = shown_names(columns_of(rows))
        raise HeadstartError(f"{source}: no column holds lists of answers; name it with --label (columns: {known})")
    return columns[0], "lists of start and text"


def _common(what: str, option: str, names: Sequence[str]) -> Guess:
    """Return a `Guess` that takes the first of `names` that the file has."""

    def guess(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
        known = columns_of(rows)
        for name in names:
            if name in known and name not in avoid:
                return name, "a common name"
        raise HeadstartError(
            f"{source}: which column is the {what}? name it with {option} (columns: {shown_names(known)})"
        )

    return guess


_GUESSES: Mapping[str, Guess] = {
    "text": _common("question", "--text", ("question", "query", "질문")),
    "text2": _common(
        "text with the answer", "--text2", ("context", "passage", "paragraph", "document", "본문", "지문")
    ),
    "label": _guess_answers,
}

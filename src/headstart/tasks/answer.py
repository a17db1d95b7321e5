"""The answer to a question as it stands in a text, or none: reading comprehension (SQuAD, KorQuAD, KLUE MRC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples, Span
from headstart.base.spec import TaskSpec
from headstart.data.columns import columns_of
from headstart.data.ledger import Ledger
from headstart.data.task_files import Guess, Unusable, read_labelled
from headstart.metrics.answer_f1 import AnswerF1
from headstart.tasks.tables import Asked, FromTables


@dataclass(frozen=True, kw_only=True)
class AnswerSpec(FromTables, TaskSpec):
    """Text is the question, text2 the text with the answer; SQuAD files are such rows.

    The label column holds a list of the right answers, as {"start", "text"}, characters of text2 from 0; an empty list
    says that text2 does not answer the question.
    """

    head: ClassVar[str] = "answer"
    metric: ClassVar[str] = "answer_f1"
    verbatim: ClassVar[bool] = True

    def gather(self, asked: Asked) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` for the columns.

        Rows whose answers are none (no list, not at their start) are skipped and named.
        Raises HeadstartError: no such column, no usable row.
        """
        rows, ledger = read_labelled(
            asked.paths,
            _answers,
            named=asked.named,
            remembered=asked.remembered,
            guesses=_GUESSES,
            verbatim=self.verbatim,
        )
        return rows.examples(targets=rows.targets, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], named: dict[str, str | None]) -> str | None:
        """Return why these rows hold answers: a column of lists of {start, text}."""
        columns = [name for name in _columns(rows) if named.get("label") in (None, name)]
        return f"'{columns[0]}' holds lists of answers" if columns else None

    def plain(self, answer: tuple[Span, ...], classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the text of the answer and where it stands; null where there is none."""
        if not answer:
            return {"answer": None}
        return {"answer": answer[0].label, "start": answer[0].start, "end": answer[0].end}

    def judged(self, answers: list[tuple[Span, ...]], examples: Examples) -> tuple[list[tuple[str, ...]], list[str]]:
        """Return (right texts, text said) of each row."""
        truth = [tuple(span.label for span in spans) for spans in examples.targets]
        return truth, [spans[0].label if spans else "" for spans in answers]

    def quality(self, answers: list[tuple[Span, ...]], examples: Examples) -> list[float]:
        """Return the F1 of each answer."""
        return AnswerF1().statistics(*self.judged(answers, examples))[:, 0].tolist()


def _answers(value: Any, texts: list[str]) -> tuple[Span, ...]:
    """Return the answers in a cell, as spans of the second text. Raises Unusable."""
    if not isinstance(value, list):
        raise Unusable("no list of answers")
    found = []
    for item in value:
        if not _is_answer(item) or type(item["start"]) is not int or not isinstance(item["text"], str):
            raise Unusable("answer without start and text")
        start, text = item["start"], item["text"]
        if not text.strip():
            raise Unusable("answer of blanks")
        if start < 0 or not texts[1].startswith(text, start):
            raise Unusable("answer is not at its start", f"'{text[:40]}' at {start}")
        found.append(Span(start, start + len(text), text))
    return tuple(found)


def _is_answer(item: Any) -> bool:
    return isinstance(item, dict) and {"start", "text"} <= item.keys() and "label" not in item


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns whose cells are lists, of answers for the most part."""
    found = []
    for name in columns_of(rows):
        lists = [row[name] for row in rows if isinstance(row.get(name), list)]
        items = [item for cells in lists for item in cells]
        if 2 * sum(map(_is_answer, items)) > len(items):
            found.append(name)
    return found


def _guess_answers(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
    """Return (column, why) of the answers. Raises HeadstartError when there is none."""
    columns = [name for name in _columns(rows) if name not in avoid]
    if not columns:
        known = ", ".join(columns_of(rows))
        raise HeadstartError(f"{source}: no column holds lists of answers; name it with --label (columns: {known})")
    return columns[0], "lists of start and text"


def _usual(what: str, option: str, names: Sequence[str]) -> Guess:
    """Return a guess that takes the first of `names` that the file has."""

    def guess(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
        known = columns_of(rows)
        for name in names:
            if name in known and name not in avoid:
                return name, "a usual name"
        raise HeadstartError(
            f"{source}: which column is the {what}? name it with {option} (columns: {', '.join(known)})"
        )

    return guess


_GUESSES: Mapping[str, Guess] = {
    "text": _usual("question", "--text", ("question", "query", "질문")),
    "text2": _usual("text with the answer", "--text2", ("context", "passage", "paragraph", "document", "본문", "지문")),
    "label": _guess_answers,
}

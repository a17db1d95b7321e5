"""SQuAD 1.1 and 2.0: questions on paragraphs with their answers, one JSON value (Rajpurkar and others 2016, 2018)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.spec import ReaderSpec
from headstart.data.columns import cell
from headstart.data.ledger import Ledger
from headstart.data.row import Row, Source, decode, refuse

_KEYS = [re.compile(rb'"%s"\s*:\s*\[' % key) for key in (b"data", b"paragraphs")]


@dataclass(frozen=True, kw_only=True)
class Squad(ReaderSpec):
    """A row is {"question", "context", "answers": [{"start", "text"}], "id", "title"}; no answers: unanswerable.

    The file is held in memory. The format has no suffix of its own (.json is shared) and is recognised by its first
    bytes.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether the bytes open a JSON object with lists called data and paragraphs."""
        return head.lstrip().startswith(b"{") and all(key.search(head) for key in _KEYS)

    def read(self, source: Source, ledger: Ledger) -> Iterator[Row]:
        """Yield one row per question; `line` is the number of the question.

        An answer that is not at its answer_start is moved when its text occurs once in the context, and counted; else
        the question is rejected. Raises HeadstartError: not one whole JSON value with a list `data`.
        """
        number = moved = 0
        for article in _load(source):
            for paragraph in _children(article, "paragraphs"):
                for question in _children(paragraph, "qas"):
                    number += 1
                    value, shifts = _row(article, paragraph, question)
                    if isinstance(value, str):
                        ledger.reject(value, source.name, number, _name(question))
                        continue
                    moved += shifts
                    yield Row(value, source.name, number)
        if moved:
            ledger.note(
                f"{moved:,} answers were not at their answer_start; moved to where their text occurs", source.name
            )


def _load(source: Source) -> list[Any]:
    """Return the articles. Raises HeadstartError."""
    text, fault = decode(source.stream.read())
    fix = "a SQuAD file is one JSON object with a list of articles called data"
    if text is None:
        raise refuse(source.name, f"not valid UTF-8 ({fault})", fix)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(
            source.name, f"not valid JSON ({error.msg} in line {error.lineno}, column {error.colno})", fix
        ) from None
    except (RecursionError, ValueError) as error:
        raise refuse(source.name, f"not readable JSON ({type(error).__name__})", fix) from None
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise refuse(source.name, "no list called data", fix)
    return value["data"]


def _children(parent: Any, key: str) -> list[Any]:
    """Return the list under `key`, else [None], which becomes one rejected question."""
    found = parent.get(key) if isinstance(parent, dict) else None
    return found if isinstance(found, list) else [None]


def _name(question: Any) -> str:
    name = question.get("id") if isinstance(question, dict) else None
    return f"question {name[:40]!a}" if isinstance(name, str) else ""


def _row(article: Any, paragraph: Any, question: Any) -> tuple[dict[str, Any] | str, int]:
    """Return (the row or the reason why it is invalid, number of moved answers)."""
    if not isinstance(question, dict):
        return "no list of questions where one belongs", 0
    asked, context = question.get("question"), paragraph.get("context")
    given = [] if question.get("is_impossible") else question.get("answers", [])
    if not all(isinstance(text, str) and text.strip() for text in (asked, context)):
        return "no question or no context", 0
    answers, moved = [], 0
    for answer in given if isinstance(given, list) else [None]:
        text, start = (answer.get("text"), answer.get("answer_start")) if isinstance(answer, dict) else (None, None)
        if not isinstance(text, str) or not text.strip() or type(start) is not int:
            return "an answer without text or answer_start", 0
        if start < 0 or not context.startswith(text, start):
            if context.count(text) != 1:
                return "an answer is not where answer_start says", 0
            start, moved = context.index(text), moved + 1
        answers.append({"start": start, "text": text})
    row = {"question": asked, "context": context, "answers": answers}
    row |= {"id": cell(question.get("id")) or "", "title": cell(article.get("title")) or ""}
    try:
        "".join([asked, context, row["id"], row["title"]]).encode()
    except UnicodeEncodeError:
        return "half a surrogate pair", 0
    return row, moved

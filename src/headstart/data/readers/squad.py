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
from headstart.data.row import Row, Source, decode, is_writable, read_whole, refuse

_MOST_BYTES = 1 << 30  # of the file, which is held in memory
_MOST_SEARCHES = 1_000  # answers of one paragraph that are looked for
_KEYS = [re.compile(rb'"data"\s*:\s*\['), re.compile(rb'"paragraphs"\s*:\s*\[')]


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
                context = _Context(paragraph.get("context") if isinstance(paragraph, dict) else None)
                for question in _children(paragraph, "qas"):
                    number += 1
                    found = _row(article, context, question)
                    if isinstance(found, str):
                        ledger.reject(found, source.name, number, _name(question))
                        continue
                    value, shifts = found
                    moved += shifts
                    yield Row(value, source.name, number)
        if moved:
            ledger.note(
                f"{moved:,} answers were not at their answer_start; moved to where their text occurs", source.name
            )


def _load(source: Source) -> list[Any]:
    """Return the articles. Raises HeadstartError."""
    raw = read_whole(source, _MOST_BYTES)
    if len(raw) > _MOST_BYTES:
        raise refuse(source.name, f"larger than {_MOST_BYTES >> 30} GiB", "split it")
    text, fault = decode(raw)
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


class _Context:
    """A paragraph, of which very many questions may be asked: what takes as long as the text is done once."""

    def __init__(self, text: Any) -> None:
        self.text = text if isinstance(text, str) and text.strip() else None
        self.sound = self.text is not None and is_writable(self.text)
        self._searches = 0

    def only_place(self, answer: str) -> int | None:
        """Return where an answer occurs in the text, None where it does so several times, or not at all.

        Of one paragraph so many answers are looked for; the others are not found.
        """
        self._searches += 1
        once = self._searches <= _MOST_SEARCHES and self.text.count(answer) == 1
        return self.text.find(answer) if once else None


def _row(article: Any, context: _Context, question: Any) -> tuple[dict[str, Any], int] | str:
    """Return (the row, number of moved answers), or the reason why it is invalid."""
    if not isinstance(question, dict):
        return "no list of questions where one belongs"
    asked = question.get("question")
    given = [] if question.get("is_impossible") else question.get("answers", [])
    if context.text is None or not isinstance(asked, str) or not asked.strip():
        return "no question or no context"
    answers, moved = [], 0
    for answer in given if isinstance(given, list) else [None]:
        text, start = (answer.get("text"), answer.get("answer_start")) if isinstance(answer, dict) else (None, None)
        if not isinstance(text, str) or not text.strip() or type(start) is not int:
            return "an answer without text or answer_start"
        if start < 0 or not context.text.startswith(text, start):
            if (place := context.only_place(text)) is None:
                return "an answer is not where answer_start says"
            start, moved = place, moved + 1
        answers.append({"start": start, "text": text})
    row = {"question": asked, "context": context.text, "answers": answers}
    row |= {"id": cell(question.get("id")) or "", "title": cell(article.get("title")) or ""}
    if not (context.sound and is_writable("".join([asked, row["id"], row["title"]]))):
        return "half a surrogate pair"
    return row, moved

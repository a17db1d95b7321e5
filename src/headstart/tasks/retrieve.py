"""Retrieval: the second item of a file that belongs to each first item (answers, paraphrases, translations)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, digest
from headstart.core.spec import TaskSpec
from headstart.data.columns import guess_text
from headstart.data.ledger import Ledger
from headstart.data.matching import Match
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_labelled


@dataclass(frozen=True, kw_only=True)
class RetrieveTask(TaskSpec):
    """Rows are pairs of items that belong together; candidates are all second items of the file."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    head: ClassVar[str] = "retrieve"
    metric: ClassVar[str] = "mrr"
    answers: ClassVar[Literal["numbers"]] = "numbers"
    together: ClassVar[bool] = True

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of files of pairs; see `read_labelled` for the columns.

        Raises HeadstartError: no such column, no usable row, no second text, a label column.
        """
        if request.label is not None:
            raise HeadstartError(
                f"label={request.label}: task retrieve has no label column; name the text that belongs to --text "
                "by --text2"
            )
        rows, ledger = read_labelled(
            request,
            lambda value, texts: Match(texts[-1], 1.0, 1),
            guesses={"text": guess_text},
        )
        if not rows.second:
            raise HeadstartError(f"task retrieve needs pairs of texts; {rows.where}: name the second one with --text2")
        return rows.examples(targets=rows.targets, task=self.name), ledger

    def to_json(self, answer: Match) -> dict[str, Any]:
        """Return the best match, its score, and the rank of the right second item."""
        return {"match": answer.text, "score": round(answer.score, 6), "rank": answer.rank}

    def metric_inputs(self, answers: list[Match], examples: Examples) -> tuple[list[int], list[int]]:
        """Return (number of different second items, rank of the right one) of each row."""
        candidates = len(set(map(digest, examples.second)))
        return [candidates] * len(examples), [answer.rank for answer in answers]

    def quality(self, answers: list[Match], examples: Examples) -> list[float]:
        """Return the reciprocal rank of the right second item."""
        return [1.0 / answer.rank for answer in answers]

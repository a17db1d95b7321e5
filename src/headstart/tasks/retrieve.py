"""Which text of a file belongs to each text: answers to questions, paraphrases, translations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import TaskSpec
from headstart.data.columns import guess_text
from headstart.data.ledger import Ledger
from headstart.data.matching import Match
from headstart.data.task_files import read_labelled
from headstart.tasks.tables import Asked, FromTables


@dataclass(frozen=True, kw_only=True)
class RetrieveSpec(FromTables, TaskSpec):
    """Rows are pairs of texts that belong together; what is looked through is every second text of the file."""

    head: ClassVar[str] = "retrieve"
    metric: ClassVar[str] = "mrr"

    def gather(self, asked: Asked) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of files of pairs; see `read_labelled` for the columns.

        Raises HeadstartError: no such column, no usable row, no second text, a label column.
        """
        if asked.named.label is not None:
            raise HeadstartError(
                f"label={asked.named.label}: task retrieve has no label column; name the text that belongs to --text "
                "by --text2"
            )
        rows, ledger = read_labelled(
            asked.paths,
            lambda value, texts: Match(texts[-1], 1.0, 1),
            named=asked.named,
            remembered=asked.remembered,
            guesses={"text": guess_text},
        )
        if not rows.second:
            raise HeadstartError(f"task retrieve needs pairs of texts; {rows.where}: name the second one with --text2")
        return rows.examples(targets=rows.targets, task=self.name), ledger

    def plain(self, answer: Match, classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the text that fits best, how well, and the place of the row's own second text."""
        return {"match": answer.text, "score": round(answer.score, 6), "rank": answer.rank}

    def judged(self, answers: list[Match], examples: Examples) -> tuple[list[int], list[int]]:
        """Return the place that the right text should have, 1, and the one it has."""
        return [target.rank for target in examples.targets], [answer.rank for answer in answers]

    def quality(self, answers: list[Match], examples: Examples) -> list[float]:
        """Return one through the place of the right text."""
        return [1.0 / answer.rank for answer in answers]

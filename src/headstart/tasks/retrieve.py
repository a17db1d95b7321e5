"""Which text of a file belongs to each text: answers to questions, paraphrases, translations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import TaskSpec
from headstart.data.columns import guess_text
from headstart.data.ledger import Ledger
from headstart.data.matching import Match
from headstart.data.task_files import Columns, read_labelled


@dataclass(frozen=True, kw_only=True)
class RetrieveSpec(TaskSpec):
    """Rows are pairs of texts that belong together; what is looked through is every second text of the file."""

    head: ClassVar[str] = "retrieve"
    metric: ClassVar[str] = "mrr"

    def read(
        self,
        paths: str | Path | Sequence[str | Path],
        text: str | None = None,
        label: str | None = None,
        text2: str | None = None,
        classes: Sequence[str] | None = None,
        group: str | None = None,
        remembered: Mapping[str, str | None] | None = None,
    ) -> tuple[Examples, Ledger, list[str]]:
        """Return (examples, ledger, notes) of files of pairs; see `read_labelled` for the columns.

        Raises HeadstartError: no such column, no usable row, no second text, a label column.
        """
        if label is not None:
            raise HeadstartError(
                f"label={label}: task retrieve has no label column; name the text that belongs to --text by --text2"
            )
        rows, ledger = read_labelled(
            paths,
            lambda value, texts: Match(texts[-1], 1.0, 1),
            named=Columns(text, text2, None, group),
            remembered=remembered,
            guesses={"text": guess_text},
        )
        if not rows.second:
            raise HeadstartError(f"task retrieve needs pairs of texts; {rows.where}: name the second one with --text2")
        return rows.examples(targets=rows.targets, task=self.name), ledger, ledger.notes

    def plain(self, answer: Match, classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the text that fits best, how well, and the place of the row's own second text."""
        return {"match": answer.text, "score": round(answer.score, 6), "rank": answer.rank}

    def judged(self, answers: list[Match], examples: Examples) -> tuple[list[int], list[int]]:
        """Return the place that the right text should have, 1, and the one it has."""
        return [target.rank for target in examples.targets], [answer.rank for answer in answers]

    def quality(self, answers: list[Match], examples: Examples) -> list[float]:
        """Return one through the place of the right text."""
        return [1.0 / answer.rank for answer in answers]

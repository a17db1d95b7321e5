"""Text generation from a text: translation, summaries, questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.examples import Examples
from headstart.core.normal_form import normal_form
from headstart.core.spec import TaskSpec
from headstart.data.columns import cell
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import Unusable, read_labelled
from headstart.metrics.chrf import ChrF

_ENOUGH_ROWS = 20  # least number of rows to tell texts from classes
_DIFFERENT = 0.9  # least share of different cells in a column of texts


@dataclass(frozen=True, kw_only=True)
class GenerateTask(TaskSpec):
    """The label column holds the text to write: `--text en --label ko` translates into Korean."""

    head: ClassVar[str] = "generate"
    metric: ClassVar[str] = "chrf"

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of files of pairs; see `read_labelled` for the columns.

        Rows without a text to write are skipped and named. Raises HeadstartError: no such column, no usable row.
        """
        rows, ledger = read_labelled(request, _text)
        return rows.examples(targets=rows.targets, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], request: ReadRequest) -> str | None:
        """Return why these rows hold texts to write: in a named label column nearly every cell is another text."""
        cells = [cell(row.get(request.label)) or "" for row in rows]
        if len(cells) < _ENOUGH_ROWS or any(_number(text) for text in cells):
            return None
        different = len(set(cells)) / len(cells)
        return (
            f"'{request.label}' holds a different text in {different:.0%} of the rows"
            if different >= _DIFFERENT
            else None
        )

    def to_json(self, answer: str) -> dict[str, Any]:
        """Return the text that was written."""
        return {"written": answer}

    def quality(self, answers: list[str], examples: Examples) -> list[float]:
        """Return the chrF of each answer."""
        score = ChrF().score
        return [score([target], [answer]) for answer, target in zip(answers, examples.targets, strict=True)]


def _text(value: Any, texts: list[str]) -> str:
    """Return the text in a cell, NFC. Raises Unusable when there is none."""
    found = normal_form(cell(value) or "").strip()
    if not found:
        raise Unusable("no text to write")
    return found


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

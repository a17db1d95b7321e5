"""Regression: a number for each text, pair of texts or image, such as similarity or a rating."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.spec import TaskSpec
from headstart.data.columns import guess_label
from headstart.data.ledger import Ledger
from headstart.data.number_cells import missing_code, number_cell, settled
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import Unusable, read_labelled


@dataclass(frozen=True, kw_only=True)
class RegressTask(TaskSpec):
    """The label column holds a number on any scale."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    head: ClassVar[str] = "regress"
    metric: ClassVar[str] = "spearman"
    answers: ClassVar[Literal["numbers"]] = "numbers"

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` for the columns.

        Rows without a finite number are skipped and named. Raises HeadstartError: no such column, no usable row.
        """
        rows, ledger = read_labelled(request, lambda value, items: number_cell(value))
        numbers, told = settled(rows.targets)
        if (code := missing_code(numbers)) is not None:
            told.append(f"{code:g} stands for a missing number ({numbers.count(code):,} rows)")
            for place in (place for place, number in enumerate(numbers) if number == code):
                ledger.withdraw("no number", *rows.places[place], f"{code:g}")
            rows = rows.take([place for place, number in enumerate(numbers) if number != code])
            numbers = [number for number in numbers if number != code]
        for note in told:
            ledger.note(note, rows.where)
        return rows.examples(targets=numbers, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], request: ReadRequest) -> str | None:
        """Return why these rows ask for a number: pairs of texts with labels that are numbers, some of them broken."""
        if request.text2 is None:
            return None
        try:
            taken = [name for name in (request.text, request.text2) if name]
            label = request.label or guess_label(rows, "", taken)[0]
            numbers, _ = settled([number_cell(row.get(label)) for row in rows])
        except (HeadstartError, Unusable):
            return None
        broken = next((number for number in numbers if number != int(number)), None)
        return None if broken is None else f"pairs with numbers such as {broken:g} in '{label}'"

    def to_json(self, answer: float) -> dict[str, Any]:
        """Return the number."""
        return {"number": round(float(answer), 6)}

    def quality(self, answers: list[float], examples: Examples) -> list[float]:
        """Return minus the squared error of each answer."""
        return [-((float(answer) - target) ** 2) for answer, target in zip(answers, examples.targets, strict=True)]

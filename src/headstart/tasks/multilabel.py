"""Multi-label classification of texts, pairs of texts or images: each row has several labels, one, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.spec import TaskSpec
from headstart.data.columns import columns_of, guess_label, label_columns, named_columns
from headstart.data.label_sets import label_sets, read_cell, unknown_rows
from headstart.data.labels import NO_LABEL, list_of
from headstart.data.ledger import Ledger
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import Gathered, read_labelled

_ONE = "label"  # what the only column is called


@dataclass(frozen=True, kw_only=True)
class MultilabelTask(TaskSpec):
    """The label column holds a list of names, or names between separators; several columns are named with commas.

    An answer is {"labels": those that are said of the row, "scores": {label: probability}}.
    """

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    head: ClassVar[str] = "multilabel"
    metric: ClassVar[str] = "micro_f1"

    def read_examples(self, request: ReadRequest) -> tuple[Examples, Ledger]:
        """Return (examples, ledger) of labelled files; see `read_labelled` and `data/label_sets.py`.

        classes: the labels of the training file; rows keep those of them that they have. None = the labels found,
        sorted. A row without a label is used where its cell says that there is none (an empty list, `none`), or where
        its columns hold marks alone, such as x; else it is skipped. Raises HeadstartError: no such column, no usable
        row, fewer than two labels.
        """
        rows, ledger = read_labelled(request, lambda value, items: read_cell(value, _ONE))
        # The cells of one column stand under `label`, also where a comma is in its name.
        several = len(named_columns(ledger.columns.get("label", ""))) > 1 and any(
            set(row) - {_ONE} for row in rows.targets
        )
        rows = _without_unknown(rows, several, ledger)
        found = label_sets(rows.targets, request.classes, several)
        for note in found.notes:
            ledger.note(note, rows.where)
        if len(found.classes) < 2:
            some = f"only one label, '{found.classes[0]}'," if found.classes else "no label"
            raise HeadstartError(f"{some} in {rows.where}; task multilabel needs at least two")
        return rows.examples(targets=found.rows, classes=found.classes, task=self.name), ledger

    def recognises(self, rows: list[dict[str, Any]], request: ReadRequest) -> str | None:
        """Return why these rows have several labels: several label columns are named, or cells list several names."""
        if request.label is not None and len(columns := label_columns(request.label, columns_of(rows), "data")) > 1:
            return f"several label columns: {', '.join(columns)}"
        try:
            taken = [name for name in (request.text, request.text2) if name]
            label = request.label or guess_label(rows, "", taken)[0]
        except HeadstartError:
            return None
        several = next((row[label] for row in rows if _several_names(row.get(label))), None)
        return None if several is None else f"'{label}' lists several labels, such as {str(several)[:40]}"

    def to_json(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the labels said of a row and the probability of every label."""
        return {"labels": answer["labels"], "probabilities": answer["scores"]}

    def quality(self, answers: list[dict[str, Any]], examples: Examples) -> list[float]:
        """Return minus the squared error of the probabilities of each row (Brier score)."""
        return [
            -sum((score - (name in labels)) ** 2 for name, score in answer["scores"].items())
            for answer, labels in zip(answers, examples.targets, strict=True)
        ]


def _without_unknown(rows: Gathered, several: bool, ledger: Ledger) -> Gathered:
    """Return the rows whose labels are known."""
    unknown = unknown_rows(rows.targets, several)
    if not unknown and (unmarked := sum(not found for found in rows.targets)):
        ledger.note(f"{unmarked:,} rows without a mark have no label", rows.where)
    if not unknown:
        return rows
    for place in unknown:
        ledger.withdraw(NO_LABEL, *rows.places[place], "in some columns" if rows.targets[place] else "")
    kept = rows.take(sorted(set(range(len(rows.targets))) - set(unknown)))
    if not kept.items:
        raise HeadstartError(f"no usable row in {rows.where}: none of its rows has a label")
    return kept


def _several_names(value: Any) -> bool:
    """Whether a cell lists several different names; the tags of the words of a text repeat."""
    found: Sequence[Any] = list_of(value) or ()
    plain = all(isinstance(one, str | int) for one in found)
    return plain and len(found) > 1 and len(set(found)) == len(found)

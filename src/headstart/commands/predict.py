"""predict: answers of a task model as JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.answer_files import by_column, file_bytes, json_rows, need_suffix, rounded, table_rows
from headstart.commands.reading import say
from headstart.commands.results import TableResult
from headstart.commands.session import files, need_new_file
from headstart.core.errors import HeadstartError
from headstart.core.spoken import Verbatim

if TYPE_CHECKING:
    import numpy as np

    from headstart.core.examples import Examples, ImageRef
    from headstart.core.task_model import TaskModel

_ANSWERS = ("label", "labels", "number", "entities", "answer", "written", "match")  # as tasks write them


@dataclass(frozen=True, repr=False, eq=False)
class Predicted(TableResult):
    """answers: a dict per row: its place, the answer as the task writes it, its text or image, what was read besides.

    labels: of each row a label, several of them, a number, spans, or a text. probabilities: float [rows, classes] for
    classes and for several labels, else None. classes: their names. out: the file, or None.
    """

    answers: list[dict[str, Any]]
    labels: list[Any]
    probabilities: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    out: Path | None = None

    @property
    def rows(self) -> int:
        """How many rows were answered."""
        return len(self.answers)

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return the answers, with a column for the probability of each class."""
        return [by_column(answer) for answer in self.answers]

    def told(self) -> list[str]:
        """See `TableResult`."""
        return [f"{self.rows:,} rows"]

    def summary(self) -> str:
        """Return the answers as JSON lines, or nothing where they were written to a file."""
        return Verbatim("" if self.out else "\n".join(json.dumps(one, ensure_ascii=False) for one in self.answers))


def predict(
    task: Annotated[Path, Parameter(help="a task directory of `headstart transfer`, or a report of compare")],
    data: Annotated[list[str], Parameter(help="file(s) with texts or images; - is stdin", converter=files)],
    /,
    *,
    text: Annotated[str | None, Parameter(help="column of texts or images [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column [as in training]")] = None,
    out: Annotated[
        Path | None,
        Parameter(help="file to write: .jsonl, .csv, .tsv, .xlsx or .parquet [JSON lines on standard output]"),
    ] = None,
    threshold: Annotated[
        float | None, Parameter(help="least probability of a class; below it no label is given")
    ] = None,
) -> Predicted:
    """Write one JSON line per row: its place and the label with probability, the number, the spans or the text.

    A table holds all columns that were read, the answer and the probability of every class. Of rows below --threshold
    the label is empty and the likeliest class is under `rather`; `headstart evaluate` shows what a threshold costs.
    """
    from headstart.core import registry
    from headstart.core.device import set_threads
    from headstart.core.examples import need_takes
    from headstart.core.files import write_bytes
    from headstart.data.read_request import ReadRequest
    from headstart.data.task_files import read_items
    from headstart.fitting.task_model_files import load_task, read_task, task_folder

    if out is not None:
        out = Path(out)
        need_new_file(out)
        need_suffix(out)
    if threshold is not None and not 0 < threshold <= 1:
        raise HeadstartError(f"--threshold {threshold:g}: a probability, above 0 and at most 1")
    set_threads()
    task = task_folder(task)
    model = load_task(task)
    receipt = read_task(task).get("receipt", {})
    trained = receipt.get("columns", {})
    task_spec = registry.load("task", model.task)()
    request = ReadRequest(paths=data, text=text, text2=text2, remembered=trained, task=model.task)
    tables: list[dict[str, Any]] = []
    examples, ledger = read_items(request, tables)
    need_takes(examples.items, receipt.get("takes", "text"), f"{task}")
    for note in ledger.notes:
        say(note)
    scores_NC, shown = _answers(model, task_spec, examples)
    if threshold is not None:
        shown = _above(threshold, shown, model.task)
    rows = [
        {
            "row": i + 1,
            "file": Path(examples.places[i][0]).name,
            "line": examples.places[i][1],
            **answer,
            **_named("text", examples.items[i]),
            **({} if examples.second is None else _named("text2", examples.second[i])),
            **({} if scores_NC is None else {"probabilities": rounded(model.classes, scores_NC[i])}),
        }
        for i, answer in enumerate(shown)
    ]
    answers = json_rows(rows, tables)
    if out is not None:
        kept = answers if out.suffix.lower() == ".jsonl" else table_rows(rows, tables)
        write_bytes(out, file_bytes(kept, out.suffix.lower()))
    say(ledger.summary())
    labels = [next(one[name] for name in _ANSWERS if name in one) for one in shown]
    return Predicted(answers, labels, scores_NC, tuple(model.classes), out)


def _above(threshold: float, answers: list[dict[str, Any]], task: str) -> list[dict[str, Any]]:
    """Return the answers without the labels below a probability. Raises HeadstartError: a task without classes."""
    if task != "classify":
        raise HeadstartError(f"--threshold {threshold:g}: it is for task classify; this model does {task}")
    out = [
        one
        if one["probability"] >= threshold
        else {"label": None, "rather": one["label"], "probability": one["probability"]}
        for one in answers
    ]
    unsure = sum(one["label"] is None for one in out)
    say(f"not sure of {unsure:,} of {len(out):,} rows: no class has a probability of {threshold:g}")
    return out


def _answers(model: TaskModel, task: Any, examples: Examples) -> tuple[np.ndarray | None, list[dict[str, Any]]]:
    """Return (probabilities [N, C] of classes or labels, None for other answers; the answers as the task writes
    them)."""
    import numpy as np

    if model.task == "classify":
        scores_NC = model.predict_proba(examples)
        return scores_NC, task.scored(scores_NC, model.classes)
    answers = task.predictions_json(model, examples)
    if model.task != "multilabel":
        return None, answers
    scores = [[one["probabilities"][name] for name in model.classes] for one in answers]
    return np.array(scores).reshape(len(answers), len(model.classes)), answers


def _named(name: str, item: str | ImageRef) -> dict[str, str]:
    """Return a text under its name, an image as its file under `image` or `image2`."""
    return {name: item} if isinstance(item, str) else {name.replace("text", "image"): str(item)}

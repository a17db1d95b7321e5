"""predict: answer what a task model was trained for; JSON lines out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.commands.inputs import say
from headstart.commands.session import files, need_new_file, write_lines


@dataclass(frozen=True)
class Predicted:
    """rows: how many were answered."""

    rows: int


def predict(
    task: Annotated[Path, Parameter(help="a task directory of `headstart transfer`")],
    data: Annotated[list[str], Parameter(help="file(s) with texts; - is stdin", converter=files)],
    /,
    *,
    text: Annotated[str | None, Parameter(help="text column [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second text column [as in training]")] = None,
    out: Annotated[Path | None, Parameter(help="file to write [standard output]")] = None,
) -> Predicted:
    """Answer texts: one JSON line per row with its place and the label and probability, the number or the spans."""
    from headstart.base import registry
    from headstart.base.device import set_threads
    from headstart.data.open import as_paths
    from headstart.data.task_files import read_texts
    from headstart.routes.task import load_task, read_task

    if out is not None:
        out = Path(out)
        need_new_file(out)
    set_threads()
    model = load_task(task)
    columns = read_task(task).get("receipt", {}).get("columns", {})
    task_spec = registry.load("task", model.task)()
    examples, ledger, notes, places = read_texts(
        as_paths(data), text=text, text2=text2, remembered=columns, verbatim=task_spec.verbatim
    )
    for note in notes:
        say(note)
    rows = (
        {
            "row": i + 1,
            "file": Path(places[i][0]).name,
            "line": places[i][1],
            **answer,
            "text": examples.first[i],
            **({} if examples.second is None else {"text2": examples.second[i]}),
        }
        for i, answer in enumerate(task_spec.written(model, examples))
    )
    count = write_lines(rows, out)
    say(ledger.summary())
    return Predicted(count)

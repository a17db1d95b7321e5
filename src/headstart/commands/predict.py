"""predict: answers of a task model as JSON lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from headstart.commands.reading import say
from headstart.commands.session import files, need_new_file, write_lines

if TYPE_CHECKING:
    from headstart.core.examples import ImageRef


@dataclass(frozen=True)
class Predicted:
    """rows: number of answered rows."""

    rows: int


def predict(
    task: Annotated[Path, Parameter(help="a task directory of `headstart transfer`")],
    data: Annotated[list[str], Parameter(help="file(s) with texts or images; - is stdin", converter=files)],
    /,
    *,
    text: Annotated[str | None, Parameter(help="column of texts or images [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column [as in training]")] = None,
    out: Annotated[Path | None, Parameter(help="file to write [standard output]")] = None,
) -> Predicted:
    """Write one JSON line per row: its place and the label with probability, the number, the spans or the text."""
    from headstart.core import registry
    from headstart.core.device import set_threads
    from headstart.core.examples import need_takes
    from headstart.data.read_request import ReadRequest
    from headstart.data.task_files import read_items
    from headstart.fitting.task_model_files import load_task, read_task

    if out is not None:
        out = Path(out)
        need_new_file(out)
    set_threads()
    model = load_task(task)
    receipt = read_task(task).get("receipt", {})
    trained = receipt.get("columns", {})
    task_spec = registry.load("task", model.task)()
    request = ReadRequest(paths=data, text=text, text2=text2, remembered=trained, task=model.task)
    examples, ledger = read_items(request)
    need_takes(examples.items, receipt.get("takes", "text"), f"{task}")
    for note in ledger.notes:
        say(note)
    rows = (
        {
            "row": i + 1,
            "file": Path(examples.places[i][0]).name,
            "line": examples.places[i][1],
            **answer,
            **_named("text", examples.items[i]),
            **({} if examples.second is None else _named("text2", examples.second[i])),
        }
        for i, answer in enumerate(task_spec.predictions_json(model, examples))
    )
    count = write_lines(rows, out)
    say(ledger.summary())
    return Predicted(count)


def _named(name: str, item: str | ImageRef) -> dict[str, str]:
    """Return a text under its name, an image as its file under `image` or `image2`."""
    return {name: item} if isinstance(item, str) else {name.replace("text", "image"): str(item)}

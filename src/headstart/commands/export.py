"""export: leave for another library, compared with it on real rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from headstart.commands.reading import say, spec_with
from headstart.commands.session import files, need_folder, need_new_folder, shell_command

if TYPE_CHECKING:
    from headstart.core.exportable import Exportable
    from headstart.training.pretrained_model import PretrainedModel


@dataclass(frozen=True)
class Exported:
    """folder: what another library loads; lines: how, and what was verified; push: how to share it.

    rows: how many were compared, 0: none. difference: the largest one between the two libraries.
    """

    folder: Path
    lines: tuple[str, ...]
    rows: int
    difference: float
    push: str

    def summary(self) -> str:
        """Return where it is, how to load it, what was verified and how to share it."""
        return "\n".join([f"{self.folder}: {self.lines[0]}", *self.lines[1:], f"to share it: {self.push}"])


def export(
    source: Annotated[Path, Parameter(help="a run, a task directory or a report of compare")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the directory to write")],
    to: Annotated[str, Parameter(help="hf, sentence_transformers, onnx or peft (`headstart list export`)")] = "hf",
    data: Annotated[
        list[str] | None,
        Parameter(
            help="rows to compare on, labelled ones also score it [its corpus, or texts at hand]", converter=files
        ),
    ] = None,
    text: Annotated[str | None, Parameter(help="column of texts or images in --data [as in training]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column [as in training]")] = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Exported:
    """Write a model for another library, open it there and compare both on up to 1,000 rows before the folder is kept.

    hf: `AutoModel` and its relatives. sentence_transformers: `SentenceTransformer`. onnx: one graph, and a file that
    runs it without headstart. peft: the adapter of route lora. A model card (README.md) tells data, scores and licence.

    Raises HeadstartError: this model cannot leave this way (and why), or the answers differ.
    """
    from headstart.commands.card_facts import card_facts, rows_to_compare
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer

    source, out = Path(source), Path(out)
    need_folder(out)
    set_threads()
    with sole_writer(out, say):
        need_new_folder(out, "export", "choose another --out")
        writer = spec_with("export", to, settings or [])
        folder, model, run, columns = _opened(source)
        rows = rows_to_compare(model, run, data or [], columns | {"text": text, "text2": text2})
        say(f"comparing on {len(rows.examples):,} rows of {rows.source}")
        left = writer.write(model, out, rows, lambda: card_facts(folder, _scores(folder, data or [], model)))
        found = left.verified
        push = shell_command("push", out, "NAME/MODEL")
        return Exported(
            out, left.lines(), found.rows if found else 0, found.difference if found else float("nan"), push
        )


def _opened(source: Path) -> tuple[Path, Exportable, PretrainedModel | None, dict]:
    """Return (folder of the model, what leaves, the run itself if it is one, what names the columns of rows)."""
    from headstart.fitting.task_model_files import load_task, read_task, task_folder
    from headstart.training.pretrained_model import PretrainedModel

    folder = task_folder(source)
    if (folder / "task.json").is_file():
        task = load_task(folder)
        columns = read_task(folder).get("receipt", {}).get("columns", {})
        return folder, task.exportable(), None, {"remembered": columns, "task": task.task}
    run = PretrainedModel.open(folder)
    return folder, run.exportable(), run, {}


def _scores(folder: Path, data: list[str], model: Exportable) -> tuple[list[str], list[str]]:
    """Return (scores of a task model on `data`, a table of classes), for the card; nothing where it has no labels."""
    from headstart.commands.evaluate import evaluate
    from headstart.core.errors import HeadstartError

    if not data or not model.task:
        return [], []
    try:
        found = evaluate(folder, data)
    except HeadstartError as error:
        say(f"not scored on {', '.join(data)}: {error}")
        return [], []
    names = ", ".join(Path(one).name for one in data)
    return [f"{names}: {line}" for line in found.lines()], found.class_lines()

"""export: leave for another library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.commands.session import need_new_folder


@dataclass(frozen=True)
class Exported:
    """folder: what another library loads; note: how."""

    folder: Path
    note: str

    def summary(self) -> str:
        """Return where it is and how to load it."""
        return f"{self.folder}: {self.note}"


def export(
    source: Annotated[Path, Parameter(help="a run or task directory")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the directory to write")],
    to: Annotated[str, Parameter(help="`headstart list export`")] = "hf",
) -> Exported:
    """Write a run or a fine-tuned task as a directory that `AutoModel.from_pretrained` loads with equal outputs.

    Raises HeadstartError where no counterpart exists there (an n-gram bag, a classical route).
    """
    from headstart.core import registry
    from headstart.core.errors import HeadstartError
    from headstart.core.files import disk_error
    from headstart.fitting.task_model_files import load_task, task_folder
    from headstart.training.pretrained_model import PretrainedModel

    source, out = Path(source), Path(out)
    need_new_folder(out, "export", "choose another --out")
    writer = registry.load("export", to)()
    source = task_folder(source)
    opened = load_task(source) if (source / "task.json").is_file() else PretrainedModel.open(source)
    if (found := opened.exportable()) is None:
        raise HeadstartError(
            "this task model holds no network that transformers could load (its route only reads vectors or words); "
            "export the run itself, or a task of route finetune or scratch"
        )
    try:
        note = writer.write(found, out)
    except OSError as error:
        raise disk_error(out, error) from None
    return Exported(out, note or "written")

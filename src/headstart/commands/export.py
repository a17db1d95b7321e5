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
    from headstart.base import registry
    from headstart.base.files import disk_error
    from headstart.routes.task import load_task
    from headstart.training.artefact import Artefact

    source, out = Path(source), Path(out)
    need_new_folder(out, "export", "choose another --out")
    writer = registry.load("export", to)()
    thing = load_task(source) if (source / "task.json").is_file() else Artefact.open(source)
    try:
        note = writer.write(thing, out)
    except OSError as error:
        raise disk_error(out, error) from None
    return Exported(out, note or "written")

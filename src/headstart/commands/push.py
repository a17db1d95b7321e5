"""push: print the command that shares an export on a hub; nothing is sent."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.core.errors import HeadstartError


@dataclass(frozen=True)
class Push:
    """command: what shares the folder; notes: what to look at before."""

    command: str
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Return the notes and the command."""
        return "\n".join([*self.notes, self.command])


def push(
    folder: Annotated[Path, Parameter(help="a directory of `headstart export`")],
    name: Annotated[str, Parameter(help="what it is called there: OWNER/MODEL")],
    /,
    *,
    private: Annotated[bool, Parameter(negative="", help="for you alone")] = False,
) -> Push:
    """Print the command of huggingface_hub that uploads an export; headstart itself sends nothing.

    Raises HeadstartError: no export, or a name that is not OWNER/MODEL.
    """
    from headstart.core.manifest import is_listed, need_intact
    from headstart.interop.model_folder import licence

    folder = Path(folder)
    if not is_listed(folder) or not (folder / "README.md").is_file():
        raise HeadstartError(f"{folder}: not an export; write one with `headstart export RUN_OR_TASK --out {folder}`")
    need_intact(folder, "export")
    if name.count("/") != 1 or not all(part and part.strip() == part for part in name.split("/")):
        raise HeadstartError(f"'{name}': expected OWNER/MODEL, such as me/my-reviews")
    notes = ["nothing is sent; run this command when you have read README.md of the folder:"]
    if not licence(folder):
        notes.insert(0, "README.md states no licence; write `license: ...` into its head first")
    words = ["hf", "upload", name, str(folder), "."] + (["--private"] if private else [])
    return Push(shlex.join(words), tuple(notes))

"""convert: a checkpoint of others, or for images of another size, as a base that every command opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.commands.reading import say
from headstart.commands.session import need_folder, need_new_folder, whole
from headstart.core.errors import HeadstartError


@dataclass(frozen=True)
class Converted:
    """folder: of the base; note: what it is."""

    folder: Path
    note: str

    def summary(self) -> str:
        """Return where it is, what it is, and what next."""
        return f"{self.folder}: {self.note}\nnext: headstart compare {self.folder} --data LABELLED_FILE --out REPORT"


def convert(
    source: Annotated[
        Path, Parameter(help="a file of weights (safetensors, or a torch file), a Hugging Face directory, a run")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the directory to write")],
    side: Annotated[
        int | None, Parameter(help="of the square that is seen, in pixels [as it was]", converter=whole)
    ] = (None),
    channels: Annotated[
        int | None, Parameter(help="1 (grey) or 3; grey images keep their meaning [as it was]", converter=whole)
    ] = None,
) -> Converted:
    """Write a checkpoint as a base with all that goes with it: size, mean and spread of the pixels, network, weights.

    Which network a file holds is found from the names and shapes of its tensors: those of torchvision, timm,
    transformers. A torch file (.pth, .bin) is read by a program of its own that can do nothing else.

    Raises HeadstartError: not readable, unknown names, a network that is made for one size.
    """
    from headstart.core.sole_writer import sole_writer
    from headstart.training.describe import describe
    from headstart.training.other_input import with_input
    from headstart.training.pretrained_model import PretrainedModel

    source, out = Path(source), Path(out)
    need_folder(out)
    if side is not None and not 4 <= side <= 1024:
        raise HeadstartError(f"--side {side}: expected 4 to 1024 pixels")
    if channels not in (None, 1, 3):
        raise HeadstartError(f"--channels {channels}: expected 1 (grey) or 3 (colour)")
    base = PretrainedModel.open(source)
    if side is not None or channels is not None:
        base = with_input(base, side=side, channels=channels)
    with sole_writer(out, say):
        need_new_folder(out, "convert", "choose another --out")
        base.save(out)
    return Converted(out, describe(base))

"""embed: vectors of texts by any base."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.reading import open_bases, say, tell_foreign
from headstart.commands.results import TableResult
from headstart.commands.session import files, need_new_file, whole
from headstart.core.errors import unknown

if TYPE_CHECKING:
    import numpy as np

    from headstart.training.pretrained_model import PretrainedModel


@dataclass(frozen=True, repr=False, eq=False)
class Embedded(TableResult):
    """vectors: float32 [rows, width]; out: the .npy file, or None where none was asked for (from Python)."""

    vectors: np.ndarray
    out: Path | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, width)."""
        return self.vectors.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the vectors, so that numpy takes the result itself."""
        return self.vectors if dtype is None else self.vectors.astype(dtype)

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per vector, its numbers by place."""
        return [dict(enumerate(row)) for row in self.vectors.tolist()]

    def told(self) -> list[str]:
        """See `TableResult`."""
        return [self.summary()]

    def summary(self) -> str:
        """Return the file and the shape of the vectors."""
        front = "" if self.out is None else f"{self.out}: "
        return f"{front}{self.shape[0]:,} vectors of width {self.shape[1]}"


def embed(
    base: Annotated[Path, Parameter(help="a run directory or a Hugging Face directory")],
    data: Annotated[list[str], Parameter(help="file(s) with texts or images; - is stdin", converter=files)],
    /,
    *,
    out: Annotated[Path, Parameter(help="the .npy file to write (float32 [rows, width])")],
    text: Annotated[str | None, Parameter(help="column of texts or images [guessed and printed]")] = None,
    layer: Annotated[int, Parameter(help="-1 last, 0 embeddings", converter=whole)] = -1,
    pooling: Annotated[str, Parameter(help="auto, mean, cls or own")] = "auto",
    precision: Annotated[
        str | None, Parameter(help="fp32, or auto: bf16 where it is quicker here [texts fp32, images as in training]")
    ] = None,
) -> Embedded:
    """Write one vector per text, in input order; texts longer than the network takes are averaged over windows."""
    import io

    import numpy as np

    from headstart.core.device import set_threads
    from headstart.core.files import write_bytes
    from headstart.data.read_request import ReadRequest
    from headstart.data.task_files import read_items

    set_threads()
    if out is not None:
        out = Path(out)
        need_new_file(out)
    bases = open_bases([Path(base)])
    pretrained = _reading_in(precision, next(iter(bases.values())))
    examples, ledger = read_items(ReadRequest(paths=data, text=text))
    for note in ledger.notes:
        say(note)
    tell_foreign(bases, examples.items)
    vectors = pretrained.embed(examples.items, layer=layer, pooling=pooling)
    if precision == "auto":
        say(f"computed in {pretrained.reads_in}")
    if out is not None:
        buffer = io.BytesIO()
        np.save(buffer, vectors)
        write_bytes(out, buffer.getvalue())
    say(ledger.summary())
    return Embedded(vectors, out)


def _reading_in(precision: str | None, base: PretrainedModel) -> PretrainedModel:
    """Return the base, to be read in the number format asked for. Raises HeadstartError: unknown."""
    if precision not in (None, "auto", "fp32"):
        raise unknown("precision", precision, ("auto", "fp32"))
    return base if precision is None else replace(base, dtype="bf16" if precision == "auto" else "fp32")

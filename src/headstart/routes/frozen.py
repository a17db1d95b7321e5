"""Frozen vectors of a base, seen from its frame and embedded once per text; what probe and knn stand on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from headstart.base.examples import Examples
from headstart.routes.checks import check_kind
from headstart.routes.vectors import Frame
from headstart.routes.workspace import Workspace
from headstart.training.artefact import Artefact

_FOLDER = "base"


@dataclasses.dataclass(frozen=True)
class FrozenVectors:
    """A base with the way its vectors are read.

    frame: center and turn, see `Frame`. pairs: whether rows hold two texts.
    """

    workspace: Workspace
    base: Artefact
    layer: int
    pooling: str
    frame: Frame
    pairs: bool

    @classmethod
    def of(cls, examples: Examples, workspace: Workspace, layer: int, pooling: str) -> FrozenVectors:
        """Return the vectors of the workspace's base for rows like `examples`. Raises HeadstartError."""
        base = workspace.need_base()
        base.check_embedding(layer, pooling)
        frame = workspace.frame(examples, layer=layer, pooling=pooling)
        return cls(workspace, base, layer, pooling, frame, examples.second is not None)

    def features(self, examples: Examples) -> np.ndarray:
        """Return float32 [N, D], for pairs [N, 4 D]. Raises HeadstartError when the rows are of the other kind."""
        check_kind(self.pairs, examples)
        return self.workspace.features(
            examples, frame=self.frame, base=self.base, layer=self.layer, pooling=self.pooling
        )

    def data(self) -> dict[str, object]:
        """Return the JSON values to save beside the frame."""
        return {"layer": self.layer, "pooling": self.pooling, "pairs": self.pairs}

    def save_base(self, folder: Path) -> None:
        """Write network and tokenizer below `folder`; what only pre-training needs is left out."""
        dataclasses.replace(self.base, objective=None, objective_spec=None, corpus=None).save(folder / _FOLDER)

    @classmethod
    def load(cls, folder: Path, data: dict, arrays: dict[str, np.ndarray]) -> FrozenVectors:
        """Read what `save_base` wrote, with the saved `data` and frame."""
        base = Artefact.open(folder / _FOLDER)
        return cls(Workspace(base), base, data["layer"], data["pooling"], Frame.from_arrays(arrays), data["pairs"])

"""Frozen vectors of a base, transformed and embedded once per item; what probe, knn, nearest and joined read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import check_kind
from headstart.fitting.workspace import Workspace
from headstart.nn.vector_steps import OnVectors, Step, VectorSteps, turned
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.transform import VectorTransform

_FOLDER = "base"
Answers = Callable[[Examples], Any]  # rows to arrays, a value for each row
Pooling = Literal["auto", "mean", "cls", "own", "quarters", "all"]  # see `nn/pooling.py`; auto: the base's usual one


@dataclasses.dataclass(frozen=True)
class FrozenVectors:
    """A base and how its vectors are read: layer, pooling, transform.

    transform: see `VectorTransform`. pairs: whether examples hold two items.
    """

    workspace: RouteWorkspace
    base: PretrainedModel
    layer: int
    pooling: str
    transform: VectorTransform
    pairs: bool

    @classmethod
    def of(cls, examples: Examples, workspace: RouteWorkspace, layer: int, pooling: str) -> FrozenVectors:
        """Return the vectors of the base in the workspace for examples like these.

        Raises HeadstartError: no base, no such layer.
        """
        base = workspace.need_base()
        base.check_embedding(layer, pooling)
        transform = workspace.transform(examples, layer=layer, pooling=pooling)
        return cls(workspace, base, layer, pooling, transform, examples.second is not None)

    def features(self, examples: Examples) -> np.ndarray:
        """Return float32 [N, D], for pairs [N, 4 D].

        Raises HeadstartError: pairs where single items are read, or reversed.
        """
        check_kind(self.pairs, examples)
        return self.workspace.features(
            examples, transform=self.transform, base=self.base, layer=self.layer, pooling=self.pooling
        )

    def data(self) -> dict[str, object]:
        """Return the JSON values to save beside the arrays of the transform."""
        return {"layer": self.layer, "pooling": self.pooling, "pairs": self.pairs}

    def plain(self) -> FrozenVectors:
        """Return the same vectors, computed in float32 and kept nowhere, as other libraries compute them."""
        base = dataclasses.replace(self.base, dtype="fp32")
        return dataclasses.replace(self, base=base, workspace=Workspace(base, keeps=False))

    def exportable(
        self, answer: Sequence[Step] | nn.Module, ours: Answers, *, gives: str, cosine: bool = False, **more: Any
    ) -> Exportable:
        """Return the base with a module on its vectors as another library is given them.

        answer: what the module does with the features, as steps where they say it. ours: the answers to examples from
        `plain` vectors. gives, cosine: see `OnVectors`. more: further fields of `Exportable`.
        """
        base = self.base.exportable()
        whole = (self.layer, self.pooling) == (-1, "auto")
        vector = [*(base.vector_steps if whole else ()), *turned(self.transform.center, self.transform.turn)]
        module = answer if isinstance(answer, nn.Module) else VectorSteps(answer)
        plainly = not isinstance(answer, nn.Module) and not self.pairs
        return dataclasses.replace(
            base,
            objective=None,
            objective_spec=None,
            layer=self.layer,
            pooling=base.pooling if self.pooling == "auto" else self.pooling,
            vector_steps=vector,
            answer_steps=[*vector, *answer] if plainly else None,
            answers=OnVectors(vector, module, gives=gives, pairs=self.pairs, cosine=cosine),
            pairs=self.pairs,
            ours=lambda rows: {gives: ours(rows)},
            **more,
        )

    def save_base(self, folder: Path) -> None:
        """Write network and processor below `folder`; the objective and the corpus are left out."""
        dataclasses.replace(self.base, objective=None, objective_spec=None, corpus=None).save(folder / _FOLDER)

    @classmethod
    def load(cls, folder: Path, data: dict, arrays: dict[str, np.ndarray]) -> FrozenVectors:
        """Read what `save_base` wrote; data, arrays: the saved JSON values and the arrays of the transform."""
        base = PretrainedModel.open(folder / _FOLDER)
        transform = VectorTransform.from_arrays(arrays)
        return cls(Workspace(base, keeps=False), base, data["layer"], data["pooling"], transform, data["pairs"])

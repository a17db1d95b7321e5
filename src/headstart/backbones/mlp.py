"""A fully connected network on the pixels of a whole image (LeCun et al. 1998): it does not know which are neighbours.

What convolutions are worth is the difference to this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.networks.staged import wide
from headstart.networks.writer import check_dropout
from headstart.nn.outputs import LinearOutput
from headstart.nn.standardise import Standardise


@dataclass(frozen=True, kw_only=True)
class MLPSpec(BackboneSpec):
    """width: units of each of `depth` hidden layers with ReLU. norm: before each ReLU; dropout: of each layer's
    outputs."""

    batch: ClassVar[str] = "pixels"
    width: int = 512
    depth: int = 2
    norm: Literal["none", "batch"] = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("width", "depth"):
            if getattr(self, name) < 1:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least 1")
        check_dropout(self.label(), self.dropout)

    def build(self, shape: ImageShape) -> MLP:
        """Return a new network; its random weights follow torch's global seed."""
        return MLP(self, shape)


class MLP(Backbone):
    """Its layers read images of one size; those of another are scaled to it first."""

    reads = "document"

    def __init__(self, spec: MLPSpec, shape: ImageShape) -> None:
        super().__init__()
        self.width, self.depth, self.dropout = spec.width, spec.depth, spec.dropout
        self.size = (shape.height, shape.width)
        self.input = Standardise(shape)
        widths = [shape.channels * shape.height * shape.width, *[spec.width] * spec.depth]
        self.linears = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm1d(spec.width) for _ in self.linears if spec.norm == "batch")
        for linear in self.linears:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode images. layers: the standardised pixels, then what comes out of each layer, [B, D']; no maps."""
        image = self.input(batch)
        if image.shape[2:] != self.size:
            image = F.interpolate(image, self.size, mode="bilinear", align_corners=False, antialias=True)
        states = [image.flatten(1)]
        for number in range(self.depth):
            states.append(self._layer(number, states[-1]))
        return Features(pooled_BD=states[-1], layers=tuple(states) if layers else ())

    def _layer(self, number: int, hidden_BD: Tensor) -> Tensor:
        hidden_BD = self.linears[number](hidden_BD)
        if self.norms:
            hidden_BD = self.norms[number](hidden_BD)
        return wide(F.dropout(F.relu(hidden_BD), self.dropout, self.training))

    def groups(self) -> list[list[nn.Parameter]]:
        """Each layer with its norm."""
        parts = (self.linears, self.norms) if self.norms else (self.linears,)
        return [[parameter for part in layer for parameter in part.parameters()] for layer in zip(*parts)]

    def classification_head(self, classes: int) -> LinearOutput:
        """Return one linear layer on the last hidden layer."""
        return LinearOutput(self.width, classes, "own")

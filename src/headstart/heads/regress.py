"""Regression (similarity of two texts, a rating): squared error on standardised targets."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Features, Head, Loss, Pieces
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.core.spec import HeadSpec
from headstart.nn.outputs import by_weight, document_output


@dataclass(frozen=True, kw_only=True)
class RegressSpec(HeadSpec):
    """pooling: as for head classify."""

    batch: ClassVar[tuple[str, ...]] = ("tokens", "pixels")
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"

    def build(self, backbone: Backbone, processor: Processor, classes: tuple[str, ...]) -> Regress:
        """Return the head; there are no classes."""
        return Regress(self, document_output(backbone, 1, self.pooling))


class Regress(Head):
    """number = mean + scale * output(features).

    mean_1, scale_1: of the training numbers, so that the scale of the numbers does not matter; saved with the weights.
    """

    gives = "numbers"

    def __init__(self, spec: RegressSpec, output: nn.Module) -> None:
        super().__init__()
        self.spec = spec
        self.output = output
        self.register_buffer("mean_1", torch.zeros(1))
        self.register_buffer("scale_1", torch.ones(1))

    def prepare(self, examples: Examples) -> None:
        """Take mean and standard deviation from the training numbers; equal numbers keep the scale 1."""
        numbers_N = np.asarray(examples.targets, np.float64)
        self.mean_1.fill_(numbers_N.mean())
        self.scale_1.fill_(numbers_N.std() or 1.0)

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return the number of each piece, `number_B`."""
        return {"number_B": np.split(np.asarray(examples.targets, np.float32)[pieces.owner_P], len(pieces.owner_P))}

    def forward(self, features: Features) -> Tensor:
        """Return standardised numbers [B, 1]."""
        return self.output(features)

    def plain_output(self) -> nn.Module:
        """See `Head.plain_output`: mean and scale are folded into the last layer."""
        output = copy.deepcopy(self.output)
        last = [module for module in output.modules() if isinstance(module, nn.Linear)][-1]
        with torch.no_grad():
            last.weight.mul_(self.scale_1)
            last.bias.mul_(self.scale_1).add_(self.mean_1)
        return output

    def finish(self, output: Tensor) -> Tensor:
        """Return the numbers [B, 1] of standardised ones."""
        return self.mean_1 + self.scale_1 * output

    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Return the summed squared error of standardised numbers."""
        wanted_B = (batch.extra["number_B"] - self.mean_1) / self.scale_1
        return Loss.of(by_weight((output.float()[:, 0] - wanted_B) ** 2, batch), wanted_B.numel())

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the number of each example."""
        return [float(self.mean_1 + self.scale_1 * output_1[0]) for output_1 in outputs]

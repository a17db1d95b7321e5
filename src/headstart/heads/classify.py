"""One label per row: logits [B, C] and cross-entropy, wired as the backbone's reference wires it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from headstart.base.contracts import Backbone, Features, Head, Loss
from headstart.base.errors import HeadstartError
from headstart.base.spec import HeadSpec
from headstart.nn.outputs import LinearOutput


@dataclass(frozen=True, kw_only=True)
class ClassifySpec(HeadSpec):
    """pooling: `auto` takes the backbone's own wiring, which export understands; `mean`, `cls` (first token) and `own`
    (the backbone's document vector) put one linear layer on that vector instead."""

    pooling: Literal["auto", "mean", "cls", "own"] = "auto"

    def build(self, backbone: Backbone, classes: int) -> Classify:
        """Return the head. Raises HeadstartError for fewer than two classes."""
        if classes < 2:
            raise HeadstartError(f"head classify needs at least 2 classes, got {classes}")
        if self.pooling == "auto" and hasattr(backbone, "classification_head"):
            return Classify(self, backbone.classification_head(classes))
        pooling = "mean" if self.pooling == "auto" else self.pooling
        return Classify(self, LinearOutput(backbone.width, classes, pooling))


class Classify(Head):
    """logits = output(features). output: [features -> B, C], of the backbone's reference or a linear layer."""

    def __init__(self, spec: ClassifySpec, output: nn.Module) -> None:
        super().__init__()
        self.spec = spec
        self.output = output

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.output(features)

    def loss(self, output: Tensor, target: Tensor) -> Loss:
        """Return the summed cross-entropy of logits [B, C] against class numbers [B]; parts: `accuracy`."""
        total = F.cross_entropy(output.float(), target, reduction="sum")
        count = target.numel()
        right = int((output.argmax(-1) == target).sum())
        return Loss(total=total, count=count, parts={"accuracy": right / count} if count else {})

"""Classification: logits [B, C] and cross-entropy, with the classification output of the reference of the backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Features, Head, Loss, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.core.reason import Reason
from headstart.core.spec import HeadSpec
from headstart.nn.outputs import by_weight, document_output, linear_layer


@dataclass(frozen=True, kw_only=True)
class ClassifySpec(HeadSpec):
    """pooling: `auto` = the output of the reference, which can be exported; `mean`, `cls` (first token) and `own`
    (document vector of the backbone) = one linear layer on the pooled vector."""

    batch: ClassVar[tuple[str, ...]] = ("tokens", "pixels")
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"

    def build(self, backbone: Backbone, processor: Processor, classes: tuple[str, ...]) -> Classify:
        """Return the head. Raises HeadstartError for fewer than two classes."""
        if len(classes) < 2:
            raise HeadstartError(
                Reason("head_one_class", "head classify needs at least 2 classes, got {count}", count=len(classes))
            )
        return Classify(self, document_output(backbone, len(classes), self.pooling), classes)


class Classify(Head):
    """logits = output(features). output: [features -> B, C], of the backbone's reference or a linear layer."""

    smoothing, gives = 0.0, "probabilities"

    def __init__(self, spec: ClassifySpec, output: nn.Module, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.spec, self.classes = spec, classes
        self.output = output

    def linear_layer(self) -> tuple[nn.Linear, str] | None:
        """See `Head.linear_layer`."""
        return linear_layer(self.output)

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return the class number of each piece, `label_B`."""
        return {"label_B": np.split(np.asarray(examples.labels, np.int64)[pieces.owner_P], len(pieces.owner_P))}

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.output(features)

    def plain_output(self) -> nn.Module:
        """See `Head.plain_output`."""
        return self.output

    def finish(self, output: Tensor) -> Tensor:
        """Return the probabilities [B, C] of logits."""
        return output.softmax(-1)

    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Return the summed cross-entropy of logits [B, C]; parts: `accuracy`."""
        target_B = batch.extra["label_B"]
        smoothing = self.smoothing if self.training else 0.0
        loss_B = F.cross_entropy(output.float(), target_B, reduction="none", label_smoothing=smoothing)
        count = target_B.numel()
        right = (output.argmax(-1) == target_B).sum()
        return Loss.of(by_weight(loss_B, batch), count, {"accuracy": right.double() / count} if count else {})

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the label name of each example."""
        return [self.classes[logits_C.argmax()] for logits_C in outputs]

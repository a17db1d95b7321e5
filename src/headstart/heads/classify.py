"""One label per row: logits [B, C] and cross-entropy, wired as the backbone's reference wires it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Features, Head, Loss, Rows, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import HeadSpec
from headstart.heads.document import document_output


@dataclass(frozen=True, kw_only=True)
class ClassifySpec(HeadSpec):
    """pooling: `auto` takes the backbone's own wiring, which export understands; `mean`, `cls` (first token) and `own`
    (the backbone's document vector) put one linear layer on that vector instead."""

    pooling: Literal["auto", "mean", "cls", "own"] = "auto"

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Classify:
        """Return the head. Raises HeadstartError for fewer than two classes."""
        if len(classes) < 2:
            raise HeadstartError(f"head classify needs at least 2 classes, got {len(classes)}")
        return Classify(self, document_output(backbone, len(classes), self.pooling))


class Classify(Head):
    """logits = output(features). output: [features -> B, C], of the backbone's reference or a linear layer."""

    smoothing = 0.0

    def __init__(self, spec: ClassifySpec, output: nn.Module) -> None:
        super().__init__()
        self.spec = spec
        self.output = output

    def targets(self, examples: Examples, rows: Rows) -> dict[str, list[np.ndarray]]:
        """Return the class number of each piece, `label_B`."""
        return {"label_B": np.split(np.asarray(examples.labels, np.int64)[rows.owner_R], len(rows.owner_R))}

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.output(features)

    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Return the summed cross-entropy of logits [B, C]; parts: `accuracy`."""
        target_B = batch.extra["label_B"]
        smoothing = self.smoothing if self.training else 0.0
        total = F.cross_entropy(output.float(), target_B, reduction="sum", label_smoothing=smoothing)
        count = target_B.numel()
        right = int((output.argmax(-1) == target_B).sum())
        return Loss(total=total, count=count, parts={"accuracy": right / count} if count else {})

    def answers(self, outputs: list[np.ndarray], rows: Rows, examples: Examples) -> list[Any]:
        """Return the class number of each example."""
        return [int(logits_C.argmax()) for logits_C in outputs]

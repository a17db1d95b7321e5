"""Multi-label classification: a logit for each label, binary cross-entropy, the outputs of head classify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Features, Head, Loss, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.label_answers import SAID_FROM, best_threshold, label_answers, label_matrix
from headstart.core.processor import Processor
from headstart.core.reason import Reason
from headstart.core.spec import HeadSpec
from headstart.nn.outputs import by_weight, document_output, linear_layer


@dataclass(frozen=True, kw_only=True)
class MultilabelSpec(HeadSpec):
    """pooling: as for head classify."""

    batch: ClassVar[tuple[str, ...]] = ("tokens", "pixels")
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"

    def build(self, backbone: Backbone, processor: Processor, classes: tuple[str, ...]) -> Multilabel:
        """Return the head. Raises HeadstartError for fewer than two labels."""
        if len(classes) < 2:
            raise HeadstartError(
                Reason("head_one_label", "head multilabel needs at least 2 labels, got {count}", count=len(classes))
            )
        return Multilabel(self, document_output(backbone, len(classes), self.pooling), classes)


class Multilabel(Head):
    """probabilities = sigmoid(output(features)), of each label for itself.

    said_from_1: the probability from which a label is said, the one with the best micro-F1 on training rows: a network
    that has not learned them gives rare labels small probabilities, one that has leaves it at .5.
    """

    concludes, gives = True, "probabilities"

    def __init__(self, spec: MultilabelSpec, output: nn.Module, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.spec, self.classes = spec, classes
        self.output = output
        self.register_buffer("said_from_1", torch.full((1,), SAID_FROM))

    def linear_layer(self) -> tuple[nn.Linear, str] | None:
        """See `Head.linear_layer`."""
        return linear_layer(self.output)

    def prepare(self, examples: Examples) -> None:
        """Start from the share of each label among the training rows."""
        share_C = (label_matrix(examples).sum(0) + 0.5) / (len(examples) + 1)
        last = [module for module in self.output.modules() if isinstance(module, nn.Linear)][-1]
        if last.bias is not None:
            with torch.no_grad():
                last.bias.copy_(torch.from_numpy(logit(share_C)))

    def conclude(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> None:
        """Choose the threshold."""
        self.said_from_1.fill_(best_threshold(expit(np.stack(outputs)), label_matrix(examples)))

    def notes(self, examples: Examples, pieces: Pieces) -> dict[str, object]:
        """Return the threshold."""
        return {"said_from": round(float(self.said_from_1), 3)}

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return what each piece has of the labels, 0 or 1, `labels_B`: [1, C] each."""
        rows_PC = label_matrix(examples)[pieces.owner_P]
        return {"labels_B": list(rows_PC[:, None].astype(np.float32))}

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.output(features)

    def plain_output(self) -> nn.Module:
        """See `Head.plain_output`."""
        return self.output

    def finish(self, output: Tensor) -> Tensor:
        """Return the probability of each label for itself, [B, C], of logits."""
        return output.sigmoid()

    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Return the binary cross-entropy summed over labels and pieces; counted by pieces."""
        wanted_BC = batch.extra["labels_B"]
        loss_BC = F.binary_cross_entropy_with_logits(output.float(), wanted_BC, reduction="none")
        right = ((output > 0) == (wanted_BC > 0)).double().mean() if wanted_BC.numel() else None
        return Loss.of(by_weight(loss_BC.sum(1), batch), len(wanted_BC), {} if right is None else {"accuracy": right})

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the labels of each example with the probabilities of all."""
        scores_NC = expit(np.stack(outputs).astype(np.float64)) if outputs else np.zeros((0, len(self.classes)))
        return label_answers(scores_NC, self.classes, float(self.said_from_1))

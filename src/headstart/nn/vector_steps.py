"""Steps from a pooled vector to an answer, as data: other libraries are given them, and graphs compute them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.nn.sentence_head import ACTIVATIONS, SentenceHead

UNIT, SOFTMAX, SIGMOID = "unit", "softmax", "sigmoid"
_NEVER = -1e30  # logit of a class without a training row: its probability is exactly 0


class Affine(NamedTuple):
    """weight x + bias. weight: float32 [E, D]; bias: float32 [E] or None."""

    weight: Tensor
    bias: Tensor | None


Step = Affine | str  # UNIT, SOFTMAX, SIGMOID, or a name of `ACTIVATIONS`


class VectorSteps(nn.Module):
    """Applies steps one after the other to vectors [B, D]."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.steps = tuple(step if isinstance(step, str) else "linear" for step in steps)
        self.linears = nn.ModuleList(_linear(step) for step in steps if isinstance(step, Affine))

    def forward(self, vector_BD: Tensor) -> Tensor:
        """Return [B, E]."""
        linears = iter(self.linears)
        for step in self.steps:
            vector_BD = next(linears)(vector_BD) if step == "linear" else _APPLIED[step](vector_BD)
        return vector_BD


_APPLIED = {
    **ACTIVATIONS,
    UNIT: lambda vector_BD: F.normalize(vector_BD, dim=-1),
    SOFTMAX: lambda logit_BC: logit_BC.softmax(-1),
    SIGMOID: torch.sigmoid,
}


def _linear(step: Affine) -> nn.Linear:
    layer = nn.Linear(step.weight.shape[1], step.weight.shape[0], bias=step.bias is not None)
    with torch.no_grad():
        layer.weight.copy_(step.weight)
        if step.bias is not None:
            layer.bias.copy_(step.bias)
    return layer


def of_sentence(head: SentenceHead | None) -> list[Step]:
    """Return what a sentence model does after pooling."""
    steps: list[Step] = []
    for layer in head.layers if head else ():
        steps.append(Affine(layer.weight, layer.bias))
        steps += [] if layer.activation == "Identity" else [layer.activation]
    return [*steps, UNIT] if head is not None and head.unit else steps


def turned(center_D: np.ndarray, turn_DD: np.ndarray) -> list[Step]:
    """Return (x - center) turn, scaled to length 1, as steps."""
    bias_D = -(center_D.astype(np.float64) @ turn_DD.astype(np.float64))
    return [affine(turn_DD.T, bias_D), UNIT]


def affine(weight_ED: np.ndarray, bias_E: np.ndarray | None = None) -> Affine:
    """Return the step of arrays of any float type."""
    weight = torch.from_numpy(np.ascontiguousarray(weight_ED, np.float32))
    return Affine(weight, None if bias_E is None else torch.from_numpy(np.ascontiguousarray(bias_E, np.float32)))


def for_all_classes(weight_KD: np.ndarray, bias_K: np.ndarray, seen_K: np.ndarray, classes: int) -> Affine:
    """Return the logits of all classes from those of the K classes that had training rows; the others get 0."""
    weight_CD = np.zeros((classes, weight_KD.shape[1]), np.float32)
    bias_C = np.full(classes, _NEVER, np.float32)
    weight_CD[seen_K], bias_C[seen_K] = weight_KD, bias_K
    return affine(weight_CD, bias_C)


class OnVectors(nn.Module):
    """Answers from the vectors of items, or of the two items of pairs.

    vector: from a pooled vector to the vector of an item. answer: from the vector of an item, or from the features
    [u, v, |u - v|, u v] of a pair, to the answer. cosine: the cosine of u and v is one more feature, the last one.
    gives: what the answer is.
    """

    def __init__(
        self, vector: Sequence[Step], answer: nn.Module, *, gives: str, pairs: bool = False, cosine: bool = False
    ) -> None:
        super().__init__()
        self.vector, self.answer = VectorSteps(vector), answer
        self.gives, self.pairs, self.cosine = gives, pairs, cosine

    def forward(self, first_BD: Tensor, second_BD: Tensor | None = None) -> Tensor:
        """Return answers [B, ...] of pooled vectors."""
        u_BD = self.vector(first_BD)
        if second_BD is None:
            return self.answer(u_BD)
        v_BD = self.vector(second_BD)
        parts = [u_BD, v_BD, (u_BD - v_BD).abs(), u_BD * v_BD]
        parts += [parts[-1].sum(1, keepdim=True)] if self.cosine else []
        return self.answer(torch.cat(parts, 1))


class Vote(nn.Module):
    """Weighted vote of the nearest of N rows: weights exp(cosine / temperature). See `routes/knn.py`."""

    def __init__(self, rows_ND: np.ndarray, labels_N: np.ndarray, classes: int, nearest: int, temperature: float):
        super().__init__()
        self.nearest, self.temperature = min(nearest, len(rows_ND)), temperature
        self.register_buffer("rows_ND", torch.from_numpy(rows_ND.astype(np.float32)))
        self.register_buffer("labels_NC", F.one_hot(torch.from_numpy(labels_N.astype(np.int64)), classes).float())

    def forward(self, vector_BD: Tensor) -> Tensor:
        """Return the share of each class in the vote [B, C]."""
        cosine_BN = F.normalize(vector_BD, dim=-1) @ self.rows_ND.T
        near_BK, place_BK = cosine_BN.topk(self.nearest, dim=1)
        share_BK = (near_BK / self.temperature).softmax(1)
        return (share_BK[:, :, None] * self.labels_NC[place_BK]).sum(1)


class Line(nn.Module):
    """slope x + offset of the cosine at the end of pair features, clipped to [lowest, highest], [B, 1]."""

    def __init__(self, line_4: np.ndarray) -> None:
        super().__init__()
        self.slope, self.offset, self.lowest, self.highest = (float(value) for value in line_4)

    def forward(self, features_BF: Tensor) -> Tensor:
        """Return [B, 1]."""
        return (self.slope * features_BF[:, -1:] + self.offset).clamp(self.lowest, self.highest)

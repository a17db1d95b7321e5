"""What sits on top of an encoder: the masked-token output and the two classification outputs of the references."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.base.contracts import Features
from headstart.nn.mlp import activation
from headstart.nn.scored import Scored, score_words


class Transform(nn.Module):
    """norm(act(dense x)), the step before BERT's and ModernBERT's vocabulary matrix. eps, bias: of the norm."""

    def __init__(self, width: int, *, act: str, eps: float, dense_bias: bool, norm_bias: bool) -> None:
        super().__init__()
        self.act = activation(act)
        self.dense = nn.Linear(width, width, bias=dense_bias)
        self.norm = nn.LayerNorm(width, eps=eps, bias=norm_bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., D]."""
        return self.norm(self.act(self.dense(hidden)))


class TokenOutput(nn.Module):
    """Vocabulary logits: transform, then the *tied* word matrix of the backbone plus a bias of its own.

    The matrix is passed in and never registered here, so it is stored, optimised and counted once.
    """

    def __init__(self, transform: Transform, vocabulary: int) -> None:
        super().__init__()
        self.transform = transform
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden_MD: Tensor, words_VD: Tensor) -> Tensor:
        """Return logits [M, V] for the M hidden states that are scored."""
        return nn.functional.linear(self.transform(hidden_MD), words_VD, self.bias)

    def score(self, hidden_MD: Tensor, words_VD: Tensor, target_M: Tensor) -> Scored:
        """Return the summed cross-entropy against `target_M` without ever holding all logits; see `nn/scored.py`."""
        return score_words(self.transform(hidden_MD), words_VD, self.bias, target_M)


class LinearOutput(nn.Module):
    """classifier(document vector). pooling: how the vector is made, see `Features.pool`."""

    def __init__(self, width: int, classes: int, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling
        self.classifier = nn.Linear(width, classes)

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.classifier(features.pool(self.pooling))


class TransformOutput(nn.Module):
    """classifier(transform(document vector)). transform: `Transform`, or any [B, D] -> [B, D] module."""

    def __init__(self, transform: nn.Module, width: int, classes: int, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling
        self.transform = transform
        self.classifier = nn.Linear(width, classes)

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.classifier(self.transform(features.pool(self.pooling)))

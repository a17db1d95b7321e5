"""What sits on top of an encoder: the outputs for tokens and the two classification outputs of the references."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Features
from headstart.nn.chunked_cross_entropy import Scored, score_words
from headstart.nn.mlp import activation
from headstart.nn.pooling import pool


def by_weight(loss_B: Tensor, batch: Batch) -> Tensor:
    """Return the sum of losses [B], each times what its sample counts (`weight_B` in `extra`; 1 without it)."""
    return (loss_B * batch.extra["weight_B"]).sum() if "weight_B" in batch.extra else loss_B.sum()


class Transform(nn.Module):
    """norm(act(dense x)), the step before the vocabulary matrix. eps, bias: of the norm. out: its width (none = D)."""

    def __init__(
        self, width: int, *, act: str, eps: float, dense_bias: bool, norm_bias: bool, out: int | None = None
    ) -> None:
        super().__init__()
        self.act = activation(act)
        self.dense = nn.Linear(width, out or width, bias=dense_bias)
        self.norm = nn.LayerNorm(out or width, eps=eps, bias=norm_bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return [..., D], or [..., out]."""
        return self.norm(self.act(self.dense(hidden)))


class TokenOutput(nn.Module):
    """Vocabulary logits: transform, then the *tied* word matrix of the backbone plus a bias of its own.

    The matrix is passed in and never registered here, so it is stored, optimised and counted once.
    """

    def __init__(self, transform: Transform, vocabulary: int) -> None:
        super().__init__()
        self.transform = transform
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    @torch.no_grad()
    def start_from(self, count_V: Tensor) -> None:
        """Let the bias say how often each id occurs, so that no step is spent on learning that.

        count_V: [ids] at most as many as there are rows; what never occurs counts a half, rows beyond them too.
        """
        share_V = count_V.new_full(self.bias.shape, 0.5)
        share_V[: len(count_V)] += count_V
        self.bias.copy_((share_V / share_V.sum()).log())

    def forward(self, hidden_MD: Tensor, words_VD: Tensor) -> Tensor:
        """Return logits [M, V] for the M hidden states that are scored."""
        return nn.functional.linear(self.transform(hidden_MD), words_VD, self.bias)

    def score(self, hidden_MD: Tensor, words_VD: Tensor, target_M: Tensor) -> Scored:
        """Return the summed cross-entropy against `target_M`; see `chunked_cross_entropy.py`."""
        return score_words(self.transform(hidden_MD), words_VD, self.bias, target_M)


class DetectionOutput(nn.Module):
    """One logit per token, out(act(dense x)): is it another than the author's? (ELECTRA, arXiv:2003.10555)"""

    def __init__(self, width: int, *, act: str = "gelu") -> None:
        super().__init__()
        self.act = activation(act)
        self.dense = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return logits [...] of hidden states [..., D]."""
        return self.out(self.act(self.dense(hidden))).squeeze(-1)


class WordOutput(nn.Module):
    """Vocabulary logits without a transform or a bias: by the word matrix of the backbone, or by one of its own.

    tied: use the matrix that is passed in (see `TokenOutput`); else `weight` [V, D] is learned here. scale: of states.
    """

    def __init__(self, width: int, vocabulary: int, *, tied: bool, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.weight = None if tied else nn.Parameter(torch.empty(vocabulary, width).normal_(std=0.02))

    def forward(self, hidden_MD: Tensor, words_VD: Tensor) -> Tensor:
        """Return logits [M, V]."""
        return nn.functional.linear(hidden_MD * self.scale, words_VD if self.weight is None else self.weight)

    def score(self, hidden_MD: Tensor, words_VD: Tensor, target_M: Tensor, smoothing: float = 0.0) -> Scored:
        """See `TokenOutput.score`.

        smoothing: share of the target that lies evenly on all words (Szegedy et al. 2016, arXiv:1512.00567).
        """
        words_VD = words_VD if self.weight is None else self.weight
        hidden_MD = hidden_MD * self.scale
        scored = score_words(hidden_MD, words_VD, None, target_M)
        if not smoothing:
            return scored
        # Cross-entropy is linear in the target: what moves from the word itself to all words costs logit - mean logit.
        moved = hidden_MD.float() * (words_VD[target_M] - words_VD.mean(0)).float()
        return Scored(scored.total + smoothing * moved.sum(), scored.right)


class LinearOutput(nn.Module):
    """classifier(document vector). pooling: how the vector is made, see `pool`."""

    def __init__(self, width: int, classes: int, pooling: str, *, bias: bool = True) -> None:
        super().__init__()
        self.pooling = pooling
        self.classifier = nn.Linear(width, classes, bias=bias)

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.classifier(pool(features, self.pooling))


class TransformOutput(nn.Module):
    """classifier(transform(document vector)). transform: `Transform`, or any [B, D] -> [B, D] module."""

    def __init__(self, transform: nn.Module, width: int, classes: int, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling
        self.transform = transform
        self.classifier = nn.Linear(width, classes)

    def forward(self, features: Features) -> Tensor:
        """Return logits [B, C]."""
        return self.classifier(self.transform(pool(features, self.pooling)))


def linear_layer(output: nn.Module) -> tuple[nn.Linear, str] | None:
    """Return (layer, pooling) of an output that is one linear layer on a pooled vector, else None."""
    return (output.classifier, output.pooling) if isinstance(output, LinearOutput) else None


def document_output(backbone: Backbone, outputs: int, pooling: str) -> nn.Module:
    """Return a module [features -> B, outputs]: for pooling `auto` the backbone's own wiring where it has one."""
    own = backbone.classification_head(outputs) if pooling == "auto" else None
    return own or LinearOutput(backbone.width, outputs, "mean" if pooling == "auto" else pooling)

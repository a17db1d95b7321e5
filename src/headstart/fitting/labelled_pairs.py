"""Contrastive training data: pairs of rows of one class or of two, drawn by number, and the loss on their cosines."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.examples import Examples
from headstart.core.seeds import KeyedRandom
from headstart.data.encode_examples import encode_examples
from headstart.fitting.supervised import LabelledPieces
from headstart.nn.pooling import pool
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.transform import VectorTransform


class PairDraws:
    """Pair `number` is a function of (seed, number): no list of pairs is kept, so n rows cost memory n and not n^2.

    Even pairs hold two rows of one class (different rows if the class has two), odd pairs rows of two classes; each
    class is equally likely, whatever its size. labels_N: int64, at least two different classes.
    """

    def __init__(self, labels_N: np.ndarray, seed: int):
        self.rows_N = np.argsort(labels_N, kind="stable")  # sorted by class
        _, self.start_K, self.size_K = np.unique(labels_N[self.rows_N], return_index=True, return_counts=True)
        self.random = KeyedRandom(seed)

    def at(self, number_P: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (first row, second row, whether they are of one class), each [P]."""
        alike_P = number_P % 2 == 0
        classes = len(self.size_K)
        one_P = self._below("pair.class", number_P, classes)
        two_P = np.where(alike_P, one_P, (one_P + 1 + self._below("pair.other", number_P, classes - 1)) % classes)
        first_P = self._below("pair.first", number_P, self.size_K[one_P])
        # Within one class: any other row of the class, counted on from the first row.
        others_P = np.where(alike_P, np.maximum(self.size_K[two_P] - 1, 1), self.size_K[two_P])
        second_P = self._below("pair.second", number_P, others_P)
        second_P = np.where(alike_P, (first_P + 1 + second_P) % self.size_K[two_P], second_P)
        return self.rows_N[self.start_K[one_P] + first_P], self.rows_N[self.start_K[two_P] + second_P], alike_P

    def _below(self, stream: str, number_P: np.ndarray, limit: np.ndarray | int) -> np.ndarray:
        return (self.random.uniform(stream, number_P) * limit).astype(np.int64)


class LabelledPairs:
    """`at(number)`: batches of `size` pairs as 2 `size` samples, the first rows of all pairs, then their second rows.

    Examples with two texts give 4 `size` samples: first texts, then second texts. A text that is longer than the
    network takes is represented by a piece drawn anew each time. extra: `alike_P`, 1 for pairs of one class, else 0.
    """

    def __init__(self, pretrained: PretrainedModel, examples: Examples, *, size: int, seed: int):
        longest = pretrained.backbone.max_tokens
        self.texts, self.first_N, self.count_N = [], [], []
        for texts in (examples.items, examples.second):
            if texts is not None:
                pieces = encode_examples(pretrained.processor, Examples(texts), longest=longest, overlap=0.0)
                self.texts.append(LabelledPieces(pieces, {}, pretrained.processor))
                count_N = np.bincount(pieces.owner_P, minlength=len(texts))  # pieces of each example
                self.count_N.append(count_N)
                self.first_N.append(np.cumsum(count_N) - count_N)  # position of the first piece of each example
        self.draws, self.random, self.size = PairDraws(np.asarray(examples.labels), seed), KeyedRandom(seed), size

    def at(self, number: int) -> TokenBatch:
        """Return batch `number`."""
        number_P = number * self.size + np.arange(self.size)
        first_P, second_P, alike_P = self.draws.at(number_P)
        rows = np.concatenate([first_P, second_P])
        sample = np.concatenate([2 * number_P, 2 * number_P + 1])
        parts = []
        for side, (texts, first_N, count_N) in enumerate(zip(self.texts, self.first_N, self.count_N)):
            piece = (self.random.uniform(f"pair.piece{side}", sample) * count_N[rows]).astype(np.int64)
            parts.append(texts.batch(first_N[rows] + piece))
        return TokenBatch(
            ids_N=torch.cat([part.ids_N for part in parts]),
            lengths_B=torch.cat([part.lengths_B for part in parts]),
            sample_B=torch.from_numpy(np.tile(sample, len(parts))),
            extra={"alike_P": torch.from_numpy(alike_P.astype(np.float32))},
        )


class Alike(Objective):
    """loss = mean over pairs of (cos(x, x') - y)^2 with y = 1 for pairs of one class, else 0.

    x is the input of the later linear model: the transformed document vector, for two texts [u, v, |u - v|, u v]
    (`pair_features`).
    """

    def __init__(self, transform: VectorTransform, pooling: str, pairs: bool):
        super().__init__()
        self.pooling, self.pairs = pooling, pairs
        self.register_buffer("center_D", torch.from_numpy(transform.center))
        self.register_buffer("turn_DD", torch.from_numpy(transform.turn))

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return the batch unchanged: the labels are the targets."""
        return batch

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """Return the loss of P pairs; parts: mean cosine of pairs of one class (`same`) and of two (`other`)."""
        vectors_BD = F.normalize((pool(backbone(batch), self.pooling).float() - self.center_D) @ self.turn_DD, dim=-1)
        one, two = self._rows(vectors_BD).chunk(2)
        cosine_P, alike_P = F.cosine_similarity(one, two, dim=-1), batch.extra["alike_P"]
        shown_P = cosine_P.detach()
        parts = {"same": shown_P[alike_P > 0].mean(), "other": shown_P[alike_P == 0].mean()}
        return Loss.of((cosine_P - alike_P).square().sum(), alike_P.numel(), parts)

    def _rows(self, vectors_BD: Tensor) -> Tensor:
        if not self.pairs:
            return vectors_BD
        u, v = vectors_BD.chunk(2)
        return torch.cat([u, v, (u - v).abs(), u * v], dim=-1)

"""Pairs of labelled rows that are alike or not, drawn when asked for, and the objective that makes vectors say so."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Loss, Objective
from headstart.base.examples import Examples
from headstart.base.seeds import KeyedRandom
from headstart.data.framing import frame_rows
from headstart.routes.supervised import LabelledRows
from headstart.routes.vectors import Frame
from headstart.training.artefact import Artefact


class PairDraws:
    """Pair `number` is a function of (seed, number): nothing is listed, so n rows cost n numbers and not n^2.

    Even pairs are of one class (two different rows of it where it has two), odd ones of two classes; classes are drawn
    evenly, whatever their sizes. labels_N: int64, at least two different ones.
    """

    def __init__(self, labels_N: np.ndarray, seed: int):
        self.rows_N = np.argsort(labels_N, kind="stable")  # class by class
        _, self.start_K, self.size_K = np.unique(labels_N[self.rows_N], return_index=True, return_counts=True)
        self.random = KeyedRandom(seed)

    def at(self, number_P: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (first row, second row, whether they are of one class), each [P]."""
        alike_P = number_P % 2 == 0
        classes = len(self.size_K)
        one_P = self._below("pair.class", number_P, classes)
        two_P = np.where(alike_P, one_P, (one_P + 1 + self._below("pair.other", number_P, classes - 1)) % classes)
        first_P = self._below("pair.first", number_P, self.size_K[one_P])
        # Of one class: any of the others of it, counted on from the first.
        others_P = np.where(alike_P, np.maximum(self.size_K[two_P] - 1, 1), self.size_K[two_P])
        second_P = self._below("pair.second", number_P, others_P)
        second_P = np.where(alike_P, (first_P + 1 + second_P) % self.size_K[two_P], second_P)
        return self.rows_N[self.start_K[one_P] + first_P], self.rows_N[self.start_K[two_P] + second_P], alike_P

    def _below(self, stream: str, number_P: np.ndarray, limit: np.ndarray | int) -> np.ndarray:
        return (self.random.uniform(stream, number_P) * limit).astype(np.int64)


class LabelledPairs:
    """`at(number)`: batches of `size` pairs as 2 `size` samples, the first rows of all pairs, then the second ones.

    Rows of two texts give 4 `size` samples: first texts, then second texts. Of a text that is longer than the network
    takes another piece is drawn each time. extra: `alike_P`, 1 for pairs of one class, else 0.
    """

    def __init__(self, artefact: Artefact, examples: Examples, *, size: int, seed: int):
        longest = artefact.backbone.max_tokens
        self.texts, self.first_R, self.pieces_R = [], [], []
        for texts in (examples.first, examples.second):
            if texts is not None:
                rows = frame_rows(artefact.tokenizer, Examples(texts), longest=longest, overlap=0.0)
                self.texts.append(LabelledRows(rows, {}))
                pieces_R = np.bincount(rows.owner_R, minlength=len(texts))
                self.pieces_R.append(pieces_R)
                self.first_R.append(np.cumsum(pieces_R) - pieces_R)
        self.draws, self.random, self.size = PairDraws(np.asarray(examples.labels), seed), KeyedRandom(seed), size

    def at(self, number: int) -> Batch:
        """Return batch `number`."""
        number_P = number * self.size + np.arange(self.size)
        first_P, second_P, alike_P = self.draws.at(number_P)
        rows = np.concatenate([first_P, second_P])
        sample = np.concatenate([2 * number_P, 2 * number_P + 1])
        parts = []
        for side, (texts, first_R, pieces_R) in enumerate(zip(self.texts, self.first_R, self.pieces_R)):
            piece = (self.random.uniform(f"pair.piece{side}", sample) * pieces_R[rows]).astype(np.int64)
            parts.append(texts.batch(first_R[rows] + piece))
        return Batch(
            ids_N=torch.cat([part.ids_N for part in parts]),
            lengths_B=torch.cat([part.lengths_B for part in parts]),
            sample_B=torch.from_numpy(np.tile(sample, len(parts))),
            extra={"alike_P": torch.from_numpy(alike_P.astype(np.float32))},
        )


class Alike(Objective):
    """loss = mean over pairs of (cos(x, x') - 1 or 0)^2, for x what the linear model will see of a row.

    That is the document vector seen from the base's `frame`, of two texts [u, v, |u - v|, u v] (`pair_features`).
    """

    def __init__(self, frame: Frame, pooling: str, pairs: bool):
        super().__init__()
        self.pooling, self.pairs = pooling, pairs
        self.register_buffer("center_D", torch.from_numpy(frame.center))
        self.register_buffer("turn_DD", torch.from_numpy(frame.turn))

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch as it is: the label is what is hidden."""
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Score P pairs; parts: mean cosine of pairs of one class (`same`) and of two (`other`)."""
        vectors_BD = F.normalize((backbone(batch).pool(self.pooling).float() - self.center_D) @ self.turn_DD, dim=-1)
        one, two = self._rows(vectors_BD).chunk(2)
        cosine_P, alike_P = F.cosine_similarity(one, two, dim=-1), batch.extra["alike_P"]
        shown_P = cosine_P.detach()
        parts = {"same": float(shown_P[alike_P > 0].mean()), "other": float(shown_P[alike_P == 0].mean())}
        return Loss((cosine_P - alike_P).square().sum(), alike_P.numel(), parts)

    def _rows(self, vectors_BD: Tensor) -> Tensor:
        if not self.pairs:
            return vectors_BD
        u, v = vectors_BD.chunk(2)
        return torch.cat([u, v, (u - v).abs(), u * v], dim=-1)

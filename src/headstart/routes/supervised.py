"""Labelled training as an objective and a batch source, so that the one training loop fits task models too."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Head, Loss, Objective
from headstart.base.examples import Examples
from headstart.base.seeds import KeyedRandom, numpy_generator
from headstart.training.artefact import Artefact

_POOL = 16  # batches whose rows are sorted by length together
_ALL = 1 << 40  # a token budget that puts all rows into few batches


class Supervised(Objective):
    """Predict `batch.extra["label_B"]` with `head`; nothing is hidden."""

    def __init__(self, head: Head):
        super().__init__()
        self.head = head

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch as it is: the label is what is hidden."""
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Return the head's loss."""
        return self.head.loss(self.head(backbone(batch)), batch.extra["label_B"])


class LabelledRows:
    """Framed rows, encoded once. cut: rows that did not fit the network whole."""

    def __init__(self, artefact: Artefact, examples: Examples):
        ids: list[torch.Tensor] = [torch.zeros(0, dtype=torch.int64)] * len(examples)
        types: list[torch.Tensor] = list(ids)
        self.cut = 0
        for rows, batch, cut in artefact.batches(examples, tokens=_ALL):
            self.cut += cut
            pieces = batch.ids_N.split(batch.lengths_B.tolist())
            kinds = pieces if batch.types_N is None else batch.types_N.split(batch.lengths_B.tolist())
            for row, piece, kind in zip(rows, pieces, kinds):
                ids[row], types[row] = piece, kind
        self.ids, self.types = ids, types if examples.second is not None else None
        self.lengths_N = np.array([len(piece) for piece in ids], dtype=np.int64)
        self.labels_N = np.asarray(examples.labels, dtype=np.int64)

    def batch(self, rows: np.ndarray, epoch: int = 0) -> Batch:
        """Return the batch of the rows at these positions, with `extra["label_B"]`."""
        return Batch(
            ids_N=torch.cat([self.ids[row] for row in rows]),
            lengths_B=torch.from_numpy(self.lengths_N[rows]),
            sample_B=torch.from_numpy(np.asarray(rows, dtype=np.int64)),
            epoch=epoch,
            types_N=None if self.types is None else torch.cat([self.types[row] for row in rows]),
            extra={"label_B": torch.from_numpy(self.labels_N[rows])},
        )


class LabelledBatches:
    """`at(number)`: batches of about `size` rows, every epoch every row once; rows of like length go together.

    Which rows meet is a function of (seed, epoch); sorting is within pools of 16 batches, so that it stays random.
    """

    def __init__(self, rows: LabelledRows, chosen: np.ndarray, *, size: int, seed: int):
        self.rows, self.chosen, self.seed = rows, chosen, seed
        self.per_epoch = max(1, -(-len(chosen) // size))
        self._plan = lru_cache(maxsize=2)(self._make_plan)

    def _make_plan(self, epoch: int) -> list[np.ndarray]:
        random = numpy_generator(self.seed, "rows", epoch)
        order = self.chosen[random.permutation(len(self.chosen))]
        pools = np.array_split(order, max(1, self.per_epoch // _POOL))
        order = np.concatenate([pool[np.argsort(self.rows.lengths_N[pool], kind="stable")] for pool in pools])
        batches = np.array_split(order, self.per_epoch)
        return [batches[index] for index in random.permutation(self.per_epoch)]

    def at(self, number: int) -> Batch:
        """Return batch `number`, counted over all epochs."""
        epoch, index = divmod(number, self.per_epoch)
        return self.rows.batch(self._plan(epoch)[index], epoch)

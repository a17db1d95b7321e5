"""Labelled training as an objective and a batch source, so that the one training loop fits task models too."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Head, Loss, Objective, Rows
from headstart.base.examples import Examples
from headstart.base.seeds import KeyedRandom, numpy_generator
from headstart.base.spec import HeadSpec
from headstart.data.framing import frame_rows
from headstart.training.artefact import Artefact, by_length

_POOL = 16  # batches whose rows are sorted by length together
_TOKENS = 8_192  # padded tokens of a batch in prediction


def frame_for(spec: HeadSpec, artefact: Artefact, examples: Examples) -> Rows:
    """Return the examples as framed pieces that fit the artefact's network, as the head wants them."""
    return frame_rows(
        artefact.tokenizer, examples, longest=artefact.backbone.max_tokens, spans=spec.spans, overlap=spec.overlap
    )


@torch.no_grad()
def predict(artefact: Artefact, head: Head, rows: Rows) -> list[np.ndarray]:
    """Return the head's raw outputs for each of the R pieces."""
    artefact.backbone.eval()
    head.eval()
    device = next(artefact.backbone.parameters()).device
    framed = LabelledRows(rows, {})
    outputs: list[np.ndarray] = [np.zeros(0)] * len(rows.ids)
    for pieces in by_length(framed.lengths_R, _TOKENS):
        for piece, output in zip(pieces, head.outputs(artefact.backbone, framed.batch(pieces).to(device))):
            outputs[piece] = output
    return outputs


class Supervised(Objective):
    """Learn what `head` asks; nothing is hidden."""

    def __init__(self, head: Head):
        super().__init__()
        self.head = head

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch as it is: the answer is what is hidden."""
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Return the head's loss."""
        return self.head.score(backbone, batch)


class LabelledRows:
    """Framed pieces with what a head learns from them, as batches. targets: of `Head.targets`."""

    def __init__(self, rows: Rows, targets: dict[str, list[np.ndarray]]):
        self.rows, self.targets = rows, targets
        self.lengths_R = np.array([len(ids) for ids in rows.ids], dtype=np.int64)

    def batch(self, pieces: np.ndarray, epoch: int = 0) -> Batch:
        """Return the batch of the pieces at these positions, with their targets in `extra`."""

        def joined(parts: list[np.ndarray]) -> torch.Tensor:
            return torch.from_numpy(np.concatenate([parts[piece] for piece in pieces]))

        return Batch(
            ids_N=joined(self.rows.ids),
            lengths_B=torch.from_numpy(self.lengths_R[pieces]),
            sample_B=torch.from_numpy(np.asarray(pieces, dtype=np.int64)),
            epoch=epoch,
            types_N=None if self.rows.types is None else joined(self.rows.types),
            extra={name: joined(parts) for name, parts in self.targets.items()},
        )


class LabelledBatches:
    """`at(number)`: batches of about `size` pieces, every epoch every piece once; those of like length go together.

    Which pieces meet is a function of (seed, epoch); sorting is within pools of 16 batches, so that it stays random.
    """

    def __init__(self, rows: LabelledRows, chosen: np.ndarray, *, size: int, seed: int):
        self.rows, self.chosen, self.seed = rows, chosen, seed
        self.per_epoch = max(1, -(-len(chosen) // size))
        self._plan = lru_cache(maxsize=2)(self._make_plan)

    def _make_plan(self, epoch: int) -> list[np.ndarray]:
        random = numpy_generator(self.seed, "rows", epoch)
        order = self.chosen[random.permutation(len(self.chosen))]
        pools = np.array_split(order, max(1, self.per_epoch // _POOL))
        order = np.concatenate([pool[np.argsort(self.rows.lengths_R[pool], kind="stable")] for pool in pools])
        batches = np.array_split(order, self.per_epoch)
        return [batches[index] for index in random.permutation(self.per_epoch)]

    def at(self, number: int) -> Batch:
        """Return batch `number`, counted over all epochs."""
        epoch, index = divmod(number, self.per_epoch)
        return self.rows.batch(self._plan(epoch)[index], epoch)

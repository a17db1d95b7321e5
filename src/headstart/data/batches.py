"""Batches from shards: which samples go together is a pure function of (seed, epoch), so that resuming seeks.

A sample is a window of a document, at most `window` tokens; documents are never joined, so nothing attends across them.
Batches hold about `tokens` tokens. With `bucket` samples of like length go together (a padded backbone wastes little);
without it they are random. Memory: about 44 bytes per sample beside the memory-mapped shards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch

from headstart.base.batch import Batch
from headstart.base.contracts import Tokenizer
from headstart.base.seeds import numpy_generator

_POOL_BATCHES = 64  # samples of this many batches are sorted by length together


@dataclass(frozen=True)
class Samples:
    """Windows: begin [S] (index into ids), length [S] in tokens without specials, document [S] each is cut from."""

    begin: np.ndarray
    length: np.ndarray
    document: np.ndarray

    def __len__(self) -> int:
        return len(self.begin)


def make_samples(offsets: np.ndarray, documents: np.ndarray, window: int) -> Samples:
    """Cut documents into windows of at most `window` tokens, as even as can be; every token is in exactly one.

    offsets: int64 [documents + 1] into the ids; documents: int64 indexes of those to use; empty ones give no sample.
    """
    begin = np.asarray(offsets[documents], np.int64)
    length = np.asarray(offsets[documents + 1], np.int64) - begin
    pieces = -(-length // window)
    source = np.repeat(np.arange(len(begin)), pieces)
    number = np.arange(len(source)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    low = number * length[source] // pieces[source]
    high = (number + 1) * length[source] // pieces[source]
    return Samples(begin[source] + low, (high - low).astype(np.int32), source.astype(np.int32))


class ShardBatches:
    """`at(number)` gives batch `number` counted over all epochs; every epoch visits every sample once."""

    def __init__(
        self,
        ids: np.ndarray,
        samples: Samples,
        tokenizer: Tokenizer,
        *,
        tokens: int,
        seed: int,
        bucket: bool,
        framed: bool,
    ):
        self.ids, self.samples, self.seed, self.bucket = ids, samples, seed, bucket
        self._cls = tokenizer.cls_id if framed else -1
        self._sep = tokenizer.sep_id if framed else -1
        self._extra = (self._cls >= 0) + (self._sep >= 0)
        total = int(samples.length.sum(dtype=np.int64)) + len(samples) * self._extra
        self.per_epoch = max(1, round(total / tokens))
        self.tokens_per_epoch = total
        self._plan = lru_cache(maxsize=2)(self._make_plan)

    def _make_plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (sample order, boundaries [per_epoch + 1]) of an epoch."""
        random = numpy_generator(self.seed, "order", epoch)
        order = random.permutation(len(self.samples))
        if self.bucket:
            pools = np.array_split(order, max(1, self.per_epoch // _POOL_BATCHES))
            # Every second pool runs from long to short, so that samples at a seam are alike.
            sorted_pools = [
                p[np.argsort(self.samples.length[p], kind="stable")][:: 1 - 2 * (i % 2)] for i, p in enumerate(pools)
            ]
            order = np.concatenate(sorted_pools)
        ends = np.cumsum(self.samples.length[order].astype(np.int64) + self._extra)
        marks = np.arange(1, self.per_epoch) * (int(ends[-1]) / self.per_epoch)
        bounds = np.concatenate([[0], np.searchsorted(ends, marks), [len(order)]])
        if self.bucket:
            shuffled = random.permutation(self.per_epoch)
            return order, np.stack([bounds[:-1][shuffled], bounds[1:][shuffled]], 1)
        return order, np.stack([bounds[:-1], bounds[1:]], 1)

    def at(self, number: int) -> Batch:
        """Return batch `number`; its epoch is `number // per_epoch`."""
        epoch, index = divmod(number, self.per_epoch)
        order, bounds = self._plan(epoch)
        low, high = bounds[index]
        return self.gather(order[low:high], epoch)

    def gather(self, rows: np.ndarray, epoch: int) -> Batch:
        """Return the batch of the samples `rows`, framed by special tokens when asked for."""
        length = self.samples.length[rows].astype(np.int64)
        framed = length + self._extra
        ends = np.cumsum(framed)
        starts = ends - framed
        ids = np.empty(int(ends[-1]) if len(ends) else 0, np.int64)
        lead = int(self._cls >= 0)
        source = np.repeat(self.samples.begin[rows] - (np.cumsum(length) - length), length) + np.arange(
            int(length.sum())
        )
        target = np.repeat(starts + lead - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
        ids[target] = self.ids[source]
        if self._cls >= 0:
            ids[starts] = self._cls
        if self._sep >= 0:
            ids[ends - 1] = self._sep
        return Batch(
            ids_N=torch.from_numpy(ids),
            lengths_B=torch.from_numpy(framed),
            sample_B=torch.from_numpy(rows.astype(np.int64)),
            epoch=epoch,
            document_B=torch.from_numpy(self.samples.document[rows].astype(np.int64)),
        )


class Source(Protocol):
    """Batches by number, counted over epochs of `per_epoch` batches."""

    per_epoch: int

    def at(self, number: int) -> Batch: ...


def held_out_batches(batches: Source) -> list[Batch]:
    """Return one epoch of batches as a list, for evaluation."""
    return [batches.at(number) for number in range(batches.per_epoch)]

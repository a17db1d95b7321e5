"""Batches by number: what all batch sources share, and batches of documents apart.

Which samples go together is a pure function of (seed, epoch), so that resuming seeks and batches can be made ahead.
A sample is a window of a document, at most `max_length` tokens; documents are never joined, so nothing attends across
them. Batches hold about `tokens` tokens. With `bucket` samples of like length go together (a padded backbone wastes
little); without it they are random. Memory: about 44 bytes per sample beside the memory-mapped store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

from headstart.core.batch import Batch, TokenBatch
from headstart.core.memory import let_go
from headstart.core.processor import Tokenizer
from headstart.core.seeds import numpy_generator

_DOCUMENTS = 1 << 17  # that are cut into windows together
_POOL_BATCHES = 64  # samples of this many batches are sorted by length together


class BatchSource(Protocol):
    """Batches by number, counted over epochs of `per_epoch` batches; a pure function of the number."""

    per_epoch: int

    def at(self, number: int) -> Batch: ...


class EpochBatches(ABC):
    """A batch source whose every epoch follows a plan of its own, which is kept while it is needed.

    units_per_epoch: tokens or images of an epoch, in `unit`.
    """

    per_epoch: int
    units_per_epoch: int
    unit: ClassVar[str] = TokenBatch.unit

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._plan = lru_cache(maxsize=2)(self.plan)

    @abstractmethod
    def plan(self, epoch: int) -> Any:
        """Return the plan of an epoch, a function of (seed, epoch)."""

    @abstractmethod
    def batch(self, plan: Any, index: int, epoch: int) -> Batch:
        """Return batch `index` of the epoch with that plan."""

    def at(self, number: int) -> Batch:
        """Return batch `number`, counted from 0 over all epochs."""
        epoch, index = divmod(number, self.per_epoch)
        return self.batch(self._plan(epoch), index, epoch)

    def epoch(self, most: int | None = None) -> list[Batch]:
        """Return the batches of the first epoch, for evaluation; most: no more than so many."""
        return [self.at(number) for number in range(min(self.per_epoch, most or self.per_epoch))]


def sort_within_pools(order: np.ndarray, lengths: np.ndarray, pools: int, *, alternate: bool = False) -> np.ndarray:
    """Return sample numbers `order` with samples of like length together, within `pools` pools of equal size.

    lengths: of all samples. alternate: every second pool runs from long to short, so that samples at a seam are alike.
    """
    parts = []
    for place, pool in enumerate(np.array_split(order, max(1, pools))):
        sorted_pool = pool[np.argsort(lengths[pool], kind="stable")]
        parts.append(sorted_pool[::-1] if alternate and place % 2 else sorted_pool)
    return np.concatenate(parts)


def by_length(lengths: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """Yield row groups of like length whose padded size is at most about `tokens`."""
    order = np.argsort(lengths, kind="stable")
    low = 0
    while low < len(order):
        high = low + 1
        while high < len(order) and (high + 1 - low) * max(int(lengths[order[high]]), 1) <= tokens:
            high += 1
        yield order[low:high]
        low = high


@dataclass(frozen=True)
class Samples:
    """Windows: begin [S] (index into ids), length [S] in tokens without specials, document [S] each is cut from."""

    begin: np.ndarray
    length: np.ndarray
    document: np.ndarray

    def __len__(self) -> int:
        return len(self.begin)


def make_samples(offsets: np.ndarray, documents: np.ndarray, max_length: int) -> Samples:
    """Cut documents into windows of at most `max_length` tokens, as even as can be; every token is in exactly one.

    offsets: int64 [documents + 1] into the ids; documents: int64 indexes of those to use; empty ones give no sample.
    """
    parts = []
    for start in range(0, len(documents), _DOCUMENTS):  # what is computed on the way takes more than the result
        some = documents[start : start + _DOCUMENTS]
        begin = np.asarray(offsets[some], np.int64)
        length = np.asarray(offsets[some + 1], np.int64) - begin
        pieces = -(-length // max_length)
        source = np.repeat(np.arange(len(begin)), pieces)  # document of each window
        number = np.arange(len(source)) - np.repeat(np.cumsum(pieces) - pieces, pieces)  # place of the window in it
        low = number * length[source] // pieces[source]
        high = (number + 1) * length[source] // pieces[source]
        parts.append((begin[source] + low, (high - low).astype(np.int32), (source + start).astype(np.int32)))
    if not parts:
        return Samples(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    return Samples(*map(np.concatenate, zip(*parts)))


class DocumentBatches(EpochBatches):
    """Batches of windows of documents; every epoch visits every sample once."""

    def __init__(
        self,
        ids: np.ndarray,
        samples: Samples,
        tokenizer: Tokenizer,
        *,
        tokens: int,
        seed: int,
        bucket: bool,
        add_special_tokens: bool,
    ):
        super().__init__(seed)
        self.ids, self.samples, self.bucket = ids, samples, bucket
        self._cls = tokenizer.cls_id if add_special_tokens else -1
        self._sep = tokenizer.sep_id if add_special_tokens else -1
        self._extra = (self._cls >= 0) + (self._sep >= 0)
        total = int(samples.length.sum(dtype=np.int64)) + len(samples) * self._extra
        self.per_epoch = max(1, round(total / tokens))
        self.units_per_epoch = total

    def plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (sample order [S], first and last sample of each batch [per_epoch, 2])."""
        random = numpy_generator(self.seed, "order", epoch)
        order = random.permutation(len(self.samples))
        if self.bucket:
            order = sort_within_pools(order, self.samples.length, self.per_epoch // _POOL_BATCHES, alternate=True)
        ends = np.cumsum(self.samples.length[order].astype(np.int64) + self._extra)
        marks = np.arange(1, self.per_epoch) * (int(ends[-1]) / self.per_epoch)
        bounds = np.concatenate([[0], np.searchsorted(ends, marks), [len(order)]])
        batches = np.stack([bounds[:-1], bounds[1:]], 1)
        return order, batches[random.permutation(self.per_epoch)] if self.bucket else batches

    def batch(self, plan: tuple[np.ndarray, np.ndarray], index: int, epoch: int) -> TokenBatch:
        """See `EpochBatches.batch`."""
        order, bounds = plan
        low, high = bounds[index]
        return self.collate(order[low:high], epoch)

    def collate(self, rows: np.ndarray, epoch: int) -> TokenBatch:
        """Return the batch of the samples `rows`, with special tokens when they are asked for."""
        length = self.samples.length[rows].astype(np.int64)
        whole = length + self._extra  # with special tokens
        ends = np.cumsum(whole)
        starts = ends - whole
        ids = np.empty(int(ends[-1]) if len(ends) else 0, np.int64)
        lead = int(self._cls >= 0)
        # Place of each token within its sample, counted over the batch: 0 1 2 0 1 0 1 2 3 ...
        within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        ids[np.repeat(starts + lead, length) + within] = self.ids[np.repeat(self.samples.begin[rows], length) + within]
        let_go(self.ids)
        if self._cls >= 0:
            ids[starts] = self._cls
        if self._sep >= 0:
            ids[ends - 1] = self._sep
        return TokenBatch(
            ids_N=torch.from_numpy(ids),
            lengths_B=torch.from_numpy(whole),
            sample_B=torch.from_numpy(rows.astype(np.int64)),
            epoch=epoch,
            document_B=torch.from_numpy(self.samples.document[rows].astype(np.int64)),
        )

"""Batches of running text: every sample goes on where the same sample of the batch before ended.

What a network that carries its state through long text learns from (Merity et al. 2018, arXiv:1708.02182): the
documents of an epoch in random order end to end, cut into `streams` equal parts; every batch reads `max_length`
tokens of each.
"""

from __future__ import annotations

import numpy as np
import torch

from headstart.core.batch import TokenBatch
from headstart.core.memory import let_go
from headstart.core.processor import Tokenizer
from headstart.core.seeds import numpy_generator
from headstart.data.batches import EpochBatches


class StatefulBatches(EpochBatches):
    """Batches of running text; every batch of an epoch goes on where the batch before ended.

    ids, offsets: the shards'; documents: int64 positions of those to use. Every document is framed by the tokenizer's
    begin and end marks when `add_special_tokens`. A batch holds the token that follows each sample, so that every token
    can be predicted, also across a window's end. The running text is a ring, and an epoch begins anywhere in it:
    windows and streams are cut elsewhere every time, also in a corpus of one document (Merity et al. vary the window
    for that). Less than one token per stream is left out in an epoch.
    """

    def __init__(
        self,
        ids: np.ndarray,
        offsets: np.ndarray,
        documents: np.ndarray,
        tokenizer: Tokenizer,
        *,
        max_length: int,
        streams: int,
        seed: int,
        add_special_tokens: bool,
    ):
        super().__init__(seed)
        self.ids, self.max_length = ids, max_length
        self._cls = tokenizer.cls_id if add_special_tokens else -1
        self._sep = tokenizer.sep_id if add_special_tokens else -1
        self._begin = np.asarray(offsets[documents], np.int64)
        self._length = np.asarray(offsets[documents + 1], np.int64) - self._begin
        self._extra = int(self._cls >= 0) + int(self._sep >= 0)
        self._total = int(self._length.sum()) + len(documents) * self._extra
        self.streams = max(1, min(streams, self._total // 2))
        self.stream = self._total // self.streams  # tokens in each
        self.per_epoch = max(1, -(-self.stream // max_length))
        self.units_per_epoch = self.stream * self.streams

    def plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return (documents in the order of the epoch, where each begins in the ring, where the epoch begins)."""
        random = numpy_generator(self.seed, "order", epoch)
        order = random.permutation(len(self._begin))
        starts = np.zeros(len(order) + 1, np.int64)
        np.cumsum(self._length[order] + self._extra, out=starts[1:])
        return order, starts, int(random.integers(self._total))

    def _text(self, places: np.ndarray, plan: tuple[np.ndarray, np.ndarray, int]) -> np.ndarray:
        """Return the ids at `places` of the running text of an epoch."""
        order, starts, first = plan
        places = (places + first) % self._total
        number = np.searchsorted(starts, places, side="right") - 1
        document = order[number]
        within = places - starts[number] - int(self._cls >= 0)
        inside = (within >= 0) & (within < self._length[document])
        out = np.where(within < 0, self._cls, self._sep)
        out[inside] = self.ids[(self._begin[document] + within)[inside]]
        let_go(self.ids)
        return out

    def batch(self, plan: tuple[np.ndarray, np.ndarray, int], index: int, epoch: int) -> TokenBatch:
        """Return batch `index`; it continues the batch before, the first of an epoch excepted."""
        number = epoch * self.per_epoch + index
        low, high = index * self.max_length, min((index + 1) * self.max_length, self.stream)
        places = np.arange(self.streams)[:, None] * self.stream + np.arange(low, high + 1)
        ids_ST = self._text(places.ravel(), plan).astype(np.int64).reshape(places.shape)
        return TokenBatch(
            ids_N=torch.from_numpy(ids_ST[:, :-1].reshape(-1)),
            lengths_B=torch.full((self.streams,), high - low, dtype=torch.int64),
            sample_B=torch.from_numpy(number * self.streams + np.arange(self.streams)),
            epoch=epoch,
            extra={"next_B": torch.from_numpy(ids_ST[:, -1].copy())},
            continues=index > 0,
        )

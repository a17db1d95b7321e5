"""A processed corpus on disk: the contract of stores, and which store a processor names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import sparse

from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.data.batch_settings import BatchSpec
from headstart.data.batches import EpochBatches
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger

HELD_OUT_DOCUMENTS = 2000


class HeldOutSplit(NamedTuple):
    """Positions of documents in a store, int64, ascending: those to train on and those held out."""

    train: np.ndarray
    held_out: np.ndarray


class Store(Protocol):
    """A corpus as a processor made it; its documents are texts or images. facts: store.json."""

    facts: Mapping[str, Any]

    @property
    def ledger(self) -> Ledger:
        """The ledger of the pass that wrote the store."""
        ...

    def __len__(self) -> int: ...

    def batches(self, documents: np.ndarray, processor: Processor, wanted: BatchSpec, seed: int) -> EpochBatches:
        """Return the batches of the documents at these positions."""
        ...

    def counts(self, documents: np.ndarray, ids: int) -> np.ndarray | None:
        """Return how often each of so many ids occurs in the documents, int64 [ids]; None: they are not made of ids."""
        ...

    def pairs(self, documents: np.ndarray, ids: int, begin_id: int, end_id: int) -> sparse.csr_matrix | None:
        """Return how often each of so many ids follows each in the documents, [ids, ids]; None: see `counts`.

        begin_id, end_id: marks that stand before and behind every document, -1 = none.
        """
        ...

    def remark(self, documents: np.ndarray, wanted: BatchSpec) -> str:
        """Return what a user should know of these batches (documents that are cut), to go on a sentence, or nothing."""
        ...


def ensure_store(corpus: Corpus, processor: Processor, folder: Path, note: Callable[[str], None]) -> Store:
    """Open `folder` when it was written from this corpus by this processor and is sound, else write it (again).

    note: is told why one that is there is written again: it is damaged, or of another corpus or processor.
    The module that the processor names has `open_store(folder)`, `write_store(corpus, processor, folder)` and
    `in_memory(encoded)`.
    """
    kind = _module_of(processor)
    if folder.is_dir():
        try:
            found = existing_store(processor, folder)
        except HeadstartError as error:
            note(f"warning: {error}; made again")
        else:
            if (found.facts["corpus"], found.facts["processor"]) == (corpus.fingerprint(), processor.identity):
                return found
            note(f"{folder}: made from another text or by another processor; made again")
    return kind.write_store(corpus, processor, folder)


def memory_store(processor: Processor, encoded: Sequence[np.ndarray]) -> Store:
    """Return a store of documents that the processor encoded, in memory."""
    return _module_of(processor).in_memory(encoded)


def existing_store(processor: Processor, folder: Path) -> Store:
    """Return the store of that kind of processor in `folder`. Raises HeadstartError: missing or damaged."""
    return _module_of(processor).open_store(folder)


def _module_of(processor: Processor) -> ModuleType:
    return importlib.import_module(f"headstart.data.{processor.store}")


def split_documents(documents: int, share: float, seed: int) -> HeldOutSplit:
    """Return which of `documents` documents are held out; keyed by (seed, position), not by order.

    share: of the documents, in [0, 1); at most 2,000 are held out and always one is left on each side if asked.
    Raises HeadstartError: another share.
    """
    if not 0 <= share < 1:
        raise HeadstartError(f"held_out={share}: expected a share of the documents from 0 up to below 1")
    count = min(round(documents * share), HELD_OUT_DOCUMENTS, documents - 1)
    if share > 0 and documents > 1:
        count = max(count, 1)
    keys = KeyedRandom(seed).bits("held_out", np.arange(documents))
    held = np.zeros(documents, bool)
    held[np.argsort(keys, kind="stable")[:count]] = True
    return HeldOutSplit(np.flatnonzero(~held), np.flatnonzero(held))

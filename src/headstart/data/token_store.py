"""Token store: the corpus as one memory-mapped file of ids plus the length of every document, with a manifest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from scipy import sparse

from headstart.core import migration
from headstart.core.artefact_files import StoreFacts
from headstart.core.errors import HeadstartError
from headstart.core.files import writing
from headstart.core.json_files import write_json
from headstart.core.manifest import need_intact, write_folder
from headstart.core.migration import FORMAT, part, read_versioned
from headstart.core.processor import ImageProcessor, Tokenizer
from headstart.data.batch_settings import BatchSpec
from headstart.data.batches import DocumentBatches, EpochBatches, make_samples
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.read_images import read_images
from headstart.data.row import Block
from headstart.data.stateful_batches import StatefulBatches
from headstart.text.text_parts import text_parts

_FACTS = "store.json"
_LONG = 1 << 20  # characters of a document that is read in parts
_CHARACTERS_WAITING = 1 << 23  # of texts that are tokenised side by side; one document may have more
_COUNTED = 20_000_000  # tokens, at most, by which ids are counted,
_PAIRED = 8_000_000  # and pairs of them


@dataclass(frozen=True)
class TokenStore:
    """A tokenised corpus of M documents. ids: [tokens] memory map; offsets: int64 [M + 1]; facts: store.json."""

    folder: Path
    ids: np.ndarray
    offsets: np.ndarray
    facts: StoreFacts

    @classmethod
    def open(cls, folder: Path | str, verify: bool = True) -> TokenStore:
        """Map a folder that `write_store` wrote. Raises HeadstartError when missing or any byte disagrees.

        verify: compare every file with its SHA-256; without it only sizes are checked.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise HeadstartError(f"{folder}: no such folder of a token store")
        if verify:
            need_intact(folder, "store")
        try:
            facts = read_versioned(part(folder, _FACTS), migration.store_facts)
            lengths = np.fromfile(folder / "lengths.bin", dtype=facts["lengths_dtype"])
            kind = np.dtype(facts["ids_dtype"])
            offsets = np.zeros(len(lengths) + 1, np.int64)
            np.cumsum(lengths, out=offsets[1:], dtype=np.int64)
            agrees = len(lengths) == facts["documents"] and offsets[-1] == facts["tokens"]
            agrees = agrees and (folder / "ids.bin").stat().st_size == offsets[-1] * kind.itemsize
        except OSError as error:
            raise HeadstartError(
                f"{folder}: damaged token store ({error}); delete the folder, it is made again"
            ) from None
        if not agrees:
            raise HeadstartError(f"{folder}: damaged token store, sizes disagree; delete the folder, it is made again")
        ids = np.memmap(folder / "ids.bin", dtype=kind, mode="r") if offsets[-1] else np.zeros(0, kind)
        return cls(folder, ids, offsets, facts)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def tokens(self) -> int:
        """Ids in all documents together."""
        return int(self.offsets[-1])

    @property
    def ledger(self) -> Ledger:
        """The row ledger of the pass that wrote the store."""
        return Ledger.from_dict(self.facts["ledger"])

    def batches(self, documents: np.ndarray, processor: Tokenizer, wanted: BatchSpec, seed: int) -> EpochBatches:
        """Return documents apart, cut into windows, or running text when `wanted` is stateful; see `Store.batches`."""
        kind = {"seed": seed, "add_special_tokens": wanted.add_special_tokens}
        if wanted.stateful:
            # In running text special tokens are tokens of a window like all others.
            marks = (int(processor.cls_id >= 0) + int(processor.sep_id >= 0)) * wanted.add_special_tokens
            length = wanted.max_length + marks
            sizes = {"max_length": length, "streams": wanted.tokens // length}
            return StatefulBatches(self.ids, self.offsets, documents, processor, **sizes, **kind)
        samples = make_samples(self.offsets, documents, wanted.max_length)
        return DocumentBatches(self.ids, samples, processor, tokens=wanted.tokens, bucket=wanted.bucket, **kind)

    def counts(self, documents: np.ndarray, ids: int) -> np.ndarray:
        """See `Store.counts`; the first twenty million tokens tell it."""
        found, of_token = self._first(documents, _COUNTED)
        return np.bincount(found[of_token], minlength=ids)

    def pairs(self, documents: np.ndarray, ids: int, begin_id: int, end_id: int) -> sparse.csr_matrix:
        """See `Store.pairs`; the first eight million tokens tell it."""
        found, of_token = self._first(documents, _PAIRED)
        begins = np.zeros(len(found) + 1, bool)
        begins[self.offsets[self.offsets <= len(found)]] = True
        first, last = of_token & begins[:-1], of_token & begins[1:]
        followed = of_token & ~begins[1:]  # tokens with a next one in their document
        followed[-1:] = False  # which lies beyond what is counted
        both = np.flatnonzero(followed)
        before, after = [found[both]], [found[both + 1]]
        if begin_id >= 0:
            after.append(found[first])
            before.append(np.full(len(after[-1]), begin_id))
        if end_id >= 0:
            before.append(found[last])
            after.append(np.full(len(before[-1]), end_id))
        rows, columns = (np.concatenate(side).astype(np.int32) for side in (before, after))
        return sparse.coo_matrix((np.ones(len(rows), np.float32), (rows, columns)), (ids, ids)).tocsr()

    def _first(self, documents: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (at most so many ids from the start; True where one is of the documents).

        Whole documents, unless the first is longer.
        """
        last = max(1, int(np.searchsorted(self.offsets, most, side="right")) - 1) if len(self) else 0
        chosen = np.zeros(last, bool)
        chosen[documents[documents < last]] = True
        of_token = np.repeat(chosen, np.diff(self.offsets[: last + 1]))[:most]
        return self.ids[: len(of_token)], of_token

    def remark(self, documents: np.ndarray, wanted: BatchSpec) -> str:
        """Return how many documents are cut into windows; see `Store.remark`."""
        longer = 0 if wanted.stateful else int((np.diff(self.offsets)[documents] > wanted.max_length).sum())
        cut = f"; {longer:,} documents longer than {wanted.max_length} tokens are cut into windows, none is lost"
        return cut if longer else ""


def open_store(folder: Path) -> TokenStore:
    """See `TokenStore.open`."""
    return TokenStore.open(folder)


def in_memory(encoded: Sequence[np.ndarray]) -> TokenStore:
    """Return a store of documents that were encoded already; those without a token are left out."""
    kept = [ids for ids in encoded if len(ids)]
    offsets = np.cumsum([0, *map(len, kept)], dtype=np.int64)
    return TokenStore(Path(), np.concatenate(kept or [np.zeros(0)]).astype(np.uint32), offsets, {})


def write_store(corpus: Corpus, tokenizer: Tokenizer, folder: Path | str) -> TokenStore:
    """Tokenise `corpus` in one streamed pass into `folder`, whole or not at all, and return it opened.

    Layout: ids.bin (uint16, or uint32 for vocabularies above 65,536), lengths.bin (the narrowest unsigned type),
    store.json (counts, ledger, fingerprints), manifest.json (SHA-256 of each). Raises HeadstartError: disk full.
    """
    folder = Path(folder)
    written = [0]
    with writing(folder, need=lambda: max(2 * written[0], corpus.bytes_on_disk())):
        write_folder(folder, "store", lambda temporary: _fill(corpus, tokenizer, temporary, written))
    return TokenStore.open(folder, verify=False)


def _fill(corpus: Corpus, tokenizer: Tokenizer, folder: Path, written: list[int]) -> None:
    kind = np.dtype(np.uint16 if tokenizer.vocabulary <= 1 << 16 else np.uint32)
    corpus_print = corpus.fingerprint()
    longest = documents = tokens = 0
    with open(folder / "ids.bin", "wb") as ids, open(folder / "lengths.wide", "wb") as lengths:
        for found, sizes in _encoded(tokenizer, corpus):
            _write(ids, found.astype(kind), written)
            _write(lengths, sizes.astype(np.uint32), written)
            longest = int(np.append(sizes, longest).max())
            documents, tokens = documents + len(sizes), tokens + len(found)
    narrow = np.min_scalar_type(longest)
    _narrow(folder / "lengths.wide", folder / "lengths.bin", narrow)
    facts = {
        "format": FORMAT,
        "documents": documents,
        "tokens": tokens,
        "ids_dtype": kind.name,
        "lengths_dtype": narrow.name,
        "longest": longest,
        "vocabulary": tokenizer.vocabulary,
        "corpus": corpus_print,
        "processor": tokenizer.identity,
        "ledger": corpus.ledger.to_dict(),
    }
    write_json(folder / _FACTS, facts)


def _encoded(tokenizer: Tokenizer, corpus: Corpus) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (ids of documents one behind the other, how many each has); those without any are named in the ledger.

    Blocks of texts are encoded by several threads, in their order. A long document comes in parts; its number of ids is
    told with the last one.
    """
    if isinstance(tokenizer, ImageProcessor):
        for block in corpus.blocks():
            found = read_images(tokenizer, list(block.rows()), corpus.ledger)
            if found:
                yield np.concatenate(found), np.array([len(ids) for ids in found])
        return
    with ThreadPoolExecutor(threads := torch.get_num_threads()) as pool:
        waiting: deque[tuple[_Piece, Future]] = deque()
        held = before = 0  # characters of the texts that are waiting; ids of a long document so far
        for piece in chain(_pieces(corpus.blocks(), tokenizer), [None]):
            if piece is not None:
                waiting.append((piece, pool.submit(tokenizer.encode_flat, piece.texts)))
                held += sum(map(len, piece.texts))
            while waiting and (piece is None or len(waiting) > threads or held > _CHARACTERS_WAITING):
                done, found = waiting.popleft()
                held -= sum(map(len, done.texts))
                ids, sizes = found.result()
                sizes, before = sizes + before, 0
                if not done.ends:
                    sizes, before = np.empty(0, np.int64), int(sizes.sum())
                for place in np.flatnonzero(sizes == 0).tolist():
                    corpus.ledger.withdraw("no tokens", done.block.source, done.block.lines[place])
                yield ids, sizes[sizes > 0]


class _Piece(NamedTuple):
    """Texts that are encoded together: those of a block, or a part of its one long document. ends: whether they end."""

    block: Block
    texts: Sequence[str]
    ends: bool


def _pieces(blocks: Iterator[Block], tokenizer: Tokenizer) -> Iterator[_Piece]:
    """Yield blocks, and of long documents parts that begin with words; phrases are pairs of words, and read whole."""
    whole = 0 <= tokenizer.phrase_id < tokenizer.vocabulary
    for block in blocks:
        low = 0
        long = [] if whole else [place for place, text in enumerate(block.values) if len(text) > _LONG]
        for place in [*long, len(block.values)]:
            if low < place:
                some = Block(block.values[low:place], block.source, block.lines[low:place])
                yield _Piece(some, some.values, ends=True)
            if place in long:
                alone = Block(block.values[place : place + 1], block.source, block.lines[place : place + 1])
                *parts, last = text_parts(block.values[place], _LONG)
                yield from (_Piece(alone, [part], ends=False) for part in parts)
                yield _Piece(alone, [last], ends=True)
            low = place + 1


def _write(stream: BinaryIO, values: np.ndarray, written: list[int]) -> None:
    data = values.tobytes()
    stream.write(data)
    written[0] += len(data)


def _narrow(wide: Path, path: Path, kind: np.dtype) -> None:
    """Rewrite uint32 lengths as `kind`."""
    path.write_bytes(np.fromfile(wide, np.uint32).astype(kind).tobytes())
    wide.unlink()

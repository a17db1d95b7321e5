"""Token shards: the corpus as one memory-mapped file of ids plus the length of every document, checksummed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from headstart.base.contracts import Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.files import check_folder, disk_error, read_json, sha256, write_folder, write_json
from headstart.base.seeds import KeyedRandom
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.row import Row

HELD_OUT_DOCUMENTS = 2000
_BATCH_DOCUMENTS = 1000
_BATCH_CHARACTERS = 1 << 20
_FORMAT = 1


@dataclass(frozen=True)
class Shards:
    """A tokenised corpus of M documents. ids: [tokens] memory map; offsets: int64 [M + 1]; facts: shards.json."""

    folder: Path
    ids: np.ndarray
    offsets: np.ndarray
    facts: dict

    @classmethod
    def open(cls, folder: Path | str, verify: bool = True) -> Shards:
        """Map a folder that `write_shards` wrote. Raises HeadstartError when missing or any byte disagrees.

        verify: compare every file with its SHA-256; without it only sizes are checked.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise HeadstartError(f"{folder}: no such folder of token shards")
        if verify and (fault := check_folder(folder)):
            raise HeadstartError(f"{folder}: damaged token shards, {fault}; delete the folder, it is built again")
        try:
            facts = read_json(folder / "shards.json")
            lengths = np.fromfile(folder / "lengths.bin", dtype=facts["lengths_dtype"])
            kind = np.dtype(facts["ids_dtype"])
            offsets = np.zeros(len(lengths) + 1, np.int64)
            np.cumsum(lengths, out=offsets[1:], dtype=np.int64)
            agrees = len(lengths) == facts["documents"] and offsets[-1] == facts["tokens"]
            agrees = agrees and (folder / "ids.bin").stat().st_size == offsets[-1] * kind.itemsize
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise HeadstartError(
                f"{folder}: damaged token shards ({error}); delete the folder, it is built again"
            ) from None
        if not agrees:
            raise HeadstartError(
                f"{folder}: damaged token shards, sizes disagree; delete the folder, it is built again"
            )
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
        """The row ledger of the pass that wrote the shards."""
        return Ledger.from_dict(self.facts["ledger"])

    def split(self, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (train, held-out) document positions, int64, ascending; keyed by (seed, position), not by order.

        held_out: share of the documents, in [0, 1); at most 2,000 documents and always one left on each side if asked.
        """
        if not 0 <= held_out < 1:
            raise HeadstartError(f"held_out={held_out}: expected a share of the documents from 0 up to below 1")
        total = len(self)
        count = min(round(total * held_out), HELD_OUT_DOCUMENTS, total - 1)
        count = max(count, 1) if held_out > 0 and total > 1 else max(count, 0)
        keys = KeyedRandom(seed).bits("held_out", np.arange(total))
        held = np.zeros(total, bool)
        held[np.argsort(keys, kind="stable")[:count]] = True
        return np.flatnonzero(~held), np.flatnonzero(held)


def write_shards(corpus: Corpus, tokenizer: Tokenizer, folder: Path | str) -> Shards:
    """Tokenise `corpus` in one streamed pass into `folder`, whole or not at all, and return it opened.

    Layout: ids.bin (uint16, or uint32 for vocabularies above 65,536), lengths.bin (the narrowest unsigned type),
    shards.json (counts, ledger, fingerprints), manifest.json (SHA-256 of each). Raises HeadstartError: disk full.
    """
    folder = Path(folder)
    written = [0]
    try:
        write_folder(folder, lambda temporary: _fill(corpus, tokenizer, temporary, written))
    except OSError as error:
        raise disk_error(folder, error, need=max(2 * written[0], corpus.bytes_on_disk())) from None
    return Shards.open(folder, verify=False)


def ensure_shards(corpus: Corpus, tokenizer: Tokenizer, folder: Path | str) -> Shards:
    """Open `folder` when it was written from this corpus with this tokenizer and is sound, else write it (again)."""
    try:
        found = Shards.open(folder)
        wanted = (corpus.fingerprint(), fingerprint(tokenizer), _FORMAT)
        if (found.facts["corpus"], found.facts["tokenizer"], found.facts["format"]) == wanted:
            return found
    except (HeadstartError, KeyError):
        pass
    return write_shards(corpus, tokenizer, folder)


def fingerprint(tokenizer: Tokenizer) -> str:
    """Return a SHA-256 over the files that the tokenizer saves."""
    with tempfile.TemporaryDirectory(prefix="headstart-") as name:
        folder = Path(name)
        tokenizer.save(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        text = "".join(f"{path.relative_to(folder)} {sha256(path)}\n" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()


def _fill(corpus: Corpus, tokenizer: Tokenizer, folder: Path, written: list[int]) -> None:
    kind = np.dtype(np.uint16 if tokenizer.vocabulary <= 1 << 16 else np.uint32)
    corpus_print = corpus.fingerprint()
    longest = documents = tokens = 0
    with open(folder / "ids.bin", "wb") as ids, open(folder / "lengths.wide", "wb") as lengths:
        for rows in _batches(corpus.rows()):
            encoded = tokenizer.encode([row.value for row in rows])
            for row, found in zip(rows, encoded):
                if not len(found):
                    corpus.ledger.withdraw("no tokens", row.source, row.line)
            encoded = [found for found in encoded if len(found)]
            sizes = np.array([len(found) for found in encoded], np.uint32)
            if len(sizes):
                _write(ids, np.concatenate(encoded).astype(kind), written)
                _write(lengths, sizes, written)
                longest = max(longest, int(sizes.max()))
                documents, tokens = documents + len(sizes), tokens + int(sizes.sum(dtype=np.int64))
    narrow = np.min_scalar_type(longest)
    _narrow(folder / "lengths.wide", folder / "lengths.bin", narrow)
    facts = {
        "format": _FORMAT,
        "documents": documents,
        "tokens": tokens,
        "ids_dtype": kind.name,
        "lengths_dtype": narrow.name,
        "longest": longest,
        "vocabulary": tokenizer.vocabulary,
        "corpus": corpus_print,
        "tokenizer": fingerprint(tokenizer),
        "ledger": corpus.ledger.to_dict(),
    }
    write_json(folder / "shards.json", facts)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Group rows up to 1,000 or 1 Mi characters, whichever comes first, so that long documents do not pile up."""
    for row in rows:
        batch, size = [row], len(row.value)
        while len(batch) < _BATCH_DOCUMENTS and size < _BATCH_CHARACTERS and (more := list(islice(rows, 1))):
            batch += more
            size += len(more[0].value)
        yield batch


def _write(stream: BinaryIO, values: np.ndarray, written: list[int]) -> None:
    data = values.tobytes()
    stream.write(data)
    written[0] += len(data)


def _narrow(wide: Path, path: Path, kind: np.dtype) -> None:
    """Rewrite uint32 lengths as `kind`, a block at a time."""
    with open(wide, "rb") as source, open(path, "wb") as target:
        while block := source.read(1 << 22):
            target.write(np.frombuffer(block, np.uint32).astype(kind).tobytes())
    wide.unlink()

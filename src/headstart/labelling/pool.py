"""The rows that may be labelled next: read as a stream, a bounded sample of different ones, without copies."""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.auditing.copies import inside
from headstart.auditing.items import kind_of
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, digest, need_one_kind
from headstart.core.item_nouns import some_items
from headstart.data.identity import same_text
from headstart.data.ledger import Ledger
from headstart.data.open import as_paths
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import Unusable, read_labelled, stream_items

_TOLD_EVERY = 100_000  # rows between two lines of progress
_PASSES = 5  # a near copy has one partner at a time; the rest is found among those that are left


@dataclass(frozen=True)
class Pool:
    """examples: different rows without answers, in an order that depends on the seed and the rows alone.

    ledger: of the files. labelled: how many rows were left out because they are labelled; near: as copies of others,
    beyond equal rows. sampled: only a sample was kept.
    """

    examples: Examples
    ledger: Ledger
    labelled: int
    near: int
    sampled: bool


def row_key(items: Iterable[Any]) -> bytes:
    """Return what tells rows apart: 16 bytes of the items, texts as in `same_text`."""
    texts = [same_text(digest(item)) for item in items]
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def labelled_rows(request: ReadRequest) -> Examples:
    """Return the rows of files that have a label, whatever it is. Raises HeadstartError: none, no label column."""

    def target(value: Any, _items: list[Any]) -> None:
        if value is None or not str(value).strip():
            raise Unusable("no label")

    return read_labelled(request, target)[0].examples()


def read_pool(
    request: ReadRequest, known: Collection[bytes], *, most: int, seed: int, progress: Callable[[str], None]
) -> Pool:
    """Return at most `most` different rows of the files that are not `known` (`row_key`).

    The sample are the rows of the smallest hashes: it depends on the rows and the seed, neither on their order nor on
    how often one is there. Memory holds `most` rows. Raises HeadstartError: no row to label.
    """
    ledger, heap, kept, labelled, dropped = Ledger(), [], set(), 0, False
    first = None
    for cells, row, takes in stream_items(request, ledger):
        if ledger.read % _TOLD_EVERY == 0:
            progress(f"{ledger.read:,} rows read")
        if not all(cells):
            ledger.skip(f"no {takes}", row.source, row.line)
            continue
        first = cells[0] if first is None else first
        need_one_kind(first, cells[0], row.source)
        own = row_key(cells)
        if own in known:
            labelled += 1
            ledger.skip("labelled already", row.source, row.line)
            continue
        ledger.use()
        rank = -int.from_bytes(hashlib.blake2b(own, digest_size=8, key=str(seed).encode()[:64]).digest(), "big")
        if own in kept:
            continue
        if len(heap) < most:
            heapq.heappush(heap, (rank, own, cells, (row.source, row.line)))
            kept.add(own)
        else:
            dropped = True
            if rank > heap[0][0]:
                kept.discard(heapq.heapreplace(heap, (rank, own, cells, (row.source, row.line)))[1])
                kept.add(own)
    if not heap:
        names = ", ".join(as_paths(request.paths)[:3])
        why = "all of its rows are labelled already" if labelled else ledger.summary().replace("\n", "; ")
        raise HeadstartError(f"{names}: no row to label ({why}); give a file with rows that have no label yet")
    found = sorted(heap, key=lambda one: (-one[0], one[1]))
    second = [cells[1] for _, _, cells, _ in found] if len(found[0][2]) > 1 else None
    places = [place for *_, place in found]
    examples = Examples(items=[cells[0] for _, _, cells, _ in found], second=second, places=places, task=request.task)
    different = without_copies(examples)
    return Pool(different, ledger, labelled, len(examples) - len(different), dropped)


def without_copies(examples: Examples) -> Examples:
    """Return the rows of which no earlier one is a near copy (`auditing/copies.py`)."""
    for _ in range(_PASSES):
        items = examples.items if examples.second is None else list(zip(examples.items, examples.second))
        copies = inside(items, kind_of(examples.items).folds(examples.items, examples.second))
        later = np.arange(len(examples))
        left_out = (copies.exact_N >= 0) | (copies.normalised_N >= 0) | ((copies.near_N >= 0) & (copies.near_N < later))
        if not left_out.any():
            break
        examples = examples.take(np.flatnonzero(~left_out))
    return examples


def without_rows(pool: Pool, seen_N: np.ndarray | None) -> Pool:
    """Return the pool without the rows `seen_N`, counted as labelled; None: it is not known which were seen.

    Raises HeadstartError: no row is left.
    """
    if seen_N is None or not seen_N.any():
        return pool
    if seen_N.all():
        raise HeadstartError("no row to label: the task model was trained on all of these rows; give other rows")
    left = pool.examples.take(np.flatnonzero(~seen_N))
    return dataclasses.replace(pool, examples=left, labelled=pool.labelled + int(seen_N.sum()))


def told(pool: Pool) -> str:
    """Return one line: how many rows may be chosen, and what was left out."""
    noun = some_items(pool.examples.takes)
    parts = [f"{pool.labelled:,} labelled already"] * bool(pool.labelled)
    parts += [f"{pool.near:,} copies of others"] * bool(pool.near)
    sample = ", a sample by hash (--pool changes how many)" if pool.sampled else ""
    return f"{len(pool.examples):,} different {noun} to choose from{sample}" + (
        f"; left out: {', '.join(parts)}" if parts else ""
    )

"""How often tokens follow each other in a store, against counting by hand, whatever the documents and the limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.data import token_store
from headstart.data.token_store import TokenStore

IDS, BEGIN, END = 7, 5, 6


def store(seed: int) -> TokenStore:
    """Return a store of documents of 0 to 5 tokens."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 6, 12)
    ids = random.integers(0, 5, lengths.sum()).astype(np.uint16)
    return TokenStore(Path("none"), ids, np.concatenate([[0], np.cumsum(lengths)]), {})


def within(made: TokenStore, documents: np.ndarray, most: int) -> list[list[int]]:
    """Return the documents that are counted: whole ones from the start, at most so many tokens, or the first cut."""
    out, used = [], 0
    for number in range(len(made)):
        tokens = made.ids[made.offsets[number] : made.offsets[number + 1]].tolist()
        if number and used + len(tokens) > most:
            break
        used += len(tokens)
        if number in documents:
            out.append((tokens[:most], len(tokens) > most))
    return out


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [1, 4, 9, 20, 1000])
@pytest.mark.parametrize(("begin", "end"), [(-1, -1), (BEGIN, -1), (-1, END), (BEGIN, END), (0, 0)])
def test_counts_are_those_by_hand(seed, most, begin, end, monkeypatch):
    monkeypatch.setattr(token_store, "_COUNTED", most)
    monkeypatch.setattr(token_store, "_PAIRED", most)
    made = store(seed)
    documents = np.random.default_rng(seed + 100).permutation(12)[:8]
    counts, pairs = np.zeros(IDS), np.zeros((IDS, IDS))
    for tokens, cut in within(made, documents, most):
        np.add.at(counts, tokens, 1)
        marked = [*([begin] if begin >= 0 else []), *tokens, *([end] if end >= 0 and not cut else [])]
        if tokens:
            np.add.at(pairs, (marked[:-1], marked[1:]), 1)
    assert made.counts(documents, IDS).tolist() == counts.tolist()
    assert (made.pairs(documents, IDS, begin, end).toarray() == pairs).all()


def test_an_empty_store_has_no_counts():
    made = TokenStore(Path("none"), np.zeros(0, np.uint16), np.zeros(1, np.int64), {})
    assert len(made) == made.tokens == 0
    assert made.counts(np.zeros(0, np.int64), 3).tolist() == [0, 0, 0]
    assert made.pairs(np.zeros(0, np.int64), 3, 1, 2).nnz == 0

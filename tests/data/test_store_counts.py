"""How often tokens follow each other in a store, against counting by hand, whatever the documents and the limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_parts import small_tokenizer

from headstart.data import token_store
from headstart.data.batch_settings import BatchSpec
from headstart.data.corpus import Corpus
from headstart.data.token_store import TokenStore, write_store

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


class Marks:
    """A tokenizer as far as batches need one."""

    def __init__(self, begin: int, end: int) -> None:
        self.cls_id, self.sep_id = begin, end


@pytest.mark.parametrize(
    ("begin", "end", "marked", "length"),
    [(5, 6, True, 7), (5, -1, True, 6), (0, 0, True, 7), (5, 6, False, 5), (-1, -1, True, 5)],
)
def test_windows_of_running_text_have_room_for_marks(begin, end, marked, length):
    """As many streams as windows of text and marks fit in a batch, at least one."""
    made = TokenStore(Path("none"), np.arange(500) % 5, np.arange(0, 501, 10), {})
    for tokens, streams in [(length * 3, 3), (length * 3 - 1, 2), (1, 1)]:
        spec = BatchSpec(tokens=tokens, max_length=5, stateful=True, add_special_tokens=marked)
        batches = made.batches(np.arange(50), Marks(begin, end), spec, 0)
        assert (batches.max_length, batches.streams) == (length, streams)
        assert batches.at(1).lengths_B.tolist() == [length] * streams


@pytest.mark.parametrize(("tokens", "kind"), [(3, np.uint32), (0, np.uint32)])
def test_documents_in_memory(tokens, kind):
    made = token_store.in_memory([np.arange(tokens), np.zeros(0, int), np.arange(tokens) + 4])
    assert made.ids.tolist() == [*range(tokens), *(number + 4 for number in range(tokens))]
    assert made.offsets.tolist() == ([0, 3, 6] if tokens else [0])
    assert (made.ids.dtype, made.offsets.dtype) == (kind, np.int64)


@pytest.mark.parametrize("longest", [250, 300, 70_000])
def test_lengths_fit_however_long_the_longest_document_is(tmp_path, longest):
    """Beside short documents: lengths are kept in the narrowest type, one byte up to 255 tokens."""
    tokenizer = small_tokenizer("bidirectional")
    texts = ["film", "film " * longest, "film actor"]
    (tmp_path / "a.txt").write_text("\n".join(texts))
    made = write_store(Corpus(tmp_path / "a.txt", unit="line"), tokenizer, tmp_path / "store")
    wanted = list(tokenizer.encode(texts))
    assert np.diff(made.offsets).tolist() == [len(ids) for ids in wanted]
    assert made.ids.tolist() == np.concatenate(wanted).tolist()
    assert made.facts["longest"] == max(map(len, wanted))
    assert made.facts["lengths_dtype"] == (
        "uint8" if made.facts["longest"] < 256 else "uint16" if longest < 1 << 16 else "uint32"
    )


@pytest.mark.parametrize(("what", "most"), [("counts", 20_000_000), ("pairs", 8_000_000)])
def test_as_many_tokens_are_counted_as_is_said(what, most):
    """Of documents whose first lies within the limit, and the second, of which as much is wanted, does not."""
    lengths = [most * 3 // 4, 3, most // 2, 3]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    made = TokenStore(Path("none"), np.zeros(offsets[-1], np.uint16), offsets, {})
    documents = np.array([1, 3])
    if what == "counts":
        assert made.counts(documents, 1).tolist() == [3]
        assert "twenty million tokens" in TokenStore.counts.__doc__
    else:
        assert made.pairs(documents, 1, -1, -1).toarray().tolist() == [[2]]
        assert "eight million tokens" in TokenStore.pairs.__doc__

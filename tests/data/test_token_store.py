"""Token shards: what went in comes out, damage is caught, a full disk leaves nothing behind."""

from __future__ import annotations

import errno
import json

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.data import token_store as module
from headstart.data.corpus import Corpus
from headstart.data.store import ensure_store, split_documents
from headstart.data.token_store import TokenStore, write_store
from headstart.processors.byte import Bytes
from headstart.processors.ngram import NgramSpec, NgramTokenizer

TOKENIZER = Bytes().train([])
TEXTS = ["a good film", "the bad film was long", "영화 정말 좋다", "a story"]


@pytest.fixture
def corpus(tmp_path):
    lines = [f"문서 {i} " + "글" * (i % 50) for i in range(3000)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    return Corpus(tmp_path / "a.txt")


def ids_of(store, position):
    return store.ids[store.offsets[position] : store.offsets[position + 1]]


def test_documents_come_back(corpus, tmp_path):
    store = write_store(corpus, TOKENIZER, tmp_path / "s")
    documents = list(corpus.documents())
    assert len(store) == 3000
    assert all(TOKENIZER.decode(ids_of(store, i)) == documents[i] for i in (0, 1, 1234, 2999))
    assert store.tokens == sum(len(text.encode()) for text in documents) == len(store.ids)
    assert store.ids.dtype == np.uint16
    assert store.ledger.used == 3000
    assert (np.diff(store.offsets) == [len(text.encode()) for text in documents]).all()
    on_disk = sum(path.stat().st_size for path in (tmp_path / "s").iterdir())
    assert on_disk <= 1.2 * store.tokens * 2


def test_shards_are_reused_only_when_nothing_changed(corpus, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(module, "write_folder", lambda *a, real=module.write_folder: (written.append(1), real(*a)))
    for _ in range(2):
        ensure_store(corpus, TOKENIZER, tmp_path / "s", print)
    assert len(written) == 1
    ensure_store(Corpus(tmp_path / "a.txt", limit=5), TOKENIZER, tmp_path / "s", print)
    assert len(written) == 2
    (tmp_path / "s" / "ids.bin").write_bytes(b"")
    assert len(ensure_store(corpus, TOKENIZER, tmp_path / "s", print)) == 3000
    assert len(written) == 3


@pytest.mark.parametrize("name", ["ids.bin", "lengths.bin", "store.json", "manifest.json"])
@pytest.mark.parametrize("fault", ["flip", "cut", "delete"])
def test_damage_is_caught(corpus, tmp_path, name, fault):
    write_store(corpus, TOKENIZER, tmp_path / "s")
    path = tmp_path / "s" / name
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if fault == "delete":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(data[:middle])
    else:
        data[middle] ^= 1
        path.write_bytes(data)
    with pytest.raises(HeadstartError, match="damaged"):
        TokenStore.open(tmp_path / "s")


def test_wrong_sizes_are_caught_without_checksums(corpus, tmp_path):
    write_store(corpus, TOKENIZER, tmp_path / "s")
    (tmp_path / "s" / "ids.bin").write_bytes(b"12")
    with pytest.raises(HeadstartError, match="sizes disagree"):
        TokenStore.open(tmp_path / "s", verify=False)
    with pytest.raises(HeadstartError, match="no such folder"):
        TokenStore.open(tmp_path / "t")


def test_full_disk_is_one_line_and_leaves_nothing(corpus, tmp_path, monkeypatch):
    def full(stream, values, written):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(HeadstartError, match=r"disk full while writing .*free about 1 MB"):
        write_store(corpus, TOKENIZER, tmp_path / "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt"]


def test_split_is_keyed_and_bounded(corpus, tmp_path):
    store = write_store(corpus, TOKENIZER, tmp_path / "s")
    train, held = split_documents(len(store), 0.1, seed=1)
    assert len(held) == 300
    assert (np.sort(np.concatenate([train, held])) == np.arange(3000)).all()
    assert (split_documents(len(store), 0.1, seed=1)[1] == held).all()
    assert (split_documents(len(store), 0.1, seed=2)[1] != held).any()
    assert set(held) <= set(split_documents(len(store), 0.2, seed=1)[1])
    assert len(split_documents(len(store), 0.9, seed=1)[1]) == 2000
    assert len(split_documents(len(store), 0.0, seed=1)[1]) == 0
    assert len(split_documents(len(store), 1e-9, seed=1)[1]) == 1
    with pytest.raises(HeadstartError, match=r"held_out=1\.5"):
        split_documents(len(store), 1.5, seed=1)


def test_documents_without_tokens_are_withdrawn(tmp_path):
    class Mute:
        phrase_id = -1
        vocabulary, identity = 70_000, "mute"

        def encode_flat(self, texts):
            found = [np.arange(0 if "x" in text else 3) + 69_000 for text in texts]
            return np.concatenate(found), np.array([len(ids) for ids in found])

        def save(self, folder):
            (folder / "t").write_text("t")

    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(text) for text in ("a", "x", "b")))
    store = write_store(Corpus(tmp_path / "a.jsonl"), Mute(), tmp_path / "s")
    assert len(store) == 2
    assert store.ids.dtype == np.uint32
    assert list(ids_of(store, 1)) == [69_000, 69_001, 69_002]
    assert store.ledger.skipped == {"no tokens": 1}
    assert store.ledger.balanced


@pytest.mark.parametrize(
    "make", [lambda: TOKENIZER, lambda: NgramSpec().train(TEXTS), lambda: NgramSpec(phrases=9).train(TEXTS)]
)
def test_long_documents_in_parts_give_the_store_of_whole_ones(tmp_path, monkeypatch, make):
    tokenizer = make()
    long = " ".join(TEXTS * 40)
    (tmp_path / "a.txt").write_text("\n".join(["a film", long, "another", long, long[:3_000], "the last"]))
    stores = []
    for size in (1 << 20, 2_000, 500):
        monkeypatch.setattr(module, "_LONG", size)
        stores.append(write_store(Corpus(tmp_path / "a.txt", unit="line"), tokenizer, tmp_path / str(size)))
    assert all(np.array_equal(one.ids, stores[0].ids) for one in stores)
    assert all(one.offsets.tolist() == stores[0].offsets.tolist() for one in stores)
    assert all(len(one) == one.ledger.used == 6 for one in stores)


def test_a_long_document_without_tokens_is_withdrawn(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LONG", 8)
    tokenizer = NgramTokenizer(["<a"])
    monkeypatch.setattr(tokenizer, "encode_flat", lambda texts: (np.zeros(0, np.int64), np.zeros(len(texts), np.int64)))
    (tmp_path / "a.txt").write_text("some words that are many\n")
    store = write_store(Corpus(tmp_path / "a.txt", unit="line"), tokenizer, tmp_path / "s")
    assert (len(store), store.ledger.used) == (0, 0)
    assert store.ledger.skipped == {"no tokens": 1}

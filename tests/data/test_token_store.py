"""Token shards: what went in comes out, damage is caught, a full disk leaves nothing behind."""

from __future__ import annotations

import errno
import json

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.data import token_store as module
from headstart.data.batch_settings import BatchSpec
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.row import Block
from headstart.data.store import ensure_store, existing_store, memory_store, split_documents
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


def texts_in(tmp_path, texts) -> Corpus:
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    return Corpus(tmp_path / "texts.txt", unit="line")


class Numbered:
    """A tokenizer with so many ids, of which every letter is the last one."""

    phrase_id = -1

    def __init__(self, vocabulary: int, phrase_id: int = -1) -> None:
        self.vocabulary, self.identity, self.phrase_id = vocabulary, f"{vocabulary}", phrase_id

    def encode_flat(self, texts):
        sizes = np.array([len(text) for text in texts])
        return np.full(sizes.sum(), self.vocabulary - 1), sizes


@pytest.mark.parametrize(("vocabulary", "kind"), [(2, "uint16"), (65_536, "uint16"), (65_537, "uint32")])
def test_ids_take_two_bytes_up_to_65536_of_them(vocabulary, kind, tmp_path):
    store = write_store(texts_in(tmp_path, ["ab", "c"]), Numbered(vocabulary), tmp_path / "s")
    assert (store.ids.dtype, store.facts["ids_dtype"]) == (kind, kind)
    assert store.ids.tolist() == [vocabulary - 1] * 3
    assert (store.facts["documents"], store.facts["tokens"], store.facts["longest"]) == (2, 3, 2)
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [
        "ids.bin",
        "lengths.bin",
        "manifest.json",
        "store.json",
    ]


def test_a_store_without_tokens(tmp_path):
    class Mute(Numbered):
        def encode_flat(self, texts):
            return np.zeros(0, np.int64), np.zeros(len(texts), np.int64)

    store = write_store(texts_in(tmp_path, ["ab", "c"]), Mute(5), tmp_path / "s")
    assert (len(store), store.tokens, store.facts["longest"], store.ids.tolist()) == (0, 0, 0, [])
    assert store.ledger.skipped == {"no tokens": 2}
    assert len(TokenStore.open(tmp_path / "s")) == 0


def test_documents_that_give_no_token_are_named(tmp_path):
    class Picky(Numbered):
        def encode_flat(self, texts):
            sizes = np.array([len(text) * ("x" not in text) for text in texts])
            return np.arange(sizes.sum()), sizes

    corpus = texts_in(tmp_path, ["a", "x", "bc", "xx"])
    store = write_store(corpus, Picky(99), tmp_path / "s")
    assert np.diff(store.offsets).tolist() == [1, 2]
    assert store.ledger.skipped == {"no tokens": 2}
    assert any(f"{corpus.files[0]}:2" in complaint for complaint in corpus.ledger.to_dict()["complaints"])


@pytest.mark.parametrize(("phrase_id", "whole"), [(-1, False), (0, True), (9, True), (10, False), (11, False)])
def test_long_documents_are_encoded_in_parts_unless_there_are_phrases(phrase_id, whole, monkeypatch):
    monkeypatch.setattr(module, "_LONG", 9)
    texts = ["one", "two", "nine lett", "ten letter", "a word and more", "last", "some words to end"]
    block = Block(texts, "a.txt", range(1, 8))
    pieces = list(module._pieces(iter([block, Block(["short"], "b.txt", [99])]), Numbered(10, phrase_id)))
    assert pieces[-1] == (Block(["short"], "b.txt", [99]), ["short"], True)
    if whole:
        assert [list(piece.texts) for piece in pieces] == [texts, ["short"]]
        return
    assert [list(piece.texts) for piece in pieces[:1]] == [texts[:3]]
    for place in (3, 4, 6):
        parts = [piece for piece in pieces if list(piece.block.lines) == [place + 1]]
        assert "".join(part.texts[0] for part in parts) == texts[place]
        assert [part.ends for part in parts] == [False] * (len(parts) - 1) + [True]
        assert len(parts) > (place > 3)
        assert all(part.block == Block([texts[place]], "a.txt", parts[0].block.lines) for part in parts)
    (alone,) = (piece for piece in pieces if list(piece.block.lines) == [6])
    assert alone == (Block(["last"], "a.txt", alone.block.lines), ["last"], True)


@pytest.mark.parametrize(
    ("threads", "most", "taken"),
    [
        (1, 99, [2, 3, 4, 5, 6, 6]),
        (3, 99, [4, 5, 6, 6, 6, 6]),
        (3, 15, [4, 5, 6, 6, 6, 6]),
        (3, 14, [3, 4, 5, 6, 6, 6]),
        (3, 4, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_only_so_many_texts_wait_to_be_encoded(threads, most, taken, monkeypatch):
    """One for each thread and the next, or so many characters; texts have five."""
    monkeypatch.setattr(module.torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(module, "_CHARACTERS_WAITING", most)
    begun = []

    class Six:
        ledger = Ledger()

        def blocks(self):
            for number in range(6):
                begun.append(number)
                yield Block([f"text{number}"], "a.txt", [number])

    seen = []
    for ids, sizes in module._encoded(Numbered(5), Six()):
        assert (len(ids), sizes.tolist()) == (5, [5])
        seen.append(len(begun))
    assert seen == taken


def test_the_space_that_is_asked_for_is_twice_what_was_written_and_the_corpus_at_least(tmp_path, monkeypatch):
    real = module._write

    def full(stream, values, written):
        real(stream, values, written)
        if written[0] > 1 << 20:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    corpus = texts_in(tmp_path, ["a" * 10_000] * 60)  # 1.1 MiB of ids
    with pytest.raises(HeadstartError, match="free about 3 MB"):
        write_store(corpus, Numbered(9), tmp_path / "s")
    monkeypatch.setattr(type(corpus), "bytes_on_disk", lambda self: 20 << 20)
    with pytest.raises(HeadstartError, match="free about 21 MB"):
        write_store(corpus, Numbered(9), tmp_path / "s")


def test_files_that_are_gone_are_damage_without_checksums_too(corpus, tmp_path):
    write_store(corpus, TOKENIZER, tmp_path / "s")
    for name in ("ids.bin", "lengths.bin"):
        held = (tmp_path / "s" / name).read_bytes()
        (tmp_path / "s" / name).unlink()
        with pytest.raises(HeadstartError, match=r"damaged token store \(.*No such file.*\); delete the folder"):
            TokenStore.open(tmp_path / "s", verify=False)
        (tmp_path / "s" / name).write_bytes(held[:-1] if name == "ids.bin" else held + held[-1:])
        with pytest.raises(HeadstartError, match="sizes disagree"):
            TokenStore.open(tmp_path / "s", verify=False)
        (tmp_path / "s" / name).write_bytes(held)
    facts = json.loads((tmp_path / "s/store.json").read_text())
    for name in ("documents", "tokens"):
        (tmp_path / "s/store.json").write_text(json.dumps(facts | {name: facts[name] + 1}))
        with pytest.raises(HeadstartError, match="sizes disagree"):
            TokenStore.open(tmp_path / "s", verify=False)


def test_lengths_that_sum_to_what_they_did_in_another_order_are_found(corpus, tmp_path):
    """Only the checksums tell it, which are compared unless they are not wanted."""
    write_store(corpus, TOKENIZER, tmp_path / "s")
    data = (tmp_path / "s/lengths.bin").read_bytes()
    (tmp_path / "s/lengths.bin").write_bytes(data[::-1])
    TokenStore.open(tmp_path / "s", verify=False)
    with pytest.raises(HeadstartError, match="damaged"):
        TokenStore.open(tmp_path / "s")


@pytest.mark.parametrize(
    ("documents", "stateful", "cut"),
    [([0, 1, 2, 3], False, 2), ([0, 1], False, 0), ([1, 2], False, 1), ([2, 3], True, 0)],
)
def test_documents_that_are_cut_into_windows_are_told(documents, stateful, cut):
    store = module.in_memory([np.arange(length) for length in (5, 6, 7, 9)])
    told = store.remark(np.array(documents), BatchSpec(tokens=99, max_length=6, stateful=stateful))
    assert told == (f"; {cut} documents longer than 6 tokens are cut into windows, none is lost" if cut else "")


def test_why_a_store_is_made_again_is_told(corpus, tmp_path):
    told = []
    first = ensure_store(corpus, TOKENIZER, tmp_path / "s", told.append)
    again = ensure_store(corpus, TOKENIZER, tmp_path / "s", told.append)
    assert told == []
    assert again.facts == first.facts
    ensure_store(Corpus(tmp_path / "a.txt", limit=5), TOKENIZER, tmp_path / "s", told.append)
    assert told == [f"{tmp_path}/s: made from another text or by another processor; made again"]
    (tmp_path / "s/ids.bin").write_bytes(b"")
    ensure_store(corpus, TOKENIZER, tmp_path / "s", told.append)
    assert told[1].startswith("warning: ")
    assert told[1].endswith("; made again")
    assert len(existing_store(TOKENIZER, tmp_path / "s")) == 3000
    with pytest.raises(HeadstartError, match="no such folder"):
        existing_store(TOKENIZER, tmp_path / "t")
    assert len(memory_store(TOKENIZER, [np.arange(3)])) == 1

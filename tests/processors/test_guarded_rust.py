"""Whatever the Rust library throws is one line that names the tokenizer and the text; no call into it goes around."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from unguarded import HOME, WORKING, unguarded

import headstart
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.core.reason import reason_of
from headstart.text.rust import Guarded, Rust

ROOT = Path(headstart.__file__).parent


@pytest.fixture
def panicking(tmp_path):
    """A folder whose tokenizer panics on every text: it cuts every 0 characters."""
    rust = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    data = json.loads(rust.to_str()) | {"pre_tokenizer": {"type": "FixedLength", "length": 0}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    return tmp_path


@pytest.fixture
def without_unknown(tmp_path):
    """A folder whose tokenizer lacks the token for what it does not know."""
    rust = Tokenizer(models.WordLevel({"good": 0, "film": 1}, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    rust.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_the_fault_is_there(panicking):
    """The planted fault itself: without the guard it is no Exception, and ends what goes on after Exceptions."""
    raw = Tokenizer.from_file(str(panicking / "tokenizer.json"))
    with pytest.raises(BaseException, match="chunk size must be non-zero") as caught:
        raw.encode_batch_fast(["a b"])
    assert not isinstance(caught.value, Exception)


@pytest.mark.parametrize("asked", ["encode", "encode_flat", "encode_spans", "of much text"])
def test_a_panic_is_one_line(panicking, asked):
    tokenizer = load_processor(panicking)
    texts = ["a b" * 9000] if asked == "of much text" else ["a b", "c"]
    call = {"encode_flat": tokenizer.encode_flat, "encode_spans": tokenizer.encode_spans}.get(asked, tokenizer.encode)
    with pytest.raises(HeadstartError, match="this tokenizer fails on the text 'a b") as caught:
        call(texts)
    assert str(caught.value).startswith(f"{panicking / 'tokenizer.json'}: ")
    assert "\n" not in str(caught.value)
    assert "chunk size must be non-zero" in str(caught.value)
    assert reason_of(caught.value).code == "error"  # a comparison goes on


def test_the_first_text_that_fails_is_named(without_unknown):
    tokenizer = load_processor(without_unknown)
    assert [ids.tolist() for ids in tokenizer.encode(["good film", "film"])] == [[0, 1], [1]]
    for call in (tokenizer.encode, tokenizer.encode_spans):
        with pytest.raises(
            HeadstartError, match=r"fails on the text 'bad film'; .* \(WordLevel error: Missing \[UNK\]"
        ):
            call(["good film", "bad film", "worse"])
    with pytest.raises(HeadstartError, match=r"fails on the text 'worse';"):
        tokenizer.rust.pieces(["worse"])


def test_ids_out_of_reach_are_one_line(without_unknown):
    with pytest.raises(HeadstartError, match=r"cannot turn ids into text; .*too large"):
        load_processor(without_unknown).decode([0, 10**12])


def test_half_a_surrogate_pair_is_no_fault(without_unknown, reviews):
    tokenizer = registry.load("processor", "bpe")(vocabulary=300).train(iter(reviews))
    assert tokenizer.encode(["a\ud800b"])[0].tolist() == tokenizer.encode(["a\ufffdb"])[0].tolist()


def test_training_that_fails_is_one_line():
    rust = Rust.of_model(models.Unigram(), "unigram")
    trainer = trainers.UnigramTrainer(vocab_size=3, show_progress=False)
    with pytest.raises(HeadstartError, match=r"^tokenizer unigram cannot be trained with vocabulary 3 "):
        rust.train(["a text of some letters", "another one"], trainer)


def test_it_travels(reviews):
    tokenizer = registry.load("processor", "wordpiece")().train(iter(reviews))
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.rust.to_str() == tokenizer.rust.to_str()
    assert again.rust.name == "wordpiece"
    with pytest.raises(AttributeError):
        tokenizer.rust.normalizer = None  # parts are changed by `use` alone


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError, HeadstartError])
def test_a_wish_to_stop_passes(kind):
    with pytest.raises(kind) as caught, Guarded("x"):
        raise kind("y")
    assert caught.value.args == ("y",)


def test_no_call_goes_around_the_guard():
    known = {"encode_batch", "encode_batch_fast", "train_from_iterator", "normalize_str", "pre_tokenize_str"}
    assert known <= WORKING
    assert unguarded(ROOT) == []


PLANTED = {
    "text/a.py": "from tokenizers import Tokenizer as Rust\nRust.from_str(text)",
    "text/b.py": "self._normalizer.normalize_str(text)\nfor word, _ in cut.pre_tokenize_str(text): pass",
    "text/c.py": "from tokenizers.models import WordPiece\nWordPiece.from_file(path)\nWordPiece(vocab)",
    "processors/d.py": "tokenizer.rust._raw.encode_batch_fast(texts)",
    "processors/e.py": "list(map(model.tokenize, words))\nrust.train_from_iterator(texts, trainer)\n"
    "with Guarded('x'):\n    cut.normalize_str(text)",
    "processors/f.py": "import tokenizers\nfrom tokenizers import pre_tokenizers\npre_tokenizers.ByteLevel.alphabet()",
    HOME: "class Rust:\n    def decode(self, ids):\n        return self._raw.decode(ids)\n"
    "    def ids(self):\n        with self._reading(texts):\n            return self._raw.encode_batch(texts)\n",
}


def test_calls_that_go_around_are_found(tmp_path):
    for name, text in PLANTED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert unguarded(tmp_path) == [
        "processors/d.py:1 tokenizer.rust._raw",
        "processors/d.py:1 tokenizer.rust._raw.encode_batch_fast",
        "processors/e.py:1 model.tokenize",
        "processors/e.py:2 rust.train_from_iterator",
        "processors/f.py:1 imports a tokenizer",
        "text/a.py:1 imports a tokenizer",
        "text/a.py:2 Rust.from_str",
        "text/b.py:1 self._normalizer.normalize_str",
        "text/b.py:2 cut.pre_tokenize_str",
        "text/c.py:2 WordPiece.from_file",
        f"{HOME}:3 self._raw.decode",
    ]

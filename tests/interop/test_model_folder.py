"""Folders as trainers, hubs and older libraries leave them: the model in them is found, or one line says what to do."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from small_networks import bert_of_others
from tokenizers import Tokenizer

from headstart.core.errors import HeadstartError
from headstart.interop.model_folder import model_folder, unwrapped
from headstart.text.fast_tokenizer import FastTokenizer
from headstart.training.pretrained_model import PretrainedModel

TEXTS = ["a good film", "Das war nicht so gut!", "영화가 좋다"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return bert_of_others(tmp_path_factory.mktemp("hf") / "model")


def vectors(path) -> np.ndarray:
    return PretrainedModel.open(path).embed(TEXTS)


def copied(exported, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(exported, path)
    return path


def test_the_trainers_checkpoint_of_most_steps(exported, tmp_path):
    for steps in (90, 1000, 500):
        copied(exported, tmp_path / "out" / f"checkpoint-{steps}")
    assert model_folder(tmp_path / "out").name == "checkpoint-1000"
    model = PretrainedModel.open(tmp_path / "out")
    assert model.name == "out"
    assert np.array_equal(model.embed(TEXTS), vectors(exported))


def test_a_snapshot_of_a_hubs_cache(exported, tmp_path):
    place = tmp_path / "models--who--what"
    copied(exported, place / "snapshots" / "aaa")
    copied(exported, place / "snapshots" / "bbb")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("aaa\n")
    assert model_folder(place).name == "aaa"
    assert np.array_equal(vectors(place), vectors(exported))
    shutil.rmtree(place / "refs")
    assert model_folder(place).name in ("aaa", "bbb")


def test_the_only_model_in_a_folder_and_several(exported, tmp_path):
    copied(exported, tmp_path / "out" / "model")
    assert model_folder(tmp_path / "out").name == "model"
    copied(exported, tmp_path / "out" / "other")
    with pytest.raises(HeadstartError, match="several models; name one of"):
        PretrainedModel.open(tmp_path / "out")


def test_an_adapter_is_no_model(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(HeadstartError, match=r"an adapter .*merge it into its base first") as caught:
        PretrainedModel.open(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mark", ["_orig_mod.", "module.", "module._orig_mod."])
def test_names_of_wrapped_networks(exported, tmp_path, mark):
    folder = copied(exported, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    save_file({f"{mark}{name}": tensor for name, tensor in tensors.items()}, folder / "model.safetensors")
    assert np.array_equal(vectors(folder), vectors(exported))
    assert unwrapped({"module.a": 1, "b": 2}) == {"module.a": 1, "b": 2}


@pytest.mark.parametrize("lower", [True, False])
def test_a_vocabulary_of_bert_alone(exported, tmp_path, lower):
    transformers = pytest.importorskip("transformers")
    folder = tmp_path / "model"
    folder.mkdir()
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "a",
        "good",
        "film",
        "das",
        "Das",
        "##s",
        "!",
        "war",
        "g",
        "##ut",
    ]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
    mine, theirs = (
        FastTokenizer.load(folder),
        transformers.BertTokenizer.from_pretrained(str(folder), do_lower_case=lower),
    )
    texts = ["a good film!", "Das war gut", "a [MASK] x"]
    for text, ids in zip(texts[:2], mine.encode(texts)):
        assert ids.tolist() == theirs.encode(text, add_special_tokens=False)
    assert (mine.cls_id, mine.sep_id, mine.mask_id, mine.pad_id, mine.unk_id) == (2, 3, 4, 0, 1)
    assert mine.mask_id not in mine.encode(texts)[2]
    assert mine.special_ids == {0, 1, 2, 3, 4}


def test_a_vocabulary_of_bpe_and_one_of_sentencepiece(tmp_path):
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer, rust.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    rust.train_from_iterator(TEXTS * 9, trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"]))
    rust.model.save(str(tmp_path))
    mine = FastTokenizer.load(tmp_path)
    for text in TEXTS:
        assert mine.encode([text])[0].tolist() == rust.encode(text).ids
    assert mine.special_ids == {0}
    other = tmp_path / "other"
    other.mkdir()
    (other / "spiece.model").write_bytes(b"x")
    with pytest.raises(HeadstartError, match=r"a model of SentencePiece without a tokenizer\.json"):
        FastTokenizer.load(other)

"""Artefacts: long texts are windowed, cuts counted, fresh networks follow their seed, damaged folders refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from headstart.backbones.bert import BertSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.manifest import MANIFEST, seal
from headstart.core.shapes import TokenShape
from headstart.fitting.workspace import Workspace
from headstart.nn.pooling import pool
from headstart.objectives.mlm import MaskedLMSpec
from headstart.processors.ngram import NgramSpec
from headstart.training.checkpoint import WEIGHTS
from headstart.training.describe import describe
from headstart.training.pretrained_model import PretrainedModel, trainable_copy

WINDOW = 14  # max_tokens less [CLS] and [SEP]
TEXT = ["가나 다라 마바사", "abc def", "영화 정말 좋다 정말 좋다", "zyx 가나다"]


@pytest.fixture
def pretrained() -> PretrainedModel:
    """A masked LM over characters that takes 16 tokens."""
    tokenizer = registry.load("processor", "char")().train(TEXT * 3)
    spec = BertSpec(width=16, depth=2, heads=2, mlp_width=24, max_tokens=WINDOW + 2)
    torch.manual_seed(0)
    backbone = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    mlm = MaskedLMSpec()
    return PretrainedModel(tokenizer, spec, backbone, mlm.build(backbone, tokenizer), mlm, receipt={"step": 3})


def vector_of(pretrained: PretrainedModel, ids: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return pool(pretrained.backbone(make_batch([pretrained.processor.add_special_tokens(ids)[0]]))).numpy()[0]


def test_long_texts_are_windowed_and_nothing_is_lost(pretrained):
    long = "가나다라마바사" * 7  # 49 characters: four windows of at most 14
    (ids,) = pretrained.processor.encode([long])
    parts = np.array_split(ids, 4)
    weight = np.array([len(part) + 2 for part in parts], np.float32)
    expected = (np.stack([vector_of(pretrained, part) for part in parts]) * weight[:, None]).sum(0) / weight.sum()
    found = pretrained.embed(["abc", long, ""])
    assert np.abs(found[1] - expected).max() <= 1e-5
    assert np.abs(found[0] - vector_of(pretrained, pretrained.processor.encode(["abc"])[0])).max() <= 1e-5
    assert np.isfinite(found[2]).all()
    changed = pretrained.embed([long[:-1] + "z"])  # the last character counts
    assert np.abs(changed[0] - found[1]).max() > 1e-4


def test_embedding_does_not_depend_on_neighbours_or_budget(pretrained):
    texts = [*TEXT, "가나다라마바사" * 9, "", "x"]
    whole = pretrained.embed(texts)
    assert whole.shape == (7, 16)
    assert whole.dtype == np.float32
    for row, text in enumerate(texts):
        assert np.abs(pretrained.embed([text])[0] - whole[row]).max() <= 1e-5
    assert np.abs(pretrained.embed(texts, tokens=16) - whole).max() <= 1e-5
    assert np.abs(pretrained.embed(texts, layer=2) - whole).max() <= 1e-5
    assert np.abs(pretrained.embed(texts, layer=0) - whole).max() > 1e-3
    assert pretrained.embed([]).shape == (0, 16)


def test_vectors_that_are_not_finite_are_refused(pretrained):
    (ids,) = pretrained.processor.encode(["z"])
    with torch.no_grad():
        pretrained.backbone.words_VD[ids[-1]] = float("nan")
    assert np.isfinite(pretrained.embed(TEXT[:3])).all()
    with pytest.raises(
        HeadstartError, match="vector of row 4 holds numbers that are not finite; its weights are damaged"
    ):
        pretrained.embed(TEXT)


def test_a_bag_takes_any_length():
    tokenizer = NgramSpec().train(TEXT * 3)
    spec = NgramBagSpec(width=8, mlp_width=8)
    bag = PretrainedModel(tokenizer, spec, spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)))
    assert bag.max_length is None
    assert np.isfinite(bag.embed([TEXT[0] * 5_000, ""])).all()


def test_fresh_follows_its_seed_and_leaves_the_global_one_alone(pretrained):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = pretrained.fresh(7), pretrained.fresh(7), pretrained.fresh(8)
    assert torch.equal(torch.rand(3), expected)
    assert first.identity == second.identity != other.identity
    assert pretrained.identity not in (first.identity, other.identity)
    assert first.objective is None
    assert "seed 7" in first.receipt["start"]


def test_a_trainable_copy_shares_nothing(pretrained):
    before = pretrained.identity
    assert trainable_copy(pretrained).identity == before
    copy = trainable_copy(pretrained)
    with torch.no_grad():
        next(copy.backbone.parameters()).add_(1.0)
    assert pretrained.identity == before != copy.identity


def test_saved_and_opened(pretrained, tmp_path):
    (tmp_path / "corpus.txt").write_text("\n".join(TEXT), encoding="utf-8")
    pretrained.corpus = {"paths": [str(tmp_path / "corpus.txt")], "column": None, "unit": "line"}
    pretrained.save(tmp_path / "saved")
    again = PretrainedModel.open(str(tmp_path / "saved"))
    assert again.identity == PretrainedModel.open(tmp_path / "saved").identity  # it is the weights' alone
    assert again.backbone_spec == pretrained.backbone_spec
    assert again.objective_spec == pretrained.objective_spec
    assert again.receipt == {"step": 3}
    assert again.name == "saved"
    for ours, theirs in ((pretrained.backbone, again.backbone), (pretrained.objective, again.objective)):
        state = theirs.state_dict()
        assert all(torch.equal(state[label], tensor) for label, tensor in ours.state_dict().items())
    assert np.array_equal(again.embed(TEXT), pretrained.embed(TEXT))
    assert list(again.documents(limit=2)) == TEXT[:2]
    assert "bert" in describe(again)
    assert "3 steps" in describe(again)
    pretrained.save(tmp_path / "saved")  # a folder of its own kind is replaced
    assert PretrainedModel.open(tmp_path / "saved").identity == again.identity


def test_a_moved_corpus_says_what_to_do(pretrained, tmp_path):
    with pytest.raises(HeadstartError, match="give --corpus"):
        next(pretrained.documents())
    pretrained.corpus = {"paths": [str(tmp_path / "gone.txt")]}
    (tmp_path / "gone2.txt").write_text("x")
    with pytest.raises(HeadstartError, match=r"gone\.txt: no such file; did you mean 'gone2\.txt'.*--corpus") as caught:
        next(pretrained.documents())
    assert "\n" not in str(caught.value)


def test_every_damaged_byte_range_is_refused(pretrained, tmp_path):
    pretrained.save(tmp_path / "saved")
    for path in sorted(p for p in (tmp_path / "saved").rglob("*") if p.is_file()):
        whole = path.read_bytes()
        for broken in (whole[:-1], whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 4]), None):
            if path.name == "manifest.json" and broken == whole[:-1]:
                continue  # the last line end
            path.unlink()
            if broken is not None:
                path.write_bytes(broken)
            with pytest.raises(HeadstartError) as caught:
                PretrainedModel.open(tmp_path / "saved")
            assert "\n" not in str(caught.value)
            path.write_bytes(whole)
    PretrainedModel.open(tmp_path / "saved")


def test_what_is_no_artefact_is_refused(pretrained, tmp_path):
    with pytest.raises(HeadstartError, match=r"no such directory.*nothing is fetched"):
        PretrainedModel.open("bert-base-uncased")
    with pytest.raises(HeadstartError, match="neither a run"):
        PretrainedModel.open(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"spec": {}}))
    with pytest.raises(HeadstartError, match="status is missing"):
        PretrainedModel.open(tmp_path)
    parts = {"processor": {"name": "byte"}, "backbone": {"name": "bert"}, "objective": {"name": "mlm"}}
    spec = parts | {"corpus": {"paths": ["x"]}, "batches": {}, "training": {"steps": 1}}
    record = {"format": 2, "status": "running", "command": "", "started": "", "machine": {}, "asked_seconds": None}
    (tmp_path / "run.json").write_text(json.dumps(record | {"spec": spec}))
    with pytest.raises(HeadstartError, match=r"checkpoint.*--resume"):
        PretrainedModel.open(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(HeadstartError, match="not valid JSON"):
        PretrainedModel.open(tmp_path)


def test_weights_of_another_network_are_refused(pretrained, tmp_path):
    pretrained.save(tmp_path / "saved")
    spec = ModernBertSpec(width=16, depth=1, heads=2, mlp_width=24)
    other = PretrainedModel(pretrained.processor, spec, spec.build(TokenShape(pretrained.processor.vocabulary, 0)))
    other.save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / WEIGHTS, tmp_path / "saved" / WEIGHTS)
    (tmp_path / "saved" / MANIFEST).unlink()
    seal(tmp_path / "saved", "network")
    with pytest.raises(HeadstartError) as caught:
        PretrainedModel.open(tmp_path / "saved")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("mode", "pooling"), [("pooling_mode_cls_token", "cls"), ("pooling_mode_mean_tokens", "mean")])
def test_a_sentence_model_is_read_as_its_makers_did(mode, pooling, pretrained, tmp_path):
    registry.load("export", "hf")().write(pretrained.exportable(), tmp_path / "model")
    (tmp_path / "model" / MANIFEST).unlink()  # somebody else's model has none
    (tmp_path / "model" / "1_Pooling").mkdir()
    described = tmp_path / "model" / "1_Pooling" / "config.json"
    described.write_text(json.dumps({"word_embedding_dimension": 16, mode: True}))
    opened = PretrainedModel.open(tmp_path / "model")
    assert np.allclose(opened.embed(TEXT), pretrained.embed(TEXT, pooling=pooling), atol=1e-6)
    opened.save(tmp_path / "saved")
    assert np.array_equal(PretrainedModel.open(tmp_path / "saved").embed(TEXT), opened.embed(TEXT))
    train = Examples(TEXT * 4, None, np.arange(16) % 2, ("a", "b"))
    model = registry.load("route", "finetune")(least_steps=2, choose_learning_rate=False).run(
        train, Workspace(opened), seed=0
    )
    assert model.head.spec.pooling == pooling
    described.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(HeadstartError, match=r"pooling_mode_max_tokens .*is not read here"):
        PretrainedModel.open(tmp_path / "model")

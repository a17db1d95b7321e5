"""LoRA: frozen weights stay to the bit, the merged network computes the same, every kind of layer gets its update."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_networks import BACKBONES, base_of, rows
from tiny_bases import bag_base, token_base

from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.fitting.adapters import base_digest, merge
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.lora import Lora, LowRank
from headstart.training.pretrained_model import trainable_copy

QUICK = Lora(epochs=1, least_steps=3, head_steps=1, choose_learning_rate=False, learning_rate=0.01)


def changed(base, model) -> set[str]:
    old, new = base.backbone.state_dict(), model.backbone.state_dict()
    assert old.keys() == new.keys()  # an ordinary network again
    return {key for key in new if not torch.equal(old[key], new[key])}


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "word_vectors"])
def test_every_backbone_is_updated_merged_and_opened(name, tmp_path):
    base = base_of(name)
    before = base.identity
    model = QUICK.run(rows(), Workspace(base), seed=1)
    base.__dict__.pop("identity")  # computed anew
    assert base.identity == before
    assert model.notes["base_sha256"] == base_digest(base.backbone)
    moved, tables = changed(base, model), {"words.weight", "embedding.weight", "positions.weight"}
    assert moved
    assert not moved & tables
    assert all(model.backbone.state_dict()[key].ndim == 2 for key in moved)  # no bias, no norm
    save_task(model, tmp_path / "task", QUICK, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(rows(6)), model.predict_proba(rows(6)), atol=1e-6)


@pytest.mark.parametrize("name", ["modernbert", "bert", "llama", "t5", "lstm", "awd_lstm", "seq2seq_attention", "hf"])
def test_the_merged_network_computes_the_same(name):
    plain, network = base_of(name).backbone.eval(), trainable_copy(base_of(name)).backbone.eval()
    torch.manual_seed(0)
    QUICK.adapt(network)
    batch = make_batch([range(5, 12), range(12, 17)])
    with torch.no_grad():
        before = plain(batch).last_BTD
        assert torch.equal(network(batch).last_BTD, before)  # an update starts at zero
        for key, tensor in network.named_parameters():
            if key.endswith(".up"):
                tensor.normal_()
        moved = network(batch).last_BTD
        assert not torch.allclose(moved, before, atol=1e-3)
        merge(network)
        assert torch.allclose(network(batch).last_BTD, moved, atol=1e-5)
    assert network.state_dict().keys() == plain.state_dict().keys()


def test_a_changed_base_is_noticed(monkeypatch):
    def also_trains_a_norm(route, backbone):
        route.attach(backbone, list(route._chosen(backbone).values()), LowRank, rank=2, alpha=2.0)
        backbone.final_norm.requires_grad_(True)

    monkeypatch.setattr(Lora, "adapt", also_trains_a_norm)
    with pytest.raises(AssertionError, match="base's weights were changed"):
        QUICK.run(rows(), Workspace(base_of("modernbert")), seed=1)


def test_layers_can_be_named():
    base = base_of("modernbert")
    model = dataclasses.replace(QUICK, layers=("attention.qkv",), rank=3).run(rows(), Workspace(base), seed=1)
    assert changed(base, model) == {f"blocks.{block}.attention.qkv.weight" for block in range(2)}
    assert model.notes["trained_weights"] == 2 * 3 * (32 + 96)
    update = model.backbone.blocks[0].attention.qkv.weight - base.backbone.blocks[0].attention.qkv.weight
    assert torch.linalg.matrix_rank(update.detach(), atol=1e-6) <= 3
    wrong = dataclasses.replace(QUICK, layers=("nothing",)).refuses(rows(), Workspace(base))
    assert wrong.startswith("no layer is called nothing; there are blocks.0.attention.out")


def test_refusals():
    assert "no linear or recurrent layer" in QUICK.refuses(rows(), Workspace(base_of("word_vectors")))
    assert QUICK.refuses(rows(), Workspace(bag_base())) is None
    for wrong in ({"rank": 0}, {"alpha": 0.0}):
        with pytest.raises(HeadstartError, match="must be larger than 0"):
            Lora(**wrong)
    assert base_digest(token_base().backbone) != base_digest(base_of("modernbert").backbone)

"""Fits of networks of pixels: changed images in training alone, averaged versions in answers, a head solved first."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_parts import small
from tiny_bases import rows as text_rows
from tiny_bases import stripes_base, token_base
from tiny_images import striped_images, striped_rows

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.fitting.mixup import cut_in
from headstart.fitting.regularisation import Regularisation
from headstart.fitting.supervised import LabelledPieces, Supervised, encode_for_head
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.images.averaged_views import versions
from headstart.images.policy import Augment
from headstart.training.pretrained_model import PretrainedModel, trainable_copy

_QUICK = {"epochs": 2, "least_steps": 4, "head_steps": 2, "choose_learning_rate": False}


@pytest.fixture(scope="module")
def base() -> PretrainedModel:
    return stripes_base(striped_images(20))


def supervised(base, count: int = 8, **settings) -> tuple[Supervised, LabelledPieces]:
    examples = striped_rows(count)
    head = registry.load("head", "classify")().build(base.backbone, base.processor, examples.classes)
    pieces = encode_for_head(head.spec, base, examples)
    labelled = LabelledPieces(pieces, head.targets(examples, pieces), base.processor)
    return Supervised(head, Regularisation(**settings), base.processor), labelled


@pytest.mark.parametrize("changes", [{"shift": 0.2}, {"operations": 2}, {"erase": 1.0}, {"cutmix": 1.0}])
@pytest.mark.parametrize("name", ["finetune", "scratch"])
def test_a_route_trains_with_each_change_and_again_the_same(name, changes, base):
    def scores(**settings):
        route = registry.build_spec("route", {"name": name, **_QUICK, **settings})
        assert registry.build_spec("route", route.to_dict()) == route
        return route.run(striped_rows(20), Workspace(base), seed=2).predict_proba(striped_rows(6, first=50))

    once = scores(augment=changes)
    assert np.array_equal(once, scores(augment=changes))
    assert not np.allclose(once, scores(), atol=1e-5)


def test_images_change_in_training_alone(base):
    objective, labelled = supervised(base, augment=Augment(shift=0.3, erase=1.0, cutmix=1.0))
    batch = labelled.batch(np.arange(8))
    assert objective.corrupt(batch, KeyedRandom(0), training=False) is batch
    drawn = objective.corrupt(batch, KeyedRandom(0), training=True)
    assert torch.equal(drawn.pixels_BCHW, batch.pixels_BCHW)  # changed where the network is, from numbers drawn here
    objective.eval()
    assert torch.equal(objective(base.backbone, drawn).total, objective(base.backbone, batch).total)


def test_cut_images_hold_a_part_of_their_partner_and_count_for_both(base):
    objective, labelled = supervised(base, augment=Augment(cutmix=1.0))
    plain = labelled.batch(np.arange(8))
    drawn = objective.corrupt(plain, KeyedRandom(3), training=True)
    partner_B, share = drawn.extra["partner_B"], float(drawn.extra["share_1"])
    mixed = cut_in(drawn).pixels_BCHW
    own = (mixed == plain.pixels_BCHW).float().mean()
    theirs = mixed == plain.pixels_BCHW[partner_B]
    assert bool(((mixed == plain.pixels_BCHW) | theirs).all())
    assert share - 0.01 < float(own) < 1
    objective.train()
    base.backbone.eval()
    loss = objective(base.backbone, drawn).total
    logits_BC = objective.head(base.backbone(dataclasses.replace(plain, pixels_BCHW=mixed))).float()
    by_hand = sum(
        weight * torch.nn.functional.cross_entropy(logits_BC, target_B, reduction="sum")
        for weight, target_B in ((share, plain.extra["label_B"]), (1 - share, plain.extra["label_B"][partner_B]))
    )
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_half_of_the_batches_are_cut(base):
    objective, labelled = supervised(base, augment=Augment(cutmix=0.5))
    batches = [labelled.batch(np.array([place])) for place in range(8)]
    cut = ["partner_B" in objective.corrupt(one, KeyedRandom(seed)).extra for one in batches for seed in range(10)]
    assert 0.3 < np.mean(cut) < 0.7


def test_answers_are_averaged_over_versions(base, tmp_path):
    route = registry.build_spec("route", {"name": "finetune", **_QUICK, "test_views": "both"})
    model, new = route.run(striped_rows(20), Workspace(base), seed=2), striped_rows(5, first=50)
    scores_NC = model.predict_proba(new)
    turns = []
    for view in range(10):
        pieces = encode_for_head(model.head.spec, model.pretrained, new)
        pixels = np.stack([versions(one, "both")[view] for one in pieces.inputs])
        batch = model.processor.collate(list(pixels))
        with torch.no_grad():
            turns.append(model.head(model.backbone(batch)).numpy())
    logits_NC = np.mean(turns, 0)
    by_hand = np.exp(logits_NC) / np.exp(logits_NC).sum(1, keepdims=True)
    assert np.allclose(scores_NC, by_hand, atol=1e-5)
    model.views = "one"
    assert not np.allclose(model.predict_proba(new), scores_NC, atol=1e-5)
    model.views = "both"
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), scores_NC, atol=1e-6)


def test_what_concerns_pixels_is_refused_for_texts():
    workspace, train = Workspace(token_base()), text_rows(8)
    views = registry.build_spec("route", {"name": "finetune", "test_views": "flip"})
    assert "reads tokens" in views.refuses(train, workspace)
    for name in ("finetune", "scratch"):
        plain = registry.build_spec("route", {"name": name, **_QUICK})
        assert plain.refuses(train, workspace) is None
        augmented = registry.build_spec("route", {"name": name, **_QUICK, "augment": {"flip": 0.5}})
        with pytest.raises(HeadstartError, match="augment: it changes pixels"):
            augmented.run(train, workspace, seed=0)


def test_settings_of_a_setting_are_said():
    route = registry.load("route", "finetune")()
    assert route.with_settings([("augment.flip", "0.5")]).augment == Augment(flip=0.5)
    with pytest.raises(HeadstartError, match=r"augment='x': expected one of its settings, such as \.shift"):
        route.with_settings([("augment", "x")])
    with pytest.raises(HeadstartError, match="did you mean 'flip'"):
        route.with_settings([("augment.flips", "1")])


def test_the_head_is_solved_before_the_network_moves(base):
    """Without a step of the network the answers are those of logistic regression, which tells the stripes apart."""
    still = {"epochs": 1, "least_steps": 1, "learning_rate": 1e-9, "choose_learning_rate": False}
    model = registry.build_spec("route", {"name": "finetune", **still}).run(striped_rows(40), Workspace(base), seed=0)
    new = striped_rows(40, first=100)
    assert (model.predict_proba(new).argmax(1) == new.labels).mean() > 0.8
    assert all(
        torch.allclose(ours, theirs, atol=1e-6)
        for ours, theirs in zip(model.backbone.parameters(), base.backbone.parameters())
    )


@pytest.mark.parametrize("layers", [(), ("attention",)])
def test_lora_updates_the_linear_layers_of_a_network_of_images(layers, tmp_path):
    train = striped_rows(12)
    processor = registry.load("processor", "palette")(side=8, colours=4).train(train.items)
    spec = small("backbone", "gpt2")
    torch.manual_seed(0)
    base = PretrainedModel(processor, spec, spec.build(processor.shape))
    route = registry.build_spec("route", {"name": "lora", **_QUICK, "layers": layers, "learning_rate": 0.05})
    model = route.run(train, Workspace(base), seed=1)
    after = model.backbone.state_dict()
    moved = {name for name, before in base.backbone.state_dict().items() if not torch.equal(before, after[name])}
    assert moved
    assert all(any(part in name for part in layers) for name in moved if layers)
    assert not [name for name in moved if "norm" in name or "bias" in name]
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(train), model.predict_proba(train), atol=1e-5)


def test_frozen_layers_keep_their_batch_statistics(base):
    objective, labelled = supervised(base)
    network = trainable_copy(base).backbone
    network.requires_grad_(False)
    for parameter in network.stages[2].parameters():
        parameter.requires_grad_(True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    objective.train()
    objective(network, labelled.batch(np.arange(8)))
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("stages.2.") for name in moved)

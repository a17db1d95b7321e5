"""The craft of network routes: each setting changes what it says, in training only, as a function of its keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from supervised_setup import BASES, Setup
from tiny_bases import bag_base, rows, token_base
from torch.nn import functional as F

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.fitting.regularisation import Regularisation
from headstart.fitting.supervised import Supervised
from headstart.fitting.workspace import Workspace


@pytest.mark.parametrize("base", BASES)
def test_label_smoothing_is_torchs_in_training_only(base):
    setup = Setup(base, label_smoothing=0.2)
    target_B = setup.batch.extra["label_B"]
    setup.objective.train()
    wanted = F.cross_entropy(setup.logits(), target_B, reduction="sum", label_smoothing=0.2)
    assert setup.loss().total.item() == pytest.approx(wanted.item(), rel=1e-6)
    # By hand: .8 of the target where it was, .2 spread over both classes.
    share_BC = 0.8 * F.one_hot(target_B, 2) + 0.1
    by_hand = -(share_BC * setup.logits().log_softmax(1)).sum()
    assert wanted.item() == pytest.approx(by_hand.item(), rel=1e-5)
    setup.objective.eval()
    plain = F.cross_entropy(setup.logits(), target_B, reduction="sum")
    assert setup.loss().total.item() == pytest.approx(plain.item(), rel=1e-6)
    assert abs(plain.item() - wanted.item()) > 1e-2


def test_label_smoothing_of_tags_leaves_out_what_has_no_characters():
    setup = Setup("tokens", "tag", label_smoothing=0.3)
    setup.objective.train()
    scores_NK, tag_N = setup.logits()[setup.batch.mask_BT()], setup.batch.extra["tag_N"]
    wanted = F.cross_entropy(scores_NK[tag_N >= 0], tag_N[tag_N >= 0], reduction="sum", label_smoothing=0.3)
    assert setup.loss().total.item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("base", BASES)
def test_dropout_zeroes_the_last_layers_input_in_training_only(base):
    setup = Setup(base, dropout=0.5)
    layer = [module for module in setup.head.modules() if isinstance(module, torch.nn.Linear)][-1]
    seen = []
    layer.register_forward_hook(lambda _module, given, _out: seen.append(given[0].detach()))
    setup.objective.train()
    losses = [setup.loss(seed=seed).total.item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]
    assert float((seen[0] == 0).float().mean()) == pytest.approx(0.5, abs=0.15)
    setup.objective.eval()
    setup.loss()
    assert torch.equal(seen[-1] == 0, torch.zeros_like(seen[-1], dtype=torch.bool))
    kept = seen[0] != 0
    assert torch.allclose(seen[0][kept], 2 * seen[-1][kept], atol=1e-5)  # what is left is scaled up


@pytest.mark.parametrize("base", BASES)
def test_word_dropout_hides_tokens_by_their_keys(base):
    setup = Setup(base, word_dropout=0.3, count=200)
    setup.objective.train()
    tokenizer, ids_N = setup.base.processor, setup.batch.ids_N
    noisy_N = setup.corrupted().ids_N
    changed_N = noisy_N != ids_N
    stand_in = next(i for i in (tokenizer.mask_id, tokenizer.unk_id, tokenizer.pad_id) if i >= 0)
    special_N = torch.isin(ids_N, torch.tensor([*tokenizer.special_ids, stand_in]))
    assert float(changed_N.float().sum() / (~special_N).sum()) == pytest.approx(0.3, abs=0.03)
    assert set(noisy_N[changed_N].tolist()) == {stand_in}
    assert not (changed_N & special_N).any()
    one = setup.objective.corrupt(setup.labelled.batch(np.array([7])), KeyedRandom(5, 0)).ids_N
    assert torch.equal(one, noisy_N.split(setup.batch.lengths_B.tolist())[7])  # whatever else is in the batch
    assert not torch.equal(setup.objective.corrupt(setup.batch, KeyedRandom(5, 1)).ids_N, noisy_N)
    setup.objective.eval()
    assert torch.equal(setup.corrupted().ids_N, ids_N)


def test_everything_off_is_the_plain_loss():
    setup = Setup("tokens")
    setup.objective.train()
    assert setup.objective.corrupt(setup.batch, KeyedRandom(0)) is setup.batch
    assert torch.equal(setup.loss().total, setup.head.score(setup.base.backbone, setup.batch).total)


@pytest.mark.parametrize(
    ("task", "regularisation", "words"),
    [
        ("regress", {"label_smoothing": 0.1}, "head regress chooses no class"),
        ("retrieve", {"dropout": 0.1}, "head retrieve has no one layer on top"),
    ],
)
def test_what_a_head_cannot_do_is_said(task, regularisation, words):
    base = token_base()
    head = registry.load("head", task)().build(base.backbone, base.processor, ())
    with pytest.raises(HeadstartError, match=words):
        Supervised(head, Regularisation(**regularisation), base.processor)


def test_mixup_of_tokens_is_refused():
    setup = Setup("tokens", "tag", mixup=0.2)
    with pytest.raises(HeadstartError, match="head tag has targets for tokens"):
        setup.loss()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing=1.0: must be at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"mixup": -1.0}, "mixup=-1.0: must be at least 0"),
        ({"patience": -1}, "patience=-1"),
    ],
)
def test_wrong_settings_teach(settings, words):
    with pytest.raises(HeadstartError, match=words):
        registry.load("route", "finetune")(**settings)


_QUICK = {"epochs": 4, "least_steps": 4, "head_steps": 2, "choose_learning_rate": False}
_CHANGES = {
    "label_smoothing": 0.3,
    "mixup": 1.0,
    "dropout": 0.5,
    "word_dropout": 0.5,
    "patience": 1,
    "optimizer": {"name": "sgd"},
}


@pytest.mark.parametrize("setting", _CHANGES)
@pytest.mark.parametrize("name", ["finetune", "scratch"])
def test_a_route_trains_with_each_and_again_the_same(name, setting):
    workspace, train, test = Workspace(bag_base()), rows(40), rows(10, seed=9)

    def scores(**settings):
        route = registry.build_spec("route", {"name": name, **_QUICK, **settings})
        assert registry.build_spec("route", route.to_dict()) == route
        return route.run(train, workspace, seed=2, seconds=None).predict_proba(test)

    changed = scores(**{setting: _CHANGES[setting]})
    assert np.array_equal(changed, scores(**{setting: _CHANGES[setting]}))
    assert not np.allclose(changed, scores(), atol=1e-5)

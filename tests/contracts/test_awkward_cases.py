"""The contracts carry a GAN, two towers, a trained network in a processor and ragged boxes, in the one loop."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from toys import SHAPE, Adversary, Boxes, Codes, Dense, Images, Match, Pairs, Pixels, Towers, blobs, box_targets

from headstart.backbones.gpt2 import GPT2Spec
from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.causal import Causal
from headstart.training.checkpoint import Checkpoints, restore
from headstart.training.loop import Stop, fit, start_state, weights
from headstart.training.plan import TrainPlan


def gan(plan: TrainPlan):
    torch.manual_seed(0)
    critic = Dense(SHAPE)
    return start_state(Adversary(critic), critic, plan)


def test_a_gan_trains_by_two_phases_with_an_optimizer_each():
    plan = TrainPlan(steps=300, learning_rate=1e-2, dtype="fp32", hold=1.0, beta2=0.9)
    state = gan(plan)
    before = state.objective.sample(state.backbone, 64, KeyedRandom(1)).pixels_BCHW
    fit(state, Images(blobs(64), 16), plan)
    assert set(state.optimizers) == {"critic", "generator"}
    made = state.objective.sample(state.backbone, 64, KeyedRandom(1))
    assert torch.equal(made.pixels_BCHW, state.objective.sample(state.backbone, 64, KeyedRandom(1)).pixels_BCHW)
    halves = made.pixels_BCHW.float().reshape(64, 4, 2, 2).mean((1, 3))  # left and right brightness
    plain = before.float().reshape(64, 4, 2, 2).mean((1, 3))
    apart = (halves[:, 0] - halves[:, 1]).abs().mean()
    assert apart > 60 > (plain[:, 0] - plain[:, 1]).abs().mean()  # one half is bright, as in the images


def test_each_phase_moves_its_own_weights_alone():
    plan = TrainPlan(steps=1, learning_rate=1e-2, dtype="fp32")
    state = gan(plan)
    kept = {name: tensor.clone() for name, tensor in weights(state).items()}
    state.optimizers["generator"].step = lambda: None
    fit(state, Images(blobs(64), 16), plan)
    moved = {name for name, tensor in weights(state).items() if not torch.equal(tensor, kept[name])}
    assert moved
    assert not any("generator" in name for name in moved)


def test_a_phase_that_is_not_finite_takes_nothing_from_the_other():
    plan = TrainPlan(steps=3, learning_rate=1e-2, dtype="fp32")
    state, told, followed = gan(plan), [], []
    forward, kept = state.objective.forward, {}

    def spoilt(backbone, batch, phase):
        loss = forward(backbone, batch, phase)
        if phase == "generator" and state.step == 1:
            terms = {name: term._replace(total=term.total * float("nan")) for name, term in loss.terms.items()}
            return dataclasses.replace(loss, terms=terms)
        return loss

    def listen(event):
        told.append(event)
        kept[event.step] = {name: tensor.clone() for name, tensor in weights(state).items()}

    state.objective.forward = spoilt
    state.objective.after_step = lambda backbone: followed.append(state.step)
    fit(state, Images(blobs(64), 16), plan, [listen])
    moved = {name for name, tensor in kept[2].items() if not torch.equal(tensor, kept[1][name])}
    assert moved
    assert not any("generator" in name for name in moved)
    assert [event.step for event in told if event.kind == "step" and event.loss != event.loss] == [2]
    assert followed == [0, 2]  # not after the step that was skipped in part


def test_a_gan_resumes_bit_for_bit(tmp_path):
    plan = TrainPlan(steps=9, learning_rate=1e-2, dtype="fp32")
    whole = gan(plan)
    fit(whole, Images(blobs(64), 16), plan)
    first, stop, kept = gan(plan), Stop(), Checkpoints(tmp_path)
    fit(first, Images(blobs(64), 16), plan, [lambda event: setattr(stop, "requested", event.step >= 4)], stop=stop,
        saver=kept)  # fmt: skip
    second = gan(plan)
    restore(second, kept.newest()[0])
    assert second.step == first.step < 9
    fit(second, Images(blobs(64), 16), plan)
    for (name, tensor), other in zip(weights(whole).items(), weights(second).values(), strict=True):
        assert torch.equal(tensor, other), name


def test_two_towers_learn_from_batches_of_pairs():
    torch.manual_seed(1)
    text = NgramBagSpec(width=16, mlp_width=16).build(TokenShape(3, 0))
    towers = Towers(Dense(SHAPE), text)
    plan = TrainPlan(steps=150, learning_rate=1e-2, dtype="fp32")
    state = start_state(Match(), towers, plan)
    told = []
    result = fit(state, Pairs(), plan, [told.append])
    assert result.units == 300
    assert told[-1].unit == "pairs"
    batch = Pairs(64).at(0)
    image, words = (torch.nn.functional.normalize(side, dim=-1) for side in towers(batch).maps)
    own = (image * words).sum(-1).mean()
    other = (image * words.roll(1, 0)).sum(-1).mean()
    assert own > other + 0.5


def test_a_trained_network_in_a_processor_gives_tokens_to_a_causal_model(tmp_path):
    random = torch.Generator().manual_seed(0)
    processor = Codes(torch.randn(3, 4, generator=random), torch.randn(5, 3, generator=random))
    items = processor.encode(list(blobs(32)))
    processor.save(tmp_path)
    again = Codes.load(tmp_path)
    assert all(np.array_equal(one, two) for one, two in zip(items, again.encode(list(blobs(32)))))
    assert again.identity == processor.identity != Codes(processor.patch_DP + 1, processor.codebook_VD).identity
    torch.manual_seed(0)
    network = GPT2Spec(width=16, depth=1, heads=2, max_tokens=4).build(processor.shape)
    batch = processor.collate(items)
    loss = Causal(network, -1)(network, batch)
    assert loss.count == 3 * 32
    loss.mean().backward()


@torch.no_grad()
def test_boxes_ride_ragged_and_move_with_the_batch():
    boxes = [np.ones((count, 4)) * count for count in (2, 0, 3, 1)]
    batch = dataclasses.replace(Pixels().collate(list(blobs(4))), extra=box_targets(boxes))
    moved = batch.to(torch.device("cpu"))
    assert moved.extra["boxes_B"].tolist() == [2, 0, 3, 1]
    torch.manual_seed(0)
    backbone = Dense(SHAPE)
    objective = Boxes(backbone)
    loss = objective(backbone, batch)
    assert loss.count == 6
    written = sum(
        float((objective.out(backbone(batch).pooled_BD[i]).reshape(3, 4)[:n] - n).square().sum())
        for i, n in enumerate((2, 0, 3, 1))
    )
    assert float(loss.total) == pytest.approx(written, rel=1e-5)


def test_features_of_images_have_a_grid_and_maps():
    features = Features(pooled_BD=torch.zeros(2, 3), grid=(4, 4), maps=(torch.zeros(2, 3, 4, 4),))
    assert features.grid == (4, 4)
    assert features.maps[0].shape == (2, 3, 4, 4)


def test_what_does_not_generate_says_so():
    network = GPT2Spec(width=16, depth=1, heads=2, max_tokens=4).build(TokenShape(5))
    with pytest.raises(HeadstartError, match="generates no samples"):
        Causal(network, -1).sample(network, 1, KeyedRandom(0))

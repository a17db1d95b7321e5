"""Running text through the loop: what is carried, where it ends, and that a resumed run goes on bit for bit."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from headstart.core import device, registry
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.shapes import TokenShape
from headstart.data.stateful_batches import StatefulBatches
from headstart.nn import recurrent
from headstart.nn.ragged import Layout
from headstart.training.checkpoint import Checkpoints, restore
from headstart.training.loop import Stop, TrainState, fit, start_state, weights
from headstart.training.parallel import Network
from headstart.training.plan import TrainPlan
from headstart.training.scoring import evaluate

VOCABULARY = 30
NAMES = ("rnn", "lstm", "gru", "awd_lstm")


class NextToken(Objective):
    """Cross-entropy of the next token; remembers what it was handed. poison: calls whose loss is not a number."""

    def __init__(self, backbone: Backbone, poison: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.head, self.poison = backbone.prediction_head(), poison
        self.handed, self.returned = [], []

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        return batch

    def forward(self, backbone, batch):
        features = backbone(batch, carry=True)
        target_N = batch.next_ids_N()
        chosen = (target_N >= 0).nonzero().squeeze(1)
        hidden_ND = Layout(batch).unpad(features.last_BTD)[chosen]
        total = self.head.score(hidden_ND, backbone.words_VD, target_N[chosen]).total
        if self.training and len(self.handed) in self.poison:
            total = total * float("nan")
        self.handed.append(batch.carry)
        self.returned.append(features.carry)
        return Loss.of(total, chosen.numel(), carry=features.carry)


def running(max_length: int, streams: int = 3, tokens: int = 400) -> StatefulBatches:
    lengths = [tokens // 4] * 4
    ids = np.random.default_rng(0).integers(4, VOCABULARY, tokens).astype(np.uint16)
    offsets, tokenizer = np.concatenate([[0], np.cumsum(lengths)]), SimpleNamespace(cls_id=2, sep_id=3)
    sizes = {"max_length": max_length, "streams": streams}
    return StatefulBatches(ids, offsets, np.arange(4), tokenizer, **sizes, seed=1, add_special_tokens=True)


def network(name: str = "awd_lstm") -> Backbone:
    torch.manual_seed(3)
    return registry.load("backbone", name)(width=12, depth=2).build(TokenShape(VOCABULARY, 0))


def state_of(plan: TrainPlan, name: str = "awd_lstm", **settings) -> TrainState:
    backbone = network(name)
    return start_state(NextToken(backbone, **settings), backbone, plan)


@pytest.mark.parametrize("name", NAMES)
def test_windows_with_carry_lose_what_one_piece_loses(name):
    backbone = network(name)
    for parameter in backbone.parameters():  # large enough weights that a lost memory shows
        torch.nn.init.normal_(parameter, std=0.7)
    objective = NextToken(backbone)

    def loss(max_length: int, forget: bool = False) -> float:
        batches = running(max_length).epoch()
        if forget:
            batches = [dataclasses.replace(batch, continues=False) for batch in batches]
        return evaluate(Network(objective, backbone), batches, 0, torch.float32)[0]

    whole = loss(10_000)
    assert abs(loss(7) - whole) <= 1e-5
    assert abs(loss(1) - whole) <= 1e-5
    assert abs(loss(7, forget=True) - whole) > 1e-3


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_loop_hands_on_without_gradient_and_starts_anew_with_each_epoch(accumulate):
    batches, steps = running(13), 14
    plan = TrainPlan(steps=steps, dtype="fp32", accumulate=accumulate)
    state = state_of(plan)
    fit(state, batches, plan)
    handed, returned = state.objective.handed, state.objective.returned
    assert len(handed) == steps * accumulate > batches.per_epoch
    for number, carry in enumerate(handed):
        if number % batches.per_epoch == 0:
            assert carry == ()
            continue
        assert len(carry) == 4
        assert all(torch.equal(one, two) for one, two in zip(carry, returned[number - 1], strict=True))
        assert not any(part.requires_grad for part in carry)
        assert all(part.requires_grad for part in returned[number])  # so that it was the loop that cut it


def test_no_gradient_crosses_the_window():
    """The step's gradient is that of the window alone, with what is carried as a constant."""
    plan = TrainPlan(steps=2, dtype="fp32", learning_rate=1e-12, clip=1e9, weight_decay=0.0)
    batches, state = running(9), state_of(plan, "lstm")
    caught = {}

    def catch(event):
        if event.kind == "step" and event.step == 1:
            caught["carry"] = tuple(part.clone() for part in state.carry)

    state.optimizers["main"].zero_grad = lambda set_to_none=True: (
        caught.update(gradient=[p.grad.clone() for p in state.backbone.parameters()])
        or [setattr(p, "grad", None) for p in state.backbone.parameters()]
    )
    fit(state, batches, plan, [catch])
    twin = network("lstm")
    twin.load_state_dict(state.backbone.state_dict())
    objective = NextToken(twin)
    objective.load_state_dict(state.objective.state_dict())
    loss = objective(twin, dataclasses.replace(batches.at(1), carry=caught["carry"]))
    (loss.total / loss.count).backward()
    for own, parameter in zip(caught["gradient"], twin.parameters(), strict=True):
        assert torch.allclose(own, parameter.grad, atol=1e-7)


def test_a_step_that_is_not_finite_forgets():
    plan = TrainPlan(steps=5, dtype="fp32")
    state = state_of(plan, poison=(2,))
    result = fit(state, running(9), plan)
    assert result.skipped == 1
    assert [len(carry) for carry in state.objective.handed] == [0, 4, 4, 0, 4]


def test_evaluation_keeps_its_own_memory():
    plan = TrainPlan(steps=6, dtype="fp32", evaluate_seconds=0.0)
    with_, without = state_of(plan), state_of(plan)
    fit(with_, running(9), plan, held_out=running(5).epoch())
    fit(without, running(9), plan)
    assert all(torch.equal(one, two) for one, two in zip(with_.carry, without.carry, strict=True))
    assert all(torch.equal(one, two) for one, two in zip(weights(with_).values(), weights(without).values()))


@pytest.mark.parametrize(("measured", "what"), [(recurrent._bf16_on_cpu, ()), (device._measured, ("cpu", False))])
def test_what_is_measured_once_a_process_draws_no_random_number(measured, what):
    measured.cache_clear()
    before = torch.get_rng_state()
    measured(*what)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("dtype", "cut"), [("fp32", 1), ("fp32", 5), ("bf16", 5)])
def test_resume_in_mid_epoch_is_bit_identical(tmp_path, dtype, cut):
    plan, batches = TrainPlan(steps=9, dtype=dtype, learning_rate=0.01, accumulate=2), running(9)
    assert cut * plan.accumulate % batches.per_epoch  # in mid-epoch
    whole = state_of(plan)
    fit(whole, batches, plan)

    checkpoints, stop = Checkpoints(tmp_path), Stop()
    first = state_of(plan)

    def stopper(event):
        stop.requested = event.step == cut

    fit(first, batches, plan, [stopper], stop=stop, saver=checkpoints)
    second = state_of(plan)
    restore(second, checkpoints.newest()[0])
    assert (second.step, len(second.carry)) == (cut, 4)
    fit(second, batches, plan)
    assert all(torch.equal(one, two) for one, two in zip(whole.carry, second.carry, strict=True))
    assert all(part.dtype == other.dtype for part, other in zip(whole.carry, second.carry))
    for (name, one), two in zip(weights(whole).items(), weights(second).values(), strict=True):
        assert torch.equal(one, two), name
    for one, two in zip(moments(whole), moments(second), strict=True):
        assert torch.equal(one, two)

    third = state_of(plan)  # the twin: without what was carried the bits differ
    restore(third, checkpoints.newest()[0])
    third.carry = ()
    fit(third, batches, plan)
    assert not all(torch.equal(one, two) for one, two in zip(weights(whole).values(), weights(third).values()))


def moments(state: TrainState) -> list[torch.Tensor]:
    """Return every tensor of the optimizer's state in a fixed order."""
    parameters = [p for group in state.optimizers["main"].param_groups for p in group["params"]]
    return [value for p in parameters for _, value in sorted(state.optimizers["main"].state[p].items())]


def test_states_that_share_memory_are_saved(tmp_path):
    plan = TrainPlan(steps=3, dtype="fp32")
    state = state_of(plan, "lstm")
    both = torch.arange(24.0).view(2, 3, 4)
    state.carry = (both[0], both[1], both[0], both[:, 0], torch.zeros(0, 4))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state)
    folder = checkpoints.newest()[0]
    assert len(load_file(folder / "carry.safetensors")) == 5
    fresh = state_of(plan, "lstm")
    restore(fresh, folder)
    assert all(torch.equal(one, two) for one, two in zip(fresh.carry, state.carry, strict=True))

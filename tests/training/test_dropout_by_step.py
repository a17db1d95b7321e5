"""Dropout hides others at every step, and what it hides is a function of (seed, step), whatever came before."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from small_parts import TextBatches, documents, pair, small
from small_pixels import SHAPE, SmallPixels, images

from headstart.core.compatibility import build_objective
from headstart.training import loop
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan

STEPS, CUT = 6, 3


class Same:
    """The same batch, of one epoch, at every step."""

    def __init__(self, batch) -> None:
        self.batch = batch

    def at(self, number: int):
        return self.batch


def parts_of(kind: str):
    """Return (network, objective, batch): an AWD-LSTM on texts, or an MLP with dropout on pixels."""
    if kind == "text":
        parts = pair("causal", "awd_lstm")
        return parts.backbone, parts.objective, TextBatches(parts.processor, documents(16), 16).at(0)
    torch.manual_seed(1)
    backbone = small("backbone", "mlp", dropout=0.3).build(SHAPE)
    objective = build_objective(small("objective", "denoise"), backbone, SmallPixels())
    return backbone, objective, SmallPixels().collate(images(16))


def losses(kind: str, *, seed: int = 0, begin: int = 0, draws: int = 0) -> dict[int, float]:
    """Return the loss of every step of weights that stay where they are. draws: random numbers that others take."""
    backbone, objective, batch = parts_of(kind)
    plan = TrainPlan(steps=STEPS, learning_rate=1e-30, weight_decay=0.0, dtype="fp32", seed=seed)
    state, found, forward = start_state(objective, backbone, plan), {}, objective.forward
    state.step = begin

    def noted(*given):
        loss = forward(*given)
        found[state.step] = float(loss.mean().detach())
        return loss

    objective.forward = noted
    fit(state, Same(batch), plan, [lambda event: torch.rand(draws)])
    return found


def check_dropout_is_a_function_of_seed_and_step(kind: str) -> None:
    whole = losses(kind)
    assert len(set(whole.values())) == STEPS
    assert losses(kind, draws=5) == whole
    assert losses(kind, begin=CUT) == {step: loss for step, loss in whole.items() if step >= CUT}
    assert not {*losses(kind, seed=1).values()} & {*whole.values()}


@pytest.mark.parametrize("kind", ["text", "pixels"])
def test_dropout_is_a_function_of_seed_and_step(kind):
    check_dropout_is_a_function_of_seed_and_step(kind)


def test_a_network_without_dropout_loses_the_same_at_every_step():
    backbone, objective, batch = parts_of("pixels")
    backbone.dropout = 0.0
    plan, found, forward = TrainPlan(steps=3, learning_rate=1e-30, dtype="fp32"), [], objective.forward
    objective.forward = lambda *given: found.append(float((loss := forward(*given)).mean().detach())) or loss
    fit(start_state(objective, backbone, dataclasses.replace(plan, weight_decay=0.0)), Same(batch), plan)
    assert len(set(found)) == 1


CALLS = itertools.count()
FAULTS = {"the same at every step": lambda seed, *rest: 7, "by the order of calls": lambda *keys: next(CALLS)}


@pytest.mark.parametrize("fault", FAULTS)
def test_dropout_that_is_not_is_found(fault, monkeypatch):
    monkeypatch.setattr(loop, "key", FAULTS[fault])
    with pytest.raises(AssertionError):
        check_dropout_is_a_function_of_seed_and_step("text")

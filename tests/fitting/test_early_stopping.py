"""Early stopping: the best weights are kept, held-out rows are chosen ones, groups stay whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from supervised_setup import Setup
from tiny_bases import rows

from headstart.fitting import model_selection
from headstart.fitting.early_stopping import ENOUGH, fit_best, hold_out
from headstart.fitting.supervised import LabelledPieces
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan


class Wrong(LabelledPieces):
    """Rows whose training labels teach the opposite, so that held-out loss rises from the first epoch on."""

    def batch(self, pieces, epoch=0):
        batch = super().batch(pieces, epoch)
        return dataclasses.replace(batch, extra={"label_B": 1 - batch.extra["label_B"]})


@pytest.mark.parametrize("honest", [True, False])
def test_early_stopping_keeps_the_best_weights(honest):
    setup = Setup("bag", count=40)
    for parameter in setup.head.parameters():
        parameter.data.zero_()
    held = setup.labelled.batches(np.arange(30, 40))
    source = setup.labelled if honest else Wrong(setup.labelled.pieces, setup.labelled.targets, setup.base.processor)
    batches = type(
        "B", (), {"per_epoch": 3, "at": lambda self, n: source.batch(np.arange(n % 3 * 10, n % 3 * 10 + 10))}
    )
    plan = TrainPlan(steps=60, learning_rate=3e-3, evaluate_steps=3, dtype="fp32")
    before = {name: tensor.clone() for name, tensor in setup.base.backbone.state_dict().items()}
    result = fit_best(setup.objective, setup.base.backbone, batches(), plan, held, patience=4)
    losses = [event.loss for event in result.evaluations]
    setup.objective.eval()
    with torch.no_grad():
        kept = sum(setup.loss(batch).total.item() for batch in held) / 10
    assert kept == pytest.approx(min(losses), rel=1e-5)
    if honest:
        assert result.step > 12
        assert min(losses) < 0.6 * losses[0]
        return
    assert (result.step, result.stopped) == (12, ENOUGH)  # four epochs without gain
    assert losses[-1] > losses[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.base.backbone.state_dict().items())


def test_held_out_rows_are_of_the_chosen_ones_and_groups_stay_whole():
    examples = dataclasses.replace(rows(60), groups=[f"g{number // 3}" for number in range(60)])
    chosen = np.arange(6, 54)
    learn, held = hold_out(examples, chosen, 3, seed=1)
    assert sorted([*learn, *held]) == chosen.tolist()
    assert 5 <= len(held) <= 15
    assert not {examples.groups[i] for i in learn} & {examples.groups[i] for i in held}
    everything, none = hold_out(examples, chosen, 0, seed=1)
    assert (everything.tolist(), len(none)) == (chosen.tolist(), 0)


def test_a_held_out_group_is_whole_among_more_rows_than_a_fold_looks_at(monkeypatch):
    monkeypatch.setattr(model_selection, "MOST_ROWS", 20)
    examples = dataclasses.replace(rows(60), groups=[f"g{number // 3}" for number in range(60)])
    learn, held = hold_out(examples, np.arange(60), 3, seed=1)
    assert len(held)
    assert len(learn) > 30
    assert not {examples.groups[i] for i in learn} & {examples.groups[i] for i in held}
    rare = dataclasses.replace(examples, labels=np.array([0, 0, 1] * 19 + [2, 0, 1]), classes=("a", "b", "c"))
    for seed in range(6):
        learn, held = hold_out(rare, np.arange(60), 3, seed=seed)
        assert (rare.labels[learn] == 2).any()  # its one row is learned from, whatever its group


def test_evaluate_steps_are_counted_and_not_the_clock():
    setup = Setup("bag")
    batches = type("B", (), {"per_epoch": 1, "at": lambda self, n: setup.batch})
    plan = TrainPlan(steps=7, evaluate_steps=3, evaluate_seconds=0.0, dtype="fp32")
    result = fit(start_state(setup.objective, setup.base.backbone, plan), batches(), plan, held_out=[setup.batch])
    assert [event.step for event in result.evaluations] == [0, 3, 6, 7]

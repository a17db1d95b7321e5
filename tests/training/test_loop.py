"""The loop: exact accumulation, budget and schedule, finite checks, stopping, resuming bit for bit."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.training.checkpoint import Checkpoints, restore
from headstart.training.events import Event, Progress
from headstart.training.loop import Stop, fit, start_state, weights
from headstart.training.metrics_file import MetricsFile
from headstart.training.plan import TrainPlan


class Net(Backbone):
    width, depth = 4, 1

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(20, 4)
        self.out = nn.Linear(4, 4)

    def forward(self, batch, *, layers=False, attention=False):
        hidden = self.out(self.embedding(batch.ids_N))
        return Features(pooled_BD=torch.zeros(batch.size, 4).index_add(0, batch.row_N(), hidden))

    def groups(self):
        return [[self.embedding.weight], list(self.out.parameters())]


class Sum(Objective):
    """Squared distance of the document vector to a constant; poison: the calls whose loss is not a number."""

    def __init__(self, poison=()):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.poison, self.calls = set(poison), 0

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        return batch

    def forward(self, backbone, batch):
        total = ((backbone(batch).pooled_BD * self.scale - 1.0) ** 2).sum()
        if self.calls in self.poison:
            total = total * math.nan
        self.calls += 1
        return Loss.of(total, batch.size, {"half": torch.tensor(0.5)})


class Source:
    def __init__(self, per_batch=8):
        self.per_batch = per_batch

    def at(self, number):
        random = np.random.default_rng(0)
        ids = random.integers(0, 20, (1024, 3))
        rows = np.arange(number * self.per_batch, (number + 1) * self.per_batch) % 1024
        return TokenBatch(
            ids_N=torch.from_numpy(ids[rows].reshape(-1)),
            lengths_B=torch.full((self.per_batch,), 3),
            sample_B=torch.from_numpy(rows),
            epoch=number,
        )


def _train(plan, source=None, **more):
    net, objective = Net(), Sum(more.pop("poison", ()))
    result = fit(start_state(objective, net, plan), source or Source(), plan, **more)
    return result, net, objective


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulation_equals_the_large_batch(accumulate):
    plan = TrainPlan(steps=20, dtype="fp32", learning_rate=0.01)
    _, large, _ = _train(plan, Source(8))
    _, small, _ = _train(dataclasses.replace(plan, accumulate=accumulate), Source(8 // accumulate))
    for a, b in zip(large.parameters(), small.parameters()):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_schedule():
    plan = TrainPlan(steps=100, warmup=0.1, hold=0.5, final=0.1)
    assert plan.learning_rate_factor(0.05) == pytest.approx(0.5)
    assert plan.learning_rate_factor(0.3) == 1.0
    assert plan.learning_rate_factor(1.0) == pytest.approx(0.1)
    assert plan.learning_rate_factor(0.75) == pytest.approx(0.55)
    assert plan.progress(30, 5.0) == 0.3
    assert TrainPlan(steps=100, seconds=10.0).progress(30, 5.0) == 0.5


def test_time_budget_is_kept():
    result, _, _ = _train(TrainPlan(seconds=0.5, dtype="fp32"))
    assert 0.5 <= result.seconds < 1.0
    assert result.stopped == "budget"


@pytest.mark.parametrize("field", ["steps", "seconds", "learning_rate"])
def test_wrong_plans_teach(field):
    with pytest.raises(HeadstartError, match="larger than 0"):
        TrainPlan(**({"steps": 5} | {field: 0}))
    with pytest.raises(HeadstartError, match="needs steps or seconds"):
        TrainPlan()


def test_no_update_from_a_non_finite_step():
    events = []
    plan = TrainPlan(steps=10, dtype="fp32", learning_rate=0.01)
    result, net, _ = _train(plan, poison={3}, listeners=[events.append])
    assert result.skipped == 1
    assert math.isfinite(result.loss)
    warning = next(e for e in events if e.kind == "warning")
    assert "step 4" in warning.message  # the one behind step 3
    assert "samples [24, 25" in warning.message
    assert all(torch.isfinite(p).all() for p in net.parameters())
    _, other, _ = _train(plan, poison=())
    assert not torch.equal(net.out.weight, other.out.weight)  # the twin: the planted step did matter


def test_always_non_finite_gives_up_with_one_line():
    with pytest.raises(HeadstartError, match="not finite"):
        _train(TrainPlan(steps=100, dtype="fp32"), poison=range(100))


@pytest.mark.parametrize("cut", [1, 7, 13])
def test_resume_is_bit_identical(tmp_path, cut):
    plan = TrainPlan(steps=20, dtype="fp32", learning_rate=0.01, accumulate=2)
    whole = start_state(Sum(), Net(), plan)
    fit(whole, Source(), plan)

    checkpoints, stop = Checkpoints(tmp_path), Stop()

    def stopper(event):
        if event.kind == "step" and event.step == cut:
            stop.requested, stop.reason = True, "SIGINT"

    first = start_state(Sum(), Net(), plan)
    result = fit(first, Source(), plan, [stopper], stop=stop, saver=checkpoints)
    assert (result.step, result.stopped) == (cut, "SIGINT")
    second = start_state(Sum(), Net(), plan)
    restore(second, checkpoints.newest()[0])
    assert second.step == cut
    fit(second, Source(), plan, saver=checkpoints)
    for (name, a), b in zip(weights(whole).items(), weights(second).values()):
        assert torch.equal(a, b), name
    for a, b in zip(_flat(whole), _flat(second)):
        assert torch.equal(a, b)
    assert (whole.units, whole.samples) == (second.units, second.samples)


def _flat(state):
    return [
        v
        for group in state.optimizers["main"].param_groups
        for p in group["params"]
        for _, v in sorted(state.optimizers["main"].state[p].items())
    ]


def test_damaged_checkpoint_falls_back(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    _train(TrainPlan(steps=9, dtype="fp32", save_steps=3), saver=checkpoints)
    assert [p.name for p in checkpoints.steps()] == ["step-000000006", "step-000000009"]
    file = checkpoints.steps()[-1] / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    newest, passed = checkpoints.newest()
    assert newest.name == "step-000000006"
    assert "was changed" in passed[0]


def test_a_foreign_checkpoint_does_not_half_load(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    _train(TrainPlan(steps=1, dtype="fp32"), saver=checkpoints)
    other = start_state(Sum(), Net(), TrainPlan(steps=1))
    other.backbone.extra = nn.Linear(2, 2)
    with pytest.raises(HeadstartError, match="extra"):
        restore(other, checkpoints.newest()[0])


def _optimizer_file(folder):
    plan, checkpoints = TrainPlan(steps=2, dtype="fp32"), Checkpoints(folder)
    _train(plan, saver=checkpoints)
    path = checkpoints.newest()[0] / "optimizer.safetensors"
    return start_state(Sum(), Net(), plan), path, load_file(path)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("lost", "tensor 00001.exp_avg is missing"), ("extra", "holds 1 tensors"), ("bent", r"has shape \[3\]")],
)
def test_a_partly_missing_optimizer_state_does_not_load(tmp_path, fault, words):
    fresh, path, tensors = _optimizer_file(tmp_path)
    if fault == "lost":
        del tensors["00001.exp_avg"]
    else:
        tensors["00099.exp_avg" if fault == "extra" else "00001.exp_avg"] = torch.ones(3)
    save_file(tensors, path)
    with pytest.raises(HeadstartError, match=words):
        restore(fresh, path.parent)
    assert not fresh.optimizers["main"].state
    assert fresh.step == 0


def test_a_parameter_without_gradient_has_no_state_and_none_is_asked_for(tmp_path):
    fresh, path, tensors = _optimizer_file(tmp_path)
    save_file({name: tensor for name, tensor in tensors.items() if not name.startswith("00001.")}, path)
    restore(fresh, path.parent)
    flat = [p for group in fresh.optimizers["main"].param_groups for p in group["params"]]
    assert [i for i, p in enumerate(flat) if p not in fresh.optimizers["main"].state] == [1]
    assert fresh.step == 2


def test_progress_prints_the_loss_it_is_told(capsys):
    progress = Progress(seconds_between=0.0)
    for step, loss in enumerate((math.nan, 2.0, 1.0), start=1):
        progress(Event("step", step, step / 3, float(step), loss=loss))
    assert [line.split("loss ")[1].split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "nan",
        "2.0000",
        "1.0000",
    ]


def test_held_out_score_and_listeners(tmp_path, capsys):
    metrics = MetricsFile(tmp_path / "m.jsonl")
    held = [Source().at(n) for n in (100, 101)]
    result, _, _ = _train(
        TrainPlan(steps=50, dtype="fp32", learning_rate=0.02), held_out=held, listeners=[metrics, Progress()]
    )
    metrics.close()
    assert result.evaluations[-1].loss < result.evaluations[0].loss
    assert result.evaluations[0].parts == {"half": torch.tensor(0.5)}
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert {"step", "evaluation"} <= {line["kind"] for line in lines}
    shown = capsys.readouterr().err
    assert "tokens/s" in shown
    assert "held-out data: loss" in shown

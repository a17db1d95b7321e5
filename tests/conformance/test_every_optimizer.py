"""Every optimizer: the textbook's update, a loss that falls at its usual rate, a state that comes back bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_parts import TextBatches, documents, pair

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.training.checkpoint import Checkpoints, restore
from headstart.training.loop import Stop, fit, start_state, weights
from headstart.training.plan import TrainPlan, make_optimizers

NAMES = registry.names("optimizer")
RATE, DECAY, BETA1, BETA2 = 0.1, 0.05, 0.9, 0.98
GRADIENTS = np.random.default_rng(3).normal(size=(6, 4, 5))
STARTS = {"mlm": ("modernbert", 5e-3), "halves": ("ngram_bag", 5e-3)}


def groups(weight: torch.Tensor, **more) -> list[dict]:
    plain = {"params": [weight], "lr": RATE, "weight_decay": DECAY, "betas": (BETA1, BETA2), "hidden": False}
    return [plain | more]


def moved(name: str, **more) -> tuple[np.ndarray, np.ndarray]:
    """Return (weights before, weights after the gradients above)."""
    weight = torch.nn.Parameter(torch.from_numpy(np.random.default_rng(4).normal(size=(4, 5))))
    before = weight.detach().numpy().copy()
    optimizer = registry.load("optimizer", name)().build(groups(weight, **more))
    for gradient in GRADIENTS:
        weight.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    return before, weight.detach().numpy()


def by_the_book(name: str, w: np.ndarray) -> np.ndarray:
    """Return the weights after the gradients, by the formulas of the papers."""
    v, s, u = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(GRADIENTS, start=1):
        if name in ("adamw", "muon"):  # what is not hidden is AdamW's
            w = w - RATE * DECAY * w
        else:
            g = g + DECAY * w
        if name == "sgd":
            w = w - RATE * g
        elif name in ("momentum", "nesterov"):
            v = 0.9 * v + g
            w = w - RATE * (v if name == "momentum" else g + 0.9 * v)
        elif name == "adagrad":
            s = s + g**2
            w = w - RATE * g / (np.sqrt(s) + 1e-10)
        elif name == "rmsprop":
            s = 0.99 * s + 0.01 * g**2
            w = w - RATE * g / (np.sqrt(s) + 1e-8)
        elif name == "adadelta":
            s = 0.9 * s + 0.1 * g**2
            move = np.sqrt(u + 1e-6) / np.sqrt(s + 1e-6) * g
            u = 0.9 * u + 0.1 * move**2
            w = w - RATE * move
        else:
            v, s = BETA1 * v + (1 - BETA1) * g, BETA2 * s + (1 - BETA2) * g**2
            w = w - RATE * (v / (1 - BETA1**t)) / (np.sqrt(s / (1 - BETA2**t)) + 1e-8)
    return w


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_textbooks(name):
    before, after = moved(name)
    assert np.allclose(after, by_the_book(name, before), rtol=1e-6, atol=1e-8)
    assert not np.allclose(after, by_the_book("adam" if name != "adam" else "sgd", before), atol=1e-4)  # the twin


def test_muon_moves_hidden_matrices_by_what_is_nearly_orthogonal():
    before, after = moved("muon", hidden=True, weight_decay=0.0)
    weight = torch.nn.Parameter(torch.zeros(4, 5))
    optimizer = registry.load("optimizer", "muon")().build(groups(weight, hidden=True, weight_decay=0.0))
    weight.grad = torch.from_numpy(GRADIENTS[0]).float()
    optimizer.step()
    singular = np.linalg.svd(weight.detach().numpy() / (RATE * 0.2 * 5**0.5), compute_uv=False)
    assert ((singular > 0.5) & (singular < 1.4)).all()
    raw = np.linalg.svd(GRADIENTS[0], compute_uv=False)
    assert raw.max() / raw.min() > 2 * singular.max() / singular.min()  # the twin: the gradient is not orthogonal
    assert not np.allclose(after, by_the_book("adamw", before), atol=1e-2)


def parts_of(objective: str):
    parts = pair(objective, STARTS[objective][0])
    return parts.objective, parts.backbone, TextBatches(parts.processor, documents(), size=16)


@pytest.mark.parametrize("objective", STARTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls_at_its_usual_rate(name, objective):
    learnt, backbone, batches = parts_of(objective)
    unseen = [TextBatches(batches.processor, documents(64, seed=99), size=64).at(0)]
    spec = registry.load("optimizer", name)()
    plan = TrainPlan(steps=40, learning_rate=STARTS[objective][1], warmup=0.1, dtype="fp32", optimizer=spec)
    result = fit(start_state(learnt, backbone, plan), batches, plan, held_out=unseen)
    assert result.skipped == 0
    assert result.evaluations[-1].loss < 0.9 * result.evaluations[0].loss


@pytest.mark.parametrize("objective", STARTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_is_bit_identical(name, objective, tmp_path):
    plan = TrainPlan(steps=8, learning_rate=3e-3, dtype="fp32", optimizer=registry.load("optimizer", name)())

    def state():
        learnt, backbone, batches = parts_of(objective)
        return start_state(learnt, backbone, plan), batches

    whole, batches = state()
    fit(whole, batches, plan)
    first, _ = state()
    stop = Stop()

    def stopper(event):
        stop.requested = event.kind == "step" and event.step == 5

    kept = Checkpoints(tmp_path)
    fit(first, batches, plan, [stopper], stop=stop, saver=kept)
    second, _ = state()
    restore(second, kept.newest()[0])
    assert second.step == 5
    fit(second, batches, plan)
    for (tensor_name, a), b in zip(weights(whole).items(), weights(second).values()):
        assert torch.equal(a, b), tensor_name
    if name == "sgd":
        return
    third, _ = state()  # the twin: with the weights but without the optimizer's state it ends elsewhere
    restore(third, kept.newest()[0])
    third.optimizers = make_optimizers(third.backbone, third.objective, plan)
    fit(third, batches, plan)
    assert not all(torch.equal(a, b) for a, b in zip(weights(whole).values(), weights(third).values()))


@pytest.mark.parametrize("name", NAMES)
def test_the_schedule_scales_every_group(name):
    learnt, backbone, batches = parts_of("mlm")
    plan = TrainPlan(
        steps=10, warmup=0.5, learning_rate=1e-3, optimizer=registry.load("optimizer", name)(), dtype="fp32"
    )
    state, seen = start_state(learnt, backbone, plan), []

    def listener(event):
        seen.append([group["lr"] / group["peak_learning_rate"] for group in state.optimizers["main"].param_groups])

    fit(state, batches, plan, [listener])
    assert len(seen[0]) > 1
    assert np.ptp(seen, axis=1).max() == 0
    assert seen[1][0] == pytest.approx(0.2)
    assert plan.optimizer.learning_rate_multiple * 1e-3 == pytest.approx(
        state.optimizers["main"].param_groups[0]["peak_learning_rate"]
    )


def test_muon_takes_the_networks_matrices_and_nothing_else():
    learnt, backbone, _ = parts_of("mlm")
    plan = TrainPlan(steps=1, optimizer=registry.load("optimizer", "muon")())
    optimizer = make_optimizers(backbone, learnt, plan)["main"]
    names = {id(p): name for part in (backbone, learnt) for name, p in part.named_parameters()}
    hidden = [names[id(p)] for group in optimizer.param_groups if group["hidden"] for p in group["params"]]
    others = [names[id(p)] for group in optimizer.param_groups if not group["hidden"] for p in group["params"]]
    assert len(hidden) == 8  # two blocks of four matrices
    assert all("block" in name or "layer" in name for name in hidden)
    assert any("embedding" in name or "words" in name for name in others)
    assert len(hidden) + len(others) == len(names)


def test_settings_reach_the_optimizer_from_text_and_json():
    plan = TrainPlan(steps=1).with_settings([("optimizer", "momentum")]).with_settings([("optimizer.momentum", "0.7")])
    assert plan.optimizer.momentum == 0.7
    assert TrainPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert TrainPlan.from_dict({"steps": 1}).optimizer.name == "adamw"  # runs of before it could be chosen
    weight = torch.nn.Parameter(torch.zeros(2))
    assert plan.optimizer.build(groups(weight)).param_groups[0]["momentum"] == 0.7


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("optimizer", "adamm", "unknown optimizer 'adamm'; did you mean 'adam'"),
        ("optimizer.momentum", "0.9", "unknown setting of optimizer adamw 'momentum'"),
        ("learning_rate.momentum", "0.9", "learning_rate has no settings of its own"),
        ("optimiser", "sgd", "did you mean 'optimizer'"),
    ],
)
def test_wrong_choices_teach(field, text, words):
    with pytest.raises(HeadstartError, match=words):
        TrainPlan(steps=1).with_settings([(field, text)])


def test_a_share_of_one_or_more_is_refused():
    for name, setting in (
        ("momentum", "momentum"),
        ("nesterov", "momentum"),
        ("adadelta", "rho"),
        ("rmsprop", "alpha"),
    ):
        with pytest.raises(HeadstartError, match=f"optimizer {name}.{setting}=1.0: must be at least 0 and below 1"):
            registry.build_spec("optimizer", {"name": name, setting: 1.0})


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (16, 16)])
def test_muon_moves_as_torch_does_but_for_rounding(shape):
    """`torch.optim.Muon` orthogonalises in bf16 on every device, three digits; ours in fp32 where bf16 is slow."""
    draws = np.random.default_rng(5).normal(size=(7, *shape)).astype(np.float32)
    ours, theirs = (torch.nn.Parameter(torch.from_numpy(draws[0].copy())) for _ in range(2))
    own = registry.load("optimizer", "muon")().build(groups(ours, hidden=True))
    other = torch.optim.Muon(
        [theirs], lr=RATE, weight_decay=DECAY, momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in draws[1:]:
        ours.grad, theirs.grad = torch.from_numpy(gradient.copy()), torch.from_numpy(gradient.copy())
        own.step()
        other.step()
    change = (ours - torch.from_numpy(draws[0])).norm()
    assert (ours - theirs).norm() < 0.02 * change
    assert torch.equal(own.state[ours]["momentum_buffer"], other.state[theirs]["momentum_buffer"])

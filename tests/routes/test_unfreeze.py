"""Gradual unfreezing: the stages, what moves in each, the triangle, layers that a head does not reach."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from small_networks import base_of, rows

from headstart.fitting.network_fit import Stage, fit_network
from headstart.fitting.workspace import Workspace
from headstart.routes.unfreeze import Unfreeze

QUICK = {
    "epochs": 1,
    "least_steps": 4,
    "layer_steps": 2,
    "head_steps": 2,
    "choose_learning_rate": False,
    "learning_rate": 0.01,
}


@dataclass(frozen=True, kw_only=True)
class FirstStages(Unfreeze):
    """As many stages as asked for."""

    count: int

    def stages(self, layers: int, per_epoch: int, learning_rate: float) -> list[Stage]:
        return super().stages(layers, per_epoch, learning_rate)[: self.count]


def test_stages_are_those_of_the_paper():
    stages = Unfreeze(epochs=5, least_steps=10, layer_steps=3).stages(3, per_epoch=4, learning_rate=0.5)
    assert [stage.layers for stage in stages] == [0, 1, 2, 3]
    assert [stage.plan.steps for stage in stages[1:]] == [4, 4, 20]  # an epoch each, then all of them
    assert [stage.share for stage in stages[1:]] == [4 / 28, 4 / 24, 1.0]
    plan = stages[-1].plan
    assert plan.layer_decay == pytest.approx(1 / 2.6)
    assert [plan.learning_rate_factor(at) for at in (0.05, 0.1, 0.55, 1.0)] == pytest.approx(
        [0.5, 1.0, (1 + 1 / 32) / 2, 1 / 32]
    )
    assert Unfreeze(layer_steps=9).stages(2, 4, 0.5)[1].plan.steps == 9


@pytest.mark.parametrize("name", ["modernbert", "awd_lstm", "ngram_bag", "llama"])
def test_layers_join_from_the_output_down(name):
    base = base_of(name)
    groups = base.backbone.groups()
    for opened in range(len(groups) + 1):
        route = FirstStages(count=1 + opened, **QUICK)
        trained = fit_network(base, rows(), route, seed=1, seconds=None).backbone.groups()
        moved = [
            any(not torch.equal(old, new) for old, new in zip(*pair, strict=True))
            for pair in zip(groups, trained, strict=True)
        ]
        assert moved == [False] * (len(groups) - opened) + [True] * opened


def test_lower_layers_are_slower():
    base = base_of("modernbert")
    groups = base.backbone.groups()

    def moves(decay: float) -> list[float]:
        route = FirstStages(**{**QUICK, "head_steps": 0, "layer_steps": 1, "count": 9, "layer_decay": decay})
        trained = fit_network(base, rows(), route, seed=1, seconds=None).backbone.groups()
        return [max(float((a - b).detach().abs().max()) for a, b in zip(*pair)) for pair in zip(groups, trained)]

    slow, even = moves(1 / 2.6), moves(1.0)
    ratios = [one / other for one, other in zip(slow, even)]
    assert ratios[0] < ratios[1] < ratios[2] < 0.6
    assert ratios[0] == pytest.approx(2.6**-3, rel=0.5)


def test_a_stage_that_the_clock_ended_is_told():
    """The last stage comes to its end here, those before it do not."""

    class Hasty(Unfreeze):
        def stages(self, layers: int, per_epoch: int, learning_rate: float) -> list[Stage]:
            long, default = (
                super().stages(layers, 1000, learning_rate),
                super().stages(layers, per_epoch, learning_rate),
            )
            return [*(replace(stage, share=1e-9) for stage in long[:-1]), default[-1]]

    base, quick = base_of("modernbert"), QUICK | {"head_steps": 0}
    assert fit_network(base, rows(), Hasty(**quick), seed=1, seconds=60.0).notes["cut_by_clock"]
    assert not fit_network(base, rows(), Unfreeze(**quick), seed=1, seconds=60.0).notes["cut_by_clock"]


def test_layers_that_the_head_does_not_reach_are_no_stages():
    base = base_of("t5")
    model = Unfreeze(**QUICK).run(rows(), Workspace(base), seed=1)
    old, new = base.backbone.state_dict(), model.backbone.state_dict()
    moved = {key.split(".")[0] for key in new if not torch.equal(old[key], new[key])}
    assert moved == {"words", "encoder"}
    assert model.notes["steps"] == 2 + 2 + 4  # words and two encoder blocks; the decoder is left out

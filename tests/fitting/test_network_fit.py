"""Fits of networks keep to their seconds when steps or answers are slow, and leave nothing frozen behind."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from small_parts import small
from tiny_bases import rows, token_base
from tiny_images import encoded, striped

from headstart.core import registry
from headstart.core.examples import Examples, ImageRef
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel

NAMES = ("finetune", "unfreeze", "lora", "prompt")


def slowed(monkeypatch, seconds: float, training: bool):
    """Let each pass of networks of this kind take `seconds`, in training or in prediction; return the slow passes."""
    kind, passes = type(token_base().backbone), []
    default = kind.forward

    def forward(self, *given, **named):
        if self.training == training:
            time.sleep(seconds)
            passes.append(seconds)
        return default(self, *given, **named)

    monkeypatch.setattr(kind, "forward", forward)
    return passes


@pytest.mark.parametrize("name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.full) for name in NAMES[1:])])
def test_slow_steps_keep_to_the_seconds(name, monkeypatch):
    workspace = Workspace(token_base())
    passes = slowed(monkeypatch, 0.4, training=True)
    model = registry.load("route", name)(epochs=1000).run(rows(24), workspace, seed=0, seconds=3.0)
    assert sum(passes) < 3.0 + 2 * 0.4  # each fit may look at one row and end in the step that began in time
    assert model.notes["inner_fits"] == 0  # the first steps told that none would end


def test_slow_answers_keep_to_the_seconds(monkeypatch):
    workspace, route = (
        Workspace(token_base()),
        registry.load("route", "finetune")(epochs=1, least_steps=2, head_steps=1),
    )
    passes = slowed(monkeypatch, 0.4, training=False)
    model = route.run(rows(600), workspace, seed=0, seconds=2.0)  # 120 held-out rows in four slices: 1.6 s
    assert sum(passes) < 2.0
    assert model.notes["inner_fits"] <= 1  # on a busy machine the first steps tell that there is no time for one


@pytest.mark.parametrize("name", NAMES)
def test_nothing_stays_frozen_or_half_built(name):
    base = token_base()
    route = registry.load("route", name)(epochs=1, least_steps=2, head_steps=1, choose_learning_rate=False)
    model = route.run(rows(8), Workspace(base), seed=0)
    assert all(parameter.requires_grad for parameter in model.backbone.parameters())
    assert [type(module) for module in model.backbone.modules()] == [type(module) for module in base.backbone.modules()]
    assert all(parameter.requires_grad for parameter in base.backbone.parameters())


@pytest.mark.parametrize("name", ["finetune", "scratch", "unfreeze"])
def test_images_that_shrink_to_one_place_are_trained_and_batch_statistics_come_from_batches(name):
    files = [ImageRef.from_bytes(encoded(striped(number, number % 2, side=8))) for number in range(12)]
    processor = registry.load("processor", "pixels")().train(files)
    torch.manual_seed(0)
    spec = small("backbone", "small_resnet")
    base = PretrainedModel(processor, spec, spec.build(processor.shape))
    examples = Examples(files, None, np.arange(12, dtype=np.int64) % 2, ("lying", "standing"))
    route = registry.load("route", name)(epochs=1, least_steps=1, head_steps=1, choose_learning_rate=False, patience=0)
    model = route.run(examples, Workspace(base), seed=0)
    counts = {int(value) for name, value in model.backbone.state_dict().items() if name.endswith("num_batches_tracked")}
    assert max(counts) == model.notes["steps"]
    # Layers that `unfreeze` still holds keep their statistics: stages of 15, 15 and 1 steps, each with one layer more.
    assert counts == ({1, 16, 31} if name == "unfreeze" else {model.notes["steps"]})

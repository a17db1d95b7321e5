"""Before the first step: filters of images lie with channels last wherever one process has all of them."""

from __future__ import annotations

import pytest
import torch
from small_parts import taught

from headstart.training.loop import start_state
from headstart.training.plan import TrainPlan


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_filters_lie_with_channels_last(parallel):
    made = taught("denoise", "small_resnet")
    state = start_state(made.objective, made.backbone, TrainPlan(steps=1, parallel=parallel))
    filters = [p for p in state.backbone.parameters() if p.ndim == 4 and min(p.shape[1:]) > 1]
    assert filters
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in filters)
    assert (state.step, state.units, state.samples, state.seconds) == (0, 0, 0, 0.0)

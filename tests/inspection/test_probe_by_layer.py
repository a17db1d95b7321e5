"""A probe by layer: the layer that holds the answer reads best, the readout is what routes read, time is kept to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_parts import small
from tiny_bases import stripes_base
from tiny_images import striped_images, striped_rows

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.inspection.layers import READOUT, probe_layers
from headstart.reporting.layer_chart import layer_chart
from headstart.training.pretrained_model import PretrainedModel


@pytest.fixture(scope="module")
def base() -> PretrainedModel:
    return stripes_base(striped_images(20))


def test_every_layer_and_the_readout_are_scored(base):
    found = probe_layers(base, striped_rows(120), labels=20, seed=0)
    assert (found.labels, found.held) == (20, 100)
    assert [one.layer for one in found.scores] == [READOUT, 0, 1, 2, 3]
    assert all(0 <= one.low <= one.mean <= one.high <= 1 for one in found.scores)
    # The means over quarters of the pixels do not tell how stripes lie; the filters do.
    assert found.scores[1].mean < 0.7 < max(one.mean for one in found.scores[2:])
    assert probe_layers(base, striped_rows(120), labels=20, seed=0) == found


def test_tokens_of_images_too():
    train = striped_rows(120)
    processor = registry.load("processor", "palette")(side=7, colours=4).train(train.items)
    spec = small("backbone", "gpt2")
    torch.manual_seed(0)
    base = PretrainedModel(processor, spec, spec.build(processor.shape))
    found = probe_layers(base, train, labels=20, seed=0)
    assert [one.layer for one in found.scores] == [READOUT, *range(base.backbone.depth + 1)]


def test_what_cannot_be_scored(base):
    assert probe_layers(base, striped_rows(50), labels=20, seed=0) is None  # 30 rows are too few to tell
    assert probe_layers(base, striped_rows(120), labels=20, seed=0, seconds=0.0) is None
    one = Examples(striped_rows(120).items, labels=np.zeros(120, np.int64), classes=("a", "b"))
    assert probe_layers(base, one, labels=20, seed=0) is None


def test_the_chart_keeps_lines_apart_and_in_place():
    scores = [{"layer": layer, "mean": 0.5 + 0.1 * layer, "low": 0.4, "high": 0.9} for layer in (READOUT, 0, 1, 2)]
    chart = layer_chart({"labels": 10, "held": 90, "bases": {"a": scores, "b": scores}}, (0.0, 1.0))
    one, other = chart["lines"]
    assert abs(one["name_at"] - other["name_at"]) >= 14
    assert [spot[0] for spot in one["spots"]] == sorted(spot[0] for spot in one["spots"])
    heights = [spot[1] for spot in one["spots"]]
    assert heights == sorted(heights, reverse=True)  # better is higher
    assert len(one["band"]) == 6
    assert one["readout"][0][1] > heights[0]
    assert layer_chart(None, (0.0, 1.0)) is None

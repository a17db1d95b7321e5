"""What objectives on two views share: the views are those of `images/augmentation.py`, the last stage, a projection."""

from __future__ import annotations

import pytest
import torch
from small_parts import small
from small_pixels import SHAPE, SmallPixels, images
from torch import nn

from headstart.core.contracts import Features
from headstart.core.seeds import KeyedRandom
from headstart.images.augmentation import ViewSettings, apply_view, draw_view
from headstart.networks.two_views import TwoViews, last_stage, projection, stage_width


class Shown(TwoViews):
    """Draws views and learns nothing."""

    def forward(self, backbone, batch):
        raise NotImplementedError


@pytest.mark.parametrize(("given", "image", "side"), [(None, 96, 48), (None, 28, 16), (None, 12, 12), (20, 28, 20)])
def test_a_view_is_half_as_large_but_not_small(given, image, side):
    assert ViewSettings(size=given).side(image) == side


def test_both_views_follow_each_other_in_the_order_of_the_images():
    objective = Shown(ViewSettings(size=8), SHAPE)
    batch = SmallPixels().collate(images(5), samples=[3, 1, 4, 1, 5], epoch=2)
    both = objective.both(objective.corrupt(batch, KeyedRandom(7, 2)))
    assert both.pixels_BCHW.shape == (10, 3, 8, 8)
    assert both.sample_B.tolist() == [3, 1, 4, 1, 5] * 2
    for place, name in enumerate(("one", "two")):
        batch.extra.update(draw_view(ViewSettings(size=8), KeyedRandom(7, 2), batch, name))
        assert torch.equal(both.pixels_BCHW[5 * place : 5 * place + 5], apply_view(batch, name, 8))


def test_the_last_stage_is_the_mean_of_the_last_map_or_the_vector():
    network = small("backbone", "small_resnet").build(SHAPE)
    batch = SmallPixels().collate(images(4))
    found = network(batch)
    assert torch.equal(last_stage(network, batch), found.maps[-1].mean((2, 3)))
    assert stage_width(network, SHAPE) == found.maps[-1].shape[1]
    vector_BD = torch.randn(4, 6)
    assert torch.equal(last_stage(lambda batch: Features(pooled_BD=vector_BD), batch), vector_BD)


def test_a_projection_has_a_norm_between_its_layers():
    kinds = [type(part) for part in projection(4, 8, 8, 2)]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]
    assert projection(4, 2)[0].weight.shape == (2, 4)

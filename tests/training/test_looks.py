"""Looks into networks of images: filters of the first layer, the nearest items, what training is going to show."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from tiny_images import image_folder
from torch import nn

from headstart.backbones.small_resnet import SmallResNet
from headstart.core.shapes import ImageShape
from headstart.data.corpus import Corpus
from headstart.data.store import ensure_store
from headstart.objectives.views import ViewsSpec
from headstart.processors.pixels import PixelProcessor
from headstart.training.filters import first_filters
from headstart.training.nearest_items import NearestItems
from headstart.training.seen import write_seen


class Base:
    """What the looks ask of a pre-trained model."""

    def __init__(self, layers: nn.Module, channels: int) -> None:
        self.backbone, self.processor = layers, PixelProcessor(ImageShape(channels, 8, 8))

    def embed(self, items):
        return np.array([[item, 1.0] for item in items], np.float32)


def test_filters_lie_in_rows_of_eight():
    layer = nn.Conv2d(1, 10, 3)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[1, 0, 0, 2] = -0.5
        layer.weight[9, 0, 1, 1] = 2.0
    sheet = first_filters(Base(nn.Sequential(nn.ReLU(), layer, nn.Conv2d(10, 3, 3)), 1))
    assert sheet.shape == (7, 31, 1)
    assert sheet[0, 6, 0] == 0
    assert sheet[5, 5, 0] == 255
    assert set(np.unique(sheet)) == {0, 128, 255}
    assert first_filters(Base(nn.Linear(3, 3), 1)) is None
    assert first_filters(Base(nn.Conv2d(3, 2, 5), 3)).shape == (5, 11, 3)


def test_the_nearest_come_first():
    found = NearestItems(Base(nn.Linear(1, 1), 1), list(range(-50, 50))).of([10, -7], 3)
    assert found.shape == (2, 3)
    among = np.arange(-50, 50)
    assert (among[found[0]] >= 0).all()
    assert (among[found[1]] < 0).all()


def test_views_are_written_before_training(tmp_path):
    processor = PixelProcessor(ImageShape(1, 16, 16))
    store = ensure_store(Corpus(str(image_folder(tmp_path / "images", 14))), processor, tmp_path / "store", print)
    objective = ViewsSpec().build(SmallResNet(width=4).build(processor.shape), processor)
    told = write_seen(objective, processor, store, tmp_path / "seen.png", 0)
    assert told == f"12 images as training shows them (one, two): {tmp_path / 'seen.png'}"
    assert Image.open(io.BytesIO((tmp_path / "seen.png").read_bytes())).size == (8 * 96, 3 * 96)

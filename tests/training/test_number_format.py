"""A network of images is read in the number format of its training, where this machine computes that fast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_parts import small
from tiny_images import striped_images

from headstart.core.shapes import ImageShape
from headstart.processors.pixels import PixelProcessor
from headstart.training import pretrained_model
from headstart.training.pretrained_model import PretrainedModel


@pytest.fixture
def fast_bf16(monkeypatch):
    """This machine computes bf16 fast, whatever it is."""
    monkeypatch.setattr(pretrained_model, "measured_dtype", lambda spec: "bf16")


PROCESSOR = PixelProcessor(ImageShape(1, 16, 16, (0.5,), (0.3,)))
ITEMS = striped_images(40)


def model(dtype: str) -> PretrainedModel:
    spec = small("backbone", "small_resnet")
    torch.manual_seed(0)
    return PretrainedModel(PROCESSOR, spec, spec.build(PROCESSOR.shape), dtype=dtype)


def test_bf16_gives_nearly_the_same_vectors(fast_bf16):
    exact, rounded = model("fp32").embed(ITEMS), model("bf16").embed(ITEMS)
    assert rounded.dtype == np.float32
    assert not np.array_equal(exact, rounded)
    length = np.linalg.norm(exact, axis=1)
    assert (np.linalg.norm(exact - rounded, axis=1) < 0.01 * length).all()


def test_a_network_trained_in_fp32_is_read_so(fast_bf16):
    one = model("fp32")
    with torch.no_grad():
        expected = one.backbone.eval()(PROCESSOR.collate(PROCESSOR.encode(ITEMS))).pooled_BD.numpy()
    assert np.allclose(one.embed(ITEMS), expected, atol=1e-5)


def test_the_format_travels_with_the_network(tmp_path):
    one = model("bf16")
    assert one.fresh(1).dtype == "bf16"
    assert pretrained_model.trainable_copy(one).dtype == "bf16"
    one.save(tmp_path / "saved")
    assert PretrainedModel.open(tmp_path / "saved").dtype == "bf16"

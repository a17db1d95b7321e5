"""A trained network for other images: of one channel, of another size; grey images keep their vectors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from stored_weights import drawn, pixels
from tiny_images import encoded

from headstart.backbones.convnext import ConvNextSpec
from headstart.backbones.efficientnet_lite import EfficientNetLiteSpec
from headstart.backbones.resnet import ResNetSpec
from headstart.backbones.small_resnet import SmallResNet
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.shapes import ImageShape
from headstart.interop.preprocessor import imagenet
from headstart.processors.pixels import PixelProcessor
from headstart.training.other_input import with_input
from headstart.training.pretrained_model import PretrainedModel

EQUAL = ImageShape(3, 48, 48, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
COLOURS = imagenet(48)


def base_of(spec, shape, how=None) -> PretrainedModel:
    """Return a network as training could have left it."""
    network = spec.build(shape)
    floats = {name: tensor.shape for name, tensor in network.state_dict().items() if "_C11" not in name}
    network.load_state_dict(network.state_dict() | {n: t for n, t in drawn(floats).items() if "tracked" not in n})
    return PretrainedModel(PixelProcessor(shape, how), spec, network.eval(), receipt={"start": "toy"})


def grey_images() -> list[ImageRef]:
    return [ImageRef.from_bytes(encoded(one[0].numpy())) for one in pixels(5, 60, 1)]


def distance(one: PretrainedModel, other: PretrainedModel, items) -> float:
    """Return the largest distance of vectors, as a share of their length."""
    a, b = one.embed(items), other.embed(items)
    return float((np.linalg.norm(a - b, axis=1) / np.linalg.norm(a, axis=1)).max())


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (EfficientNetLiteSpec(), EQUAL),  # what its statistics are
        (ConvNextSpec(), COLOURS.shape),  # whose first layer has a bias and reaches over no edge
        (ResNetSpec(depth=18, width=8), EQUAL),
        (SmallResNet(width=8), EQUAL),
    ],
    ids=lambda one: getattr(one, "name", None) or "",
)
def test_a_grey_image_has_the_same_vector(spec, shape):
    base = base_of(spec, shape)
    for channels in (1, 3):
        again = with_input(base, channels=channels)
        assert again.processor.shape.channels == channels
        assert distance(base, again, grey_images()) <= 1e-5
    assert distance(with_input(with_input(base, channels=1), channels=3), base, grey_images()) <= 1e-5


def test_with_the_statistics_of_imagenet_only_the_edges_differ():
    base = base_of(ResNetSpec(depth=18, width=8), COLOURS.shape)
    grey = with_input(base, channels=1)
    batches = [one.processor.collate(one.processor.encode(grey_images())) for one in (base, grey)]
    with torch.no_grad():
        stems = [one.backbone.stem(one.backbone.input(b)) for one, b in zip((base, grey), batches)]
    differs = (stems[0] - stems[1]).abs().amax((0, 1))
    assert differs[2:-2, 2:-2].max() <= 1e-4 * stems[0].abs().max()
    assert differs.max() > 1e-3  # 7x7 filters reach over the edge
    assert distance(base, grey, grey_images()) <= 0.15
    assert all(torch.equal(p, dict(grey.backbone.named_parameters())[n]) for n, p in base.backbone.named_parameters()
               if n != "stem.conv.weight")  # fmt: skip


def test_another_size_keeps_the_weights_and_travels(tmp_path):
    base = base_of(ConvNextSpec(), COLOURS.shape, COLOURS)
    other = with_input(base, side=32)
    assert (other.processor.shape.height, other.processor.how.short) == (32, 32)
    assert other.processor.shape.mean == COLOURS.shape.mean
    state = other.backbone.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in base.backbone.state_dict().items())
    other.save(tmp_path / "base")
    again = PretrainedModel.open(tmp_path / "base")
    assert np.array_equal(again.embed(grey_images()), other.embed(grey_images()))
    cut = with_input(base, channels=1)
    assert cut.processor.how == dataclasses.replace(COLOURS, shape=cut.processor.shape)


def test_what_reads_no_pixels_is_refused(tmp_path):
    from small_parts import small, small_tokenizer

    tokenizer = small_tokenizer("bidirectional")
    spec = small("backbone", "bert")
    base = PretrainedModel(tokenizer, spec, spec.build(tokenizer.shape))
    with pytest.raises(HeadstartError, match="are for networks of pixels"):
        with_input(base, side=32)

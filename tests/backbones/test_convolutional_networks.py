"""AlexNet, VGG, GoogLeNet, DenseNet, fully connected: published sizes and shapes, any image, the papers' formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from headstart.backbones.alexnet import AlexNetSpec
from headstart.backbones.densenet import DenseNetSpec
from headstart.backbones.googlenet import GoogLeNetSpec
from headstart.backbones.mlp import MLPSpec
from headstart.backbones.vgg import VGGSpec
from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.nn.pooling import pool

ONE_TOWER = AlexNetSpec(towers=1, local_response=False)
# Parameters with an output for the 1,000 classes of ImageNet: of the papers (AlexNet "60 million", VGG table 2 "133" to
# "144 million", Caffe's port of GoogLeNet, DenseNet table 1) and of torchvision's model cards (the others).
# Then channels and side of the stem's output and of the maps of an image of 224 x 224 pixels.
_VGG = [(64, 112), (128, 56), (256, 28), (512, 14), (512, 7), (4096, 1), (4096, 1)]
_GOOGLENET = [(64, 56), (192, 56), (480, 28), (832, 14), (1024, 7)]
PUBLISHED = [
    (AlexNetSpec(), 60_965_224, [(96, 27), (256, 13), (384, 13), (384, 13), (256, 6), (4096, 1), (4096, 1)]),
    (ONE_TOWER, 61_100_840, [(64, 27), (192, 13), (384, 13), (256, 13), (256, 6), (4096, 1), (4096, 1)]),
    (VGGSpec(depth=11, norm="none"), 132_863_336, _VGG),
    (VGGSpec(depth=13, norm="none"), 133_047_848, _VGG),
    (VGGSpec(depth=16, norm="none"), 138_357_544, _VGG),
    (VGGSpec(depth=19, norm="none"), 143_667_240, _VGG),
    (VGGSpec(depth=11), 132_868_840, _VGG),
    (VGGSpec(depth=13), 133_053_736, _VGG),
    (VGGSpec(depth=16), 138_365_992, _VGG),
    (VGGSpec(depth=19), 143_678_248, _VGG),
    (GoogLeNetSpec(), 6_998_552, _GOOGLENET),
    (GoogLeNetSpec(form="batch_norm"), 6_624_904, _GOOGLENET),
    (DenseNetSpec(depth=121), 7_978_856, [(64, 56), (256, 56), (512, 28), (1024, 14), (1024, 7)]),
    (DenseNetSpec(depth=161), 28_681_000, [(96, 56), (384, 56), (768, 28), (2112, 14), (2208, 7)]),
    (DenseNetSpec(depth=169), 14_149_480, [(64, 56), (256, 56), (512, 28), (1280, 14), (1664, 7)]),
    (DenseNetSpec(depth=201), 20_013_928, [(64, 56), (256, 56), (512, 28), (1792, 14), (1920, 7)]),
]
_ALEXNET, _DENSE = {"width_multiplier": 1 / 16}, {"dense": 12, "grid": 2}
SMALL = [
    AlexNetSpec(**_ALEXNET, **_DENSE),
    AlexNetSpec(**_ALEXNET, **_DENSE, towers=1, stem="cifar"),
    AlexNetSpec(**_ALEXNET, dense=0, local_response=False),
    VGGSpec(width=4, **_DENSE),
    VGGSpec(width=4, **_DENSE, norm="none", stem="cifar"),
    VGGSpec(width=4, dense=0),
    GoogLeNetSpec(width_multiplier=1 / 16),
    GoogLeNetSpec(width_multiplier=1 / 16, form="batch_norm", stem="cifar"),
    DenseNetSpec(growth=4),
    DenseNetSpec(growth=4, stem="cifar"),
]


def label(spec: BackboneSpec) -> str:
    """Return a name for a case: the choice and the settings that are not the usual ones."""
    usual = type(spec)().to_dict()
    return "-".join([spec.name, *(f"{v}" for k, v in spec.to_dict().items() if usual[k] != v)])


NAMES = [label(one[0]) for one in PUBLISHED]


def images(count: int, channels: int, height: int, width: int) -> ImageBatch:
    generator = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, channels, height, width), generator=generator, dtype=torch.uint8)
    return ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(count))


def build(spec: BackboneSpec, channels: int = 3, side: int = 28):
    torch.manual_seed(0)
    return spec.build(ImageShape(channels, side, side)).eval()


@pytest.mark.parametrize(("spec", "parameters", "shapes"), PUBLISHED, ids=NAMES)
def test_parameters_and_layers_are_the_published_ones(spec, parameters, shapes):
    with torch.device("meta"):
        network = spec.build(ImageShape(3, 224, 224)).eval()
        output = network.classification_head(1000)
        found = network(ImageBatch(pixels_BCHW=torch.zeros(1, 3, 224, 224), sample_B=torch.zeros(1)), layers=True)
    assert sum(p.numel() for part in (network, output) for p in part.parameters()) == parameters
    assert [one.shape[1:] for one in found.maps] == [(width, side, side) for width, side in shapes[1:]]
    assert [one.shape[1] for one in found.layers] == [width for width, _ in shapes]
    assert (network.width, network.depth) == (shapes[-1][0], len(shapes) - 1)
    assert network.inner_width == sum(width for width, _ in shapes[1:]) / network.depth


@pytest.mark.parametrize(("channels", "size"), [(1, (7, 9)), (3, (28, 28)), (5, (33, 47)), (3, (96, 80))])
@pytest.mark.parametrize("spec", SMALL, ids=label)
@torch.no_grad()
def test_any_size_gives_stages_and_their_means(spec, size, channels):
    network, batch = build(spec, channels), images(2, channels, *size)
    found = network(batch, layers=True)
    assert len(found.layers) == network.depth + 1 == len(found.maps) + 1
    for one, layer in zip(found.maps, found.layers[1:], strict=True):
        assert torch.equal(layer, one.mean((2, 3)))
        assert layer.isfinite().all()
    assert torch.equal(found.pooled_BD, found.layers[-1])
    assert found.pooled_BD.shape == (2, network.width)
    assert found.pooled_BD[0].ne(found.pooled_BD[1]).any()
    plain = network(batch)
    assert plain.layers == ()
    assert torch.equal(plain.pooled_BD, found.pooled_BD)
    assert torch.equal(pool(found, "mean", 2), found.layers[2])


@pytest.mark.parametrize(
    "spec", [AlexNetSpec(width_multiplier=1 / 16, dense=12), VGGSpec(width=4, dense=12)], ids=label
)
def test_groups_go_from_input_to_output(spec):
    network = build(spec)
    groups = network.groups()
    assert len(groups) == 7
    assert groups[0][0] is network.stem[0].conv.weight
    assert groups[-2][0] is network.dense.layers[0].weight
    assert groups[-1][-1] is network.dense.layers[1].bias


def test_local_response_normalisation_is_the_formula_of_the_paper():
    """b_i = a_i / (k + alpha sum over the n neighbours j of a_j^2)^beta; k = 2, n = 5, alpha = 1e-4, beta = .75."""
    norms = [one for one in build(AlexNetSpec(dense=0)).modules() if isinstance(one, torch.nn.LocalResponseNorm)]
    norms += [one for one in build(GoogLeNetSpec()).modules() if isinstance(one, torch.nn.LocalResponseNorm)]
    assert len(norms) == 4
    a = 50 * torch.rand(1, 8, 2, 2)
    expected = torch.stack(
        [a[:, i] / (2 + 1e-4 * a[:, max(0, i - 2) : i + 3].square().sum(1)) ** 0.75 for i in range(8)], dim=1
    )
    for norm in norms:
        assert (norm(a) - expected).abs().max() <= 1e-5


@torch.no_grad()
def test_alexnet_normalises_after_relu_and_before_the_pool():
    network, batch = build(AlexNetSpec(width_multiplier=1 / 16, dense=0), side=64), images(2, 3, 64, 64)
    conv = network.stem[0].conv
    hidden = F.relu(F.conv2d(network.input(batch), conv.weight, conv.bias, 4, 2))
    hidden = F.max_pool2d(F.local_response_norm(hidden, 5, 5e-4, 0.75, 2.0), 3, 2)
    assert torch.equal(network.stem(network.input(batch)), hidden)
    plain = build(AlexNetSpec(width_multiplier=1 / 16, dense=0, local_response=False), side=64)
    assert not torch.equal(plain.stem(plain.input(batch)), hidden)


@torch.no_grad()
def test_two_towers_see_each_other_in_the_third_convolution_alone():
    network = build(AlexNetSpec(width_multiplier=1 / 16, dense=0, local_response=False))
    crossing = []
    for stage in network.stages:
        convolution, width = stage[0], stage[0].conv.in_channels
        image = torch.rand(1, width, 9, 9)
        changed = image.clone()
        changed[:, width // 2 :] += 1
        half = convolution.conv.out_channels // 2
        crossing.append(bool((convolution(image) - convolution(changed))[:, :half].abs().max() > 0))
    assert crossing == [False, True, False, False]


@torch.no_grad()
def test_a_dense_block_keeps_what_it_reads():
    network, batch = build(DenseNetSpec(growth=4)), images(2, 3, 64, 64)
    stem, found = network.stem(network.input(batch)), network(batch)
    assert torch.equal(found.maps[0][:, :8], stem)
    new = network.stages[0].layers[1](found.maps[0][:, :12])
    assert (found.maps[0][:, 12:16] - new).abs().max() <= 1e-6
    shrunk = network.stages[1].transition(found.maps[0])
    assert torch.equal(found.maps[1][:, : shrunk.shape[1]], shrunk)
    assert (found.maps[3] >= 0).all()


def test_kernels_of_the_inception_modules():
    kernels = {
        form: {one.conv.kernel_size[0] for one in build(GoogLeNetSpec(form=form)).stages[1][1].five}
        for form in ("paper", "batch_norm")
    }
    assert kernels == {"paper": {1, 5}, "batch_norm": {1, 3}}


@torch.no_grad()
def test_dropout_hides_outputs_in_training_alone():
    spec = VGGSpec(width=4, dense=400, grid=1, dropout=0.5, norm="none")
    network, batch = build(spec), images(2, 3, 28, 28)
    still = network(batch).pooled_BD
    assert torch.equal(network(batch).pooled_BD, still)
    hidden = (network.train()(batch).pooled_BD == 0).float().mean()
    assert hidden > (still == 0).float().mean() + 0.15


@torch.no_grad()
def test_fully_connected_scales_other_sizes():
    with torch.device("meta"):  # 784-300-10 of LeCun et al. 1998
        network = MLPSpec(width=300, depth=1).build(ImageShape(1, 28, 28))
        parts = (network, network.classification_head(10))
        assert sum(p.numel() for part in parts for p in part.parameters()) == 238_510
    network = build(MLPSpec(width=8, depth=3, norm="batch"), side=8)
    large = images(2, 3, 16, 16)
    halved = large.pixels_BCHW.float().reshape(2, 3, 8, 2, 8, 2).mean((3, 5)) / 255
    found = network(large, layers=True)
    assert [one.shape[1] for one in found.layers] == [192, 8, 8, 8]
    assert (found.layers[0].reshape(2, 3, 8, 8) - halved).abs().max() <= 0.2  # a triangle is a little wider than a box
    assert torch.equal(network(large).pooled_BD, found.layers[-1])
    assert [len(group) for group in network.groups()] == [4, 4, 4]
    assert [len(group) for group in build(MLPSpec(width=8)).groups()] == [2, 2]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: AlexNetSpec().build(ImageShape(3, 6, 9)), "9 x 6 pixels: backbone alexnet with stem=imagenet needs"),
        (lambda: AlexNetSpec(width_multiplier=0.0), r"alexnet.width_multiplier=0.0: expected a finite number above 0"),
        (lambda: GoogLeNetSpec(width_multiplier=-1.0), r"googlenet.width_multiplier=-1.0"),
        (lambda: AlexNetSpec(dense=-1), r"alexnet.dense=-1: expected 0"),
        (lambda: VGGSpec(grid=0), r"vgg.grid=0: expected at least 1"),
        (lambda: VGGSpec(dropout=1.0), r"vgg.dropout=1.0"),
        (lambda: VGGSpec(depth=12), r"vgg.depth=12: expected 11 \| 13 \| 16 \| 19"),
        (lambda: VGGSpec(width=0), r"vgg.width=0: expected at least 1"),
        (lambda: DenseNetSpec(depth=100), r"densenet.depth=100: expected 121 \| 161"),
        (lambda: DenseNetSpec(growth=0), r"densenet.growth=0: expected at least 1"),
        (lambda: MLPSpec(depth=0), r"mlp.depth=0: expected at least 1"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(HeadstartError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)

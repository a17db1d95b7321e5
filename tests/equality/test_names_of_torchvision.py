"""State dicts with torchvision's and timm's names give the logits of reference networks, and stored numbers.

Neither library is a dependency. The stored numbers are the logits of timm 1.0.31 (VGG, DenseNet) and of modules typed
off torchvision's source (AlexNet, GoogLeNet) for the same weights and image; ResNet's are the reference network's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import reference_networks as reference
import torch
from torch import Tensor

from headstart.backbones.alexnet import AlexNetSpec
from headstart.backbones.densenet import DenseNetSpec
from headstart.backbones.googlenet import GoogLeNetSpec
from headstart.backbones.resnet import ResNetSpec
from headstart.backbones.vgg import VGGSpec
from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.huggingface import fill_module, load_head
from headstart.interop.names import Receipt, fit_rules, read_state, sort_tensors, write_state

SHAPE = ImageShape(3, 64, 64)
CLASSES = 5


class Case(NamedTuple):
    """spec: a narrow network; shapes: of its reference's tensors; forward: the reference; seed: of the weights;
    logits: the first three of both images."""

    spec: BackboneSpec
    shapes: reference.Shapes
    forward: Callable[[reference.State, Tensor], Tensor]
    seed: int
    logits: tuple[tuple[float, float, float], tuple[float, float, float]]

    def tensors(self) -> dict[str, Tensor]:
        """Return the reference's weights, rounded to float32, in which ours are read."""
        return {k: v.float().double() for k, v in reference.random_state(self.shapes, self.seed).items()}


def alexnet() -> Case:
    spec = AlexNetSpec(towers=1, local_response=False, width_multiplier=1 / 8, dense=32)
    shapes = reference.alexnet_shapes((8, 24, 48, 32, 32), 32, CLASSES)
    stored = ((-2.269112, 0.145973, 1.491966), (-2.297224, 0.362367, 1.877545))
    return Case(spec, shapes, reference.alexnet, 1, stored)


def googlenet() -> Case:
    stored = ((-88.661315, -0.685976, 53.580092), (-90.812201, -0.946154, 53.767288))
    spec = GoogLeNetSpec(form="batch_norm", width_multiplier=1 / 8)
    return Case(spec, reference.googlenet_shapes(8, CLASSES), reference.googlenet, 1, stored)


VGG = {
    (11, False): ((-0.890112, 0.847668, 7.199341), (0.779434, 0.133762, 6.90331)),
    (11, True): ((8.617112, -0.293638, 5.079989), (6.350649, -0.289638, 3.654412)),
    (13, False): ((-1.026974, -6.724019, 1.615767), (-1.697585, -7.128794, 1.532184)),
    (13, True): ((-29.795349, 0.380098, -14.446051), (-28.728258, -2.319674, -15.04953)),
    (16, False): ((0.519147, 0.937834, -7.180819), (0.837271, 1.347258, -7.70123)),
    (16, True): ((-1.665517, -2.480272, -3.694271), (-1.467381, -2.709441, -3.070014)),
    (19, False): ((1.785083, 0.553907, -0.733788), (1.653724, 0.686621, -0.706333)),
    (19, True): ((0.756747, 1.573652, -9.454892), (0.582042, 0.356989, -9.371897)),
}
DENSENET = {
    121: ((-0.431857, 3.670483, 1.94169), (-0.482662, 3.150319, 1.749844)),
    161: ((-0.628743, 2.813119, -3.551139), (-0.465813, 2.689722, -3.269367)),
    169: ((-4.005938, -1.959118, 3.540703), (-3.886171, -2.020552, 3.193103)),
    201: ((1.963851, 1.411475, -0.690672), (2.090188, 1.484993, -0.584333)),
}
RESNET = {
    18: ((-31.155342, -8.407195, -0.350618), (-32.173997, -0.967455, -1.942468)),
    34: ((-808.848371, -1061.46687, 58.05592), (-872.429585, -1158.874396, 36.556643)),
    50: ((14551.726006, 33733.815182, -6070.849425), (14285.399067, 32041.925287, -6888.965975)),
    101: ((-1891872.512416, 4668806.16231, 3383558.358335), (-2052671.793685, 4964468.83733, 3476568.156693)),
    152: (
        (-1446862670.21768, -266077274.689671, -1265392961.375149),
        (-1704747955.359154, -281148194.164276, -1455394807.891285),
    ),
}


def vgg(depth: int, batch_norm: bool) -> Case:
    spec = VGGSpec(depth=depth, norm="batch" if batch_norm else "none", width=8, dense=32)
    shapes = reference.vgg_shapes(depth, batch_norm, 8, 32, CLASSES)
    forward = partial(reference.vgg, depth=depth, batch_norm=batch_norm)
    return Case(spec, shapes, forward, depth, VGG[depth, batch_norm])


def densenet(depth: int) -> Case:
    shapes = reference.densenet_shapes(depth, 8, 16, CLASSES)
    forward = partial(reference.densenet, depth=depth)
    return Case(DenseNetSpec(depth=depth, growth=8), shapes, forward, depth, DENSENET[depth])


def resnet(depth: int) -> Case:
    shapes = reference.resnet_shapes(depth, 8, CLASSES)
    forward = partial(reference.resnet, depth=depth)
    return Case(ResNetSpec(depth=depth, width=8), shapes, forward, depth, RESNET[depth])


SAMPLE: dict[str, Callable[[], Case]] = {  # the other depths in tests/full
    "alexnet": alexnet,
    "vgg11": lambda: vgg(11, False),
    "vgg16_bn": lambda: vgg(16, True),
    "googlenet": googlenet,
    "densenet121": lambda: densenet(121),
    "resnet18": lambda: resnet(18),
    "resnet50": lambda: resnet(50),
}


def loaded(
    spec: BackboneSpec, tensors: Mapping[str, Tensor], library: str = "torchvision"
) -> tuple[Backbone, torch.nn.Module, Receipt]:
    """Return a network with the tensors of a state dict, its output for classes, and the receipt of the backbone."""
    table = spec.foreign_names[library]
    parts, network = sort_tensors(table, tensors, "toy"), spec.build(SHAPE)
    state = network.state_dict()
    rules = fit_rules(table.backbone, state)
    found = read_state(rules, parts.backbone, "toy")
    own = {rule.ours for rule in rules if rule.how == "own"}
    assert {name.rsplit(".", 1)[1] for name in own} <= {"mean_C11", "std_C11", "num_batches_tracked"}
    fill_module(network, {name: state[name] for name in own} | found, "toy")
    output = network.classification_head(CLASSES)
    assert not load_head(table, "classify", output, parts.extra, "toy").fresh
    return network.double().eval(), output.double(), Receipt(restored=tuple(found), dropped=parts.dropped)


def image(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(seed).randn(*shape))


@torch.no_grad()
def logits(network: Backbone, output: torch.nn.Module, pixels: Tensor) -> Tensor:
    return output(network(ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(len(pixels)))))


def near(found: Tensor, expected: Tensor, part: float) -> bool:
    return bool((found - expected).abs().max() <= part * expected.abs().max())


@torch.no_grad()
def check_equal_logits(case: Case) -> None:
    tensors = case.tensors()
    network, output, receipt = loaded(case.spec, tensors)
    assert receipt.dropped == ()
    pixels = image(1, 2, 3, 64, 64)
    found = logits(network, output, pixels)
    assert near(found, case.forward(tensors, pixels), 1e-9)
    assert near(found[:, :3], torch.tensor(case.logits).double(), 1e-5)
    odd = image(2, 1, 3, 75, 97)
    assert near(logits(network, output, odd), case.forward(tensors, odd), 1e-9)
    twin = dict(tensors) | {(name := list(tensors)[0]): tensors[name] * 1.1}  # the check can see a change
    assert not near(found, case.forward(twin, pixels), 1e-4)


@pytest.mark.parametrize("name", SAMPLE)
def test_equal_logits(name):
    check_equal_logits(SAMPLE[name]())


def timm_vgg(tensors: Mapping[str, Tensor], dense: int) -> dict[str, Tensor]:
    """Return a VGG with timm's names, where the fully connected layers are convolutions."""
    names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
    found = {}
    for name, tensor in tensors.items():
        module, leaf = name.rsplit(".", 1)
        side = {"classifier.0": 7, "classifier.3": 1}.get(module)
        if side and leaf == "weight":
            tensor = tensor.reshape(dense, -1, side, side)
        found[f"{names.get(module, module)}.{leaf}"] = tensor
    return found


def test_names_of_timm_and_of_old_files_give_the_same_network():
    one, two = vgg(11, True), densenet(121)
    old = {}
    for name, tensor in two.tensors().items():
        for number in "12":
            name = name.replace(f".norm{number}.", f".norm.{number}.").replace(f".conv{number}.", f".conv.{number}.")
        old[name] = tensor
    assert set(old) != set(two.tensors())
    for spec, library, theirs, plain in (
        (one.spec, "timm", timm_vgg(one.tensors(), 32), one.tensors()),
        (two.spec, "torchvision_2017", old, two.tensors()),
    ):
        (network, output, _), (same, other, _) = loaded(spec, theirs, library), loaded(spec, plain)
        for ours, again in ((network, same), (output, other)):
            assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in ours.state_dict().items())
        table = spec.foreign_names[library]
        parts = sort_tensors(table, theirs, "toy").backbone
        written = write_state(fit_rules(table.backbone, network.state_dict()), network.state_dict())
        assert written.keys() == parts.keys()
        assert all(torch.equal(written[name], tensor) for name, tensor in parts.items())


def test_counts_of_batches_and_auxiliary_outputs_are_left_and_said():
    case = googlenet()
    tensors = case.tensors()
    auxiliary = {name: shape for name, shape in reference.googlenet_shapes(auxiliary=True).items() if "aux" in name}
    assert len(auxiliary) == 18
    more = {name: torch.ones(1) for name in auxiliary} | {"conv1.bn.num_batches_tracked": torch.tensor(7)}
    network, output, receipt = loaded(case.spec, tensors | more)
    assert set(receipt.dropped) == set(more)
    pixels = image(1, 1, 3, 64, 64)
    assert near(logits(network, output, pixels), case.forward(tensors, pixels), 1e-9)


@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_is_half_loaded(name):
    case = SAMPLE[name]()
    tensors = case.tensors()
    lost = next(label for label in tensors if label.endswith(("bias", "running_var")))
    with pytest.raises(HeadstartError, match=f"toy: '{lost}' missing"):
        loaded(case.spec, {label: tensor for label, tensor in tensors.items() if label != lost})
    with pytest.raises(HeadstartError, match=r"toy: 'features\.99\.weight' has no place"):
        loaded(case.spec, tensors | {"features.99.weight": torch.ones(1)})


FULL: dict[str, Callable[[], tuple[BackboneSpec, reference.Shapes]]] = {
    "alexnet": lambda: (AlexNetSpec(towers=1, local_response=False), reference.alexnet_shapes()),
    "googlenet": lambda: (GoogLeNetSpec(form="batch_norm"), reference.googlenet_shapes()),
    "vgg16": lambda: (VGGSpec(depth=16, norm="none"), reference.vgg_shapes(16, False)),
    "vgg19_bn": lambda: (VGGSpec(depth=19), reference.vgg_shapes(19, True)),
    "densenet121": lambda: (DenseNetSpec(depth=121), reference.densenet_shapes(121)),
    "densenet161": lambda: (DenseNetSpec(depth=161), reference.densenet_shapes(161, 48, 96)),
    "resnet34": lambda: (ResNetSpec(depth=34), reference.resnet_shapes(34)),
    "resnet50": lambda: (ResNetSpec(depth=50), reference.resnet_shapes(50)),
}


def check_full_size(spec: BackboneSpec, shapes: reference.Shapes) -> None:
    with torch.device("meta"):
        network = spec.build(SHAPE)
        output = network.classification_head(1000)
    table, found = spec.foreign_names["torchvision"], {}
    for rules, module in ((table.backbone, network), (table.heads["classify"], output)):
        state = module.state_dict()
        found |= {r.theirs[0]: tuple(state[r.ours].shape) for r in fit_rules(rules, state) if r.theirs}
    assert found == shapes


@pytest.mark.parametrize("name", FULL)
def test_full_sizes_have_the_names_and_shapes_of_theirs(name):
    check_full_size(*FULL[name]())


@pytest.mark.parametrize(
    "spec",
    [
        AlexNetSpec(),
        AlexNetSpec(towers=1),
        AlexNetSpec(towers=1, local_response=False, stem="cifar"),
        AlexNetSpec(towers=1, local_response=False, dense=0),
        VGGSpec(stem="cifar"),
        VGGSpec(dense=0),
        GoogLeNetSpec(form="paper"),
        GoogLeNetSpec(form="batch_norm", stem="cifar"),
        DenseNetSpec(stem="cifar"),
        ResNetSpec(stem="cifar"),
    ],
)
def test_another_wiring_has_no_names_there(spec):
    assert spec.foreign_names == {}

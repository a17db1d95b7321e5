"""Networks of images as functions of a state dict with torchvision's names, written from the papers, module by module.

Each family has `*_shapes`, the names and shapes of its tensors, and a forward function [B, C, H, W] -> logits; nothing
of headstart. `random_state` fills the shapes by numpy's legacy generator, whose numbers never change.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Shapes = dict[str, tuple[int, ...]]
State = Mapping[str, Tensor]

VGG = {  # table 1: configurations A, B, D, E
    11: [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    13: [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    16: [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    19: [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}
INCEPTION = {  # table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
DENSENET = {121: (6, 12, 24, 16), 161: (6, 12, 36, 24), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
RESNET = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def random_state(shapes: Shapes, seed: int) -> dict[str, Tensor]:
    """Return float64 tensors as training could have left them; layers keep the scale of what they read."""
    random = np.random.RandomState(seed)
    state = {}
    for name, shape in shapes.items():
        leaf = name.rsplit(".", 1)[1]
        if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
            values = random.uniform(0.5, 1.5, shape)
        elif leaf == "weight":
            values = random.randn(*shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            values = 0.1 * random.randn(*shape)
        state[name] = torch.from_numpy(np.asarray(values))
    return state


def conv(name: str, inputs: int, outputs: int, kernel: int, *, bias: bool = False) -> Shapes:
    """Return the shapes of a convolution."""
    return {f"{name}.weight": (outputs, inputs, kernel, kernel)} | ({f"{name}.bias": (outputs,)} if bias else {})


def linear(name: str, inputs: int, outputs: int) -> Shapes:
    """Return the shapes of a fully connected layer."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name: str, width: int) -> Shapes:
    """Return the shapes of a batch norm."""
    return {f"{name}.{leaf}": (width,) for leaf in ("weight", "bias", "running_mean", "running_var")}


def _conv(state: State, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride, padding)


def _linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def _norm(state: State, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    mean, var, weight, bias = (
        state[f"{name}.{leaf}"][:, None, None] for leaf in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + eps).sqrt() * weight + bias


def alexnet_shapes(widths=(64, 192, 384, 256, 256), dense=4096, classes=1000) -> Shapes:
    """Return the one tower of "One weird trick"."""
    shapes: Shapes = {}
    for place, inputs, outputs, kernel in zip((0, 3, 6, 8, 10), (3, *widths), widths, (11, 5, 3, 3, 3)):
        shapes |= conv(f"features.{place}", inputs, outputs, kernel, bias=True)
    shapes |= linear("classifier.1", widths[-1] * 36, dense) | linear("classifier.4", dense, dense)
    return shapes | linear("classifier.6", dense, classes)


def alexnet(state: State, x: Tensor) -> Tensor:
    x = F.max_pool2d(_conv(state, "features.0", x, 4, 2).relu(), 3, 2)
    x = F.max_pool2d(_conv(state, "features.3", x, 1, 2).relu(), 3, 2)
    x = _conv(state, "features.6", x, 1, 1).relu()
    x = _conv(state, "features.8", x, 1, 1).relu()
    x = F.max_pool2d(_conv(state, "features.10", x, 1, 1).relu(), 3, 2)
    x = F.adaptive_avg_pool2d(x, 6).flatten(1)
    x = _linear(state, "classifier.4", _linear(state, "classifier.1", x).relu()).relu()
    return _linear(state, "classifier.6", x)


def vgg_shapes(depth: int, batch_norm: bool, width=64, dense=4096, classes=1000) -> Shapes:
    """Return a network whose first stage has `width` channels."""
    shapes, place, inputs = {}, 0, 3
    for one in VGG[depth]:
        if one == "M":
            place += 1
            continue
        outputs = one * width // 64
        shapes |= conv(f"features.{place}", inputs, outputs, 3, bias=True)
        if batch_norm:
            shapes |= norm(f"features.{place + 1}", outputs)
        place, inputs = place + 2 + batch_norm, outputs
    shapes |= linear("classifier.0", inputs * 49, dense) | linear("classifier.3", dense, dense)
    return shapes | linear("classifier.6", dense, classes)


def vgg(state: State, x: Tensor, depth: int, batch_norm: bool) -> Tensor:
    place = 0
    for one in VGG[depth]:
        if one == "M":
            x, place = F.max_pool2d(x, 2, 2), place + 1
            continue
        x = _conv(state, f"features.{place}", x, 1, 1)
        x = (_norm(state, f"features.{place + 1}", x) if batch_norm else x).relu()
        place += 2 + batch_norm
    x = F.adaptive_avg_pool2d(x, 7).flatten(1)
    x = _linear(state, "classifier.3", _linear(state, "classifier.0", x).relu()).relu()
    return _linear(state, "classifier.6", x)


def googlenet_shapes(divide=1, classes=1000, auxiliary=False) -> Shapes:
    """Return torchvision's network with all channels but those of the image divided by `divide`."""

    def basic(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
        return conv(f"{name}.conv", inputs, outputs, kernel) | norm(f"{name}.bn", outputs)

    stem, before = (64 // divide, 192 // divide), 192 // divide
    shapes = basic("conv1", 3, stem[0], 7) | basic("conv2", stem[0], stem[0], 1) | basic("conv3", stem[0], stem[1], 3)
    for name, widths in INCEPTION.items():
        one, three_in, three, five_in, five, pooled = (width // divide for width in widths)
        at = f"inception{name}"
        shapes |= basic(f"{at}.branch1", before, one, 1)
        shapes |= basic(f"{at}.branch2.0", before, three_in, 1) | basic(f"{at}.branch2.1", three_in, three, 3)
        shapes |= basic(f"{at}.branch3.0", before, five_in, 1) | basic(f"{at}.branch3.1", five_in, five, 3)
        shapes |= basic(f"{at}.branch4.1", before, pooled, 1)
        before = one + three + five + pooled
        if auxiliary and name in ("4a", "4d"):
            aux = "aux1" if name == "4a" else "aux2"
            shapes |= basic(f"{aux}.conv", before, 128, 1)
            shapes |= linear(f"{aux}.fc1", 2048, 1024) | linear(f"{aux}.fc2", 1024, classes)
    return shapes | linear("fc", before, classes)


def googlenet(state: State, x: Tensor) -> Tensor:
    def basic(name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return _norm(state, f"{name}.bn", _conv(state, f"{name}.conv", x, stride, padding), eps=1e-3).relu()

    def pool(x: Tensor, kernel: int) -> Tensor:
        return F.max_pool2d(x, kernel, 2, ceil_mode=True)

    x = basic("conv2", pool(basic("conv1", x, 2, 3), 3))
    x = pool(basic("conv3", x, 1, 1), 3)
    kernels = {"4a": 3, "5a": 2}  # of the pools before these
    for name in INCEPTION:
        x, at = pool(x, kernels[name]) if name in kernels else x, f"inception{name}"
        x = torch.cat(
            [
                basic(f"{at}.branch1", x),
                basic(f"{at}.branch2.1", basic(f"{at}.branch2.0", x), 1, 1),
                basic(f"{at}.branch3.1", basic(f"{at}.branch3.0", x), 1, 1),
                basic(f"{at}.branch4.1", F.max_pool2d(x, 3, 1, 1)),
            ],
            1,
        )
    return _linear(state, "fc", x.mean((2, 3)))


def densenet_shapes(depth: int, growth=32, first=64, classes=1000) -> Shapes:
    """Return a network whose stem puts out `first` channels."""
    shapes, width = conv("features.conv0", 3, first, 7) | norm("features.norm0", first), first
    for block, count in enumerate(DENSENET[depth], start=1):
        for layer in range(1, count + 1):
            at = f"features.denseblock{block}.denselayer{layer}"
            shapes |= norm(f"{at}.norm1", width) | conv(f"{at}.conv1", width, 4 * growth, 1)
            shapes |= norm(f"{at}.norm2", 4 * growth) | conv(f"{at}.conv2", 4 * growth, growth, 3)
            width += growth
        if block < 4:
            at = f"features.transition{block}"
            shapes |= norm(f"{at}.norm", width) | conv(f"{at}.conv", width, width // 2, 1)
            width //= 2
    return shapes | norm("features.norm5", width) | linear("classifier", width, classes)


def densenet(state: State, x: Tensor, depth: int) -> Tensor:
    x = _norm(state, "features.norm0", _conv(state, "features.conv0", x, 2, 3)).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for block, count in enumerate(DENSENET[depth], start=1):
        for layer in range(1, count + 1):
            at = f"features.denseblock{block}.denselayer{layer}"
            new = _conv(state, f"{at}.conv1", _norm(state, f"{at}.norm1", x).relu())
            new = _conv(state, f"{at}.conv2", _norm(state, f"{at}.norm2", new).relu(), 1, 1)
            x = torch.cat([x, new], 1)
        if block < 4:
            at = f"features.transition{block}"
            x = F.avg_pool2d(_conv(state, f"{at}.conv", _norm(state, f"{at}.norm", x).relu()), 2, 2)
    return _linear(state, "classifier", _norm(state, "features.norm5", x).relu().mean((2, 3)))


def resnet_shapes(depth: int, width=64, classes=1000) -> Shapes:
    """Return a network whose stem puts out `width` channels."""
    large = depth >= 50
    shapes, before = conv("conv1", 3, width, 7) | norm("bn1", width), width
    for stage, count in enumerate(RESNET[depth]):
        narrow = width * 2**stage
        wide = narrow * (4 if large else 1)
        for block in range(count):
            at = f"layer{stage + 1}.{block}"
            sizes = [(before, narrow, 1), (narrow, narrow, 3), (narrow, wide, 1)]
            sizes = sizes if large else [(before, narrow, 3), (narrow, narrow, 3)]
            for place, (inputs, outputs, kernel) in enumerate(sizes, start=1):
                shapes |= conv(f"{at}.conv{place}", inputs, outputs, kernel) | norm(f"{at}.bn{place}", outputs)
            if block == 0 and (stage or large):
                shapes |= conv(f"{at}.downsample.0", before, wide, 1) | norm(f"{at}.downsample.1", wide)
            before = wide
    return shapes | linear("fc", before, classes)


def resnet(state: State, x: Tensor, depth: int) -> Tensor:
    def step(at: str, place: int, x: Tensor, stride: int, padding: int) -> Tensor:
        return _norm(state, f"{at}.bn{place}", _conv(state, f"{at}.conv{place}", x, stride, padding))

    x = F.max_pool2d(_norm(state, "bn1", _conv(state, "conv1", x, 2, 3)).relu(), 3, 2, 1)
    for stage, count in enumerate(RESNET[depth]):
        for block in range(count):
            at, stride = f"layer{stage + 1}.{block}", 2 if stage and block == 0 else 1
            if depth >= 50:
                new = step(at, 2, step(at, 1, x, 1, 0).relu(), stride, 1).relu()
                new = step(at, 3, new, 1, 0)
            else:
                new = step(at, 2, step(at, 1, x, stride, 1).relu(), 1, 1)
            if f"{at}.downsample.0.weight" in state:
                x = _norm(state, f"{at}.downsample.1", _conv(state, f"{at}.downsample.0", x, stride))
            x = (x + new).relu()
    return _linear(state, "fc", x.mean((2, 3)))

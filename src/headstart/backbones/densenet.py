"""DenseNet of 121 to 201 layers: each layer of a block reads all before it (Huang et al. 2016, arXiv:1608.06993).

These are the networks with bottlenecks and compression (DenseNet-BC): a layer is norm, ReLU, 1x1 convolution, norm,
ReLU, 3x3 convolution; between the four blocks a 1x1 convolution halves the channels and a mean over 2x2 pixels the
resolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import BATCH_COUNTS, NameTable, Rule, affine, batch_norm, copy, own
from headstart.networks.staged import Convolution, Pool, StagedNetwork

_LAYERS = {121: (6, 12, 24, 16), 161: (6, 12, 36, 24), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
_BOTTLENECK = 4  # a layer's 1x1 convolution puts out so many times the channels of its 3x3 convolution


@dataclass(frozen=True, kw_only=True)
class DenseNetSpec(BackboneSpec):
    """depth: layers with weights, an output included. growth: channels that each layer adds (the paper's k), half as
    many as the stem puts out; None: 32, and 48 at depth 161, as published.

    stem: `imagenet`, 7x7/2 and a 3x3/2 max pool, or `cifar`, 3x3/1, for images of about 32 pixels.
    """

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    depth: Literal[121, 161, 169, 201] = 121
    growth: int | None = None
    stem: Literal["imagenet", "cifar"] = "imagenet"

    def __post_init__(self) -> None:
        if self.depth not in _LAYERS:
            raise HeadstartError(f"{self.label()}.depth={self.depth}: expected {' | '.join(map(str, _LAYERS))}")
        if self.growth is not None and self.growth < 1:
            raise HeadstartError(f"{self.label()}.growth={self.growth}: expected at least 1")

    @property
    def added(self) -> int:
        """Channels that each layer adds."""
        return self.growth or (48 if self.depth == 161 else 32)

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`; `torchvision_2017` is how torchvision's published files name the layers."""
        if self.stem != "imagenet":
            return {}
        modern, old = self._table(""), self._table(".")
        return {"torchvision": modern, "torchvision_2017": old, "timm": modern}

    def _table(self, dot: str) -> NameTable:
        """Return the names; dot: what stands between `norm` or `conv` and its number in a layer."""
        return NameTable(
            prefix="",
            architecture="DenseNet",
            backbone=(*own("input.mean_C11", "input.std_C11"), *self._names(dot)),
            heads={"classify": affine("classifier", "classifier")},
            ignorable=(BATCH_COUNTS,),
        )

    def _names(self, dot: str) -> Iterator[Rule]:
        yield from copy("stem.0.conv.weight", "features.conv0.weight")
        yield from batch_norm("stem.0.norm", "features.norm0")
        for stage, count in enumerate(_LAYERS[self.depth]):
            if stage:
                ours, theirs = f"stages.{stage}.transition", f"features.transition{stage}"
                yield from copy(f"{ours}.conv.weight", f"{theirs}.conv.weight")
                yield from batch_norm(f"{ours}.norm", f"{theirs}.norm")
            for layer in range(count):
                ours, theirs = f"stages.{stage}.layers.{layer}", f"features.denseblock{stage + 1}.denselayer{layer + 1}"
                for number in (1, 2):
                    yield from copy(f"{ours}.conv{number}.weight", f"{theirs}.conv{dot}{number}.weight")
                    yield from batch_norm(f"{ours}.norm{number}", f"{theirs}.norm{dot}{number}")
        yield from batch_norm("stages.3.norm", "features.norm5")

    def build(self, shape: ImageShape) -> StagedNetwork:
        """Return a new network for images of any size; its random weights follow torch's global seed.

        maps: what comes out of each block; of the last one, after norm and ReLU.
        """
        small, before = self.stem == "cifar", 2 * self.added
        kernel, stride = (3, 1) if small else (7, 2)
        norm = nn.BatchNorm2d(before)
        stem: list[nn.Module] = [Convolution(shape.channels, before, kernel, stride=stride, bias=False, norm=norm)]
        stem += [] if small else [nn.MaxPool2d(3, stride=2, padding=1)]
        stages = []
        for number, count in enumerate(_LAYERS[self.depth]):
            stages.append(_Stage(before, count, self.added, first=number == 0, last=number == 3))
            before = stages[-1].width
        return StagedNetwork(shape, nn.Sequential(*stem), stages, [stage.width for stage in stages])


class _Stage(nn.Module):
    """Transition, except in the first stage, and a dense block; the last stage ends with norm and ReLU."""

    def __init__(self, inputs: int, count: int, growth: int, *, first: bool, last: bool) -> None:
        super().__init__()
        self.transition = None if first else _Transition(inputs)
        inputs = inputs if first else inputs // 2
        self.layers = nn.ModuleList(_Layer(inputs + growth * number, growth) for number in range(count))
        self.width = inputs + growth * count
        self.norm = nn.BatchNorm2d(self.width) if last else None

    def forward(self, image: Tensor) -> Tensor:
        if self.transition:
            image = self.transition(image)
        for layer in self.layers:
            image = torch.cat([image, layer(image)], dim=1)
        return F.relu(self.norm(image)) if self.norm else image


class _Layer(nn.Module):
    """conv2(ReLU(norm2(conv1(ReLU(norm1(x)))))), the channels that a layer adds."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        narrow = _BOTTLENECK * growth
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), _plain(inputs, narrow, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(narrow), _plain(narrow, growth, 3)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.conv1(F.relu(self.norm1(image)))
        return self.conv2(F.relu(self.norm2(hidden)))


class _Transition(nn.Module):
    """Half the channels at half the resolution."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), _plain(inputs, inputs // 2, 1)
        self.pool = Pool(2, pool=F.avg_pool2d)

    def forward(self, image: Tensor) -> Tensor:
        return self.pool(self.conv(F.relu(self.norm(image))))


def _plain(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Return a convolution without bias that keeps the size, started as in He et al. 2015."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution

"""A small residual network for images of 16 to 64 pixels: three stages of stride 2, for minutes on a CPU.

3x3/2 convolution, 3x3/2 convolution and a residual block, the same again at twice the width (He et al. 2016,
arXiv:1512.03385, with the last norm of a block starting at zero). The document vector is the readout that gave the best
few-label scores on small pictures: means over the quarters of the last two stages, which keep where things are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.nn.pooling import pool, quarters
from headstart.nn.standardise import Standardise


@dataclass(frozen=True, kw_only=True)
class SmallResNet(BackboneSpec):
    """width: channels of the first stage, doubled by each next. readout: `quarters`, means over the quarters of the
    last two stages, or `all`, means over the whole of every stage."""

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    width: int = 32
    readout: Literal["quarters", "all"] = "quarters"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise HeadstartError(f"backbone.width={self.width}: must be at least 1")

    def build(self, shape: ImageShape) -> SmallResNetModule:
        """Return the network with random weights. Raises HeadstartError: images of fewer than 8 pixels a side."""
        if min(shape.height, shape.width) < 8:
            raise HeadstartError(f"{shape.width} x {shape.height} pixels: small_resnet needs at least 8 a side")
        return SmallResNetModule(self, shape)


class SmallResNetModule(Backbone):
    """forward: pooled_BD, the readout; maps: the three stages."""

    reads = "document"
    depth = 3
    has_maps = True

    def __init__(self, spec: SmallResNet, shape: ImageShape) -> None:
        super().__init__()
        self.readout, widths = spec.readout, [spec.width, 2 * spec.width, 4 * spec.width]
        self.input = Standardise(shape)
        self.stages = nn.ModuleList()
        before = shape.channels
        for number, width in enumerate(widths):
            layers: list[nn.Module] = [_Convolution(before, width, stride=2)]
            if number:
                layers.append(_Block(width))
            self.stages.append(nn.Sequential(*layers))
            before = width
        self.channels = sum(widths) / len(widths)
        self.width = 4 * (widths[1] + widths[2]) if spec.readout == "quarters" else sum(widths)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Return the readout and the stages; `layers`: the readout of the pixels (0) and of each stage alone."""
        image = self.input(batch)
        maps = []
        hidden = image
        for stage in self.stages:
            hidden = stage(hidden)
            maps.append(hidden)
        found = tuple(quarters(one) for one in (image, *maps)) if layers else ()
        features = Features(maps=tuple(maps), layers=found)
        return replace(features, pooled_BD=pool(features, self.readout))

    @property
    def inner_width(self) -> float:
        """The mean number of channels of the stages; `width` is that of the readout, several times as large."""
        return self.channels

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`."""
        return [list(stage.parameters()) for stage in self.stages]


class _Convolution(nn.Module):
    """ReLU(norm(3x3 convolution))."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(image)))


class _Block(nn.Module):
    """ReLU(x + norm(conv(ReLU(norm(conv(x)))))); the last norm starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _Convolution(width, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.norm.weight)

    def forward(self, image: Tensor) -> Tensor:
        return F.relu(image + self.norm(self.conv(self.first(image))))

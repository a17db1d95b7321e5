"""EfficientNet-Lite 0 to 4: inverted residual blocks for CPUs and small devices (Tan & Le 2019, arXiv:1905.11946).

The Lite variants of 2020 leave squeeze-and-excitation out, have ReLU6, and do not scale the stem and the last
convolution: depthwise convolutions between two of 1x1, the second without a ReLU (Sandler et al. 2018,
arXiv:1801.04381). Public weights of ImageNet exist; docs/recipes/efficientnet_transfer.md says where.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import BATCH_COUNTS, NameTable, Rule, affine, batch_norm, copy, own
from headstart.interop.preprocessor import Preprocessor, imagenet
from headstart.networks.staged import StagedNetwork, check_multiplier

_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))  # of widths and depths, by size
_SIDES = (224, 240, 260, 280, 300)  # that each size was published for
_TENSORFLOW = (127 / 255,) * 3, (128 / 255,) * 3  # its statistics of ImageNet; they are not those of torchvision
# Kernel, stride, expansion, blocks and channels of the seven stages; blocks of the first and the last are not scaled.
_STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 6, 2, 24),
    (5, 2, 6, 2, 40),
    (3, 2, 6, 3, 80),
    (5, 1, 6, 3, 112),
    (5, 2, 6, 4, 192),
    (3, 1, 6, 1, 320),
)
_STEM, _LAST = 32, 1280
_MAPS = (1, 2, 4)  # stages after which the resolution is halved
_MOMENTUM = 0.01  # of the running statistics, as published; .1 loses more of what a checkpoint knows (decisions.md)
_EPSILON = {"same": 1e-3, "symmetric": 1e-5}


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteSpec(BackboneSpec):
    """size: 0 to 4. padding: `same`, as TensorFlow pads before a stride of 2 (of an even side one more at its end),
    with 1e-3 in the norms, as the published weights want it; `symmetric`, as torch does, with 1e-5, as timm trained.
    width_multiplier: of all channels, for small images."""

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    size: Literal[0, 1, 2, 3, 4] = 0
    padding: Literal["same", "symmetric"] = "same"
    width_multiplier: float = 1.0

    def __post_init__(self) -> None:
        if self.size not in range(len(_SCALES)):
            raise HeadstartError(f"{self.label()}.size={self.size}: expected 0 to {len(_SCALES) - 1}")
        if self.padding not in _EPSILON:
            raise HeadstartError(f"{self.label()}.padding={self.padding}: expected {' or '.join(_EPSILON)}")
        check_multiplier(self.label(), self.width_multiplier)

    def build(self, shape: ImageShape) -> EfficientNetLite:
        """Return a new network for images of any size; its random weights follow torch's global seed."""
        return EfficientNetLite(self, shape)

    @property
    def stem(self) -> int:
        """Channels of the first convolution."""
        return _rounded(_STEM * self.width_multiplier)

    @property
    def last(self) -> int:
        """Channels of the last convolution."""
        return _rounded(_LAST * self.width_multiplier)

    @property
    def stages(self) -> list[list[_BlockSizes]]:
        """The blocks between two maps; the last convolution is in none."""
        wide, deep = _SCALES[self.size]
        before, stages = self.stem, [[]]
        for number, (kernel, stride, expansion, count, channels) in enumerate(_STAGES):
            width = _rounded(channels * wide * self.width_multiplier)
            for place in range(count if number in (0, len(_STAGES) - 1) else math.ceil(count * deep)):
                stages[-1].append(_BlockSizes(before, width, kernel, 1 if place else stride, expansion, number, place))
                before = width
            if number in _MAPS:
                stages.append([])
        return stages

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`; timm has both paddings, which its files do not tell apart."""
        side = _SIDES[self.size]
        google = imagenet(side, *_TENSORFLOW, bicubic=True)
        if self.padding == "symmetric":
            return {
                "timm": self._table(f"efficientnet_lite{self.size}", self._timm_names(), "classifier", imagenet(side))
            }
        package = self._table(f"efficientnet-lite{self.size}", self._package_names(), "_fc", google)
        timm = self._table(f"tf_efficientnet_lite{self.size}", self._timm_names(), "classifier", google)
        return {"efficientnet-lite-pytorch": package, "timm": timm}

    def _table(self, architecture: str, names: Iterator[Rule], output: str, pixels: Preprocessor) -> NameTable:
        return NameTable(
            prefix="",
            architecture=architecture,
            backbone=(*own("input.mean_C11", "input.std_C11"), *names),
            heads={"classify": affine("classifier", output)},
            ignorable=(BATCH_COUNTS,),
            pixels=pixels,
        )

    def _package_names(self) -> Iterator[Rule]:
        """Yield the rules for the files of the package efficientnet-lite-pytorch, which counts all blocks in one go."""
        yield from _convolution("stem", "_conv_stem", "_bn0")
        count = 0
        for stage, blocks in enumerate(self.stages):
            for place, block in enumerate(blocks):
                ours, theirs = f"stages.{stage}.{place}", f"_blocks.{count}"
                if block.expansion > 1:
                    yield from _convolution(f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
                yield from _convolution(f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
                yield from _convolution(f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
                count += 1
        yield from _convolution(f"stages.{stage}.{place + 1}", "_conv_head", "_bn1")

    def _timm_names(self) -> Iterator[Rule]:
        """Yield the rules for timm's files; their blocks are numbered within seven stages."""
        yield from _convolution("stem", "conv_stem", "bn1")
        for stage, blocks in enumerate(self.stages):
            for place, block in enumerate(blocks):
                ours, theirs = f"stages.{stage}.{place}", f"blocks.{block.stage}.{block.place}"
                wide = ("depthwise", "project") if block.expansion == 1 else ("expand", "depthwise", "project")
                names = ("conv_dw", "conv_pw") if block.expansion == 1 else ("conv_pw", "conv_dw", "conv_pwl")
                for number, (part, name) in enumerate(zip(wide, names), start=1):
                    yield from _convolution(f"{ours}.{part}", f"{theirs}.{name}", f"{theirs}.bn{number}")
        yield from _convolution(f"stages.{stage}.{place + 1}", "conv_head", "bn2")


class _BlockSizes(NamedTuple):
    """stage, place: of the block among the seven stages of the paper."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    expansion: int
    stage: int
    place: int


def _convolution(ours: str, theirs: str, norm: str) -> tuple[Rule, ...]:
    """Rules for a `_Convolution`."""
    return copy(f"{ours}.conv.weight", f"{theirs}.weight") + batch_norm(f"{ours}.norm", norm)


class EfficientNetLite(StagedNetwork):
    """Stem, blocks and a last convolution of 1x1; `pooled_BD` is the mean over what comes out of that.

    maps: at a 4th, an 8th and a 16th of the size what comes out of the blocks, at a 32nd what the last convolution
    gives.
    """

    def __init__(self, spec: EfficientNetLiteSpec, shape: ImageShape) -> None:
        stages = [[_Block(spec, sizes) for sizes in blocks] for blocks in spec.stages]
        widths = [*(blocks[-1].outputs for blocks in spec.stages[:-1]), spec.last]
        stages[-1].append(_Convolution(spec, spec.stages[-1][-1].outputs, spec.last, 1))
        stem = _Convolution(spec, shape.channels, spec.stem, 3, stride=2)
        super().__init__(shape, stem, [nn.Sequential(*blocks) for blocks in stages], widths)


class _Convolution(nn.Module):
    """ReLU6(norm(convolution)), which keeps the size of the image but for the stride; linear: without the ReLU6."""

    def __init__(
        self,
        spec: EfficientNetLiteSpec,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.same, self.linear = stride > 1 and spec.padding == "same", linear
        padding = 0 if self.same else kernel // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPSILON[spec.padding], momentum=_MOMENTUM)
        nn.init.normal_(self.conv.weight, std=math.sqrt(2 * groups / (kernel * kernel * outputs)))

    def forward(self, image: Tensor) -> Tensor:
        if self.same:
            image = F.pad(image, self._margins(image))
        hidden = self.norm(self.conv(image))
        return hidden if self.linear else F.relu6(hidden)

    def _margins(self, image: Tensor) -> list[int]:
        """Return pixels to add left, right, above and below, so that a side n becomes n / stride, rounded up."""
        margins = []
        for side, kernel, stride in zip(image.shape[:1:-1], self.conv.kernel_size[::-1], self.conv.stride[::-1]):
            lost = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            margins += [lost // 2, lost - lost // 2]
        return margins


class _Block(nn.Module):
    """Wide by 1x1 unless the expansion is 1, a depthwise convolution, narrow by a linear 1x1; x is added if it fits."""

    def __init__(self, spec: EfficientNetLiteSpec, sizes: _BlockSizes) -> None:
        super().__init__()
        wide = sizes.expansion * sizes.inputs
        self.adds = (sizes.inputs, sizes.stride) == (sizes.outputs, 1)
        self.expand = _Convolution(spec, sizes.inputs, wide, 1) if sizes.expansion > 1 else nn.Identity()
        self.depthwise = _Convolution(spec, wide, wide, sizes.kernel, stride=sizes.stride, groups=wide)
        self.project = _Convolution(spec, wide, sizes.outputs, 1, linear=True)
        if self.adds:  # a new block is its shortcut, as in `resnet`
            nn.init.zeros_(self.project.norm.weight)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.project(self.depthwise(self.expand(image)))
        return image + hidden if self.adds else hidden


def _rounded(channels: float) -> int:
    """Return the nearest multiple of 8, or the next where that would be less than 90 %."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest

"""Residual networks of 18 to 152 layers; writes transformers' ResNetModel (He et al. 2016, arXiv:1512.03385).

The stride of a bottleneck block is in its 3x3 convolution ("v1.5", as in transformers and torchvision). The last norm
of every block starts at zero, so that a new network is a chain of shortcuts (Goyal et al. 2017, arXiv:1706.02677).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, Rule, affine, copy, optional, own
from headstart.networks.encoder import require
from headstart.nn.outputs import LinearOutput
from headstart.nn.standardise import Standardise

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_BOTTLENECKS = (50, 101, 152)
_EXPANSION = 4  # a bottleneck block puts out so many times the channels of its 3x3 convolution


def _norm(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Rules for a batch norm; its running statistics are what it computes with after training."""
    running = ("running_mean", "running_var", "num_batches_tracked")
    return affine(ours, theirs) + tuple(Rule(f"{ours}.{leaf}", (f"{theirs}.{leaf}",)) for leaf in running)


def _convolution(ours: str, theirs: str) -> tuple[Rule, ...]:
    """Rules for a `_Convolution`."""
    return copy(f"{ours}.conv.weight", f"{theirs}.convolution.weight") + _norm(
        f"{ours}.norm", f"{theirs}.normalization"
    )


def _stage_names() -> Iterator[Rule]:
    """Yield the rules of all stages; a third convolution and a shortcut are in some blocks only."""
    for stage in range(4):
        ours, theirs = f"stages.{stage}.blocks.{{i}}", f"encoder.stages.{stage}.layers.{{i}}"
        for place in range(3):
            rules = _convolution(f"{ours}.parts.{place}", f"{theirs}.layer.{place}")
            yield from optional(rules) if place == 2 else rules
        yield from optional(_convolution(f"{ours}.shortcut", f"{theirs}.shortcut"))


@dataclass(frozen=True, kw_only=True)
class ResNetSpec(BackboneSpec):
    """depth: layers with weights; 18 and 34 have blocks of two 3x3 convolutions, the others bottlenecks.

    stem: `imagenet`, 7x7/2 and a 3x3/2 max pool, or `cifar`, 3x3/1, for images of about 32 pixels. width: channels of
    the stem, and of the 3x3 convolutions of the first stage; each next stage has twice as many.
    """

    batch: ClassVar[str] = "pixels"
    depth: Literal[18, 34, 50, 101, 152] = 18
    stem: Literal["imagenet", "cifar"] = "imagenet"
    width: int = 64

    hf_model_type: ClassVar[str] = "resnet"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="resnet.",
        architecture="ResNetModel",
        backbone=(
            *own("input.mean_C11", "input.std_C11"),
            *_convolution("stem", "embedder.embedder"),
            *_stage_names(),
        ),
        heads={"classify": affine("classifier", "classifier.1")},
        architectures={"classify": "ResNetForImageClassification"},
        inputs=("pixel_values",),
    )

    def __post_init__(self) -> None:
        if self.depth not in _BLOCKS:
            raise HeadstartError(f"{self.label()}.depth={self.depth}: expected {' | '.join(map(str, _BLOCKS))}")
        if self.width < 1:
            raise HeadstartError(f"{self.label()}.width={self.width}: expected at least 1")

    def build(self, shape: ImageShape) -> ResNet:
        """Return a new network for images of any size; its random weights follow torch's global seed."""
        return ResNet(self, shape)

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """Channels that come out of each of the four stages."""
        factor = _EXPANSION if self.depth in _BOTTLENECKS else 1
        return tuple(factor * self.width * 2**stage for stage in range(4))

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> ResNetSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not one of these depths."""
        require(config, cls.label(), hidden_act="relu", downsample_in_first_stage=False, downsample_in_bottleneck=False)
        width, kind = config.get("embedding_size", 64), config.get("layer_type", "bottleneck")
        blocks = tuple(config.get("depths", _BLOCKS[50]))
        found = [d for d in _BLOCKS if _BLOCKS[d] == blocks and (d in _BOTTLENECKS) == (kind == "bottleneck")]
        if not found:
            known = ", ".join(f"{list(_BLOCKS[d])}" for d in _BLOCKS if (d in _BOTTLENECKS) == (kind == "bottleneck"))
            raise HeadstartError(f"{cls.label()}: depths={list(blocks)} of {kind} blocks (allowed: {known})")
        spec = cls.from_dict({"depth": found[0], "width": width})
        widths = list(config.get("hidden_sizes", (256, 512, 1024, 2048)))
        if widths != list(spec.stage_widths):
            raise HeadstartError(f"{cls.label()}: hidden_sizes={widths} (allowed here: {list(spec.stage_widths)})")
        return spec

    def to_hf_config(self, shape: ImageShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Raises HeadstartError for the stem `cifar`."""
        if self.stem != "imagenet":
            raise HeadstartError(
                f"backbone {self.name}: stem={self.stem} has no counterpart in transformers, whose ResNet starts with "
                "7x7/2 and a max pool; export works for stem=imagenet, headstart itself serves this one as it is"
            )
        return {
            "model_type": self.hf_model_type,
            "num_channels": shape.channels,
            "embedding_size": self.width,
            "hidden_sizes": list(self.stage_widths),
            "depths": list(_BLOCKS[self.depth]),
            "layer_type": "bottleneck" if self.depth in _BOTTLENECKS else "basic",
            "hidden_act": "relu",
            "downsample_in_first_stage": False,
            "downsample_in_bottleneck": False,
        }


class ResNet(Backbone):
    """Stem and four stages, each but the first at half the resolution; `pooled_BD` is the mean over the last."""

    reads = "document"

    def __init__(self, spec: ResNetSpec, shape: ImageShape) -> None:
        super().__init__()
        self.channels = sum(spec.stage_widths) / len(spec.stage_widths)
        self.width, self.depth = spec.stage_widths[-1], len(spec.stage_widths)
        small = spec.stem == "cifar"
        self.input = Standardise(shape)
        self.stem = _Convolution(shape.channels, spec.width, 3 if small else 7, stride=1 if small else 2)
        self.shrink = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        block, before, stages = _bottleneck if spec.depth in _BOTTLENECKS else _basic, spec.width, []
        for number, (width, count) in enumerate(zip(spec.stage_widths, _BLOCKS[spec.depth])):
            stages.append(_Stage(block, before, width, count, stride=2 if number else 1))
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode images of any size.

        maps: what comes out of the four stages, [B, D', H', W']. layers: the means over stem and stages, [B, D'], whose
        widths D' differ; the last has width D. There are no attention maps.
        """
        stem = self.shrink(F.relu(self.stem(self.input(batch))))
        maps, hidden = [], stem
        for stage in self.stages:
            hidden = stage(hidden)
            maps.append(hidden)
        pooled_BD = _mean(hidden)
        found = (*(_mean(one) for one in (stem, *maps[:-1])), pooled_BD) if layers else ()
        return Features(pooled_BD=pooled_BD, maps=tuple(maps), layers=found)

    @property
    def inner_width(self) -> float:
        """The mean number of channels of the stages."""
        return self.channels

    def groups(self) -> list[list[nn.Parameter]]:
        """Stem first, then each stage."""
        return [list(part.parameters()) for part in (self.stem, *self.stages)]

    def classification_head(self, classes: int) -> LinearOutput:
        """Return one linear layer on the mean over the last stage, as in ResNetForImageClassification."""
        return LinearOutput(self.width, classes, "own")


class _Convolution(nn.Module):
    """norm(convolution), which keeps the size of the image but for the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.conv(image))


class _Block(nn.Module):
    """ReLU(shortcut(x) + parts(x)), with ReLU between the parts; the shortcut is x itself where the sizes allow it."""

    def __init__(self, parts: list[_Convolution], shortcut: _Convolution | None) -> None:
        super().__init__()
        self.parts, self.shortcut = nn.ModuleList(parts), shortcut
        nn.init.zeros_(parts[-1].norm.weight)

    def forward(self, image: Tensor) -> Tensor:
        hidden = image
        for part in self.parts[:-1]:
            hidden = F.relu(part(hidden))
        return F.relu(self.parts[-1](hidden) + (image if self.shortcut is None else self.shortcut(image)))


def _shortcut(inputs: int, outputs: int, stride: int) -> _Convolution | None:
    return None if (inputs, stride) == (outputs, 1) else _Convolution(inputs, outputs, 1, stride)


def _basic(inputs: int, outputs: int, stride: int) -> _Block:
    """Return a block of two 3x3 convolutions."""
    parts = [_Convolution(inputs, outputs, 3, stride), _Convolution(outputs, outputs, 3)]
    return _Block(parts, _shortcut(inputs, outputs, stride))


def _bottleneck(inputs: int, outputs: int, stride: int) -> _Block:
    """Return a block of a narrow 3x3 convolution between two of 1x1."""
    narrow = outputs // _EXPANSION
    parts = [_Convolution(inputs, narrow, 1), _Convolution(narrow, narrow, 3, stride), _Convolution(narrow, outputs, 1)]
    return _Block(parts, _shortcut(inputs, outputs, stride))


class _Stage(nn.Module):
    """`count` blocks of one width; the first one takes the stride."""

    def __init__(self, block: Callable[[int, int, int], _Block], inputs: int, outputs: int, count: int, stride: int):
        super().__init__()
        later = [block(outputs, outputs, 1) for _ in range(count - 1)]
        self.blocks = nn.Sequential(block(inputs, outputs, stride), *later)

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(image)


def _mean(image: Tensor) -> Tensor:
    """Return the mean of each channel [B, D'], in float32 or wider."""
    return image.to(torch.promote_types(image.dtype, torch.float32)).mean((2, 3))

"""Residual networks of 18 to 152 layers; writes transformers' ResNetModel (He et al. 2016, arXiv:1512.03385).

The stride of a bottleneck block is in its 3x3 convolution ("v1.5", as in transformers and torchvision). The last norm
of every block starts at zero, so that a new network is a chain of shortcuts (Goyal et al. 2017, arXiv:1706.02677).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import BATCH_COUNTS, NameTable, Rule, affine, batch_norm, copy, optional, own
from headstart.networks.encoder import require
from headstart.networks.staged import StagedNetwork

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


def _torchvision_names() -> Iterator[Rule]:
    """Yield the rules for the names of torchvision and timm; see `_stage_names`."""
    yield from (*copy("stem.conv.weight", "conv1.weight"), *batch_norm("stem.norm", "bn1"))
    for stage in range(4):
        ours, theirs = f"stages.{stage}.blocks.{{i}}", f"layer{stage + 1}.{{i}}"
        places = [(f"parts.{n}", f"conv{n + 1}", f"bn{n + 1}") for n in range(3)]
        for part, conv, norm in (*places, ("shortcut", "downsample.0", "downsample.1")):
            rules = copy(f"{ours}.{part}.conv.weight", f"{theirs}.{conv}.weight")
            rules += batch_norm(f"{ours}.{part}.norm", f"{theirs}.{norm}")
            yield from optional(rules) if part in ("parts.2", "shortcut") else rules


@dataclass(frozen=True, kw_only=True)
class ResNetSpec(BackboneSpec):
    """depth: layers with weights; 18 and 34 have blocks of two 3x3 convolutions, the others bottlenecks.

    stem: `imagenet`, 7x7/2 and a 3x3/2 max pool, or `cifar`, 3x3/1, for images of about 32 pixels. width: channels of
    the stem, and of the 3x3 convolutions of the first stage; each next stage has twice as many.
    """

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
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

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`."""
        if self.stem != "imagenet":
            return {}
        table = NameTable(
            prefix="",
            architecture="ResNet",
            backbone=(*own("input.mean_C11", "input.std_C11"), *_torchvision_names()),
            heads={"classify": affine("classifier", "fc")},
            ignorable=(BATCH_COUNTS,),
        )
        return {"torchvision": table, "timm": table}

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


class ResNet(StagedNetwork):
    """Stem and four stages, each but the first at half the resolution; `pooled_BD` is the mean over the last."""

    def __init__(self, spec: ResNetSpec, shape: ImageShape) -> None:
        stem = _Stem(shape.channels, spec.width, small=spec.stem == "cifar")
        block, before, stages = _bottleneck if spec.depth in _BOTTLENECKS else _basic, spec.width, []
        for number, (width, count) in enumerate(zip(spec.stage_widths, _BLOCKS[spec.depth])):
            stages.append(_Stage(block, before, width, count, stride=2 if number else 1))
            before = width
        super().__init__(shape, stem, stages, spec.stage_widths)


class _Stem(nn.Module):
    """ReLU(norm(convolution)), and a pool unless the images are small."""

    def __init__(self, channels: int, width: int, *, small: bool) -> None:
        super().__init__()
        first = _Convolution(channels, width, 3 if small else 7, stride=1 if small else 2)
        self.conv, self.norm = first.conv, first.norm
        self.shrink = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.shrink(F.relu(self.norm(self.conv(image))))


class _Convolution(nn.Module):
    """norm(convolution), which keeps the size of the image but for the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        # One pixel of each stride is all that a 1x1 convolution reads. Picked beforehand, because the kernel of torch
        # 2.13 for it writes beyond its memory on processors without AVX-512 where there are fewer than 8 channels.
        self.pick = stride if kernel == 1 else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride // self.pick, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.conv(image[:, :, :: self.pick, :: self.pick] if self.pick > 1 else image))


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

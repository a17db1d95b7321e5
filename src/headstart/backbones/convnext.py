"""ConvNeXt of five sizes up to tiny; writes transformers' ConvNextModel (Liu et al. 2022, arXiv:2201.03545).

A residual network with the choices of a Transformer: 4x4 patches, 7x7 depthwise convolutions, one norm and one GELU a
block, a learned scale on every branch. The sizes below tiny are timm's (atto, femto, pico, nano).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, Rule, affine, copy, flatten, own, scale
from headstart.networks.encoder import require
from headstart.networks.staged import StagedNetwork, check_multiplier

_SIZES = {  # blocks and channels of the four stages
    "atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": ((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": ((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": ((2, 2, 8, 2), (80, 160, 320, 640)),
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
}
_PATCH, _KERNEL, _EXPANSION = 4, 7, 4
_EPSILON = 1e-6


@dataclass(frozen=True)
class _Names:
    """How a library calls the parts. stem: convolution and norm. shrinks: what is before `.0` (norm) and `.1`
    (convolution) of stages 1 to 3. blocks: of each stage, before the layer's number. parts: of a block: depthwise
    convolution, norm, both linear layers, scale. norm: the last one. pixel: the scale is an image of one pixel."""

    stem: tuple[str, str]
    shrinks: tuple[str, ...]
    blocks: tuple[str, ...]
    parts: tuple[str, str, str, str, str]
    norm: str
    pixel: bool = False

    def rules(self, widths: Sequence[int] = ()) -> Iterator[Rule]:
        """Yield the rules for all tensors; widths: of the stages, where linear layers may be convolutions of 1x1."""
        yield from own("input.mean_C11", "input.std_C11")
        yield from affine("stem.conv", self.stem[0]) + affine("stem.norm", self.stem[1])
        for stage, theirs in enumerate(self.shrinks, start=1):
            yield from affine(f"stages.{stage}.shrink.norm", f"{theirs}.0")
            yield from affine(f"stages.{stage}.shrink.conv", f"{theirs}.1")
        spatial, norm, widen, narrow, gamma = self.parts
        for stage, block in enumerate(self.blocks):
            ours, theirs = f"stages.{stage}.blocks.{{i}}.", f"{block}.{{i}}."
            yield from affine(ours + "spatial", theirs + spatial) + affine(ours + "norm", theirs + norm)
            for linear, name, factor in (("widen", widen, 1), ("narrow", narrow, _EXPANSION)):
                if widths:
                    yield from flatten(ours + linear, theirs + name, (factor * widths[stage], 1, 1))
                else:
                    yield from affine(ours + linear, theirs + name)
            yield from (scale if self.pixel else copy)(ours + "scale_D", theirs + gamma)
        yield from affine("norm", self.norm)


_TRANSFORMERS = _Names(
    ("embeddings.patch_embeddings", "embeddings.layernorm"),
    tuple(f"encoder.stages.{stage}.downsampling_layer" for stage in (1, 2, 3)),
    tuple(f"encoder.stages.{stage}.layers" for stage in range(4)),
    ("dwconv", "layernorm", "pwconv1", "pwconv2", "layer_scale_parameter"),
    "layernorm",
)
_TIMM = _Names(
    ("stem.0", "stem.1"),
    tuple(f"stages.{stage}.downsample" for stage in (1, 2, 3)),
    tuple(f"stages.{stage}.blocks" for stage in range(4)),
    ("conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma"),
    "head.norm",
)
_TORCHVISION = _Names(  # numbers of one long sequence
    ("features.0.0", "features.0.1"),
    ("features.2", "features.4", "features.6"),
    ("features.1", "features.3", "features.5", "features.7"),
    ("block.0", "block.2", "block.3", "block.5", "layer_scale"),
    "classifier.0",
    pixel=True,
)


@dataclass(frozen=True, kw_only=True)
class ConvNextSpec(BackboneSpec):
    """size: atto (3.4 M parameters), femto, pico, nano or tiny (27.8 M). width_multiplier: of all channels, for small
    images. norm_eps: of the last norm; the others have 1e-6. layer_scale: what the scale of every branch starts at."""

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    size: Literal["atto", "femto", "pico", "nano", "tiny"] = "atto"
    width_multiplier: float = 1.0
    norm_eps: float = _EPSILON
    layer_scale: float = 1e-6

    hf_model_type: ClassVar[str] = "convnext"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="convnext.",
        architecture="ConvNextModel",
        backbone=tuple(_TRANSFORMERS.rules()),
        heads={"classify": affine("classifier", "classifier")},
        architectures={"classify": "ConvNextForImageClassification"},
        inputs=("pixel_values",),
    )

    def __post_init__(self) -> None:
        if self.size not in _SIZES:
            raise HeadstartError(f"{self.label()}.size={self.size}: expected {' | '.join(_SIZES)}")
        for name, value in (("norm_eps", self.norm_eps), ("layer_scale", self.layer_scale)):
            if not value > 0:
                raise HeadstartError(f"{self.label()}.{name}={value}: must be larger than 0")
        check_multiplier(self.label(), self.width_multiplier)

    def build(self, shape: ImageShape) -> ConvNext:
        """Return a new network for images of any size; its random weights follow torch's global seed."""
        return ConvNext(self, shape)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the four stages."""
        return tuple(max(4, round(width * self.width_multiplier)) for width in _SIZES[self.size][1])

    @property
    def depth(self) -> int:
        """Blocks of all stages."""
        return sum(_SIZES[self.size][0])

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`."""
        if self.norm_eps != _EPSILON or self.width_multiplier != 1:
            return {}
        timm = NameTable(
            prefix="",
            architecture=f"convnext_{self.size}",
            backbone=tuple(_TIMM.rules(self.widths)),
            heads={"classify": affine("classifier", "head.fc")},
        )
        torchvision = NameTable(
            prefix="",
            architecture=f"convnext_{self.size}",
            backbone=tuple(_TORCHVISION.rules()),
            heads={"classify": affine("classifier", "classifier.2")},
        )
        return {"timm": timm, "torchvision": torchvision} if self.size == "tiny" else {"timm": timm}

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> ConvNextSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not one of these sizes."""
        require(config, cls.label(), hidden_act="gelu", patch_size=_PATCH, num_stages=4)
        depths, widths = (tuple(config.get(key, _SIZES["tiny"][n])) for n, key in enumerate(("depths", "hidden_sizes")))
        start = config.get("layer_scale_init_value", 1e-6)
        settings = {"norm_eps": config.get("layer_norm_eps", 1e-12), "layer_scale": start}
        named = [(size, 1.0) for size, known in _SIZES.items() if known[0] == depths]
        scaled = [(size, widths[0] / _SIZES[size][1][0]) for size, _ in named]
        for size, factor in [*named, *scaled]:
            spec = cls.from_dict({"size": size, "width_multiplier": factor} | settings)
            if spec.widths == widths:
                return spec
        known = ", ".join(f"{size} {list(d)} of {list(w)}" for size, (d, w) in _SIZES.items())
        given = f"depths={list(depths)} of hidden_sizes={list(widths)}"
        raise HeadstartError(f"{cls.label()}: {given} (known: {known})")

    def to_hf_config(self, shape: ImageShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head."""
        depths = _SIZES[self.size][0]
        return {
            "model_type": self.hf_model_type,
            "num_channels": shape.channels,
            "patch_size": _PATCH,
            "num_stages": len(depths),
            "hidden_sizes": list(self.widths),
            "depths": list(depths),
            "hidden_act": "gelu",
            "layer_norm_eps": self.norm_eps,
            "layer_scale_init_value": self.layer_scale,
        }


class ConvNext(StagedNetwork):
    """Patches and four stages, each but the first at half the resolution; `pooled_BD` is norm(mean over the last).

    Rows and columns that fill no patch are left out, as in transformers.
    """

    def __init__(self, spec: ConvNextSpec, shape: ImageShape) -> None:
        depths, widths = _SIZES[spec.size][0], spec.widths
        befores = (None, *widths)
        stages = [_Stage(b, width, count, spec.layer_scale) for b, width, count in zip(befores, widths, depths)]
        super().__init__(shape, _Stem(shape.channels, widths[0]), stages, widths)
        self.norm = nn.LayerNorm(widths[-1], eps=spec.norm_eps)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode as `StagedNetwork` does, with the last norm on the mean over the last stage."""
        found = super().forward(batch, layers=layers)
        pooled_BD = self.norm(found.pooled_BD)
        return replace(found, pooled_BD=pooled_BD, layers=(*found.layers[:-1], pooled_BD) if layers else ())

    def groups(self) -> list[list[nn.Parameter]]:
        """Stem first, then each stage; the last norm is in the last stage's group."""
        groups = super().groups()
        groups[-1].extend(self.norm.parameters())
        return groups


class _ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each pixel of [B, D, H, W]."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Stem(nn.Module):
    """norm(a linear map of 4x4 patches)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, _PATCH, stride=_PATCH)
        self.norm = _ChannelNorm(width, eps=_EPSILON)

    def forward(self, image: Tensor) -> Tensor:
        return self.norm(self.conv(_at_least(image, _PATCH)))


class _Shrink(nn.Module):
    """A linear map of the 2x2 fields of norm(x)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = _ChannelNorm(inputs, eps=_EPSILON)
        self.conv = nn.Conv2d(inputs, outputs, 2, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(_at_least(self.norm(image), 2))


class _Block(nn.Module):
    """x + scale * narrow(GELU(widen(norm(7x7 depthwise convolution of x)))), pixel by pixel but for the convolution."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, _KERNEL, padding=_KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.widen = nn.Linear(width, _EXPANSION * width)
        self.narrow = nn.Linear(_EXPANSION * width, width)
        self.scale_D = nn.Parameter(torch.full((width,), start))

    def forward(self, image: Tensor) -> Tensor:
        hidden_BHWD = self.norm(self.spatial(image).permute(0, 2, 3, 1))
        hidden_BHWD = self.scale_D * self.narrow(F.gelu(self.widen(hidden_BHWD)))
        return image + hidden_BHWD.permute(0, 3, 1, 2)


class _Stage(nn.Module):
    """`count` blocks of one width, after halving the resolution unless there are no channels before."""

    def __init__(self, before: int | None, width: int, count: int, start: float) -> None:
        super().__init__()
        self.shrink = None if before is None else _Shrink(before, width)
        self.blocks = nn.Sequential(*(_Block(width, start) for _ in range(count)))

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(image if self.shrink is None else self.shrink(image))


def _at_least(image: Tensor, side: int) -> Tensor:
    """Return the image with its last row and column repeated where it is smaller than `side`."""
    down, right = (max(side - length, 0) for length in image.shape[2:])
    return F.pad(image, (0, right, 0, down), mode="replicate") if down or right else image

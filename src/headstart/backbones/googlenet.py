"""GoogLeNet: 22 layers of inception modules (Szegedy et al. 2014, arXiv:1409.4842), without the auxiliary outputs.

With an output for 1,000 classes it has 6,998,552 parameters as in the paper (form=paper) and 6,624,904 with batch norm
(form=batch_norm), which is torchvision's: no biases, 3x3 convolutions in place of 5x5, and a last pool of 2x2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import BATCH_COUNTS, NameTable, Rule, affine, batch_norm, copy, own
from headstart.interop.preprocessor import imagenet
from headstart.networks.staged import Convolution, Pool, StagedNetwork, check_multiplier, response_norm


class _Widths(NamedTuple):
    """Channels of an inception module (table 1): of 1x1; 3x3 and 5x5, each with the 1x1 before it; after the pool."""

    one: int
    before_three: int
    three: int
    before_five: int
    five: int
    pooled: int


_STEM = 64
_SECOND = (64, 192)  # 1x1, then 3x3
_INCEPTIONS = {
    "3a": _Widths(64, 96, 128, 16, 32, 32),
    "3b": _Widths(128, 128, 192, 32, 96, 64),
    "4a": _Widths(192, 96, 208, 16, 48, 64),
    "4b": _Widths(160, 112, 224, 24, 64, 64),
    "4c": _Widths(128, 128, 256, 24, 64, 64),
    "4d": _Widths(112, 144, 288, 32, 64, 64),
    "4e": _Widths(256, 160, 320, 32, 128, 128),
    "5a": _Widths(256, 160, 320, 32, 128, 128),
    "5b": _Widths(384, 192, 384, 48, 128, 128),
}


@dataclass(frozen=True, kw_only=True)
class GoogLeNetSpec(BackboneSpec):
    """form: `paper`, with local response normalisation, or `batch_norm`, see above.

    stem: `imagenet`, 7x7/2 and a 3x3/2 max pool, or `cifar`, 3x3/1, for images of about 32 pixels. width_multiplier:
    of the channels of every convolution.
    """

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    form: Literal["paper", "batch_norm"] = "paper"
    stem: Literal["imagenet", "cifar"] = "imagenet"
    width_multiplier: float = 1.0

    def __post_init__(self) -> None:
        check_multiplier(self.label(), self.width_multiplier)

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`; torchvision's own weights were trained on pixels from -1 to 1."""
        if self.stem != "imagenet" or self.form != "batch_norm":
            return {}
        table = NameTable(
            prefix="",
            architecture="GoogLeNet",
            backbone=(*own("input.mean_C11", "input.std_C11"), *_names()),
            heads={"classify": affine("classifier", "fc")},
            ignorable=(BATCH_COUNTS, r"aux[12]\..*"),
            pixels=imagenet(mean=(0.5,) * 3, std=(0.5,) * 3),
        )
        return {"torchvision": table}

    def build(self, shape: ImageShape) -> StagedNetwork:
        """Return a new network for images of any size; its random weights follow torch's global seed.

        maps: before the second, third, fourth pool, and at the end.
        """
        small, before = self.stem == "cifar", self.scaled(_STEM)
        stem = [self.convolution(shape.channels, before, 3 if small else 7, 1 if small else 2)]
        stem += [] if small else [Pool(3, ceil=True)]
        second = [self.scaled(width) for width in _SECOND]
        stages = [[self.convolution(before, second[0], 1), self.convolution(second[0], second[1], 3)]]
        if self.form == "paper":
            stem.append(response_norm())
            stages[0].append(response_norm())
        before, widths = second[1], [second[1]]
        for stage in "345":
            last = 2 if (stage, self.form) == ("5", "batch_norm") else 3
            parts: list[nn.Module] = [Pool(last, ceil=True)]
            for width in (_INCEPTIONS[name] for name in _INCEPTIONS if name[0] == stage):
                parts.append(_Inception(self, before, width))
                before = parts[-1].width
            stages.append(parts)
            widths.append(before)
        return StagedNetwork(shape, nn.Sequential(*stem), [nn.Sequential(*parts) for parts in stages], widths)

    def scaled(self, width: int) -> int:
        """Return that many channels times the multiplier."""
        return max(1, round(width * self.width_multiplier))

    def convolution(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> Convolution:
        """Return a convolution with what the form has: biases or a batch norm."""
        if self.form == "paper":
            return Convolution(inputs, outputs, kernel, stride=stride)
        norm = nn.BatchNorm2d(outputs, eps=1e-3)
        return Convolution(inputs, outputs, kernel, stride=stride, bias=False, norm=norm)


class _Inception(nn.Module):
    """Convolutions of 1x1, 3x3 and 5x5 and a pool, side by side; the larger ones read few channels."""

    def __init__(self, spec: GoogLeNetSpec, inputs: int, widths: _Widths) -> None:
        super().__init__()
        at = _Widths(*(spec.scaled(width) for width in widths))
        make, large = spec.convolution, 5 if spec.form == "paper" else 3
        self.one = make(inputs, at.one, 1)
        self.three = nn.Sequential(make(inputs, at.before_three, 1), make(at.before_three, at.three, 3))
        self.five = nn.Sequential(make(inputs, at.before_five, 1), make(at.before_five, at.five, large))
        self.pooled = make(inputs, at.pooled, 1)
        self.width = at.one + at.three + at.five + at.pooled

    def forward(self, image: Tensor) -> Tensor:
        around = F.max_pool2d(image, 3, stride=1, padding=1)
        return torch.cat([self.one(image), self.three(image), self.five(image), self.pooled(around)], dim=1)


def _names() -> Iterator[Rule]:
    """Yield the rules of all convolutions with batch norm."""
    places = {"stem.0": "conv1", "stages.0.0": "conv2", "stages.0.1": "conv3"}
    branches = {"one": "1", "three.0": "2.0", "three.1": "2.1", "five.0": "3.0", "five.1": "3.1", "pooled": "4.1"}
    for name in _INCEPTIONS:
        stage, place = int(name[0]) - 2, "abcde".index(name[1]) + 1  # place 0 is the pool
        places |= {f"stages.{stage}.{place}.{a}": f"inception{name}.branch{b}" for a, b in branches.items()}
    for ours, theirs in places.items():
        yield from copy(f"{ours}.conv.weight", f"{theirs}.conv.weight")
        yield from batch_norm(f"{ours}.norm", f"{theirs}.bn")

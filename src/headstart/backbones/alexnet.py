"""AlexNet: five convolutions, local response normalisation, two fully connected layers (Krizhevsky et al. 2012).

With an output for 1,000 classes it has 60,965,224 parameters in the two towers of the paper (towers=2: three of the
convolutions read half of the channels each) and 61,100,840 in the one tower of "One weird trick" (towers=1;
Krizhevsky 2014, arXiv:1404.5997), which is the AlexNet of torchvision and has no local response normalisation there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, affine, own
from headstart.networks.staged import (
    Convolution,
    FullyConnected,
    Pool,
    StagedNetwork,
    check_fully_connected,
    check_multiplier,
    response_norm,
)

_WIDTHS = {1: (64, 192, 384, 256, 256), 2: (96, 256, 384, 384, 256)}
_KERNELS = (11, 5, 3, 3, 3)
_SPLIT = (1, 3, 4)  # convolutions whose two halves do not see each other where there are two towers
_NORMED = (0, 1)  # convolutions that local response normalisation follows
_POOLED = (0, 1, 4)  # convolutions that a max pool follows
_SMALLEST = 7  # pixels a side: 11 less a margin of 2 on both sides


@dataclass(frozen=True, kw_only=True)
class AlexNetSpec(BackboneSpec):
    """towers: 2 as in the paper, or 1. local_response: normalise the outputs of the first two convolutions.

    stem: `imagenet`, 11x11/4, or `cifar`, 5x5/1, for images of about 32 pixels. width_multiplier: of the channels of
    every convolution. dense: width of the two fully connected layers, 0 = none; grid: fields a side whose means the
    first of them reads; dropout: of their outputs (.5 in the paper).
    """

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    towers: Literal[1, 2] = 2
    local_response: bool = True
    stem: Literal["imagenet", "cifar"] = "imagenet"
    width_multiplier: float = 1.0
    dense: int = 4096
    grid: int = 6
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_multiplier(self.label(), self.width_multiplier)
        check_fully_connected(self.label(), self.dense, self.grid, self.dropout)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels that come out of each of the five convolutions; an even number, which two towers share."""
        return tuple(max(2, 2 * round(width * self.width_multiplier / 2)) for width in _WIDTHS[self.towers])

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`."""
        if self.stem != "imagenet" or self.towers != 1 or self.local_response or not self.dense:
            return {}
        features = ("stem.0.conv", *(f"stages.{stage}.0.conv" for stage in range(4)))
        places = (0, 3, 6, 8, 10)
        convolutions = [rule for ours, n in zip(features, places) for rule in affine(ours, f"features.{n}")]
        table = NameTable(
            prefix="",
            architecture="AlexNet",
            backbone=(
                *own("input.mean_C11", "input.std_C11"),
                *convolutions,
                *affine("dense.layers.0", "classifier.1"),
                *affine("dense.layers.1", "classifier.4"),
            ),
            heads={"classify": affine("classifier", "classifier.6")},
        )
        return {"torchvision": table}

    def build(self, shape: ImageShape) -> StagedNetwork:
        """Return a new network; its random weights follow torch's global seed.

        maps: what comes out of each convolution but the first, after its pool. Raises HeadstartError: images that are
        smaller than the first convolution.
        """
        if self.stem == "imagenet" and min(shape.height, shape.width) < _SMALLEST:
            raise HeadstartError(
                f"{shape.width} x {shape.height} pixels: {self.label()} with stem=imagenet needs at least "
                f"{_SMALLEST} a side (stem=cifar takes any size)"
            )
        stem, *stages = (self._part(number, shape.channels) for number in range(5))
        dense = FullyConnected(self.widths[-1], self.grid, self.dense, self.dropout) if self.dense else None
        return StagedNetwork(shape, stem, stages, self.widths[1:], dense)

    def _part(self, number: int, channels: int) -> nn.Sequential:
        """Return a convolution and what follows it: normalisation and pool, where it has them."""
        inputs = self.widths[number - 1] if number else channels
        groups = self.towers if number in _SPLIT else 1
        if number:
            convolution = Convolution(inputs, self.widths[number], _KERNELS[number], groups=groups)
        elif self.stem == "imagenet":
            convolution = Convolution(inputs, self.widths[0], _KERNELS[0], stride=4, padding=2)
        else:
            convolution = Convolution(inputs, self.widths[0], 5)
        parts: list[nn.Module] = [convolution]
        if self.local_response and number in _NORMED:
            parts.append(response_norm())
        if number in _POOLED:
            parts.append(Pool(3))
        return nn.Sequential(*parts)

"""VGG of 11, 13, 16 and 19 layers: 3x3 convolutions in five stages (Simonyan & Zisserman 2014, arXiv:1409.1556).

The paper's networks (A, B, D, E) have no norms; batch norm came with torchvision's (`vgg16_bn`) and is what lets a deep
one learn from a random start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import BATCH_COUNTS, NameTable, Rule, affine, batch_norm, flatten, own
from headstart.networks.staged import Convolution, FullyConnected, Pool, StagedNetwork, check_fully_connected

_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_FACTORS = (1, 2, 4, 8, 8)  # channels of each stage, as multiples of the first


@dataclass(frozen=True, kw_only=True)
class VGGSpec(BackboneSpec):
    """depth: layers with weights, an output included. norm: after every convolution.

    stem: `imagenet`, or `cifar`, without the pool after the first stage, for images of about 32 pixels. width: channels
    of the first stage. dense: width of the two fully connected layers, 0 = none; grid: fields a side whose means the
    first of them reads; dropout: of their outputs (.5 in the paper).
    """

    batch: ClassVar[str] = "pixels"
    convolutions: ClassVar[bool] = True
    depth: Literal[11, 13, 16, 19] = 11
    norm: Literal["none", "batch"] = "batch"
    stem: Literal["imagenet", "cifar"] = "imagenet"
    width: int = 64
    dense: int = 4096
    grid: int = 7
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.depth not in _CONVOLUTIONS:
            allowed = " | ".join(map(str, _CONVOLUTIONS))
            raise HeadstartError(f"{self.label()}.depth={self.depth}: expected {allowed}")
        if self.width < 1:
            raise HeadstartError(f"{self.label()}.width={self.width}: expected at least 1")
        check_fully_connected(self.label(), self.dense, self.grid, self.dropout)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels that come out of each of the five stages."""
        return tuple(factor * self.width for factor in _FACTORS)

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """See `BackboneSpec.foreign_names`; timm's network computes the same up to 255 pixels a side."""
        if self.stem != "imagenet" or not self.dense:
            return {}
        first, second = "dense.layers.0", "dense.layers.1"
        field = (self.widths[-1], self.grid, self.grid)
        torchvision = (*affine(first, "classifier.0"), *affine(second, "classifier.3"))
        timm = (*flatten(first, "pre_logits.fc1", field), *flatten(second, "pre_logits.fc2", (self.dense, 1, 1)))
        return {
            "torchvision": self._table(torchvision, affine("classifier", "classifier.6")),
            "timm": self._table(timm, affine("classifier", "head.fc")),
        }

    def _table(self, dense: tuple[Rule, ...], head: tuple[Rule, ...]) -> NameTable:
        backbone = (*own("input.mean_C11", "input.std_C11"), *self._convolution_names(), *dense)
        return NameTable(
            prefix="", architecture="VGG", backbone=backbone, heads={"classify": head}, ignorable=(BATCH_COUNTS,)
        )

    def _convolution_names(self) -> Iterator[Rule]:
        """Yield the rules of the convolutions, whose places theirs counts in one chain with norms, ReLUs and pools."""
        place = 0
        for stage, count in enumerate(_CONVOLUTIONS[self.depth]):
            for number in range(count):
                ours = f"{f'stages.{stage - 1}' if stage else 'stem'}.{number}"
                yield from affine(f"{ours}.conv", f"features.{place}")
                if self.norm == "batch":
                    yield from batch_norm(f"{ours}.norm", f"features.{place + 1}")
                place += 3 if self.norm == "batch" else 2
            place += 1

    def build(self, shape: ImageShape) -> StagedNetwork:
        """Return a new network for images of any size; its random weights follow torch's global seed.

        maps: what comes out of each stage but the first, after its pool.
        """
        stem, *stages = (self._stage(number, shape.channels) for number in range(len(_FACTORS)))
        dense = FullyConnected(self.widths[-1], self.grid, self.dense, self.dropout) if self.dense else None
        return StagedNetwork(shape, stem, stages, self.widths[1:], dense)

    def _stage(self, number: int, channels: int) -> nn.Sequential:
        """Return convolutions of one width and the pool that ends them."""
        inputs, width = self.widths[number - 1] if number else channels, self.widths[number]
        parts: list[nn.Module] = []
        for _ in range(_CONVOLUTIONS[self.depth][number]):
            parts.append(Convolution(inputs, width, 3, norm=nn.BatchNorm2d(width) if self.norm == "batch" else None))
            inputs = width
        if number or self.stem == "imagenet":
            parts.append(Pool(2))
        return nn.Sequential(*parts)

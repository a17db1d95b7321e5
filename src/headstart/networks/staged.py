"""What the convolutional networks share: convolutions, pooling that small maps survive, features stage by stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import ImageShape
from headstart.networks.writer import check_dropout
from headstart.nn.outputs import LinearOutput
from headstart.nn.standardise import Standardise


class StagedNetwork(Backbone):
    """Stem, stages, and maybe fully connected layers after them.

    widths: channels that come out of each stage. dense: what reads the maps of the last stage; without it `pooled_BD`
    is the mean over them.
    """

    reads = "document"
    has_maps = True

    def __init__(
        self,
        shape: ImageShape,
        stem: nn.Module,
        stages: Sequence[nn.Module],
        widths: Sequence[int],
        dense: FullyConnected | None = None,
    ) -> None:
        super().__init__()
        self.input = Standardise(shape)
        self.stem, self.stages, self.dense = stem, nn.ModuleList(stages), dense
        outputs = [*widths, *(layer.out_features for layer in dense.layers)] if dense else list(widths)
        self.width, self.depth, self.mean_width = outputs[-1], len(outputs), sum(outputs) / len(outputs)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode images of any size that the stem takes.

        maps: what comes out of the stages, [B, D', H', W'], then of the fully connected layers, each a map of one pixel
        (Long et al. 2015, arXiv:1411.4038). layers: the means over what comes out of the stem and over all maps,
        [B, D'], whose widths D' differ; the last has width D. There are no attention maps.
        """
        stem = hidden = self.stem(self.input(batch))
        maps = []
        for stage in self.stages:
            hidden = stage(hidden)
            maps.append(hidden)
        maps += self.dense(hidden) if self.dense else ()
        pooled_BD = mean_of(maps[-1])
        found = (*(mean_of(one) for one in (stem, *maps[:-1])), pooled_BD) if layers else ()
        return Features(pooled_BD=pooled_BD, maps=tuple(maps), layers=found)

    @property
    def inner_width(self) -> float:
        """The mean width of stages and fully connected layers."""
        return self.mean_width

    def groups(self) -> list[list[nn.Parameter]]:
        """Stem first, then each stage, then each fully connected layer."""
        dense = self.dense.layers if self.dense else ()
        return [list(part.parameters()) for part in (self.stem, *self.stages, *dense)]

    def classification_head(self, classes: int) -> LinearOutput:
        """Return one linear layer on `pooled_BD`, as the papers have it."""
        return LinearOutput(self.width, classes, "own")


class FullyConnected(nn.Module):
    """Two fully connected layers with ReLU on the means over a grid of `side` x `side` fields of a map.

    dropout: share of the outputs of each layer that are set to zero in training (Srivastava et al. 2014).
    """

    def __init__(self, channels: int, side: int, width: int, dropout: float) -> None:
        super().__init__()
        self.side, self.dropout = side, dropout
        self.layers = nn.ModuleList([nn.Linear(channels * side**2, width), nn.Linear(width, width)])
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return what comes out of each layer, [B, D, 1, 1]."""
        hidden = F.adaptive_avg_pool2d(image, self.side).flatten(1)
        found = []
        for layer in self.layers:
            hidden = F.dropout(F.relu(layer(hidden)), self.dropout, self.training)
            found.append(hidden[:, :, None, None])
        return found


class Convolution(nn.Module):
    """ReLU(norm(convolution)), which keeps the size of the image but for the stride; norm: None for none.

    The weights start as in He et al. 2015 (arXiv:1502.01852).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = True,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias)
        self.norm = norm or nn.Identity()
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        if bias:
            nn.init.zeros_(self.conv.bias)

    def forward(self, image: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(image)))


def response_norm() -> nn.LocalResponseNorm:
    """Return local response normalisation: k = 2, n = 5, alpha = 1e-4, beta = .75 (Krizhevsky et al. 2012)."""
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # torch divides its alpha by n


class Pool(nn.Module):
    """`pool` over windows of `kernel` pixels a side and a step of 2; a side that is shorter is one window.

    ceil: the last window may reach over the edge, so that no pixel is left out.
    """

    def __init__(self, kernel: int, *, pool: Callable[..., Tensor] = F.max_pool2d, ceil: bool = False) -> None:
        super().__init__()
        self.kernel, self.pool, self.ceil = kernel, pool, ceil

    def forward(self, image: Tensor) -> Tensor:
        window = [min(self.kernel, side) for side in image.shape[2:]]
        return self.pool(image, window, stride=2, ceil_mode=self.ceil)


def check_fully_connected(label: str, dense: int, grid: int, dropout: float) -> None:
    """Raise HeadstartError on settings of `FullyConnected` that cannot be; dense: its width, 0 = none."""
    if dense < 0:
        raise HeadstartError(f"{label}.dense={dense}: expected 0 (no fully connected layers) or more")
    if grid < 1:
        raise HeadstartError(f"{label}.grid={grid}: expected at least 1")
    check_dropout(label, dropout)


def check_multiplier(label: str, multiplier: float) -> None:
    """Raise HeadstartError unless channels can be multiplied by `multiplier`."""
    if not 0 < multiplier < math.inf:
        raise HeadstartError(f"{label}.width_multiplier={multiplier}: expected a finite number above 0")


def wide(tensor: Tensor) -> Tensor:
    """Return the tensor in float32 or wider."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def mean_of(image: Tensor) -> Tensor:
    """Return the mean of each channel [B, D'], in float32 or wider."""
    return wide(image).mean((2, 3))

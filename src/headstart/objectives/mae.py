"""Masked autoencoder: the network reads a quarter of the patches, a light decoder draws the rest (He et al. 2022).

arXiv:2111.06377. The pixels of each hidden patch are predicted less their mean, by their standard deviation (section
4.1, "normalised pixels"). Patches are hidden one by one or in blocks (table 1f; rectangles as of I-JEPA, Assran et al.
2023, arXiv:2301.08243). Shapes: T patches of an image, V of them visible, M hidden, P numbers of a patch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.batch import ImageBatch, eight_bits
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import ImageShape
from headstart.core.spec import ObjectiveSpec
from headstart.images.augmentation import ViewSettings, apply_view, draw_view
from headstart.networks.encoder import check_sizes
from headstart.networks.pre_norm import PreNormBlock
from headstart.nn.patches import grid_positions, image_of, patches_of, take_patches
from headstart.nn.ragged import Layout

_VIEW = "view"
_BLOCKS, _BLOCK_AREA, _BLOCK_ASPECT = 16, (0.1, 0.3), 1.5  # rectangles drawn, shares of the grid, most width by height
_EPS = 1e-6  # added to the variance of a patch
_GREY = 0.5  # of hidden patches where they are shown


@dataclass(frozen=True, kw_only=True)
class MAESpec(ObjectiveSpec):
    """mask_ratio: share of the patches that is hidden. masking: `random`, patch by patch, or `blocks`, rectangles.

    width, depth, heads: of the decoder, which only training uses. area: smallest share of the image that a crop keeps,
    1 = the whole image. flip: share of mirrored images, 0 where left and right differ in meaning (digits, letters).
    """

    batch: ClassVar[tuple[str, ...]] = ("pixels",)
    mask_ratio: float = 0.75
    masking: Literal["random", "blocks"] = "random"
    width: int = 128
    depth: int = 1
    heads: int = 4
    area: float = 0.2
    flip: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise HeadstartError(f"{self.label()}.mask_ratio={self.mask_ratio}: must be above 0 and below 1")
        check_sizes(self.label(), width=self.width, heads=self.heads, depth=self.depth)
        self.view()  # its checks

    def view(self) -> ViewSettings:
        """Return how images are cropped and mirrored; colours stay."""
        aspect = 1.0 if self.area == 1 else 4 / 3
        return ViewSettings(area=self.area, aspect=aspect, flip=self.flip, jitter=0.0, grey=0.0)

    def build(self, backbone: Backbone, processor: Processor) -> MAE:
        """Return the objective. Raises HeadstartError: a network that reads no patches, images of a single one."""
        if backbone.patch is None:
            raise HeadstartError(
                f"{self.label()}: this backbone reads no patches, of which some could be hidden; vit does"
            )
        return MAE(self, backbone.width, backbone.patch, processor.shape)


class MAE(Objective):
    """L = mean over hidden patches of |prediction - normalised pixels|^2 / P; count = hidden patches."""

    def __init__(self, spec: MAESpec, width: int, patch: int, shape: ImageShape) -> None:
        super().__init__()
        self.side = side = min(shape.height, shape.width)  # views are squares
        self.settings, self.masking, self.patch = spec.view(), spec.masking, patch
        self.grid = (side // patch, side // patch)
        patches = self.grid[0] * self.grid[1]
        if patches < 2:
            raise HeadstartError(
                f"{spec.label()}: images of {shape.width} x {shape.height} pixels are a single patch of {patch}; "
                "choose a smaller backbone.patch"
            )
        self.hidden = min(max(round(spec.mask_ratio * patches), 1), patches - 1)
        self.enter = nn.Linear(width, spec.width)
        self.mask_token = nn.Parameter(torch.empty(spec.width).normal_(std=0.02))
        self.register_buffer("positions_TD", grid_positions(self.grid, spec.width), persistent=False)
        self.blocks = nn.ModuleList(
            PreNormBlock(spec.width, spec.heads, 4 * spec.width, "gelu", 1e-6) for _ in range(spec.depth)
        )
        self.norm = nn.LayerNorm(spec.width, eps=1e-6)
        self.draw = nn.Linear(spec.width, shape.channels * patch * patch)

    def corrupt(
        self, batch: ImageBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> ImageBatch:
        """Return the batch with the numbers of visible and hidden patches and the random numbers of a crop."""
        sample_B1, patch_1T = batch.sample_B.numpy()[:, None], np.arange(self.grid[0] * self.grid[1])[None]
        rank_BT = random.uniform("patch", sample_B1, patch_1T)
        if self.masking == "blocks":
            rank_BT = rank_BT + _first_block(random, sample_B1, self.grid)
        order_BT = torch.from_numpy(rank_BT.argsort(1))  # what comes first is hidden
        numbers = {"hidden_BM": order_BT[:, : self.hidden], "visible_BV": order_BT[:, self.hidden :]}
        drawn = draw_view(self.settings, random, batch, _VIEW)
        return dataclasses.replace(batch, extra=batch.extra | drawn | numbers)

    def forward(self, backbone: Backbone, batch: ImageBatch) -> Loss:
        """Return the summed error over the hidden patches."""
        pixels_BCHW, hidden_BM = apply_view(batch, _VIEW, self.side), batch.extra["hidden_BM"]
        read_BTD = backbone(dataclasses.replace(batch, pixels_BCHW=pixels_BCHW)).last_BTD
        drawn_BMP = self.draw(self._decoded(read_BTD, batch)).float()
        target_BMP = take_patches(patches_of(pixels_BCHW, self.patch), hidden_BM)
        variance_BM1, mean_BM1 = torch.var_mean(target_BMP, dim=2, keepdim=True, correction=0)
        error_BMP = drawn_BMP - (target_BMP - mean_BM1) * (variance_BM1 + _EPS).rsqrt()
        return Loss.of(error_BMP.square().mean(2).sum(), hidden_BM.numel())

    def _decoded(self, read_BTD: Tensor, batch: ImageBatch) -> Tensor:
        """Return the decoder's states of the hidden patches, [B, M, D]."""
        visible_BV, hidden_BM = batch.extra["visible_BV"], batch.extra["hidden_BM"]
        entered_BTD = self.enter(read_BTD)
        special = entered_BTD.shape[1] - visible_BV.shape[1]  # tokens before the patches, which have no place
        place_BT = torch.cat(
            [visible_BV, hidden_BM], 1
        )  # the order in which the decoder reads: its positions say where
        hidden_BMD = self.mask_token.to(entered_BTD.dtype).expand(*hidden_BM.shape, -1)
        states_BTD = torch.cat([entered_BTD, hidden_BMD], 1)
        states_BTD = torch.cat([states_BTD[:, :special], states_BTD[:, special:] + self.positions_TD[place_BT]], 1)
        layout, states_ND = Layout.even(states_BTD), states_BTD.flatten(0, 1)
        for block in self.blocks:
            states_ND, _ = block(states_ND, layout, None)
        return layout.pad(self.norm(states_ND))[:, -hidden_BM.shape[1] :]

    def seen(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Return each image as it is cropped, and with its hidden patches grey; see `Objective.seen`."""
        patches_BTP = patches_of(apply_view(batch, _VIEW, self.side), self.patch)
        hidden_BM1 = batch.extra["hidden_BM"][:, :, None].expand(-1, -1, patches_BTP.shape[2])
        read_BTP = patches_BTP.scatter(1, hidden_BM1, _GREY)
        shown = {"image": patches_BTP, "visible": read_BTP}
        return {name: eight_bits(image_of(found, self.grid, self.patch)) for name, found in shown.items()}


def _first_block(random: KeyedRandom, sample_B1: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return for each patch the number of the first of 16 random rectangles that it lies in, 16 where in none, [B, T].

    Hiding patches in this order hides whole rectangles, the last one hidden in part, whatever their number shall be.
    """
    (rows, columns), number_1K = grid, np.arange(_BLOCKS)[None]

    def uniform(stream: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return low + (high - low) * random.uniform(f"block.{stream}", sample_B1, number_1K)

    area_BK = uniform("area", *_BLOCK_AREA) * rows * columns
    aspect_BK = np.exp(uniform("aspect", -np.log(_BLOCK_ASPECT), np.log(_BLOCK_ASPECT)))
    inside = []
    for length, count, stream in ((area_BK / aspect_BK, rows, "top"), (area_BK * aspect_BK, columns, "left")):
        length_BK = np.clip(np.sqrt(length).round(), 1, count)
        # They may hang over the border, so that every place is covered as often.
        start_BK = np.floor(uniform(stream) * (count + length_BK - 1)) - length_BK + 1
        place_BK1 = np.arange(count) - start_BK[:, :, None]
        inside.append((place_BK1 >= 0) & (place_BK1 < length_BK[:, :, None]))  # [B, K, rows] and [B, K, columns]
    inside_BKT = (inside[0][:, :, :, None] & inside[1][:, :, None, :]).reshape(len(sample_B1), _BLOCKS, -1)
    return np.where(inside_BKT.any(1), inside_BKT.argmax(1), _BLOCKS)

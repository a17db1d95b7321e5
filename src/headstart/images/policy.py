"""How labelled images are changed in training: moved, cropped, mirrored, recoloured, distorted, erased.

Every number is a function of (seed, epoch, sample): `draw_changes` runs where batches are made, `apply_changes` where
the pixels are. Pad and crop: He et al. 2016 (arXiv:1512.03385, section 4.2). Random resized crop: Szegedy et al. 2015
(arXiv:1409.4842). Random erasing: Zhong et al. 2017 (arXiv:1708.04896). Drawn operations at one magnitude: RandAugment
(Cubuk et al. 2019, arXiv:1909.13719), without equalising, as one affine map and one pass over the colours. CutMix: Yun
et al. 2019 (arXiv:1905.04899). Shapes: B images, C channels, H x W pixels, K operations.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.spec_base import Spec
from headstart.images.augmentation import ViewSettings, apply_view, draw_view

OPERATIONS = ("turn", "slant_x", "slant_y", "move_x", "move_y", "brightness", "contrast", "saturation", "posterise",
              "solarise", "stretch", "sharpness")  # fmt: skip
_VIEW, _DRAWN, _HOLE, _FILL = "change", "change.operations_BK", "change.hole_B4", "change.fill_BC"
_DEGREES, _SLANT, _MOVE = 30.0, 0.3, 0.45  # of an operation at magnitude 1; `_MOVE` of the side
_LEAST_HOLE, _MOST_HOLE, _LONGEST_HOLE = 0.02, 0.33, 3.3  # shares of the area, and side / other side, of the paper


@dataclass(frozen=True, kw_only=True)
class Augment(Spec):
    """How training images are changed; everything concerns networks of pixels alone.

    shift: most that an image is moved, as a share of its side; the border is repeated where nothing comes in. area:
    smallest share of the image that a crop keeps, resized to the full size (1 = no crop); its aspect changes by up to
    4/3. flip: share of images mirrored left to right, 0 where left and right differ in meaning (digits, letters).
    jitter: share whose brightness, contrast and (of colour images) saturation change by up to .4. operations: number
    drawn for each image out of `OPERATIONS` and nothing at all; magnitude: their strength, 0 to 1. erase: share of
    images in which a rectangle has one random colour. cutmix: share of batches in which a rectangle of each image is
    cut out of another one, whose target then counts by the area.
    """

    shift: float = 0.0
    area: float = 1.0
    flip: float = 0.0
    jitter: float = 0.0
    operations: int = 0
    magnitude: float = 0.3
    erase: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "magnitude", "erase", "cutmix"):
            if not 0 <= getattr(self, name) <= 1:
                raise HeadstartError(f"augment.{name}={getattr(self, name)}: must be from 0 to 1")
        if not 0 <= self.shift <= 0.5:
            raise HeadstartError(f"augment.shift={self.shift}: must be from 0 to 0.5, a share of the side")
        if not 0 < self.area <= 1:
            raise HeadstartError(f"augment.area={self.area}: must be above 0 and at most 1")
        if not 0 <= self.operations <= len(OPERATIONS):
            raise HeadstartError(f"augment.operations={self.operations}: must be from 0 to {len(OPERATIONS)}")

    @classmethod
    def label(cls) -> str:
        """Return what the command line calls it."""
        return "augment"

    def view(self) -> ViewSettings:
        """Return the part of it that a view has."""
        aspect = 4 / 3 if self.area < 1 else 1.0
        own = {"area": self.area, "aspect": aspect, "flip": self.flip, "jitter": self.jitter}
        return ViewSettings(gain=0.0, grey=0.0, **own)

    @property
    def moves(self) -> bool:
        """Whether images are shown through a view."""
        return bool(self.shift or self.area < 1 or self.flip or self.jitter)


UNCHANGED, MOVED = Augment(), Augment(shift=0.08)


def draw_changes(augment: Augment, random: KeyedRandom, batch: ImageBatch) -> ImageBatch:
    """Return the batch with the random numbers of its changes in `extra`; see `apply_changes`."""
    sample_B, (channels, height, width) = batch.sample_B.numpy(), batch.pixels_BCHW.shape[1:]
    drawn: dict[str, Tensor] = {}
    if augment.moves:
        drawn = draw_view(augment.view(), random, batch, _VIEW)
        if augment.area == 1:  # also of an image that is no square
            drawn[f"{_VIEW}.box_B4"] = torch.tensor([0.0, 0.0, width, height]).repeat(len(sample_B), 1)
        away_B2 = np.stack([random.uniform(f"{_VIEW}.{name}", sample_B) for name in ("across", "down")], 1)
        # Whole pixels: a part of a pixel would blur the image.
        pixels_B2 = np.rint((2 * away_B2 - 1) * augment.shift * np.array([width, height]))
        drawn[f"{_VIEW}.box_B4"][:, :2] += torch.from_numpy(pixels_B2.astype(np.float32))
    if augment.operations:
        drawn[_DRAWN] = torch.from_numpy(_operations(augment, random, sample_B))
    if augment.erase:
        drawn[_HOLE] = torch.from_numpy(_holes(augment.erase, random, sample_B, height, width))
        fill_BC = random.uniform(_FILL, sample_B[:, None], np.arange(channels)[None, :])
        drawn[_FILL] = torch.from_numpy(fill_BC.astype(np.float32))
    return dataclasses.replace(batch, extra=batch.extra | drawn) if drawn else batch


def apply_changes(augment: Augment, batch: ImageBatch) -> ImageBatch:
    """Return the batch with its images changed as drawn, float32 from 0 to 1; unchanged where nothing was drawn."""
    image = batch.pixels_BCHW
    # Autocast would round places of pixels to 8 bits.
    with torch.autocast(batch.device.type, enabled=False):
        if f"{_VIEW}.box_B4" in batch.extra:
            image = apply_view(batch, _VIEW, tuple(image.shape[2:]))
        if _DRAWN in batch.extra:
            image = _operate(_unit(image), batch.extra[_DRAWN])
        if _HOLE in batch.extra:
            hole_BHW = inside(batch.extra[_HOLE], *image.shape[2:])
            image = torch.where(hole_BHW[:, None], batch.extra[_FILL][:, :, None, None], _unit(image))
    return batch if image is batch.pixels_BCHW else dataclasses.replace(batch, pixels_BCHW=image)


def draw_cut(random: KeyedRandom, batch: ImageBatch) -> tuple[Tensor, float]:
    """Return the rectangle that all images of a batch get from others, int64 [1, 4] as of `inside`, and what they keep.

    The share that is kept is uniform before the rectangle is cut at the border, as in the paper.
    """
    first, (height, width) = batch.sample_B.numpy()[:1], batch.pixels_BCHW.shape[2:]
    part, across, down = (float(random.uniform(f"cut.{name}", first)[0]) for name in ("part", "across", "down"))
    wide, high = math.sqrt(1 - part) * width, math.sqrt(1 - part) * height
    left, right = (round(min(max(across * width + way * wide / 2, 0), width)) for way in (-1, 1))
    top, bottom = (round(min(max(down * height + way * high / 2, 0), height)) for way in (-1, 1))
    box_14 = torch.tensor([[left, top, right - left, bottom - top]])
    return box_14, 1 - (right - left) * (bottom - top) / (width * height)


def inside(box_B4: Tensor, height: int, width: int) -> Tensor:
    """Return bool [B, H, W]: the pixels in each rectangle of left, top, width and height."""
    left, top, wide, high = box_B4.T[:, :, None]
    across, down = (torch.arange(side, device=box_B4.device) for side in (width, height))
    in_x_BW, in_y_BH = (across >= left) & (across < left + wide), (down >= top) & (down < top + high)
    return in_y_BH[:, :, None] & in_x_BW[:, None, :]


def _unit(pixels: Tensor) -> Tensor:
    """Return pixels as float32 from 0 to 1."""
    return pixels if pixels.is_floating_point() else pixels.float() / 255


def _operations(augment: Augment, random: KeyedRandom, sample_B: np.ndarray) -> np.ndarray:
    """Return float32 [B, K]: the signed strength of each operation, 0 where it was not drawn."""
    strength_BK = np.zeros((len(sample_B), len(OPERATIONS) + 1), np.float32)  # the last one does nothing
    for turn in range(augment.operations):
        chosen_B = (random.uniform("operation", sample_B, turn) * strength_BK.shape[1]).astype(np.int64)
        sign_B = np.where(random.uniform("sign", sample_B, turn) < 0.5, -1.0, 1.0)
        strength_BK[np.arange(len(sample_B)), chosen_B] = sign_B * augment.magnitude
    return strength_BK[:, :-1].copy()


def _holes(share: float, random: KeyedRandom, sample_B: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return float32 [B, 4]: the erased rectangle of each image, of width 0 where there is none."""
    area_B = _LEAST_HOLE + (_MOST_HOLE - _LEAST_HOLE) * random.uniform("hole.area", sample_B)
    aspect_B = np.exp((2 * random.uniform("hole.aspect", sample_B) - 1) * np.log(_LONGEST_HOLE))
    wide_B = np.minimum(np.rint(np.sqrt(area_B * aspect_B) * width), width)
    high_B = np.minimum(np.rint(np.sqrt(area_B / aspect_B) * height), height)
    left_B = np.floor(random.uniform("hole.left", sample_B) * (width - wide_B + 1))
    top_B = np.floor(random.uniform("hole.top", sample_B) * (height - high_B + 1))
    wide_B = np.where(random.uniform("hole", sample_B) < share, wide_B, 0)
    return np.stack([left_B, top_B, wide_B, high_B], 1).astype(np.float32)


def _operate(image: Tensor, strength_BK: Tensor) -> Tensor:
    """Return the images, from 0 to 1, after their operations."""
    by = dict(zip(OPERATIONS, strength_BK.T[:, :, None, None, None]))
    image = _distorted(image, strength_BK)
    image = image * (1 + by["brightness"])
    mean = image.mean((1, 2, 3), keepdim=True)
    image = mean + (image - mean) * (1 + by["contrast"])
    grey = image.mean(1, keepdim=True)
    image = (grey + (image - grey) * (1 + by["saturation"])).clamp(0, 1)
    # 8 bits less 5 at magnitude 1; solarise: what is brighter than the threshold is turned over.
    levels = 2.0 ** (8 - 5 * by["posterise"].abs())
    image = torch.where(by["posterise"] != 0, (image * levels).floor().clamp_max(levels - 1) / (levels - 1), image)
    turned = (by["solarise"] != 0) & (image >= 1 - by["solarise"].abs())
    image = torch.where(turned, 1 - image, image)
    low, high = image.amin((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
    image = torch.where((by["stretch"] != 0) & (high > low), (image - low) / (high - low).clamp_min(1e-6), image)
    smooth = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (image + (image - smooth) * by["sharpness"]).clamp(0, 1)


def _distorted(image: Tensor, strength_BK: Tensor) -> Tensor:
    """Return the images turned, slanted and moved by one affine map each; the border is repeated."""
    turn, slant_x, slant_y, move_x, move_y = strength_BK.T[:5]
    angle = turn * math.radians(_DEGREES)
    one, cos, sin = torch.ones_like(angle), angle.cos(), angle.sin()
    turned_B22 = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
    slanted_B22 = torch.stack([one, _SLANT * slant_x, _SLANT * slant_y, one], 1).view(-1, 2, 2)
    # Places are from -1 to 1, so that a move by the whole side is 2.
    away_B21 = torch.stack([move_x, move_y], 1)[:, :, None] * 2 * _MOVE
    map_B23 = torch.cat([turned_B22 @ slanted_B22, away_B21], 2)
    grid = F.affine_grid(map_B23, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)

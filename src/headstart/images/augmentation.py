"""Image augmentation: random resized crops, flips and colour changes, drawn by keys and applied on the device.

`draw_view` runs in `Objective.corrupt`: its numbers depend on (seed, epoch, sample) alone. `apply_view` runs in
`forward`, where the pixels are. The set of changes is SimCLR's (Chen et al. 2020, arXiv:2002.05709, appendix A) without
blur and hue. A crop is resized by two matrix products per image, with the antialiasing triangle filter of Pillow's and
torch's bilinear resize. Shapes: B images, C channels, H x W pixels, S pixels of a side of the view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from headstart.core.batch import ImageBatch
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom

LUMA = (0.299, 0.587, 0.114)  # of red, green, blue in the grey value (ITU-R BT.601)


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """How a view is drawn.

    size: S in pixels, None = half of the image, at least 16. area: smallest share of the image that a crop keeps, the
    largest is 1. aspect: most width / height of a crop, and most height / width. flip: share of views that are mirrored
    left to right, 0 where left and right differ in meaning (digits, letters). jitter: share whose colours change;
    brightness, contrast, saturation: most relative change of each; gain: standard deviation of a factor per channel.
    grey: share without colour. Saturation and grey concern images of three channels.

    Raises HeadstartError: a share outside [0, 1], an area or size that is not positive.
    """

    size: int | None = None
    area: float = 0.25
    aspect: float = 4 / 3
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    gain: float = 0.1
    grey: float = 0.2

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "brightness", "contrast", "saturation", "gain", "grey"):
            if not 0 <= getattr(self, name) <= 1:
                raise HeadstartError(f"{name}={getattr(self, name)}: must be from 0 to 1")
        if not 0 < self.area <= 1:
            raise HeadstartError(f"area={self.area}: must be above 0 and at most 1")
        if (self.size is not None and self.size < 1) or self.aspect < 1:
            raise HeadstartError(f"size={self.size}, aspect={self.aspect}: both must be at least 1")

    def side(self, image: int) -> int:
        """Return S for images of so many pixels a side."""
        return self.size or min(image, max(16, image // 2))


def draw_view(settings: ViewSettings, random: KeyedRandom, batch: ImageBatch, view: str) -> dict[str, Tensor]:
    """Return the random numbers of one view of each image, float32, to ride in `ImageBatch.extra`.

    view: a name that tells views of one image apart; it is the first part of the names of the tensors. `box_B4`: left,
    top, width and height of the crop in pixels. `flip_B`: 1 where mirrored. `colour_B4`: factors of brightness,
    contrast, saturation (1 = unchanged), and 1 where the view is grey. `gain_BC`: factor of each channel.
    """
    sample_B, (channels, height, width) = batch.sample_B.numpy(), batch.pixels_BCHW.shape[1:]

    def uniform(stream: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return low + (high - low) * random.uniform(f"{view}.{stream}", sample_B)

    # A crop of a drawn area and aspect; where it would be larger than the image, the image's own side is taken.
    kept_B = uniform("area", settings.area, 1.0) * height * width
    aspect_B = np.exp(uniform("aspect", -np.log(settings.aspect), np.log(settings.aspect)))
    wide_B, high_B = np.minimum(np.sqrt(kept_B * aspect_B), width), np.minimum(np.sqrt(kept_B / aspect_B), height)
    box_B4 = np.stack([uniform("left") * (width - wide_B), uniform("top") * (height - high_B), wide_B, high_B], 1)
    changed_B = uniform("jitter") < settings.jitter
    most = (("brightness", settings.brightness), ("contrast", settings.contrast), ("saturation", settings.saturation))
    factors = [np.where(changed_B, uniform(name, 1 - by, 1 + by), 1.0) for name, by in most]
    grey_B = uniform("grey") < settings.grey
    # Normal numbers by inversion, one for each image and channel.
    normal_BC = ndtri(random.uniform(f"{view}.gain", sample_B[:, None], np.arange(channels)[None, :]))
    gain_BC = np.where(changed_B[:, None], 1 + settings.gain * normal_BC, 1.0)
    drawn = {
        "box_B4": box_B4,
        "flip_B": uniform("flip") < settings.flip,
        "colour_B4": np.stack([*factors, grey_B], 1),
        "gain_BC": gain_BC,
    }
    return {f"{view}.{name}": torch.from_numpy(values.astype(np.float32)) for name, values in drawn.items()}


def apply_view(batch: ImageBatch, view: str, side: int | tuple[int, int]) -> Tensor:
    """Return the view that `draw_view` drew, float32 [B, C, S, S] from 0 to 1, on the device of the batch.

    side: S, or height and width of the view. One that was drawn can be shown at any size.
    """
    box_B4, colour_B4 = batch.extra[f"{view}.box_B4"], batch.extra[f"{view}.colour_B4"]
    height, width = batch.pixels_BCHW.shape[2:]
    down, across = side if isinstance(side, tuple) else (side, side)
    across_BSW = resize_weights(box_B4[:, 0], box_B4[:, 2], width, across)
    down_BSH = resize_weights(box_B4[:, 1], box_B4[:, 3], height, down)
    mirrored_B11 = batch.extra[f"{view}.flip_B"][:, None, None] > 0
    across_BSW = torch.where(mirrored_B11, across_BSW.flip(1), across_BSW)
    image = batch.pixels_BCHW.float() / 255
    # One product along each side: [B, 1, S, H] @ [B, C, H, W] @ [B, 1, W, S].
    image = down_BSH[:, None] @ image @ across_BSW[:, None].mT
    brightness, contrast, saturation, grey = colour_B4.T[:, :, None, None, None]
    image = image * brightness * batch.extra[f"{view}.gain_BC"][:, :, None, None]
    mean = image.mean((1, 2, 3), keepdim=True)
    image = mean + (image - mean) * contrast
    if image.shape[1] == len(LUMA):
        luma = (image * image.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
        image = luma + (image - luma) * saturation * (1 - grey)
    return image.clamp(0, 1)


def resize_weights(start_B: Tensor, length_B: Tensor, source: int, target: int) -> Tensor:
    """Return float32 [B, target, source]: each output pixel as weights of the source pixels of one side.

    The output shows the stretch from `start` of `length` source pixels. The filter is a triangle as wide as an output
    pixel, at least two source pixels wide (bilinear with antialiasing); weights outside the image are left out. What
    lies outside shows the border.
    """
    place_T = torch.arange(target, device=start_B.device, dtype=torch.float32) + 0.5
    step_B1 = (length_B / target)[:, None]
    centre_BT = (start_B[:, None] + place_T * step_B1).clamp(0.5, source - 0.5)
    pixel_S = torch.arange(source, device=start_B.device, dtype=torch.float32) + 0.5
    reach_B11 = step_B1.clamp_min(1.0)[:, :, None]
    weight_BTS = (1 - (pixel_S - centre_BT[:, :, None]).abs() / reach_B11).clamp_min(0.0)
    return weight_BTS / weight_BTS.sum(2, keepdim=True)

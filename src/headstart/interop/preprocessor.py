"""The image processors of transformers: what preprocessor_config.json says of size, filter and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.shapes import LARGEST, ImageShape

_BILINEAR, _BICUBIC = 2, 3  # as Pillow numbers its filters
_CROP_PCT, _WARPED = 224 / 256, 384  # of ConvNext's processor, which ResNet uses too: from this size on it stretches
_SHORTEST = ("ConvNext", "Bit", "CLIP", "Chinese", "LeViT")  # processors to which a plain number is the shorter side


@dataclass(frozen=True)
class Preprocessor:
    """shape: of what a network reads. short: shorter side that an image is resized to before the middle is cut out;
    None: it is stretched to the shape. resample: Pillow's number of the filter."""

    shape: ImageShape
    short: int | None
    resample: int


_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the colours of ImageNet


def imagenet(
    side: int = 224, mean: tuple[float, ...] = _MEAN, std: tuple[float, ...] = _STD, *, bicubic: bool = False
) -> Preprocessor:
    """Return what networks of ImageNet are shown: the middle square of `side` pixels, 7/8 of the shorter side."""
    shape = ImageShape(len(mean), side, side, mean, std)
    return Preprocessor(shape, int(side / _CROP_PCT), _BICUBIC if bicubic else _BILINEAR)


def read_preprocessor(folder: Path) -> Preprocessor:
    """Read a folder's preprocessor_config.json, of any version of transformers.

    Raises HeadstartError: not there, damaged, or what is not done here (images of any size, other scales).
    """
    file = Path(folder) / PREPROCESSOR
    given = read_json(file)
    try:
        kind = str(given.get("image_processor_type") or given.get("feature_extractor_type") or "")
        for name, wanted in (("do_resize", True), ("do_rescale", True)):
            if given.get(name, wanted) is not wanted:
                raise ValueError(f"{name}={given[name]} is not done here")
        if abs(given.get("rescale_factor", 1 / 255) * 255 - 1) > 1e-3:
            raise ValueError(f"rescale_factor={given['rescale_factor']}, not 1/255")
        (height, width), short = _sizes(given, kind)
        if short is not None and not 1 <= short <= LARGEST:
            raise ValueError(f"a shorter side of {short} pixels")
        mean, std = (tuple(map(float, given[name])) for name in ("image_mean", "image_std"))
        if not given.get("do_normalize", True):
            mean, std = (0.0,) * len(mean), (1.0,) * len(std)
        if len(mean) not in (1, 3) or len(mean) != len(std):
            raise ValueError(f"{len(mean)} means and {len(std)} deviations")
        usual = _BICUBIC if kind.startswith(_SHORTEST) else _BILINEAR
        return Preprocessor(ImageShape(len(mean), height, width, mean, std), short, int(given.get("resample", usual)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HeadstartError(f"{file}: size, image_mean and image_std expected ({error})") from None


def read_timm(config: Mapping[str, Any], file: Path) -> Preprocessor | None:
    """Return what timm's config.json says the network was shown, or None: it says nothing of that.

    Raises HeadstartError: damaged, or a way to cut that is not done here.
    """
    given = config.get("pretrained_cfg", config)
    if not isinstance(given, Mapping) or "mean" not in given:
        return None
    try:
        channels, height, width = given["input_size"]
        mean, std = (tuple(map(float, given[name])) for name in ("mean", "std"))
        if {len(mean), len(std)} != {channels} or min(height, width) < 1:
            raise ValueError(f"input_size {channels} x {height} x {width} with {len(mean)} means")
        mode = given.get("crop_mode") or "center"
        if mode not in ("center", "squash"):
            raise ValueError(f"crop_mode={mode} is not done here")
        short = None if mode == "squash" else int(height / float(given.get("crop_pct") or _CROP_PCT))
        filters = {"bilinear": _BILINEAR, "bicubic": _BICUBIC}
        shape = ImageShape(channels, int(height), int(width), mean, std)
        return Preprocessor(shape, short, filters.get(given.get("interpolation"), _BILINEAR))
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise HeadstartError(f"{file}: input_size, mean and std expected ({error})") from None


def _sizes(given: Mapping[str, Any], kind: str) -> tuple[tuple[int, int], int | None]:
    """Return ((height, width), shorter side before the middle is cut out, or None)."""
    size = _named(given["size"], kind.startswith(_SHORTEST))
    short = size.get("shortest_edge")
    if kind.startswith("ConvNext") and short is not None and not given.get("do_center_crop"):
        return _pair(size), None if short >= _WARPED else int(short / given.get("crop_pct", _CROP_PCT))
    if not given.get("do_center_crop", kind.startswith("Bit")) or "crop_size" not in given:
        return _pair(size), short
    cut = _pair(_named(given["crop_size"], False))
    if short is None and _pair(size) != cut:
        raise ValueError(f"size {dict(size)} and then crop_size {list(cut)} is not done here")
    if short is not None and short < min(cut):
        raise ValueError(f"size {short} is smaller than crop_size {list(cut)}")
    return cut, short


def _named(size: Any, shortest: bool) -> Mapping[str, Any]:
    """Return a size as transformers writes it now; it was a plain number once."""
    if isinstance(size, Mapping):
        return size
    return {"shortest_edge": size} if shortest else {"height": size, "width": size}


def _pair(size: Mapping[str, Any]) -> tuple[int, int]:
    """Return (height, width); of a shorter side alone, its square. Raises ValueError: no whole numbers."""
    side = size.get("shortest_edge")
    height, width = size.get("height", side), size.get("width", side)
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise ValueError(f"sizes {height} x {width}")
    return height, width

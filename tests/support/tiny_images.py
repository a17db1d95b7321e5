"""Small images in memory, made when they are asked for."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.core.examples import Examples, ImageRef


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """Return uint8 pixels [H, W] or [H, W, 3] as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def flat(level: int, side: int = 4, kind: str = "PNG") -> bytes:
    """Return an image of one grey level as the bytes of a file."""
    return encoded(np.full((side, side), level, np.uint8), kind)


def striped(number: int, label: int, side: int = 16, channels: int = 1) -> np.ndarray:
    """Return uint8 pixels [side, side(, 3)] of stripes that lie (label 0) or stand (label 1), with noise."""
    random = np.random.default_rng(number)
    wave = 127 + 90 * np.sin(np.arange(side) * 2 * np.pi / 4 + random.uniform(0, 2 * np.pi))
    stripes = np.tile(wave[:, None], (1, side)) if label == 0 else np.tile(wave[None, :], (side, 1))
    noisy = stripes[..., None] + random.normal(0, 20, (side, side, channels))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


def striped_images(count: int, first: int = 0) -> list[ImageRef]:
    """Return images whose stripes lie and stand in turns."""
    return [ImageRef.from_bytes(encoded(striped(number, number % 2))) for number in range(first, first + count)]


def striped_rows(count: int, first: int = 0) -> Examples:
    """Return such images, `first` even, with their classes."""
    labels_N = np.arange(count, dtype=np.int64) % 2
    return Examples(striped_images(count, first), None, labels_N, ("lying", "standing"))


def image_archives() -> list[bytes]:
    """Return the bytes of an npz and of a zip archive of four images in two classes."""
    images = [striped(number, number % 2) for number in range(4)]
    npz, packed = io.BytesIO(), io.BytesIO()
    np.savez_compressed(npz, x=np.stack(images), y=np.array([0, 1, 0, 1]))
    with zipfile.ZipFile(packed, "w") as archive:
        for number, image in enumerate(images):
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", encoded(image))
    return [npz.getvalue(), packed.getvalue()]


def image_folder(folder: Path, count: int, first: int = 0, channels: int = 1) -> Path:
    """Write `count` striped images into folders `lying` and `standing`; return the folder."""
    for number in range(first, first + count):
        place = folder / ("lying", "standing")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:05}.png").write_bytes(encoded(striped(number, number % 2, channels=channels)))
    return folder

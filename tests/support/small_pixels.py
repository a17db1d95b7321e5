"""Small images as arrays and the processor that takes them as they are, for suites that run over the registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from headstart.core.batch import ImageBatch
from headstart.core.json_files import write_json
from headstart.core.processor import KIND_FILE, Processor
from headstart.core.shapes import ImageShape

SHAPE = ImageShape(3, 16, 16, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def images(count: int, seed: int = 5, shape: ImageShape = SHAPE) -> list[np.ndarray]:
    """Return noisy uint8 images [C, H, W]; in image i the third number i % 3 of the columns is bright."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 80, (count, shape.channels, shape.height, shape.width), np.uint8)
    for number, image in enumerate(pixels):
        np.array_split(image, 3, axis=2)[number % 3][:] += 120
    return list(pixels)


class SmallPixels(Processor):
    """Arrays as they are."""

    kind, takes, gives, store = "small_pixels", "image", "pixels", "image_store"

    size = "16 x 16 pixels"

    def __init__(self, shape: ImageShape = SHAPE) -> None:
        self._shape = shape

    @property
    def shape(self) -> ImageShape:
        return self._shape

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(items)

    def cost(self, encoded: np.ndarray) -> int:
        return 1

    def collate(self, items: Sequence[np.ndarray], *, samples=None, epoch: int = 0) -> ImageBatch:
        numbers = torch.arange(len(items)) if samples is None else torch.as_tensor(samples)
        return ImageBatch(pixels_BCHW=torch.from_numpy(np.stack(items)), sample_B=numbers, epoch=epoch)

    def save(self, folder: Path) -> None:
        write_json(folder / KIND_FILE, {"kind": self.kind})

    @classmethod
    def load(cls, folder: Path) -> SmallPixels:
        return cls()

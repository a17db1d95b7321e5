"""Grey squares of a few levels (a planted image processor)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json, write_json
from headstart.core.processor import KIND_FILE, ImagesToPixels
from headstart.core.shapes import ImageShape
from headstart.core.spec import ProcessorSpec
from headstart.images.decode import decode
from headstart.images.squares import squares


@dataclass(frozen=True, kw_only=True)
class PosterisedSpec(ProcessorSpec):
    """levels: of grey, from black to white. side: in pixels."""

    takes = "image"
    gives = "pixels"
    levels: int = 4
    side: int = 16

    def train(self, documents, vocabulary=None):
        if vocabulary is not None:
            raise HeadstartError(f"vocabulary={vocabulary}: grey levels have none; leave it out")
        blank = Posterised(self.levels, ImageShape(1, self.side, self.side))
        found = [blank.read(image)[0] for image in islice(documents, 500) if blank.usable(image)]
        if not found:
            raise HeadstartError("no usable image, and statistics are taken from at least one")
        values = np.stack(found) / 255
        return Posterised(
            self.levels, ImageShape(1, self.side, self.side, (float(values.mean()),), (float(values.std()) or 1.0,))
        )

    def load(self, folder):
        return Posterised.load(folder)


class Posterised(ImagesToPixels):
    kind = "posterised"

    def __init__(self, levels, shape):
        self.levels, self._shape = levels, shape

    @property
    def shape(self):
        return self._shape

    @property
    def size(self):
        return f"{self._shape.width} x {self._shape.height} pixels of {self.levels} grey levels"

    def read(self, image):
        told = decode(image).told
        grey = squares([image], self._shape.width, grey=True)[0, :, :, 0]
        level = np.minimum(grey.astype(np.int64) * self.levels // 256, self.levels - 1)
        return (level * 255 // (self.levels - 1)).astype(np.uint8)[None], told

    def save(self, folder):
        shape = self._shape
        facts = {"side": shape.width, "mean": list(shape.mean), "std": list(shape.std)}
        write_json(folder / KIND_FILE, {"kind": self.kind, "levels": self.levels, **facts})

    @classmethod
    def load(cls, folder):
        facts = read_json(folder / KIND_FILE)
        try:
            side = facts["side"]
            return cls(facts["levels"], ImageShape(1, side, side, tuple(facts["mean"]), tuple(facts["std"])))
        except (KeyError, TypeError) as error:
            raise HeadstartError(f"{folder}: damaged processor ({error!r})") from None

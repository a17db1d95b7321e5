"""Give every view of an image the vector that a teacher gives the whole image (SimReg; any network of pixels teaches).

Navaneet et al. 2021, arXiv:2201.05131: cosine regression through a projection that only training uses. The teacher,
such as a public checkpoint, reads each image once, whole and at its own size: a slow one costs one pass over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor
from headstart.core.shapes import ImageShape
from headstart.core.spec import ObjectiveSpec
from headstart.images.augmentation import ViewSettings
from headstart.networks.two_views import TwoViews, last_stage, projection, stage_width
from headstart.nn.pooling import pool

_MOST_BYTES = 1 << 28  # of the vectors of the teacher that are remembered


@dataclass(frozen=True, kw_only=True)
class DistilVectorsSpec(ViewSettings, ObjectiveSpec):
    """vector: numbers of a vector of the teacher, who sets it. hidden: width of the inner layer of the projection. For
    the others see `ViewSettings`."""

    batch: ClassVar[tuple[str, ...]] = ("pixels",)
    reads: ClassVar[tuple[str, ...]] = ("document", "bidirectional")
    teacher: ClassVar[Literal["any"]] = "any"
    vector: int = 512
    hidden: int = 512

    def build(self, backbone: Backbone, processor: Processor) -> DistilVectors:
        """Return the objective for any network of pixels."""
        return DistilVectors(self, stage_width(backbone, processor.shape), processor.shape)


class DistilVectors(TwoViews):
    """L = 1 - cos(projected vector of a view, the teacher's of the image), the latter standardised over a batch.

    The teacher and its vectors are no part of the objective's state: a saved student stands alone. parts: `cosine`.
    """

    compares_samples = True
    fewest, needs = 2, "it needs at least two images"

    def __init__(self, spec: DistilVectorsSpec, width: int, shape: ImageShape) -> None:
        super().__init__(spec, shape)
        self.spec = spec
        self.head = projection(width, spec.hidden, spec.vector)
        self.standardise = nn.BatchNorm1d(spec.vector, affine=False)
        self._teacher: tuple[Backbone, ImageShape] | None = None  # in a tuple, so that it is no submodule
        self._read: dict[int, Tensor] = {}  # what the teacher says, float16 [D], by sample

    def learn_from(self, teacher: Backbone, objective: Objective | None, processor: Processor) -> None:
        """See `Objective.learn_from`. Raises HeadstartError: the teacher reads no pixels, or has other vectors."""
        if processor.gives != "pixels":
            raise HeadstartError(
                f"objective distil_vectors needs a teacher that reads pixels; this one reads {processor.gives} "
                f"({processor.kind})"
            )
        if teacher.width != self.spec.vector:
            raise HeadstartError(
                f"{self.spec.label()}.vector={self.spec.vector}: the teacher's vectors have {teacher.width} numbers"
            )
        self._teacher, self._read = (teacher.eval().requires_grad_(False), processor.shape), {}

    def forward(self, backbone: Backbone, batch: ImageBatch) -> Loss:
        """Return the loss summed over the 2B views. Raises HeadstartError: no teacher."""
        wanted_MD = self.standardise(self._taught(batch).repeat(2, 1))
        said_MD = self.head(last_stage(backbone, self.both(batch))).float()
        cosine_M = F.cosine_similarity(said_MD, wanted_MD, dim=1)
        return Loss.of((1 - cosine_M).sum(), 2 * batch.size, {"cosine": cosine_M.detach().mean()})

    @torch.no_grad()
    def _taught(self, batch: ImageBatch) -> Tensor:
        """Return the teacher's vectors of the images, float32 [B, D]."""
        samples = batch.sample_B.tolist()
        said = {sample: self._read[sample] for sample in samples if sample in self._read}
        if new := [place for place, sample in enumerate(samples) if sample not in said]:
            said |= zip([samples[place] for place in new], self._asked(batch.pixels_BCHW[new]).half())
            if len(self._read) * 2 * self.spec.vector < _MOST_BYTES:  # of a larger corpus the rest is asked again
                self._read |= said
        return torch.stack([said[sample] for sample in samples]).float()

    def _asked(self, pixels_BCHW: Tensor) -> Tensor:
        """Return the teacher's vectors of these images at the size and with the channels that it reads."""
        if self._teacher is None:
            raise HeadstartError("objective distil_vectors has no teacher here; train it with one (--base)")
        teacher, shape = self._teacher
        image = F.interpolate(pixels_BCHW.float() / 255, (shape.height, shape.width), mode="bilinear", antialias=True)
        if shape.channels != image.shape[1]:  # grey and colour: the mean of the channels, as many times as needed
            image = image.mean(1, keepdim=True).expand(-1, shape.channels, -1, -1)
        sample_B = torch.arange(len(image), device=image.device)
        return pool(teacher(ImageBatch(pixels_BCHW=image.clamp(0, 1), sample_B=sample_B)))

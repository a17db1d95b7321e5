"""The four awkward cases as toys: a GAN, a contrast of two towers, a trained network in a processor, ragged boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import Batch, ImageBatch, TokenBatch, make_batch
from headstart.core.contracts import Backbone, Features, Loss, Objective, Term
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import ImageShape, TokenShape
from headstart.data.batches import EpochBatches

SHAPE = ImageShape(channels=1, height=4, width=4)


def blobs(count: int, seed: int = 0) -> np.ndarray:
    """Return uint8 images [count, 1, 4, 4] whose left or right half is bright."""
    random = np.random.default_rng(seed)
    bright = np.zeros((count, 1, 4, 4))
    bright[::2, ..., :2] = 1.0
    bright[1::2, ..., 2:] = 1.0
    return np.clip(bright * 200 + random.normal(20, 8, bright.shape), 0, 255).astype(np.uint8)


class Pixels(Processor):
    """Images as they are."""

    kind, takes, gives, store = "pixels", "image", "pixels", "image_store"

    size = "4 x 4 pixels"

    @property
    def shape(self) -> ImageShape:
        return SHAPE

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(items)

    def cost(self, encoded: np.ndarray) -> int:
        return 1

    def collate(self, items: Sequence[np.ndarray], *, samples=None, epoch: int = 0) -> ImageBatch:
        numbers = torch.arange(len(items)) if samples is None else torch.tensor(samples)
        return ImageBatch(pixels_BCHW=torch.from_numpy(np.stack(items)), sample_B=numbers, epoch=epoch)

    def save(self, folder: Path) -> None:
        (folder / "pixels.json").write_text("{}")

    @classmethod
    def load(cls, folder: Path) -> Pixels:
        return cls()


class Images(EpochBatches):
    """Every epoch every image once, in random order."""

    unit: ClassVar[str] = ImageBatch.unit

    def __init__(self, pixels: np.ndarray, size: int, seed: int = 0) -> None:
        super().__init__(seed)
        self.pixels, self.size = pixels, size
        self.per_epoch, self.units_per_epoch = len(pixels) // size, len(pixels)

    def plan(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self.seed, epoch)).permutation(len(self.pixels))

    def batch(self, plan: np.ndarray, index: int, epoch: int) -> ImageBatch:
        rows = plan[index * self.size : (index + 1) * self.size]
        return Pixels().collate(list(self.pixels[rows]), samples=rows.tolist(), epoch=epoch)


class Dense(Backbone):
    """A fully connected image encoder; `maps` holds the image as it entered."""

    reads = "document"

    def __init__(self, shape: ImageShape, width: int = 16) -> None:
        super().__init__()
        self.width, self.depth = width, 1
        self.hidden = nn.Linear(shape.channels * shape.height * shape.width, width)
        self.out = nn.Linear(width, width)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        return self.encode(batch.pixels_BCHW.float() / 255)

    def encode(self, image_BCHW: Tensor) -> Features:
        return Features(pooled_BD=self.out(F.relu(self.hidden(image_BCHW.flatten(1)))), maps=(image_BCHW,))

    def groups(self) -> list[list[nn.Parameter]]:
        return [list(self.hidden.parameters()), list(self.out.parameters())]


class Adversary(Objective):
    """A GAN: the backbone with an output is the critic, the generator belongs to the objective."""

    phases = ("critic", "generator")

    def __init__(self, backbone: Dense, noise: int = 4) -> None:
        super().__init__()
        self.verdict = nn.Linear(backbone.width, 1)
        self.generator = nn.Sequential(nn.Linear(noise, 16), nn.ReLU(), nn.Linear(16, 16), nn.Sigmoid())
        self.noise = noise

    def corrupt(self, batch: ImageBatch, random: KeyedRandom, *, progress=0.0, training=True) -> ImageBatch:
        """Add the noise that fake images of this batch are made from."""
        place = np.arange(self.noise)[None, :]
        noise_BK = random.uniform("gan.noise", np.repeat(batch.sample_B.numpy()[:, None], self.noise, 1), place)
        noise = torch.from_numpy((2 * noise_BK - 1).astype(np.float32))
        return dataclasses.replace(batch, extra={**batch.extra, "noise_BK": noise})

    def forward(self, backbone: Dense, batch: ImageBatch, phase: str = "critic") -> Loss:
        fake = self.generator(batch.extra["noise_BK"]).reshape(-1, 1, 4, 4)
        if phase == "generator":
            judged = self.verdict(backbone.encode(fake).pooled_BD)
            return Loss.of(F.softplus(-judged).sum(), batch.size)
        real = self.verdict(backbone(batch).pooled_BD)
        judged = self.verdict(backbone.encode(fake.detach()).pooled_BD)
        return Loss(
            {"real": Term(F.softplus(-real).sum(), batch.size), "fake": Term(F.softplus(judged).sum(), batch.size)}
        )

    def layers(self, backbone: Dense, phase: str) -> list[list[nn.Parameter]]:
        if phase == "critic":
            return [*backbone.groups(), list(self.verdict.parameters())]
        return [list(self.generator.parameters())]

    def sample(self, backbone: Dense, count: int, random: KeyedRandom) -> ImageBatch:
        noise_BK = random.uniform("gan.sample", np.arange(count)[:, None].repeat(self.noise, 1), np.arange(self.noise))
        with torch.no_grad():
            fake = self.generator(torch.from_numpy((2 * noise_BK - 1).astype(np.float32)))
        pixels = (255 * fake).round().to(torch.uint8).reshape(-1, 1, 4, 4)
        return ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(count))


@dataclass(frozen=True, kw_only=True)
class PairBatch(Batch):
    """An image and a text for each sample: two batches under one number."""

    image: ImageBatch
    text: TokenBatch
    unit: ClassVar[str] = "pairs"

    @property
    def units(self) -> int:
        return self.size

    @property
    def device(self) -> torch.device:
        return self.image.device


class Towers(Backbone):
    """Two networks of one width, one for each side of a pair."""

    reads = "document"

    def __init__(self, image: Dense, text: Backbone) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.width, self.depth = image.width, 1

    def forward(self, batch: PairBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Return both sides as `maps`: image vectors, text vectors, [B, D] each."""
        sides = (self.image(batch.image).pooled_BD, self.text(batch.text).pooled_BD)
        return Features(pooled_BD=sides[0], maps=sides)

    def groups(self) -> list[list[nn.Parameter]]:
        return [*self.image.groups(), *self.text.groups()]


class Match(Objective):
    """Recognise the text of an image among those of the batch, and the other way round (CLIP, arXiv:2103.00020)."""

    alone, fewest = False, 2

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = temperature

    def corrupt(self, batch: PairBatch, random: KeyedRandom, *, progress=0.0, training=True) -> PairBatch:
        return batch

    def forward(self, backbone: Towers, batch: PairBatch) -> Loss:
        image_BD, text_BD = (F.normalize(side, dim=-1) for side in backbone(batch).maps)
        logits_BB, own_B = image_BD @ text_BD.T / self.temperature, torch.arange(batch.size)
        total = F.cross_entropy(logits_BB, own_B, reduction="sum") + F.cross_entropy(
            logits_BB.T, own_B, reduction="sum"
        )
        return Loss.of(total, 2 * batch.size, {"recognised": (logits_BB.argmax(1) == own_B).double().mean()})


class Pairs(EpochBatches):
    """Bright halves of images with the word for the half."""

    unit: ClassVar[str] = PairBatch.unit

    def __init__(self, size: int = 2) -> None:
        super().__init__(0)
        self.images, self.size = blobs(64), size
        self.per_epoch, self.units_per_epoch = 64 // size, 64

    def plan(self, epoch: int) -> None:
        return None

    def batch(self, plan: None, index: int, epoch: int) -> PairBatch:
        rows = np.arange(index * self.size, (index + 1) * self.size)
        image = Pixels().collate(list(self.images[rows]), samples=rows.tolist(), epoch=epoch)
        text = make_batch([[1 + row % 2] for row in rows.tolist()], samples=rows.tolist(), epoch=epoch)
        return PairBatch(sample_B=image.sample_B, epoch=epoch, image=image, text=text)


class Codes(Processor):
    """Images to tokens by a trained network: the nearest vector of a codebook for each 2 x 2 patch (VQ-VAE).

    The network travels as plain tensors, so that nothing above the processors is imported.
    """

    kind, takes, gives, store = "codes", "image", "tokens", "token_store"

    def __init__(self, patch_DP: Tensor, codebook_VD: Tensor) -> None:
        self.patch_DP, self.codebook_VD = patch_DP, codebook_VD

    @property
    def shape(self) -> TokenShape:
        return TokenShape(len(self.codebook_VD))

    @property
    def size(self) -> str:
        return f"{len(self.codebook_VD)} codes"

    def cost(self, encoded: np.ndarray) -> int:
        return len(encoded)

    def encode(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return int64 codes [4] for each uint8 image [1, 4, 4]."""
        pixels = torch.from_numpy(np.stack(images)).float() / 255
        patches_BNP = F.unfold(pixels, 2, stride=2).mT
        return list(torch.cdist(patches_BNP @ self.patch_DP.T, self.codebook_VD[None]).argmin(-1).numpy())

    def collate(self, items: Sequence[np.ndarray], *, samples=None, epoch: int = 0) -> TokenBatch:
        return make_batch(list(items), samples=samples, epoch=epoch)

    def save(self, folder: Path) -> None:
        save_file({"patch": self.patch_DP.contiguous(), "codebook": self.codebook_VD.contiguous()}, folder / "codes.st")

    @classmethod
    def load(cls, folder: Path) -> Codes:
        tensors = load_file(folder / "codes.st")
        return cls(tensors["patch"], tensors["codebook"])


def box_targets(boxes: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """Return a varying number of boxes per image as ragged targets: all boxes end to end, and how many of each image.

    boxes: B arrays [n, 4]. A name that ends in `_M` holds one row per box; `boxes_B` says whose they are.
    """
    return {
        "box_M4": torch.from_numpy(np.concatenate(boxes).astype(np.float32)),
        "boxes_B": torch.tensor([len(one) for one in boxes]),
    }


class Boxes(Objective):
    """Find the boxes of an image: each box is predicted from the image and its number; absent ones cost nothing."""

    def __init__(self, backbone: Dense, most: int = 3) -> None:
        super().__init__()
        self.out = nn.Linear(backbone.width, 4 * most)
        self.most = most

    def corrupt(self, batch: ImageBatch, random: KeyedRandom, *, progress=0.0, training=True) -> ImageBatch:
        return batch

    def forward(self, backbone: Dense, batch: ImageBatch) -> Loss:
        found_BK4 = self.out(backbone(batch).pooled_BD).reshape(batch.size, self.most, 4)
        count_B = batch.extra["boxes_B"]
        image_M = torch.repeat_interleave(torch.arange(batch.size), count_B)
        number_M = torch.arange(len(image_M)) - (count_B.cumsum(0) - count_B)[image_M]  # place of a box in its image
        total = (found_BK4[image_M, number_M] - batch.extra["box_M4"]).square().sum()
        return Loss.of(total, len(image_M))

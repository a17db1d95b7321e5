"""What unseen images cost a causal language model over their ids, in bits per pixel of the small square it reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.language_models.bits_per_byte import LanguageModel, bootstrap_ratio
from headstart.language_models.pictures import corpus_of_images, need_image_tokenizer
from headstart.training.pretrained_model import PretrainedModel


@dataclass(frozen=True)
class PictureScore:
    """bits_N: mean bits per id of each of N images, float64 [N]. ids: of an image. choices: ids that there are, without
    special tokens. alone: bits per id where each place of the image is guessed alone, from its shares among these same
    images: what a model gains beyond that, it has from the ids before. seed: of the interval.

    Bits count the ids, not what was lost on the way to them: they can be compared between models of one processor only.
    """

    bits_N: np.ndarray
    ids: int
    choices: int
    alone: float
    seed: int = 0

    @property
    def bits_per_pixel(self) -> float:
        """Mean bits of an id."""
        return float(self.bits_N.mean())

    def interval(self, share: float = 0.95) -> tuple[float, float]:
        """Return a bootstrap interval of the mean over the images (1,000 resamples)."""
        return bootstrap_ratio(self.bits_N, np.ones(len(self.bits_N)), self.seed, share)

    def summary(self) -> str:
        """Return one line per measure."""
        low, high = self.interval()
        return (
            f"bits per pixel: {self.bits_per_pixel:.4f} (95 % interval {low:.4f} to {high:.4f} over "
            f"{len(self.bits_N):,} images of {self.ids} ids)\n"
            f"every id alike: {math.log2(self.choices):.4f}; every place alone, from its shares in these images: "
            f"{self.alone:.4f}"
        )


def bits_per_pixel(
    pretrained: PretrainedModel, images: Iterable[ImageRef], *, tokens: int = 8_192, seed: int = 0
) -> PictureScore:
    """Return what unseen images cost a causal language model; every id is counted once, from left to right.

    Without a begin mark the first id costs ln V. Images that cannot be used are left out. tokens: read at a time. seed:
    of the interval. Raises HeadstartError: no causal language model, one of texts, no usable image.
    """
    model, tokenizer = LanguageModel(pretrained), need_image_tokenizer(pretrained)
    at_once, usable = max(1, tokens // (tokenizer.length + 1)), filter(tokenizer.usable, images)
    nats, seen = [], []
    while part := list(islice(usable, at_once)):
        encoded = tokenizer.encode(part)
        nats += _costs(model, encoded)
        seen += encoded
    if not seen:
        raise HeadstartError("no usable image to score")
    bits_N = np.array(nats) / (tokenizer.length * math.log(2))
    choices = tokenizer.vocabulary - len(tokenizer.special_ids)
    return PictureScore(bits_N, tokenizer.length, choices, _alone(np.stack(seen)), seed)


def score_image_files(
    pretrained: PretrainedModel, paths: Sequence[str], *, column: str | None = None, seed: int = 0
) -> PictureScore:
    """Return `bits_per_pixel` of the images of files and folders; column: of tables.

    Raises HeadstartError, see there; texts instead of images.
    """
    return bits_per_pixel(pretrained, corpus_of_images(paths, column).documents(), seed=seed)


def _costs(model: LanguageModel, encoded: list[np.ndarray]) -> list[float]:
    """Return the nats of each image."""
    whole = [np.concatenate([model.begin(), ids]) for ids in encoded]
    found, _ = model.costs([ids[:-1] for ids in whole], [ids[1:] for ids in whole])
    first = 0.0 if len(model.begin()) else math.log(model.processor.vocabulary)
    return [first + float(cost.sum()) for cost in found]


def _alone(ids_NT: np.ndarray) -> float:
    """Return the mean entropy of a place of the image in bits."""
    bits = []
    for ids_N in ids_NT.T:
        share = np.unique(ids_N, return_counts=True)[1] / len(ids_N)
        bits.append(-(share * np.log2(share)).sum())
    return float(np.mean(bits))

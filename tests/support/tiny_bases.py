"""Tiny bases and rows that the transfer tests share."""

from __future__ import annotations

import numpy as np
import torch
from small_parts import small

from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.core import registry
from headstart.core.examples import Examples, ImageRef
from headstart.core.shapes import TokenShape
from headstart.processors.ngram import NgramSpec
from headstart.training.pretrained_model import PretrainedModel

GOOD = ["lovely", "great", "warm", "clever", "moving", "superb"]
BAD = ["boring", "awful", "cold", "stupid", "flat", "dreadful"]
NOUNS = ["film", "story", "actor", "music", "ending", "scene", "script", "camera"]


def corpus(rows: int = 200) -> list[str]:
    """Return unlabelled documents in which words of one mood meet."""
    random = np.random.default_rng(0)
    moods = [GOOD, BAD]
    return [" ".join(f"{random.choice(moods[n % 2])} {random.choice(NOUNS)}" for _ in range(3)) for n in range(rows)]


def rows(count: int = 40, *, pairs: bool = False, seed: int = 1) -> Examples:
    """Return a balanced two-class task; of pairs, class 1 has two texts of one mood."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    first = [f"{random.choice((BAD, GOOD)[label])} {random.choice(NOUNS)} {random.choice(NOUNS)}" for label in labels]
    second = [f"{random.choice(GOOD)} {random.choice(NOUNS)}" for _ in labels] if pairs else None
    return Examples(first, second, labels.astype(np.int64), ("bad", "good"))


def bag_base() -> PretrainedModel:
    """Return a random bag encoder over character n-grams."""
    spec, tokenizer = NgramBagSpec(width=16, mlp_width=32), NgramSpec().train(corpus())
    return PretrainedModel(tokenizer, spec, spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))).fresh(0)


def pixel_base(images: list[ImageRef]) -> PretrainedModel:
    """Return a random small residual network for images like these."""
    processor = registry.load("processor", "pixels")().train(images)
    spec = registry.build_spec("backbone", {"name": "small_resnet", "width": 8})
    return PretrainedModel(processor, spec, spec.build(processor.shape)).fresh(0)


def stripes_base(images: list[ImageRef]) -> PretrainedModel:
    """Return a smaller one, a function of the seed of torch."""
    processor, spec = registry.load("processor", "pixels")().train(images), small("backbone", "small_resnet")
    torch.manual_seed(0)
    return PretrainedModel(processor, spec, spec.build(processor.shape))


def token_base(max_tokens: int = 64) -> PretrainedModel:
    """Return a random two-layer Transformer over characters."""
    tokenizer = registry.load("processor", "char")().train(corpus())
    sizes = {"width": 16, "depth": 2, "heads": 2, "mlp_width": 32, "max_tokens": max_tokens}
    spec = registry.build_spec("backbone", {"name": "modernbert", **sizes})
    return PretrainedModel(tokenizer, spec, spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))).fresh(0)


BASES = {"bag": bag_base, "tokens": token_base}

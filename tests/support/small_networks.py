"""Small random bases of every backbone and three-class rows, for the routes that train networks."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from small_parts import documents, small, small_tokenizer

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.shapes import TokenShape
from headstart.training.pretrained_model import PretrainedModel

BACKBONES = registry.names("backbone")


@cache
def base_of(name: str) -> PretrainedModel:
    """Return a small random network with the tokenizer that goes with it."""
    spec = small("backbone", name)
    tokenizer = small_tokenizer(spec.build(TokenShape(32, 0)).reads)
    torch.manual_seed(0)
    return PretrainedModel(tokenizer, spec, spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)))


def rows(count: int = 18, seed: int = 5) -> Examples:
    """Return documents of three topics."""
    return Examples(documents(count, seed), None, np.arange(count, dtype=np.int64) % 3, ("film", "food", "game"))

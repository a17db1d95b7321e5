"""Small random bases of every backbone and three-class rows, for the routes that train networks."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))

from small_parts import documents, small, small_tokenizer

from headstart.base import registry
from headstart.base.examples import Examples
from headstart.training.artefact import Artefact

BACKBONES = registry.names("backbone")


@cache
def base_of(name: str) -> Artefact:
    """Return a small random network with the tokenizer that goes with it."""
    spec = small("backbone", name)
    tokenizer = small_tokenizer(spec.build(32, 0).reads)
    torch.manual_seed(0)
    return Artefact(tokenizer, spec, spec.build(tokenizer.vocabulary, tokenizer.pad_id))


def rows(count: int = 18, seed: int = 5) -> Examples:
    """Return documents of three topics."""
    return Examples(documents(count, seed), None, np.arange(count, dtype=np.int64) % 3, ("film", "food", "game"))

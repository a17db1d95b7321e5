"""Small random bases of every backbone of texts and three-class rows, for the routes that train networks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from small_parts import documents, processor_for, small

from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.manifest import MANIFEST
from headstart.training.pretrained_model import PretrainedModel

BACKBONES = registry.fitting("backbone", batch="tokens")


@cache
def base_of(name: str) -> PretrainedModel:
    """Return a small random network with the tokenizer that goes with it."""
    spec = small("backbone", name)
    processor = processor_for(spec)
    torch.manual_seed(0)
    return PretrainedModel(processor, spec, spec.build(processor.shape))


def rows(count: int = 18, seed: int = 5) -> Examples:
    """Return documents of three topics."""
    return Examples(documents(count, seed), None, np.arange(count, dtype=np.int64) % 3, ("film", "food", "game"))


def bert_of_others(folder: Path) -> Path:
    """Write the small BERT as transformers does and return the folder; somebody else's model has no manifest."""
    registry.load("export", "hf")().write(base_of("bert").exportable(), folder)
    (folder / MANIFEST).unlink()
    return folder

"""Which layer of a network of images reads best: a probe on the frozen vectors of every layer, and of the readout.

Alain and Bengio 2016 (arXiv:1610.01644). Of generative networks the middle layers read best (image GPT: Chen et al.
2020, figure 2), so that a probe of the last one says little about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.data.batches import by_length
from headstart.fitting.checks import labels_of
from headstart.fitting.linear import fit_once
from headstart.fitting.time_budget import Clock
from headstart.nn.pooling import pool
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.transform import VectorTransform

READOUT = -1  # the layer that stands for what routes read: the last one, or the network's own vector
_HELD, _LEAST_HELD = 1_000, 50  # rows held out, and where there are not so many, at least
_DRAWS = 5
_STRENGTH = 1.0  # the default of route probe
_BATCH, _TRIED = 8_192, 64  # cost of a batch, see `Processor.cost`; rows that time is estimated from


@dataclass(frozen=True)
class LayerScore:
    """mean: accuracy on held-out rows over the draws; low, high: the worst and the best draw. layer: 0 is what enters
    the first one (pixels, embeddings), `READOUT` what routes read."""

    layer: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerScores:
    """labels, held: rows that each probe learns from and is scored on. scores: `READOUT` first, then by depth."""

    labels: int
    held: int
    scores: tuple[LayerScore, ...]


def probe_layers(
    base: PretrainedModel, examples: Examples, *, labels: int, seed: int, seconds: float | None = None
) -> LayerScores | None:
    """Score every layer on draws of labelled rows; no test row is used.

    labels: rows to learn from, at most half of what is there. None where there are too few rows to hold some out, or
    where the rows would not be embedded within `seconds`. Raises HeadstartError: no labels.
    """
    labels_N = labels_of(examples)
    random = numpy_generator(seed, "layers")
    rows = random.permutation(len(examples))[: labels + _HELD]
    labels = min(labels, len(rows) // 2)
    if len(rows) - labels < _LEAST_HELD or len(np.unique(labels_N[rows])) < 2:
        return None
    clock = Clock(None)
    _embedded(base, examples.take(rows[:_TRIED]))
    if seconds is not None and clock.used * len(rows) / min(len(rows), _TRIED) > seconds:
        return None
    target_N, draws = labels_N[rows], [random.permutation(len(rows)) for _ in range(_DRAWS)]
    scores = []
    for layer, vectors_ND in _embedded(base, examples.take(rows)).items():
        features_ND = VectorTransform.standardising(vectors_ND, "training rows").apply(vectors_ND)
        right = []
        for order in draws:
            learn, held = order[:labels], order[labels:]
            model = fit_once(features_ND[learn], target_N[learn], len(examples.classes), strength=_STRENGTH)
            right.append(float((model.predict_proba(features_ND[held]).argmax(1) == target_N[held]).mean()))
        scores.append(LayerScore(layer, float(np.mean(right)), min(right), max(right)))
    return LayerScores(labels, len(rows) - labels, tuple(scores))


@torch.no_grad()
def _embedded(base: PretrainedModel, examples: Examples) -> dict[int, np.ndarray]:
    """Return the vectors of images by layer, float32 [N, D], all from one pass through the network."""
    backbone, processor = base.backbone, base.processor
    backbone.eval()
    device, how = next(backbone.parameters()).device, base.pooling or "mean"
    pieces = [
        processor.windows(one, base.max_length)[0] for one in processor.encode(examples.items)
    ]  # images are whole
    found: dict[int, list[np.ndarray]] = {}
    order = []
    for some in by_length(np.array([processor.cost(piece) for piece in pieces]), _BATCH):
        order.append(some)
        batch = processor.collate([pieces[place] for place in some], samples=some).to(device)
        features = backbone(batch, layers=True)
        for layer in range(READOUT, len(features.layers)):
            found.setdefault(layer, []).append(pool(features, how, layer).float().cpu().numpy())
    back = np.argsort(np.concatenate(order))
    return {layer: np.concatenate(parts)[back] for layer, parts in found.items()}

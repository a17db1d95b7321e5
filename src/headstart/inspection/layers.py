"""Which layer of a network of images reads best: a probe on the frozen vectors of every layer, and of the readout.

Alain and Bengio 2016 (arXiv:1610.01644). Of generative networks the middle layers read best (image GPT: Chen et al.
2020, figure 2), so that a probe of the last one says little about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.examples import Examples
from headstart.core.seeds import numpy_generator
from headstart.fitting.checks import labels_of
from headstart.fitting.linear import fit_once
from headstart.fitting.time_budget import Clock
from headstart.training.pretrained_model import PretrainedModel
from headstart.vectors.transform import VectorTransform

READOUT = -1  # the layer that stands for what routes read: the last one, or the network's own vector
_HELD, _LEAST_HELD = 1_000, 50  # rows held out, and where there are not so many, at least
_DRAWS = 5
_STRENGTH = 1.0  # the default of route probe
_TRIED = 64  # rows that time is estimated from


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
    readouts = [(layer, "auto") for layer in range(READOUT, base.backbone.depth + 1)]
    base.read(examples.take(rows[:_TRIED]).items, readouts)
    if seconds is not None and clock.used * len(rows) / min(len(rows), _TRIED) > seconds:
        return None
    target_N, draws = labels_N[rows], [random.permutation(len(rows)) for _ in range(_DRAWS)]
    scores = []
    for (layer, _), vectors_ND in zip(readouts, base.read(examples.take(rows).items, readouts)):
        features_ND = VectorTransform.standardising(vectors_ND, "training rows").apply(vectors_ND)
        right = []
        for order in draws:
            learn, held = order[:labels], order[labels:]
            model = fit_once(features_ND[learn], target_N[learn], len(examples.classes), strength=_STRENGTH)
            right.append(float((model.predict_proba(features_ND[held]).argmax(1) == target_N[held]).mean()))
        scores.append(LayerScore(layer, float(np.mean(right)), min(right), max(right)))
    return LayerScores(labels, len(rows) - labels, tuple(scores))

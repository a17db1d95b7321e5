"""Regularisation of every route that trains a network: label smoothing, mixup, dropout, augmentation, patience ..."""

from __future__ import annotations

import math
from dataclasses import dataclass

from headstart.core.errors import HeadstartError
from headstart.core.spec import OptimizerSpec
from headstart.images.policy import UNCHANGED, Augment
from headstart.training.optimizers.adamw import DEFAULT


@dataclass(frozen=True, kw_only=True)
class Regularisation:
    """Settings of `Supervised` and `fit_best`; everything is off by default.

    optimizer: see `headstart list optimizer`. label_smoothing: share of each target that lies evenly on all classes
    (Szegedy et al. 2016, arXiv:1512.00567). mixup: alpha of the Beta(alpha, alpha) by which the vectors of two rows and
    their targets are mixed (Zhang et al. 2018, arXiv:1710.09412; of sentence vectors: Guo et al. 2019,
    arXiv:1905.08941). dropout: share of the last layer's input that is zeroed in training (Srivastava et al. 2014).
    word_dropout: share of tokens hidden in training (Iyyer et al. 2015, section 3.1). augment: how training images are
    changed, see `Augment` (augment.shift, augment.flip ...). patience: looks without a lower
    loss on held-out rows (a fifth of the training rows) after which a stage ends, with the weights of the best look;
    one look is an epoch or a twentieth of the steps, whichever is longer; 0 = off.
    """

    optimizer: OptimizerSpec = DEFAULT
    label_smoothing: float = 0.0
    mixup: float = 0.0
    dropout: float = 0.0
    word_dropout: float = 0.0
    augment: Augment = UNCHANGED
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("label_smoothing", "dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise HeadstartError(f"{name}={getattr(self, name)}: must be at least 0 and below 1")
        for name in ("mixup", "patience"):
            if not 0 <= getattr(self, name) < math.inf:
                raise HeadstartError(f"{name}={getattr(self, name)}: must be at least 0")

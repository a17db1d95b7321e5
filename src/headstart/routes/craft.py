"""Training craft of every route that trains a network: the optimizer, and what keeps it from overfitting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Objective
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import OptimizerSpec
from headstart.data.batches import Source
from headstart.routes.choose import folds_of, units_of
from headstart.training.events import Event
from headstart.training.loop import FitResult, Stop, fit
from headstart.training.optimizers.adamw import USUAL
from headstart.training.plan import TrainPlan

MOST_LOOKS = 20  # at held-out rows in one stage of training: an epoch of few rows is a single step
ENOUGH = "no better on held-out rows"


@dataclass(frozen=True, kw_only=True)
class Craft:
    """What `Supervised` and `fit_best` do beside the plain loss; all is off at first.

    optimizer: what moves the weights. label_smoothing: share of each target that lies evenly on all classes (Szegedy et
    al. 2016, arXiv:1512.00567). mixup: alpha of the Beta(alpha, alpha) by which the vectors of two rows and their
    targets are mixed (Zhang et al. 2018, arXiv:1710.09412; of sentence vectors: Guo et al. 2019, arXiv:1905.08941).
    dropout: share of the last layer's input that is zeroed in training (Srivastava et al. 2014). word_dropout: share of
    tokens hidden in training (Iyyer et al. 2015, section 3.1). patience: looks without a lower loss on held-out rows (a
    fifth of the training rows) after which a stage ends, with the weights of the best look; one look is an epoch or a
    twentieth of the steps, whichever is longer; 0 = off.
    """

    optimizer: OptimizerSpec = USUAL
    label_smoothing: float = 0.0
    mixup: float = 0.0
    dropout: float = 0.0
    word_dropout: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("label_smoothing", "dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise HeadstartError(f"{name}={getattr(self, name)}: must be at least 0 and below 1")
        for name in ("mixup", "patience"):
            if not 0 <= getattr(self, name) < math.inf:
                raise HeadstartError(f"{name}={getattr(self, name)}: must be at least 0")


def hold_out(examples: Examples, chosen: np.ndarray, patience: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows to learn from, rows to stop by) of the chosen ones; the latter are none without patience.

    Groups stay whole and classes spread evenly, see `folds_of`; where that leaves no row to hold out, none is.
    """
    none = np.zeros(0, np.int64)
    if not patience:
        return chosen, none
    asked = examples.take(chosen)
    learn, held = next(iter(folds_of(asked, seed=seed)), (none, none))
    # A fold looks at some thousand rows; the others are learned from too, unless their group is held out.
    others, units = np.setdiff1d(np.arange(len(asked)), np.concatenate([learn, held])), units_of(asked)
    if units is not None:
        taken = {units[row] for row in held}
        split = np.array([units[row] in taken for row in others], bool)
        if asked.labels is not None:  # a class that is in one group alone has to be learned all the same
            split &= np.isin(asked.labels[others], asked.labels[learn])
        others = others[~split]
    return chosen[np.sort(np.concatenate([learn, others]))], chosen[held]


def fit_best(
    objective: Objective, backbone: Backbone, batches: Source, plan: TrainPlan, held: Sequence[Batch], patience: int
) -> FitResult:
    """Train as `fit`; with held-out batches end early and keep the weights that did best on them.

    They are scored at the start, every `plan.evaluate_steps` and at the end. `stopped` is ENOUGH where patience ended.
    """
    if not held:
        return fit(objective, backbone, batches, plan)
    best = _Best((objective, backbone), patience)
    result = fit(objective, backbone, batches, plan, [best], held_out=held, stop=best.stop)
    best.restore()
    return result


class _Best:
    """A listener that keeps the weights of the lowest held-out loss and asks to stop when it no longer falls."""

    def __init__(self, modules: Sequence[nn.Module], patience: int) -> None:
        self.modules, self.patience, self.stop = modules, patience, Stop()
        self.loss, self.waited = math.inf, 0
        self.weights: list[dict[str, Tensor]] = []

    def __call__(self, event: Event) -> None:
        """See `Listener`."""
        if event.kind != "evaluation":
            return
        if event.loss < self.loss:
            self.loss, self.waited = event.loss, 0
            self.weights = [{name: t.clone() for name, t in part.state_dict().items()} for part in self.modules]
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.stop.requested, self.stop.reason = True, ENOUGH

    def restore(self) -> None:
        """Put the best weights back."""
        for part, weights in zip(self.modules, self.weights):
            part.load_state_dict(weights)

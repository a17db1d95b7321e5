"""Early stopping on held-out rows: a fit that ends when the held-out loss no longer falls keeps its best weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Objective
from headstart.core.examples import Examples
from headstart.data.batches import BatchSource
from headstart.fitting.model_selection import folds_of, units_of
from headstart.training.events import Event
from headstart.training.loop import FitResult, Stop, fit, start_state
from headstart.training.plan import TrainPlan

MOST_LOOKS = 20  # evaluations on held-out rows in one stage of training: an epoch of few rows is a single step
ENOUGH = "no better on held-out rows"


def hold_out(examples: Examples, chosen: np.ndarray, patience: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows to train on, held-out rows) of the chosen rows, positions in `examples`.

    No row is held out when `patience` is 0 or when whole groups and evenly spread classes (see `folds_of`) leave none.
    """
    none = np.zeros(0, np.int64)
    if not patience:
        return chosen, none
    asked = examples.take(chosen)
    learn, held = next(iter(folds_of(asked, seed=seed)), (none, none))
    # A fold uses at most MOST_ROWS rows; the other rows are trained on too, unless their group is held out.
    others, units = np.setdiff1d(np.arange(len(asked)), np.concatenate([learn, held])), units_of(asked)
    if units is not None:
        taken = {units[row] for row in held}
        split = np.array([units[row] in taken for row in others], bool)
        if asked.labels is not None:  # a class that occurs in one group only must stay among the training rows
            split &= np.isin(asked.labels[others], asked.labels[learn])
        others = others[~split]
    return chosen[np.sort(np.concatenate([learn, others]))], chosen[held]


def fit_best(
    objective: Objective,
    backbone: Backbone,
    batches: BatchSource,
    plan: TrainPlan,
    held: Sequence[Batch],
    patience: int,
) -> FitResult:
    """Train as `fit`; with held-out batches stop early and keep the weights with the lowest held-out loss.

    The held-out loss is computed at the start, every `plan.evaluate_steps` and at the end. `FitResult.stopped` is
    ENOUGH when `patience` evaluations in a row brought no lower loss.
    """
    if not held:
        return fit(start_state(objective, backbone, plan), batches, plan)
    best = _Best((objective, backbone), patience)
    result = fit(start_state(objective, backbone, plan), batches, plan, [best], held_out=held, stop=best.stop)
    best.restore()
    return result


class _Best:
    """A listener that keeps the weights of the lowest held-out loss and asks the loop to stop when the loss stalls."""

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

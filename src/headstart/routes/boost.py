"""Boosting: one route fitted in rounds on resamples that favour misclassified rows (SAMME, Zhu et al. 2009).

Strong members classify all their training rows correctly, which would end AdaBoost at once. Only held-out rows count
here: the first fit is judged by cross-validation, a later fit on the rows that its resample left out, and only judged
rows change their weight. How many rounds are kept is chosen by `fitting/model_selection.py`, whose default is a
single fit: where boosting does not clearly help on held-out rows, the route is its plain member.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.ensemble import EnsembleModel, Repeated, Resampler, fit_member, held_out_scores, were_cut
from headstart.fitting.model_selection import FOLDS, nearest_good
from headstart.fitting.time_budget import CUT, Clock

_MOST_SAY = 4.0  # largest weight of one fit: a fit without held-out errors would otherwise outweigh all others


@dataclass(frozen=True, kw_only=True)
class Boost(Repeated, RouteSpec):
    """member: the route; count: most fits that the ensemble may hold."""

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit up to `count` rounds, fewer where the time ends. Raises HeadstartError: rows, labels, member."""
        (spec,), _ = self.able(examples, workspace)
        clock = Clock(seconds, self.count + FOLDS)
        first = fit_member(spec, examples, workspace, seed, clock)
        rounds = _Rounds(examples, first, held_out_scores(spec, examples, workspace, seed, clock))
        while rounds.going and len(rounds.models) < self.count and clock.more:
            bag, out_N = rounds.draw(seed)
            model = spec.run(bag, workspace, seed=seed, seconds=clock.part())
            rounds.add(model, np.flatnonzero(out_N))
        kept = rounds.worth_keeping()
        notes = {"member": self.member, "fits": kept, "fits_tried": len(rounds.models)}
        notes[CUT] = (rounds.going and len(rounds.models) < self.count) or were_cut(rounds.models)
        members = [(spec, model) for model in rounds.models[:kept]]
        return EnsembleModel(members, np.array(rounds.say[:kept]), "average", examples.classes, notes)


class _Rounds:
    """The fits and their weights, the weights of the rows, and the answers to held-out rows after each round."""

    def __init__(self, examples: Examples, first: TaskModel, judged_NC: np.ndarray):
        self.examples, self.resampler = examples, Resampler(examples)
        self.classes = len(np.unique(examples.labels))  # classes without a row are never predicted
        self.models: list[TaskModel] = []
        self.say: list[float] = []
        self.told = [np.zeros_like(judged_NC)]
        self.weight_N = np.ones(len(examples))
        self.going = True
        rows = np.flatnonzero(np.isfinite(judged_NC).all(axis=1))
        self._keep(first, rows, judged_NC[rows])

    def draw(self, seed: int) -> tuple[Examples, np.ndarray]:
        """Return the next resample and the rows left out of it; the weight of a unit is the mean weight of its rows."""
        rows_U = np.bincount(self.resampler.unit_N)
        weight_U = np.bincount(self.resampler.unit_N, self.weight_N) / rows_U
        return self.resampler.draw(weight_U, seed, "boost", len(self.models))

    def add(self, model: TaskModel, out: np.ndarray) -> None:
        """Judge a fit on the rows at positions `out`; keep it if it is better than chance there."""
        self._keep(model, out, model.predict_proba(self.examples.take(out)))

    def _keep(self, model: TaskModel, rows: np.ndarray, scores_MC: np.ndarray) -> None:
        wrong_M = scores_MC.argmax(axis=1) != self.examples.labels[rows]
        error = float(self.weight_N[rows] @ wrong_M / self.weight_N[rows].sum()) if len(rows) else 1.0
        say = np.log(max(1 - error, 1e-9) / max(error, 1e-9)) + np.log(max(self.classes - 1, 1))
        self.going = say > 0 and error > 0
        if say <= 0 and self.models:
            return
        say = float(np.clip(say, 1.0 / _MOST_SAY, _MOST_SAY))
        self.weight_N[rows[wrong_M]] *= np.exp(say)
        told_NC = self.told[-1].copy()
        told_NC[rows] += say * scores_MC
        self.models.append(model)
        self.say.append(say)
        self.told.append(told_NC)

    def worth_keeping(self) -> int:
        """Return the number of fits to keep."""
        judged = self.told[1].any(axis=1)
        if not judged.any():
            return 1
        right_MS = np.stack([told_NC[judged].argmax(axis=1) for told_NC in self.told[1:]], axis=1)
        return 1 + nearest_good(right_MS == self.examples.labels[judged][:, None], 0)

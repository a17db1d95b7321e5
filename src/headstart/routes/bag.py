"""Bagging: one route on bootstrap resamples of the labelled rows, probabilities averaged (Breiman 1996)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.ensemble import EnsembleModel, Repeated, Resampler, were_cut
from headstart.fitting.time_budget import CUT, Clock


@dataclass(frozen=True, kw_only=True)
class Bag(Repeated, RouteSpec):
    """member: the route; count: resamples. The notes hold the out-of-bag accuracy: each row is judged by the fits that
    did not see it, an estimate of accuracy without a test set."""

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit `count` resamples, fewer where the time ends. Raises HeadstartError: rows, labels, member."""
        (spec,), _ = self.able(examples, workspace)
        clock, resampler, models = Clock(seconds, self.count), Resampler(examples), []
        judged_NC = np.zeros((len(examples), len(examples.classes)))
        while len(models) < self.count and (not models or clock.more):
            bag, out_N = resampler.draw(np.ones(resampler.units), seed, "bag", len(models))
            model = spec.run(bag, workspace, seed=seed, seconds=clock.part())
            judged_NC[out_N] += model.predict_proba(examples.take(np.flatnonzero(out_N)))
            models.append(model)
        judged = judged_NC.any(axis=1)
        right = judged_NC[judged].argmax(axis=1) == examples.labels[judged]
        notes = {"member": self.member, "fits": len(models), "out_of_bag_rows": int(judged.sum())}
        notes["out_of_bag_accuracy"] = round(float(right.mean()), 4) if judged.any() else None
        notes[CUT] = len(models) < self.count or were_cut(models)
        return EnsembleModel.alike(spec, models, examples.classes, notes)

"""Stacking: the weight of each member is learned from its answers to held-out rows (Wolpert 1992).

One weight per member, on log-probabilities: 16 rows allow no more. The weights are non-negative (Breiman 1996, "Stacked
regressions"), with a weak prior that the first member has all the weight. Measured (probe, tfidf_svm, ppmi_logreg; 16,
64, 256, 1,000 labels) against the probe: subjectivity, 5 draws, -.003, +.001, +.004, +.010; with a prior of equal
weights -.014, .000, +.004, +.011; the plain mean -.026, -.015, -.002, +.013 (4 draws).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.ensemble import EnsembleModel, Several, fit_member, held_out_scores, pooled, were_cut
from headstart.fitting.model_selection import FOLDS, folds_of
from headstart.fitting.time_budget import CUT, Clock

_PRIOR = 3.0  # penalty per squared distance of the weights from the prior, added to the summed log-loss of the rows


@dataclass(frozen=True, kw_only=True)
class Stacking(Several, RouteSpec):
    """members: routes to be weighted, the most trusted first; the notes hold their weights."""

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit every member on all rows and in cross-validation; the weights use the rows that all members answered.

        Raises HeadstartError: no rows or labels, a member that cannot run.
        """
        specs, left_out = self.able(examples, workspace)
        clock = Clock(seconds, len(specs) * (FOLDS + 1))
        members = [(spec, fit_member(spec, examples, workspace, seed, clock)) for spec in specs]
        held_out = np.stack([held_out_scores(spec, examples, workspace, seed, clock) for spec in specs])
        weight_M = weights(held_out, examples.labels)
        judged, judgeable = np.isfinite(held_out).all(axis=(0, 2)).sum(), folds_of(examples, seed=seed)
        notes = {"left_out": left_out, "held_out_rows": int(judged)}
        notes[CUT] = judged < sum(len(held) for _, held in judgeable) or were_cut(model for _, model in members)
        notes["weights"] = [[spec.name, round(float(weight), 3)] for spec, weight in zip(specs, weight_M)]
        return EnsembleModel(members, weight_M, "log", examples.classes, notes)


def weights(scores_MNC: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """Return the weights [M] of the log pool with the least penalised log-loss; rows with NaN are ignored."""
    rows = np.flatnonzero(np.isfinite(scores_MNC).all(axis=(0, 2)))
    scores_MNC, truth_N = scores_MNC[:, rows], labels_N[rows]
    first_M = np.eye(len(scores_MNC))[0]

    def loss(weight_M: np.ndarray) -> float:
        told_N = pooled(scores_MNC, weight_M, "log")[np.arange(len(truth_N)), truth_N]
        return float(-np.log(np.maximum(told_N, 1e-12)).sum() + _PRIOR * ((weight_M - first_M) ** 2).sum())

    return minimize(loss, first_M, bounds=[(0.0, None)] * len(first_M)).x

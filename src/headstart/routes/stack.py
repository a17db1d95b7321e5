"""Stacking: how much each member counts is learned from its answers to held-out rows (Wolpert 1992).

One weight per member, on log-probabilities: with 16 rows nothing more can be learned. The weights are not negative
(Breiman 1996, "Stacked regressions") and are pulled softly to the first member alone, which is trusted until held-out
rows say otherwise. Measured (probe, tfidf_svm, ppmi_logreg; 16, 64, 256, 1,000 labels) against the probe: subjectivity,
5 draws, -.003, +.001, +.004, +.010; pulled to equal shares instead -.014, .000, +.004, +.011; the plain mean -.026,
-.015, -.002, +.013 (4 draws).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.choose import FOLDS, folds_of
from headstart.routes.clock import CUT, Clock
from headstart.routes.ensemble import EnsembleModel, Several, fit_member, held_out_scores, pooled, were_cut
from headstart.routes.workspace import Workspace

_PRIOR = 3.0  # times the squared distance to the first member alone is added to the sum of the rows' log-losses


@dataclass(frozen=True, kw_only=True)
class Stack(Several, RouteSpec):
    """members: routes that are weighed, the one to be trusted without evidence first; notes tell their weights."""

    def run(
        self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit every member on all rows and in cross-validation; rows that all were judged on before time ends decide.

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
    """Return the weights [M] of the log pool with the least penalised log-loss; rows with NaN are not looked at."""
    rows = np.flatnonzero(np.isfinite(scores_MNC).all(axis=(0, 2)))
    scores_MNC, truth_N = scores_MNC[:, rows], labels_N[rows]
    first_M = np.eye(len(scores_MNC))[0]

    def loss(weight_M: np.ndarray) -> float:
        told_N = pooled(scores_MNC, weight_M, "log")[np.arange(len(truth_N)), truth_N]
        return float(-np.log(np.maximum(told_N, 1e-12)).sum() + _PRIOR * ((weight_M - first_M) ** 2).sum())

    return minimize(loss, first_M, bounds=[(0.0, None)] * len(first_M)).x

"""Voting: probabilities of several routes averaged, or one vote per route (Kittler et al. 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headstart.core.examples import Examples
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.ensemble import EnsembleModel, Several, fit_member, were_cut
from headstart.fitting.time_budget import CUT, Clock


@dataclass(frozen=True, kw_only=True)
class Vote(Several, RouteSpec):
    """members: routes that vote; how: mean probability, or one vote each. A much weaker member lowers the result: the
    default members are routes on vectors of the corpus only; see `stack` for learned weights."""

    members: tuple[str, ...] = ("probe", "ppmi_logreg")
    how: Literal["average", "majority"] = "average"

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit every member on all rows. Raises HeadstartError: no rows or labels, a member that cannot run."""
        specs, left_out = self.able(examples, workspace)
        clock = Clock(seconds, len(specs))
        members = [(spec, fit_member(spec, examples, workspace, seed, clock)) for spec in specs]
        notes = {"members": [spec.name for spec in specs], "left_out": left_out}
        notes[CUT] = were_cut(model for _, model in members)
        return EnsembleModel(members, np.ones(len(members)), self.how, examples.classes, notes)

"""Voting: the members' probabilities averaged, or a vote of each for its best class (Kittler et al. 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.clock import CUT, Clock
from headstart.routes.ensemble import EnsembleModel, Several, fit_member, were_cut
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Vote(Several, RouteSpec):
    """members: routes that vote; how: mean probability, or one vote each. A member that is much weaker than the others
    costs a vote more than it gives, so only routes on vectors of the corpus are its own choice; `stack` weighs them."""

    members: tuple[str, ...] = ("probe", "ppmi_logreg")
    how: Literal["average", "majority"] = "average"

    def run(
        self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit every member on all rows. Raises HeadstartError: no rows or labels, a member that cannot run."""
        specs, left_out = self.able(examples, workspace)
        clock = Clock(seconds, len(specs))
        members = [(spec, fit_member(spec, examples, workspace, seed, clock)) for spec in specs]
        notes = {"members": [spec.name for spec in specs], "left_out": left_out}
        notes[CUT] = were_cut(model for _, model in members)
        return EnsembleModel(members, np.ones(len(members)), self.how, examples.classes, notes)

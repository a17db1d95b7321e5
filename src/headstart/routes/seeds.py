"""Deep ensemble: the same route fitted with several seeds, probabilities averaged (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.core.examples import Examples
from headstart.core.seeds import key
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.ensemble import EnsembleModel, Repeated, fit_member, were_cut
from headstart.fitting.time_budget import CUT, Clock

_ASKED = 200  # training rows on which the fits are compared


@dataclass(frozen=True, kw_only=True)
class Seeds(Repeated, RouteSpec):
    """member: a route with random draws; count: fits (5 suffice in the paper). The notes hold `spread`, the standard
    deviation of their probabilities on training rows; 0 means that the route does not depend on the seed."""

    member: str = "finetune"
    count: int = 5

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit with `count` seeds, fewer where the time ends. Raises HeadstartError: rows, labels, member."""
        (spec,), _ = self.able(examples, workspace)
        clock, models = Clock(seconds, self.count), []
        while len(models) < self.count and (not models or clock.more):
            own = seed if not models else int(key(seed, "seeds", len(models)) >> 33)
            models.append(fit_member(spec, examples, workspace, own, clock))
        notes = {"member": self.member, "fits": len(models)}
        scores_SNC = [model.predict_proba(examples.take(np.arange(min(len(examples), _ASKED)))) for model in models]
        notes["spread"] = round(float(np.std(scores_SNC, axis=0).mean()), 6)
        notes[CUT] = len(models) < self.count or were_cut(models)
        return EnsembleModel.alike(spec, models, examples.classes, notes)

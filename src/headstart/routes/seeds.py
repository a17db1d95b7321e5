"""Deep ensemble: the same route fitted with several seeds, probabilities averaged (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.base.examples import Examples
from headstart.base.seeds import key
from headstart.base.spec import RouteSpec
from headstart.routes.clock import CUT, Clock
from headstart.routes.ensemble import EnsembleModel, Repeated, fit_member, were_cut
from headstart.routes.workspace import Workspace

_ASKED = 200  # training rows that the fits are compared on


@dataclass(frozen=True, kw_only=True)
class Seeds(Repeated, RouteSpec):
    """member: the route, one that draws at random; count: fits (5 are enough in that paper). Notes tell `spread`, the
    standard deviation of their probabilities on training rows: where it is 0 nothing was left to chance."""

    member: str = "finetune"
    count: int = 5

    def run(
        self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None
    ) -> EnsembleModel:
        """Fit with `count` seeds, fewer where the time ends. Raises HeadstartError: rows, labels, member."""
        (spec,), _ = self.able(examples, workspace)
        clock, models = Clock(seconds, self.count), []
        while len(models) < self.count and (not models or clock.more):
            own = seed if not models else int(key(seed, "seeds", len(models)) >> 33)
            models.append(fit_member(spec, examples, workspace, own, clock))
        notes = {"member": self.member, "fits": len(models)}
        scores_SNC = [model.scores(examples.take(np.arange(min(len(examples), _ASKED)))) for model in models]
        notes["spread"] = round(float(np.std(scores_SNC, axis=0).mean()), 6)
        notes[CUT] = len(models) < self.count or were_cut(models)
        return EnsembleModel.alike(spec, models, examples.classes, notes)

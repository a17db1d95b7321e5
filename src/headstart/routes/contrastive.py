"""Contrastive pairs: vectors tuned until rows of one class are alike, then a probe (SetFit, Tunstall et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.base.contracts import Backbone, TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import labels_of, no_base
from headstart.routes.choose import folds_of, nearest_good
from headstart.routes.clock import CUT, Clock
from headstart.routes.fitting import FACTORS
from headstart.routes.frozen import FrozenVectors
from headstart.routes.labelled_pairs import Alike, LabelledPairs
from headstart.routes.linear import fit_linear
from headstart.routes.probe import Probe, ProbeModel
from headstart.routes.workspace import Workspace
from headstart.training.artefact import trainable_copy
from headstart.training.loop import fit
from headstart.training.plan import TrainPlan

# Peak rates times width. Networks of tokens: that of SetFit. Bags of n-grams want more, and more so the more classes
# there are: over the probe .01 gave +.001 on NSMC (64 labels) where .05 lost .02, and .3 gave +.05 on 20 intents of
# banking77 (8 rows each) where .02 lost .01.
_TOKENS, _PER_CLASS, _MOST = 0.015, 0.01, 0.3
_INNER_SHARE = 0.6  # of the seconds, at most, for choosing the rate
_TUNING_SHARE = 0.8  # of the seconds of one fit, at most; the rest is for embedding and the linear model
_MOST_FOLDS, _HELD_ROWS = 3, 200  # folds at most, held-out rows that are enough to judge a rate


@dataclass(frozen=True, kw_only=True)
class Contrastive(RouteSpec):
    """rate: usual peak rate (None = `usual_rate`); choose_rate: whether FACTORS of it are tried on held-out rows.

    pairs: drawn for each row; batch: pairs of a step; least_steps, most_steps: of tuning; pooling: of token outputs;
    usual: the C that is kept unless another one is clearly better on held-out rows.
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    rate: float | None = None
    choose_rate: bool = True
    pairs: int = 20
    batch: int = 32
    least_steps: int = 60
    most_steps: int = 200
    weight_decay: float = 0.01
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    usual: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("batch", 2), ("pairs", 1), ("least_steps", 1), ("most_steps", 1)):
            if getattr(self, name) < least:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least {least}")

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> ProbeModel:
        """Tune a copy of the base, then fit on its vectors. Raises HeadstartError: no base, no rows, no labels.

        Without `seconds` the result is a function of the arguments; with it the clock may end the choice of the rate or
        the tuning early.
        """
        clock = Clock(seconds)
        labels_of(examples)
        seen = FrozenVectors.of(examples, workspace, -1, self.pooling)
        rate, tried = self.rate or usual_rate(seen.base.backbone, len(np.unique(examples.labels))), 0
        if self.choose_rate:
            factor, tried = self._choose_factor(seen, examples, rate, seed, Clock(clock.share(_INNER_SHARE)))
            rate *= factor
        model = self._fit(seen, examples, rate, seed, clock.share(1.0))
        model.notes["inner_fits"] = tried
        return model

    def _choose_factor(
        self, seen: FrozenVectors, examples: Examples, rate: float, seed: int, clock: Clock
    ) -> tuple[float, int]:
        """Return (factor of the rate, fits made); a fold counts when all rates were tried on it in time."""
        tried, slowest, right = 0, 0.0, []
        for train, held in folds_of(examples, seed=seed)[:_MOST_FOLDS]:
            if sum(map(len, right)) >= _HELD_ROWS or len(np.unique(examples.labels[train])) < 2:
                break
            columns, asked = [], examples.take(held)
            for place, factor in enumerate(FACTORS):
                fit, to_come = Clock(None), len(FACTORS) - place
                if slowest * to_come > clock.left:
                    break
                model = self._fit(seen, examples.take(train), rate * factor, seed, clock.share(1 / to_come))
                tried += 1
                if model.notes[CUT]:
                    break
                columns.append(model.scores(asked).argmax(1) == asked.labels)
                slowest = max(slowest, fit.used)
            if len(columns) < len(FACTORS):
                break
            right.append(np.stack(columns, axis=1))
        usual = FACTORS.index(1.0)
        return FACTORS[nearest_good(np.concatenate(right), usual) if right else usual], tried

    def _steps(self, rows: int) -> int:
        return min(max(self.pairs * rows // self.batch, self.least_steps), self.most_steps)

    def _fit(
        self, seen: FrozenVectors, examples: Examples, rate: float, seed: int, seconds: float | None
    ) -> ProbeModel:
        """Return the linear model on a tuned copy of the base; rows of one class tune nothing."""
        clock, tuned, steps, cut = Clock(seconds), trainable_copy(seen.base), 0, False
        if len(np.unique(examples.labels)) > 1:
            batches = LabelledPairs(tuned, examples, size=self.batch, seed=seed)
            plan = TrainPlan(
                steps=self._steps(len(examples)),
                seconds=clock.share(_TUNING_SHARE),
                rate=rate,
                warmup=0.1,
                hold=0.1,
                final=0.0,
                weight_decay=self.weight_decay,
                seed=seed,
            )
            # What is tuned is what `Artefact.embed` reads afterwards.
            pooling = (tuned.pooling or "mean") if self.pooling == "auto" else self.pooling
            objective = Alike(seen.frame, pooling, seen.pairs).to(next(tuned.backbone.parameters()).device)
            steps = fit(objective, tuned.backbone, batches, plan).step
            cut = steps < plan.steps
        vectors = FrozenVectors(Workspace(tuned), tuned, -1, self.pooling, seen.frame, seen.pairs)
        linear, notes = fit_linear(
            vectors.features(examples),
            examples.labels,
            len(examples.classes),
            usual=self.usual,
            seed=seed,
            groups=examples.groups,
        )
        notes |= {"rate": rate, "steps": steps, "pairs": steps * self.batch, CUT: cut, "frame": seen.frame.source}
        return ProbeModel(vectors, linear, examples.classes, notes)

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return Probe().load(folder)


def usual_rate(backbone: Backbone, classes: int) -> float:
    """Return the peak rate whose FACTORS are tried, for rows of so many classes."""
    return (_TOKENS if backbone.token_outputs else min(_PER_CLASS * classes, _MOST)) / backbone.width

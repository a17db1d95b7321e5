"""Contrastive fine-tuning on pairs of rows of one class or of two, then a probe (SetFit, Tunstall et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.core.contracts import Backbone
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, no_base
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.labelled_pairs import Alike, LabelledPairs
from headstart.fitting.linear import fit_linear
from headstart.fitting.model_selection import RowFacts, folds_of, nearest_good
from headstart.fitting.network_fit import FACTORS
from headstart.fitting.time_budget import CUT, Clock
from headstart.fitting.workspace import Workspace
from headstart.routes.probe import Probe, ProbeModel
from headstart.training.curves import curve
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import trainable_copy

# Peak learning rates times width. Token networks use the learning rate of SetFit. Bags of n-grams need higher learning
# rates, the more classes the higher: compared with the probe, .01 gave +.001 on NSMC (64 labels) where .05 lost .02,
# and .3 gave +.05 on 20 intents of banking77 (8 rows each) where .02 lost .01.
_TOKENS, _PER_CLASS, _MOST = 0.015, 0.01, 0.3
_INNER_SHARE = 0.6  # largest share of the seconds for choosing the learning rate
_TUNING_SHARE = 0.8  # largest share of the seconds of one fit; the rest is for embedding and the linear model
_MOST_FOLDS, _HELD_ROWS = 3, 200  # largest number of folds, held-out rows that are enough to judge a learning rate


@dataclass(frozen=True, kw_only=True)
class Contrastive(RouteSpec):
    """learning_rate: at its peak (None = `default_learning_rate`); choose_learning_rate: whether to try FACTORS.

    pairs: number of pairs per row; batch: pairs per step; least_steps, most_steps: bounds of the steps; pooling: of
    token outputs; default: the C that is kept unless another one is clearly better on held-out rows.
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    learning_rate: float | None = None
    choose_learning_rate: bool = True
    pairs: int = 20
    batch: int = 32
    least_steps: int = 60
    most_steps: int = 200
    weight_decay: float = 0.01
    pooling: Literal["auto", "mean", "cls", "own"] = "auto"
    default: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("batch", 2), ("pairs", 1), ("least_steps", 1), ("most_steps", 1)):
            if getattr(self, name) < least:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least {least}")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return no_base(workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> ProbeModel:
        """Fine-tune a copy of the base, then fit a linear model on its vectors.

        Raises HeadstartError: no base, no rows, no labels.

        Without `seconds` the result is a function of the arguments; with it the clock may end the choice of the rate or
        the tuning early.
        """
        clock = Clock(seconds)
        labels_of(examples)
        seen = FrozenVectors.of(examples, workspace, -1, self.pooling)
        learning_rate, tried = (
            self.learning_rate or default_learning_rate(seen.base.backbone, len(np.unique(examples.labels))),
            0,
        )
        if self.choose_learning_rate:
            factor, tried = self._choose_factor(seen, examples, learning_rate, seed, Clock(clock.share(_INNER_SHARE)))
            learning_rate *= factor
        model = self._fit(seen, examples, learning_rate, seed, clock.share(1.0))
        model.notes["inner_fits"] = tried
        return model

    def _choose_factor(
        self, seen: FrozenVectors, examples: Examples, learning_rate: float, seed: int, clock: Clock
    ) -> tuple[float, int]:
        """Return (factor of the learning rate, number of fits); a fold counts when all factors were tried in time."""
        tried, slowest, right = 0, 0.0, []
        for train, held in folds_of(examples, seed=seed)[:_MOST_FOLDS]:
            if sum(map(len, right)) >= _HELD_ROWS or len(np.unique(examples.labels[train])) < 2:
                break
            columns, asked = [], examples.take(held)
            for place, factor in enumerate(FACTORS):
                fit, to_come = Clock(None), len(FACTORS) - place
                if slowest * to_come > clock.left:
                    break
                with curve(f"choice/rate-{learning_rate * factor:.3g}"):
                    model = self._fit(
                        seen, examples.take(train), learning_rate * factor, seed, clock.share(1 / to_come)
                    )
                tried += 1
                if model.notes[CUT]:
                    break
                columns.append(model.predict_proba(asked).argmax(1) == asked.labels)
                slowest = max(slowest, fit.used)
            if len(columns) < len(FACTORS):
                break
            right.append(np.stack(columns, axis=1))
        default = FACTORS.index(1.0)
        return FACTORS[nearest_good(np.concatenate(right), default) if right else default], tried

    def _steps(self, rows: int) -> int:
        return min(max(self.pairs * rows // self.batch, self.least_steps), self.most_steps)

    def _fit(
        self, seen: FrozenVectors, examples: Examples, learning_rate: float, seed: int, seconds: float | None
    ) -> ProbeModel:
        """Return the linear model on a fine-tuned copy of the base; with one class the copy stays as it was."""
        clock, tuned, steps, cut = Clock(seconds), trainable_copy(seen.base), 0, False
        if len(np.unique(examples.labels)) > 1:
            batches = LabelledPairs(tuned, examples, size=self.batch, seed=seed)
            plan = TrainPlan(
                steps=self._steps(len(examples)),
                seconds=clock.share(_TUNING_SHARE),
                learning_rate=learning_rate,
                warmup=0.1,
                hold=0.1,
                final=0.0,
                weight_decay=self.weight_decay,
                seed=seed,
            )
            # The loss uses the same pooling as `PretrainedModel.embed` does afterwards.
            pooling = tuned.auto_pooling if self.pooling == "auto" else self.pooling
            objective = Alike(seen.transform, pooling, seen.pairs).to(next(tuned.backbone.parameters()).device)
            with curve("pairs"):
                steps = fit(start_state(objective, tuned.backbone, plan), batches, plan).step
            cut = steps < plan.steps
        vectors = FrozenVectors(Workspace(tuned, keeps=False), tuned, -1, self.pooling, seen.transform, seen.pairs)
        linear, notes = fit_linear(
            vectors.features(examples),
            examples.labels,
            len(examples.classes),
            default=self.default,
            seed=seed,
            facts=RowFacts(examples.groups),
            seconds=clock.share(1.0),
        )
        notes |= {
            "learning_rate": learning_rate,
            "steps": steps,
            "pairs": steps * self.batch,
            CUT: cut or notes[CUT],
            "transform": seen.transform.source,
        }
        return ProbeModel(vectors, linear, examples.classes, notes)

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return Probe().load(folder)


def default_learning_rate(backbone: Backbone, classes: int) -> float:
    """Return the peak learning rate for rows of this number of classes; FACTORS of it are tried."""
    return (_TOKENS if backbone.token_outputs else min(_PER_CLASS * classes, _MOST)) / backbone.inner_width

"""What a run from a base does besides training: a search around its learning rate, and the better weights are kept.

docs/decisions.md (2026-11-27) has the measurements.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from headstart.core import ranks
from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Objective
from headstart.data.batches import BatchSource
from headstart.training.curves import curve
from headstart.training.loop import DTYPES, Saver, TrainState, fit, start_state
from headstart.training.parallel import Network
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.scoring import evaluate
from headstart.training.vector_check import FEWEST, VectorCheck, between, copied

# Shares of a checkpoint's neighbours from which on trained weights are kept, and those half way. Of texts trained ones
# were unsure below .7, and what kept less than .3 had lost much of what the checkpoint knew; of images what kept less
# than .7 was at times worse than the checkpoint.
_LEAST = {"text": (0.7, 0.35), "image": (0.8, 0.7)}
_FACTORS = (1.0, 0.4, 2.5)
_SHARE = 0.04  # of the budget for each learning rate of the search
_FEWEST_STEPS = 20  # of a trial that says anything
_HALF = 0.5


class Continuation:
    """The network of a base before training, and what is decided by it; `usable`: enough held-out items to tell.

    Its batch norms keep their statistics: those of changed images, as an objective sees them, are not those of the
    images that its vectors are made of.
    """

    def __init__(
        self,
        backbone: Backbone,
        objective: Objective,
        held_out: Sequence[Batch],
        base: PretrainedModel,
        note: Callable[[str], None],
    ) -> None:
        self.backbone, self.objective, self.held_out, self.note = backbone, objective, held_out, note
        self.backbone.keep_statistics()
        self.start = copied(self.backbone)
        self.check = VectorCheck(self.backbone, held_out, base.pooling)
        self.least_trained, self.least_half = _LEAST[base.processor.takes]
        self.usable = self.check.near_NK is not None
        if not self.usable:
            note(f"vectors are not compared with the checkpoint's: {self.check.items} held-out items, {FEWEST} needed")

    def search(self, plan: TrainPlan, batches: BatchSource, fresh: Collection[str]) -> tuple[TrainPlan, dict[str, Any]]:
        """Return (the plan with the learning rate of the lowest held-out loss, what run.json says of the search).

        A few equal steps with each; those that lose the checkpoint's neighbours are out. {}: too short to tell.
        """
        steps = None if plan.steps is None else max(1, round(_SHARE * plan.steps))
        if not self.usable or (steps or _FEWEST_STEPS) < _FEWEST_STEPS:
            return plan, {}
        begun = time.monotonic()
        tried: list[dict[str, float]] = []
        for factor in _FACTORS:
            trial = _faster(plan, factor)
            seconds = plan.seconds and _SHARE * plan.seconds
            trial = dataclasses.replace(trial, steps=steps, seconds=seconds, hold=1.0)
            backbone, objective = copy.deepcopy((self.backbone, self.objective))
            with curve(f"rate-{trial.learning_rate:.3g}"):
                result = fit(start_state(objective, backbone, trial, fresh), batches, trial)
            steps = result.step if steps is None else min(steps, result.step)
            if result.step < _FEWEST_STEPS:
                self.note(f"learning rate not searched for: {result.step} steps in the time of a trial")
                left = plan.seconds and plan.seconds - self._since(begun)
                return dataclasses.replace(plan, seconds=left), {}
            loss, _ = evaluate(Network(objective, backbone), self.held_out, plan.seed, DTYPES[plan.dtype])
            agreement = self._agreement(backbone)
            tried.append({"factor": factor, "rate": trial.learning_rate, "loss": loss, "neighbours_kept": agreement})
        sound = [one for one in tried if one["neighbours_kept"] >= self.least_half]
        best = min(sound, key=lambda one: one["loss"]) if sound else min(tried, key=lambda one: one["factor"])
        self.note(
            f"learning rate {best['rate']:g} chosen after {steps} steps each: "
            + ", ".join(
                f"{one['rate']:g}: held-out loss {one['loss']:.3f}, {one['neighbours_kept']:.0%} of neighbours kept"
                for one in sorted(tried, key=lambda one: one["rate"])
            )
        )
        chosen = _faster(plan, best["factor"])
        if plan.seconds is not None:
            chosen = dataclasses.replace(chosen, seconds=plan.seconds - self._since(begun))
        return chosen, {"steps": steps, "tried": tried, "chosen": best["rate"]}

    def settle(self, state: TrainState, saver: Saver) -> dict[str, Any]:
        """Keep the trained weights, or those half way back, or the checkpoint's: the first whose neighbours are kept.

        Returns what run.json says of it; other weights than the trained ones are saved in their place.
        """
        if not self.usable:
            return {}
        trained, agreements = copied(state.backbone), {}
        wanted = {"trained": (1.0, self.least_trained), "half way": (_HALF, self.least_half), "checkpoint": (0.0, 0.0)}
        for name, (share, least) in wanted.items():
            state.backbone.load_state_dict(between(self.start, trained, share))
            agreements[name] = self._agreement(state.backbone)
            if agreements[name] >= least:
                break
        said = f"{agreements['trained']:.0%} of the checkpoint's neighbours on {self.check.items:,} held-out items"
        if name == "trained":
            self.note(f"vectors: the trained weights keep {said}")
        elif name == "half way":
            self.note(
                f"vectors: the trained weights keep {said}; kept the weights half way, with {agreements[name]:.0%}"
            )
        else:
            self.note(
                f"warning: the trained weights keep only {said}; kept the checkpoint's weights; a smaller "
                "training.learning_rate loses less"
            )
        if name != "trained":
            saver.save(state)
        least = {"trained": self.least_trained, "half way": self.least_half}
        return {"kept": name, "step": state.step, "neighbours_kept": agreements, "least": least}

    def _agreement(self, backbone: Backbone) -> float:
        """Return the share of neighbours that are kept, as the first rank finds it: all must decide alike."""
        return ranks.of_first(lambda: self.check.agreement(backbone))

    @staticmethod
    def _since(begun: float) -> float:
        return ranks.of_first(lambda: time.monotonic() - begun)


def _faster(plan: TrainPlan, factor: float) -> TrainPlan:
    """Return the plan with all its learning rates for restored weights times `factor`."""
    tables = plan.learning_rate_embeddings and factor * plan.learning_rate_embeddings
    return dataclasses.replace(plan, learning_rate=factor * plan.learning_rate, learning_rate_embeddings=tables)

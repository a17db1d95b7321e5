"""A run that starts from a base: its network and vocabulary, and a learning rate that keeps what it knows."""

from __future__ import annotations

import dataclasses
import math

from headstart.core.device import pick_device
from headstart.data.batch_settings import BatchSpec
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import RunFolder
from headstart.training.run_spec import RunSpec
from headstart.training.warm_start import student_spec

_HELD_OUT = 0.03  # of the documents: neighbours want some hundred items
_PACE = 0.3  # of the peak learning rate of a base that was trained here, as in route `continued`
_RATE, _WIDTH = 5e-5, 384  # measured on a sentence encoder of that width
_SLOWEST, _FASTEST = 2e-5, 1e-4
_FRESH = 1e-3  # most for parameters that the base did not give
_TOKENS = {"cpu": 1_024}  # of a batch: small ones make the most steps of few minutes
_ACCELERATOR_TOKENS = 16_384


def default_rate(base: PretrainedModel) -> float:
    """Return the peak learning rate for weights of `base`: .3 of its own where that is on record, else by its width."""
    if base.path is not None and (home := RunFolder(base.path)).is_begun:
        return _PACE * float(home.record()["spec"]["training"]["learning_rate"])
    return min(max(_RATE * math.sqrt(_WIDTH / base.backbone.width), _SLOWEST), _FASTEST)


def from_base(spec: RunSpec, base: PretrainedModel) -> RunSpec:
    """Return the run that starts from `base`: its network, vocabulary, and a learning rate that keeps both.

    A student gets half of the layers of a `twin`, nothing of `any` teacher, and keeps the recipe's learning rate.
    """
    if spec.objective.teacher == "any":
        taught = dataclasses.replace(spec.objective, vector=base.backbone.width)
        return dataclasses.replace(spec, base=str(base.path.absolute()), objective=taught)
    longest = base.max_length
    batches = spec.batches
    if base.backbone.token_outputs and not batches.add_special_tokens and not batches.stateful:
        # A recipe for bags of n-grams: an encoder was trained on marked texts, and on small batches of them.
        tokens = _TOKENS.get(pick_device().type, _ACCELERATOR_TOKENS)
        batches = BatchSpec(tokens=tokens, epochs=batches.epochs, images=batches.images)
    max_length = batches.max_length if longest is None else min(batches.max_length, longest)
    batches = dataclasses.replace(batches, max_length=max_length)
    if spec.objective.teacher:
        own = {"backbone": student_spec(base)}
    else:
        own = {
            "backbone": base.backbone_spec,
            "training": _careful(spec.training, base),
            "held_out": max(spec.held_out, _HELD_OUT),
            "search": True,
        }
    return dataclasses.replace(spec, base=str(base.path.absolute()), batches=batches, **own)


def _careful(plan: TrainPlan, base: PretrainedModel) -> TrainPlan:
    """Return the plan with the base's learning rate; what the base did not give keeps the recipe's, up to 1e-3."""
    rate = default_rate(base)
    tables = plan.learning_rate_embeddings and rate * plan.learning_rate_embeddings / plan.learning_rate
    fresh = max(rate, min(plan.learning_rate, _FRESH))
    return dataclasses.replace(
        plan, learning_rate=rate, learning_rate_embeddings=tables, learning_rate_fresh=fresh, warmup=0.1
    )


def rate_line(plan: TrainPlan, base: PretrainedModel) -> str:
    """Return what is said of the learning rate, a warning where it is more than ten times the default."""
    usual, rate = default_rate(base), plan.learning_rate
    if rate > 10 * usual:
        return (
            f"warning: training.learning_rate={rate:g} is {rate / usual:.0f} times the default {usual:g} for weights "
            f"of {base.name}; what they know is likely lost"
        )
    new = "" if plan.learning_rate_fresh is None else f", {plan.learning_rate_fresh:g} for new parts"
    return f"learning rate: {rate:g} for the weights of {base.name}{new} (training.learning_rate changes it)"

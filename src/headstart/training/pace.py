"""What a run costs here, measured on its own first batches before it begins, and what its budget buys by that."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Objective
from headstart.core.device import pick_compute_dtype, pick_device
from headstart.core.files import temporary_beside
from headstart.core.memory import give_back, peak_memory
from headstart.data.batches import BatchSource
from headstart.training.checkpoint import Checkpoints
from headstart.training.curves import unlogged
from headstart.training.events import Event
from headstart.training.loop import DTYPES, TrainState, evaluation_pause, fit, start_state
from headstart.training.plan import TrainPlan
from headstart.training.scoring import evaluate

_SHARE, _MOST = 0.02, 4.0  # of the budget, and seconds, that trial steps may take
_SCORED = 4  # steps' worth of held-out units by which an evaluation is timed
# How much more memory steps take in the end than the first ones did, by the minutes of the run: pieces of many sizes
# leave gaps in the heap until they are given back (benchmarks/results/2026-11-28-plan.md has the runs). A GPU's
# allocator is asked for what it handed out.
_GROWTH = ((2.0, 1.75), (10.0, 2.5), (30.0, 2.9))


@dataclass(frozen=True)
class Pace:
    """step: seconds of a step; units: tokens or images of it, as `unit` says; evaluation, saving: seconds of one.

    memory: MB of the process at its peak, of the GPU where there is one; before: what it held at most before its steps.
    """

    step: float
    units: float
    unit: str
    evaluation: float
    saving: float
    before: int
    memory: int


@dataclass(frozen=True)
class Forecast:
    """What a run will be. seconds: from its start to its end; preparing: of these, before the first step."""

    seconds: float
    preparing: float
    steps: int
    units: int
    unit: str
    memory: int

    def line(self) -> str:
        """Return what is said before training begins."""
        return (
            f"plan: {self.steps:,} steps, {_short(self.units)} {self.unit}, {self.memory:,} MB of memory, "
            f"{self.seconds:.0f} s in all"
        )

    def beside(self, actual: Forecast) -> str:
        """Return the line that says what was planned and what came of it."""
        return (
            f"planned / actual: {self.seconds:.0f} / {actual.seconds:.0f} s, {self.steps:,} / {actual.steps:,} steps, "
            f"{_short(self.units)} / {_short(actual.units)} {self.unit}, {self.memory:,} / {actual.memory:,} MB"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dataclasses.asdict(self)


class Trained(Protocol):
    """What of a prepared run is timed."""

    backbone: Backbone
    objective: Objective
    batches: BatchSource
    held_out: Sequence[Batch]


def measured_pace(plan: TrainPlan, run: Trained, seconds: float, folder: Path) -> Pace:
    """Train for some `seconds`, at least a step, and return what that cost; the weights are useless afterwards.

    The first third of the steps, which sets up kernels and memory, is left out of the time, unless there is only one.
    folder: where a checkpoint is written once and removed. Raises HeadstartError: the disk has no room for one.
    """
    before = peak_memory()
    trial = dataclasses.replace(plan, steps=None, seconds=seconds, evaluate_seconds=math.inf, save_seconds=math.inf)
    found: list[Event] = []
    state = start_state(run.objective, run.backbone, trial)
    with unlogged():
        fit(state, run.batches, trial, [found.append])
    steps = [event for event in found if event.kind == "step"]
    last, settled = steps[-1], max(1, len(steps) // 3)  # after so many steps the rest is timed
    first = steps[settled - 1] if len(steps) > 1 else None
    step = (last.seconds - first.seconds) / (last.step - first.step) if first else last.seconds
    units = last.units / last.step
    evaluation, saving = _evaluation(plan, run, state, _SCORED * units), _saving(state, folder)
    give_back()
    return Pace(step, units, last.unit, evaluation, saving, before, peak_memory())


def _evaluation(plan: TrainPlan, run: Trained, state: TrainState, units: float) -> float:
    """Return the seconds of an evaluation, by its first batches of so many tokens or images."""
    some, begun = _some(run.held_out, units), time.monotonic()
    if not some:
        return 0.0
    dtype = DTYPES.get(plan.dtype) or pick_compute_dtype(pick_device().type).dtype
    evaluate(state.network, some, plan.seed, dtype)
    part = sum(batch.units for batch in some) / sum(batch.units for batch in run.held_out)
    return (time.monotonic() - begun) / part


def _saving(state: TrainState, folder: Path) -> float:
    """Return the seconds of a checkpoint."""
    spare, begun = temporary_beside(folder / "trial"), time.monotonic()
    try:
        Checkpoints(spare).save(state)
    finally:
        shutil.rmtree(spare, ignore_errors=True)
    return time.monotonic() - begun


def trial_seconds(plan: TrainPlan) -> float:
    """Return how long steps are tried before a run of that budget."""
    return min(_SHARE * (plan.seconds or math.inf), _MOST)


def forecast(plan: TrainPlan, pace: Pace, preparing: float) -> Forecast:
    """Return what a run of that plan will be; plan: with the seconds that training gets, or its steps, or both."""
    if plan.seconds is None:
        steps = plan.steps
    else:
        pause = evaluation_pause(plan, pace.evaluation)
        # One evaluation before the first step, one at the end, and between them one after every pause.
        beside = pace.evaluation * (2 + math.floor(plan.seconds / (pause + pace.evaluation)))
        beside += pace.saving * math.floor(plan.seconds / (plan.save_seconds + pace.saving))
        steps = max(1, round(max(plan.seconds - beside, pace.step) / pace.step))
    most = plan.steps or steps
    seconds = plan.seconds
    if most < steps or seconds is None:
        steps, seconds = most, most * pace.step + 2 * pace.evaluation
    memory = pace.memory
    if pick_device().type != "cuda":
        minutes, factors = zip(*_GROWTH)
        growth = np.interp(math.log(seconds / 60), np.log(minutes), factors)  # as at the ends beyond them
        memory = round(float(pace.before + growth * (pace.memory - pace.before)))
    whole, units = preparing + seconds + pace.saving, round(steps * pace.units)
    return Forecast(whole, preparing, steps, units, pace.unit, memory)


def _some(batches: Sequence[Batch], units: float) -> list[Batch]:
    """Return the first batches that hold so many units together."""
    found, held = [], 0
    for batch in batches:
        if held >= units:
            break
        found.append(batch)
        held += batch.units
    return found


def _short(count: float) -> str:
    """Return a large number for people: 9.0 M."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count:,.0f}"

"""The one training loop: budget by clock or steps, exact normalisation, finite checks, evaluation, saving, stop."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Objective
from headstart.base.device import compute, pick_compute_dtype
from headstart.base.errors import HeadstartError
from headstart.base.seeds import KeyedRandom, key
from headstart.training.events import Event, Listener
from headstart.training.plan import TrainPlan, make_optimizer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_MOST_EMPTY = 200  # batches in a row without anything to learn before the run is given up
_MOST_SKIPPED = 20  # non-finite steps in a row before the run is given up


class Batches(Protocol):
    """Where batches come from; a pure function of the batch number, so that resuming seeks."""

    def at(self, number: int) -> Batch:
        """Return batch `number`, counted from 0 over all epochs."""
        ...


class Saver(Protocol):
    """Where states are saved durably."""

    def save(self, state: TrainState) -> None: ...


@dataclass
class Stop:
    """Set `requested` (from a signal handler, say) and the loop saves and returns after the current step.

    armed: the loop is running, so that a request will be heard.
    """

    requested: bool = False
    armed: bool = False
    reason: str = ""


@dataclass
class TrainState:
    """Everything that a resumed run needs; data order, masks and dropout are functions of (seed, step)."""

    backbone: Backbone
    objective: Objective
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    samples: int = 0
    loss: float | None = None  # smoothed, per target
    carry: tuple[Tensor, ...] = ()  # what the network remembers of the batch before, for one that continues it


@dataclass(frozen=True)
class FitResult:
    """loss: smoothed training loss per target at the end; stopped: 'budget' or the reason of the stop."""

    step: int
    seconds: float
    tokens: int
    samples: int
    loss: float | None
    stopped: str
    skipped: int
    evaluations: list[Event] = field(default_factory=list)


def start_state(objective: Objective, backbone: Backbone, plan: TrainPlan) -> TrainState:
    """Return the state before the first step."""
    return TrainState(backbone, objective, make_optimizer(backbone, objective, plan))


def fit(
    objective: Objective,
    backbone: Backbone,
    batches: Batches,
    plan: TrainPlan,
    listeners: Sequence[Listener] = (),
    *,
    held_out: Sequence[Batch] = (),
    saver: Saver | None = None,
    state: TrainState | None = None,
    stop: Stop | None = None,
) -> FitResult:
    """Train until the plan's budget is used up or `stop` is requested; the last step's state is saved.

    held_out: corruptible batches, scored at the start, as often as the plan says and at the end. state: go on from it.
    Raises HeadstartError when steps stay non-finite; no update is ever made from a non-finite gradient.
    """
    state = state or start_state(objective, backbone, plan)
    stop = stop or Stop()
    run = _Run(objective, backbone, plan, listeners, held_out, saver, state)
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    skipped, in_a_row, empty = 0, 0, 0
    stop.armed = True
    backbone.train()
    objective.train()
    if state.step == 0:
        run.evaluate()
    while not stop.requested and run.progress < 1.0:
        for group in state.optimizer.param_groups:
            group["lr"] = group["base_rate"] * plan.rate_factor(run.progress)
        objective.progress = run.progress
        step_loss, parts, samples, tokens = _accumulate(state, batches, plan, run.dtype)
        norm = nn.utils.clip_grad_norm_(parameters, plan.clip)
        if step_loss is not None and math.isfinite(step_loss) and bool(torch.isfinite(norm)):
            state.optimizer.step()
            state.loss = step_loss if state.loss is None else 0.98 * state.loss + 0.02 * step_loss
            in_a_row = 0
        elif step_loss is not None:
            skipped, in_a_row = skipped + 1, in_a_row + 1
            state.carry = ()  # what is remembered may be what went wrong
            run.tell(
                "warning",
                message=f"step {state.step}: loss or gradient is not finite; no update; samples {samples[:8]}",
            )
        empty = empty + 1 if step_loss is None else 0
        state.optimizer.zero_grad(set_to_none=True)
        state.step += 1
        state.tokens += tokens
        state.samples += len(samples)
        run.tick()
        rate = state.optimizer.param_groups[-1]["lr"]
        loss = math.nan if state.loss is None else state.loss
        run.tell("step", loss=loss, rate=rate, tokens=state.tokens, samples=state.samples, parts=parts)
        if in_a_row >= _MOST_SKIPPED:
            raise HeadstartError(
                f"{in_a_row} steps in a row were not finite (last: step {state.step}); lower training.rate"
            )
        if empty >= _MOST_EMPTY:
            raise HeadstartError(f"{empty} batches in a row had nothing to learn from; set batches.tokens larger")
        run.evaluate_and_save_when_due()
    if not stop.requested:
        run.evaluate()
    run.save_unless_saved()
    reason = (stop.reason or "stopped") if stop.requested else "budget"
    done = (state.step, state.seconds, state.tokens, state.samples, state.loss)
    return FitResult(*done, reason, skipped, run.evaluations)


class _Run:
    """The clock of one `fit` and what happens by it: telling, evaluating, saving."""

    def __init__(
        self,
        objective: Objective,
        backbone: Backbone,
        plan: TrainPlan,
        listeners: Sequence[Listener],
        held_out: Sequence[Batch],
        saver: Saver | None,
        state: TrainState,
    ):
        self.objective, self.backbone, self.plan, self.state = objective, backbone, plan, state
        self.listeners, self.held_out, self.saver = listeners, held_out, saver
        kind = next(backbone.parameters()).device.type
        self.dtype = DTYPES.get(plan.dtype) or pick_compute_dtype(kind).dtype
        self.evaluations: list[Event] = []
        self._zero = time.monotonic() - state.seconds
        self._evaluated = self._saved = state.seconds
        self._saved_step = state.step

    @property
    def progress(self) -> float:
        return self.plan.progress(self.state.step, self.state.seconds)

    def tick(self) -> None:
        """Bring the state's clock up to date: everything since the start counts, evaluations and saves too."""
        self.state.seconds = time.monotonic() - self._zero

    def tell(self, kind: str, **values: object) -> Event:
        event = Event(kind, self.state.step, self.progress, self.state.seconds, **values)
        for listener in self.listeners:
            listener(event)
        return event

    def evaluate(self) -> None:
        if self.held_out:
            score, parts = evaluate(self.objective, self.backbone, self.held_out, self.plan.seed, self.dtype)
            self.evaluations.append(self.tell("evaluation", loss=score, parts=parts))
            self.tick()
            self._evaluated = self.state.seconds

    def evaluate_and_save_when_due(self) -> None:
        plan, state = self.plan, self.state
        if _due(state.step, plan.evaluate_steps, state.seconds - self._evaluated, plan.evaluate_seconds):
            self.evaluate()
        if _due(state.step, plan.save_steps, state.seconds - self._saved, plan.save_seconds):
            self.save_unless_saved()

    def save_unless_saved(self) -> None:
        if self.saver and (self._saved_step != self.state.step or self.state.step == 0):
            self.saver.save(self.state)
            self.tell("saved")
            self._saved_step = self.state.step
            self.tick()
            self._saved = self.state.seconds


def _due(step: int, steps: int | None, waited: float, seconds: float) -> bool:
    """Whether something is due that is done every so many steps or, without a number, after so many seconds."""
    return waited >= seconds if steps is None else step % steps == 0


def _accumulate(
    state: TrainState, batches: Batches, plan: TrainPlan, dtype: torch.dtype
) -> tuple[float | None, dict[str, float], list[int], int]:
    """Run one step's batches forward and backward; gradients are sums over targets divided by their exact number.

    What the network remembers goes on into a batch that continues the one before, without gradient (truncated
    back-propagation). Returns (loss per target or None when there was no target, parts of the last batch, sample ids,
    tokens).
    """
    objective, backbone = state.objective, state.backbone
    torch.manual_seed(int(key(plan.seed, "dropout", state.step)) & 0x7FFFFFFFFFFFFFFF)
    device = next(backbone.parameters()).device
    total, count, tokens = 0.0, 0, 0
    parts: dict[str, float] = {}
    samples: list[int] = []
    for micro in range(plan.accumulate):
        plain = batches.at(state.step * plan.accumulate + micro)
        batch = _going_on(objective.corrupt(plain, KeyedRandom(plan.seed, plain.epoch)).to(device), state.carry)
        with compute(dtype, device.type):
            scored = objective(backbone, batch)
        state.carry = tuple(tensor.detach() for tensor in scored.carry)
        if scored.count:
            # One batch: divide before backward, the same gradient as after; several: sums first, exact division below.
            (scored.total / scored.count if plan.accumulate == 1 else scored.total).backward()
            total += float(scored.total.detach())
            count += scored.count
            parts = scored.parts
        tokens += plain.tokens
        samples += plain.sample_B.tolist()
    if count and plan.accumulate > 1:
        gradients = [p.grad for part in (backbone, objective) for p in part.parameters() if p.grad is not None]
        torch._foreach_div_(gradients, float(count))
    return (total / count if count else None), parts, samples, tokens


def _going_on(batch: Batch, carry: tuple[Tensor, ...]) -> Batch:
    """Return the batch with what is remembered, when it continues the one before."""
    return dataclasses.replace(batch, carry=carry) if batch.continues else batch


@torch.no_grad()
def evaluate(
    objective: Objective, backbone: Backbone, held_out: Sequence[Batch], seed: int, dtype: torch.dtype
) -> tuple[float, dict[str, float]]:
    """Return (loss per target, parts weighted by targets) on held-out batches; the corruption is always the same."""
    backbone.eval()
    objective.eval()
    device = next(backbone.parameters()).device
    total, count = 0.0, 0
    parts: dict[str, float] = {}
    carry: tuple[Tensor, ...] = ()
    for plain in held_out:
        batch = _going_on(objective.corrupt(plain, KeyedRandom(seed, -1)).to(device), carry)
        with compute(dtype, device.type):
            scored = objective(backbone, batch)
        carry = scored.carry
        total += float(scored.total)
        count += scored.count
        for name, value in scored.parts.items():
            parts[name] = parts.get(name, 0.0) + value * scored.count
    backbone.train()
    objective.train()
    return (total / count if count else math.nan), {name: value / max(count, 1) for name, value in parts.items()}


def weights(state: TrainState) -> dict[str, Tensor]:
    """Return all trained tensors by name: `backbone.*` and `objective.*`."""
    return {
        f"{part}.{name}": tensor
        for part, module in (("backbone", state.backbone), ("objective", state.objective))
        for name, tensor in module.state_dict().items()
    }

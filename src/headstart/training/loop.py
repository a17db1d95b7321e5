"""The one training loop: budget by clock or steps, exact normalisation, finite checks, evaluation, saving, stop."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from headstart.core.batch import Batch, TokenBatch
from headstart.core.contracts import Backbone, Objective, Term
from headstart.core.device import compute, pick_compute_dtype
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom, key
from headstart.data.batches import BatchSource
from headstart.training.curves import listeners_of_fit
from headstart.training.events import Event, Listener
from headstart.training.plan import TrainPlan, make_optimizers
from headstart.training.prefetch import Prefetcher

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_AHEAD = 2  # steps whose batches are made ahead on an accelerator
_MOST_EMPTY = 200  # batches in a row without anything to learn before the run is given up
_MOST_SKIPPED = 20  # non-finite steps in a row before the run is given up


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
    optimizers: dict[str, torch.optim.Optimizer]  # by phase of the objective
    step: int = 0
    seconds: float = 0.0
    units: int = 0  # tokens or images
    samples: int = 0
    loss: float | None = None  # smoothed, per target
    carry: tuple[Tensor, ...] = ()  # what the network remembers of the batch before, for one that continues it


@dataclass(frozen=True)
class FitResult:
    """loss: smoothed training loss per target at the end; stopped: 'budget' or the reason of the stop."""

    step: int
    seconds: float
    units: int
    samples: int
    loss: float | None
    stopped: str
    skipped: int
    evaluations: list[Event] = field(default_factory=list)


def start_state(objective: Objective, backbone: Backbone, plan: TrainPlan, fresh: Collection[str] = ()) -> TrainState:
    """Return the state before the first step; fresh: see `make_optimizers`.

    Filters of images lie with channels last, as the images do: else each step lays them out anew.
    """
    backbone.to(memory_format=torch.channels_last)
    return TrainState(backbone, objective, make_optimizers(backbone, objective, plan, fresh))


def fit(
    state: TrainState,
    batches: BatchSource,
    plan: TrainPlan,
    listeners: Sequence[Listener] = (),
    *,
    held_out: Sequence[Batch] = (),
    saver: Saver | None = None,
    stop: Stop | None = None,
) -> FitResult:
    """Train on from `state` until the plan's budget is used up or `stop` is requested; the last state is saved.

    held_out: corruptible batches, scored at the start, as often as the plan says and at the end.
    Raises HeadstartError when steps stay non-finite; no update is ever made from a non-finite gradient.
    """
    stop = stop or Stop()
    run = _Run(state, batches, plan, [*listeners, *listeners_of_fit(state.step)], held_out, saver)
    stop.armed = True
    state.backbone.train()
    state.objective.train()
    if state.step == 0:
        run.evaluate()
    try:
        while not stop.requested and run.progress < 1.0:
            run.step()
            run.evaluate_and_save_when_due()
    finally:
        run.coming.close()
    if not stop.requested:
        run.evaluate()
    run.save_unless_saved()
    reason = (stop.reason or "stopped") if stop.requested else "budget"
    done = (state.step, state.seconds, state.units, state.samples, state.loss)
    return FitResult(*done, reason, run.skipped, run.evaluations)


class _Scored(NamedTuple):
    """What one phase of a step did: its loss per target (None: no target), whether the weights moved, logged values."""

    loss: float | None
    updated: bool
    parts: Mapping[str, Tensor]


class _Micro(NamedTuple):
    """A batch as it was read (`plain`) and corrupted."""

    plain: Batch
    corrupted: Batch


class _Run:
    """The clock of one `fit` and what happens by it: steps, telling, evaluating, saving."""

    def __init__(
        self,
        state: TrainState,
        batches: BatchSource,
        plan: TrainPlan,
        listeners: Sequence[Listener],
        held_out: Sequence[Batch],
        saver: Saver | None,
    ):
        self.state, self.batches, self.plan = state, batches, plan
        self.listeners, self.held_out, self.saver = listeners, held_out, saver
        self.device = next(state.backbone.parameters()).device
        self.dtype = DTYPES.get(plan.dtype) or pick_compute_dtype(self.device.type).dtype
        ahead = plan.prefetch if plan.prefetch is not None else (0 if self.device.type == "cpu" else _AHEAD)
        self.coming = Prefetcher(self._read, ahead)
        self.evaluations: list[Event] = []
        self.skipped = self.in_a_row = self.empty = 0
        self._zero = time.monotonic() - state.seconds
        self._evaluated = self._saved = state.seconds
        self._saved_step = state.step

    def _read(self, step: int) -> list[_Micro]:
        """Return the batches of a step, corrupted; a function of the step alone where the budget is in steps."""
        progress = self.plan.progress(step, time.monotonic() - self._zero if self.plan.seconds else 0.0)
        found = []
        for number in range(step * self.plan.accumulate, (step + 1) * self.plan.accumulate):
            plain = self.batches.at(number)
            random = KeyedRandom(self.plan.seed, plain.epoch)
            corrupted = self.state.objective.corrupt(plain, random, progress=progress, training=True)
            found.append(_Micro(plain, corrupted))
        return found

    def step(self) -> None:
        """Make one step: every phase of the objective learns from the same batches."""
        state, plan = self.state, self.plan
        for optimizer in state.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["peak_learning_rate"] * plan.learning_rate_factor(self.progress)
        micros = self.coming.take(state.step)
        # torch.manual_seed keeps a stack trace for every kind of device that is not in use: half a millisecond a step.
        seed = torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed
        seed(int(key(plan.seed, "dropout", state.step)) & 0x7FFFFFFFFFFFFFFF)
        scored = [self._phase(phase, optimizer, micros) for phase, optimizer in state.optimizers.items()]
        state.objective.after_step(state.backbone)
        losses = [one.loss for one in scored if one.loss is not None]
        if not losses:
            self.empty += 1
        elif all(one.updated for one in scored):
            loss = losses[0]
            state.loss = loss if state.loss is None else 0.98 * state.loss + 0.02 * loss
            self.in_a_row = self.empty = 0
        else:
            self.skipped, self.in_a_row, self.empty = self.skipped + 1, self.in_a_row + 1, 0
            state.carry = ()  # what is remembered may be what went wrong
            samples = micros[0].plain.sample_B[:8].tolist()
            message = f"step {state.step}: loss or gradient is not finite; no update; samples {samples}"
            self.tell("warning", message=message)
        state.step += 1
        state.units += sum(micro.plain.units for micro in micros)
        state.samples += sum(micro.plain.size for micro in micros)
        self.tick()
        self._tell_step(micros, scored)
        self._give_up_when_hopeless()

    def _phase(self, phase: str, optimizer: torch.optim.Optimizer, micros: Sequence[_Micro]) -> _Scored:
        """Score the batches of a step in one phase and move its weights, unless loss or gradient is not finite."""
        state = self.state
        total, parts = _accumulate(state, phase, [micro.corrupted.to(self.device) for micro in micros], self.dtype)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        loss, updated = None, True
        if total is not None:
            norm = nn.utils.clip_grad_norm_(parameters, self.plan.clip)
            loss, norm = torch.stack([total, norm.double()]).tolist()  # the only wait for the device in a step
            updated = math.isfinite(loss) and math.isfinite(norm)
            if updated:
                optimizer.step()
        for other in state.optimizers.values():
            other.zero_grad(set_to_none=True)
        return _Scored(loss, updated, parts)

    def _tell_step(self, micros: Sequence[_Micro], scored: Sequence[_Scored]) -> None:
        state = self.state
        last = list(state.optimizers.values())[-1]
        self.tell(
            "step",
            loss=math.nan if state.loss is None else state.loss,
            learning_rate=last.param_groups[-1]["lr"],
            units=state.units,
            unit=micros[-1].plain.unit,
            samples=state.samples,
            parts={name: value for one in scored for name, value in one.parts.items()},
        )

    def _give_up_when_hopeless(self) -> None:
        if self.in_a_row >= _MOST_SKIPPED:
            raise HeadstartError(
                f"{self.in_a_row} steps in a row were not finite (last: step {self.state.step}); "
                "lower training.learning_rate"
            )
        if self.empty >= _MOST_EMPTY:
            raise HeadstartError(f"{self.empty} batches in a row had nothing to learn from; set batches.tokens larger")

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
            score, parts = evaluate(
                self.state.objective, self.state.backbone, self.held_out, self.plan.seed, self.dtype
            )
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
    state: TrainState, phase: str, batches: Sequence[Batch], dtype: torch.dtype
) -> tuple[Tensor | None, Mapping[str, Tensor]]:
    """Run the batches of one step forward and backward; gradients are those of all batches taken as one.

    Every term of the loss is a sum over targets; its gradient is divided by the targets of all batches together. What
    the network remembers goes on into a batch that continues the one before, without gradient (truncated
    back-propagation). Returns (loss, float64 scalar, or None when there was no target; parts of the last batch).
    """
    objective, backbone = state.objective, state.backbone
    sums = _TermSums([p for part in (backbone, objective) for p in part.parameters()])
    parts: Mapping[str, Tensor] = {}
    for plain in batches:
        batch = _going_on(plain, state.carry)
        with compute(dtype, batch.device.type):
            scored = objective(backbone, batch) if len(objective.phases) == 1 else objective(backbone, batch, phase)
        state.carry = tuple(tensor.detach() for tensor in scored.carry)
        if not scored.live:
            continue
        parts = scored.parts
        if len(batches) == 1:  # divided before backward: one pass for all terms
            scored.mean().backward()
            sums.add_totals(scored.live)
        else:
            sums.add(scored.live)
    return sums.finish(), parts


class _TermSums:
    """Totals, targets and gradients of each term of a loss, summed over the batches of a step."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self.totals: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.gradients: dict[str, list[Tensor | None]] = {}

    def add_totals(self, terms: Mapping[str, Term]) -> None:
        """Take the values of a batch, whose gradients are where they belong already."""
        for name, term in terms.items():
            total = term.total.detach().double()
            self.totals[name] = total if name not in self.totals else self.totals[name] + total
            self.counts[name] = self.counts.get(name, 0) + term.count

    def add(self, terms: Mapping[str, Term]) -> None:
        """Take the values of a batch and run every term backward; its gradients are kept apart from other terms'."""
        self.add_totals(terms)
        for place, (name, term) in enumerate(terms.items(), start=1):
            for parameter, kept in zip(self.parameters, self.gradients.get(name) or [None] * len(self.parameters)):
                parameter.grad = kept
            term.total.backward(retain_graph=place < len(terms))
            self.gradients[name] = [parameter.grad for parameter in self.parameters]

    def finish(self) -> Tensor | None:
        """Put the gradients of the mean of every term together; return the loss, None where there was no target."""
        if not self.totals:
            return None
        if self.gradients:
            for name, gradients in self.gradients.items():
                torch._foreach_div_([g for g in gradients if g is not None], float(self.counts[name]))
            for parameter, *parts in zip(self.parameters, *self.gradients.values()):
                found = [part for part in parts if part is not None]
                parameter.grad = reduce(torch.add, found) if found else None
        return reduce(torch.add, [self.totals[name] / self.counts[name] for name in self.totals])


def _going_on(batch: Batch, carry: tuple[Tensor, ...]) -> Batch:
    """Return the batch with what is remembered, when it continues the one before."""
    if isinstance(batch, TokenBatch) and batch.continues:
        return dataclasses.replace(batch, carry=carry)
    return batch


@torch.no_grad()
def evaluate(
    objective: Objective, backbone: Backbone, held_out: Sequence[Batch], seed: int, dtype: torch.dtype
) -> tuple[float, dict[str, float]]:
    """Return (loss, parts weighted by targets) on held-out batches; the corruption is always the same."""
    backbone.eval()
    objective.eval()
    device = next(backbone.parameters()).device
    sums = _TermSums([])
    count = 0
    parts: dict[str, float] = {}
    carry: tuple[Tensor, ...] = ()
    for plain in held_out:
        corrupted = objective.corrupt(plain, KeyedRandom(seed, -1), progress=1.0, training=False)
        batch = _going_on(corrupted.to(device), carry)
        with compute(dtype, device.type):
            scored = objective(backbone, batch)
        carry = scored.carry
        sums.add_totals(scored.live)
        count += scored.count
        for name, value in scored.parts.items():
            parts[name] = parts.get(name, 0.0) + float(value) * scored.count
    backbone.train()
    objective.train()
    loss = sums.finish()
    return (math.nan if loss is None else float(loss)), {name: value / max(count, 1) for name, value in parts.items()}


def weights(state: TrainState) -> dict[str, Tensor]:
    """Return all trained tensors by name: `backbone.*` and `objective.*`."""
    return {
        f"{part}.{name}": tensor
        for part, module in (("backbone", state.backbone), ("objective", state.objective))
        for name, tensor in module.state_dict().items()
    }

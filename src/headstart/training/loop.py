"""The one training loop: budget by clock or steps, exact normalisation, finite checks, evaluation, saving, stop."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from headstart.core import ranks
from headstart.core.batch import Batch
from headstart.core.contracts import Backbone, Objective
from headstart.core.device import pick_compute_dtype
from headstart.core.errors import HeadstartError
from headstart.core.memory import give_back
from headstart.core.seeds import KeyedRandom, key
from headstart.data.batches import BatchSource
from headstart.training.agreement import Agreement, Stop
from headstart.training.curves import listeners_of_fit
from headstart.training.events import Event, Listener
from headstart.training.kept_buffers import KeptBuffers
from headstart.training.make_network import make_network
from headstart.training.parallel import Network
from headstart.training.plan import TrainPlan, make_optimizers
from headstart.training.prefetch import Prefetcher
from headstart.training.scoring import evaluate
from headstart.training.shares import Share, share_of
from headstart.training.terms import accumulate

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_AHEAD = 2  # steps whose batches are made ahead on an accelerator
# Seconds after which freed memory is given back; at every 64 MB, which is every step, training takes a third longer.
_TIDY = 10.0
_PAUSES = 40  # an evaluation takes at most such a part of the time between two
_MOST_EMPTY = 200  # batches in a row without anything to learn before the run is given up
_MOST_SKIPPED = 20  # non-finite steps in a row before the run is given up


class Saver(Protocol):
    """Where states are saved durably."""

    def save(self, state: TrainState) -> None: ...


@dataclass
class TrainState:
    """Everything that a resumed run needs; data order, masks and dropout are functions of (seed, step)."""

    backbone: Backbone
    objective: Objective
    optimizers: dict[str, torch.optim.Optimizer]  # by phase of the objective
    network: Network  # how both are run
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

    Filters of images lie with channels last, as the images do: else each step lays them out anew. Raises
    HeadstartError: see `make_network`.
    """
    if plan.parallel == "ddp" or ranks.world() == 1:  # what is spread over ranks must lie as it was made
        backbone.to(memory_format=torch.channels_last)
    network = make_network(objective, backbone, plan)
    return TrainState(backbone, objective, make_optimizers(backbone, objective, plan, fresh), network)


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

    held_out: corruptible batches, scored at the start, as often as the plan says and at the end. Several ranks train
    one model; the first tells the listeners, and its clock is everyone's.
    A phase of a step whose loss or gradient is not finite is skipped: nothing of it stays in weights, buffers and
    optimizers, and what other phases learned from the same batches does stay. Raises HeadstartError when steps stay
    non-finite, or a weight is.
    """
    stop = stop or Stop()
    run = _Run(state, batches, plan, listeners, held_out, saver, stop)
    stop.armed = True
    state.backbone.train()
    state.objective.train()
    if state.step == 0:
        run.evaluate()
    try:
        while not run.agreement.stopping and run.progress < 1.0:
            run.step()
            run.evaluate_and_save_when_due()
    finally:
        run.coming.close()
    if not run.agreement.stopping:
        run.evaluate()
    run.save_unless_saved()
    reason = (stop.reason or "stopped") if run.agreement.stopping else "budget"
    done = (state.step, state.seconds, state.units, state.samples, state.loss)
    return FitResult(*done, reason, run.skipped, run.evaluations)


class _Scored(NamedTuple):
    """What one phase of a step did: its loss per target (None: no target), whether the weights moved, logged values."""

    loss: float | None
    updated: bool
    parts: Mapping[str, Tensor]


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
        stop: Stop,
    ):
        self.state, self.batches, self.plan = state, batches, plan
        self.listeners = [*listeners, *listeners_of_fit(state.step)] if ranks.is_first() else []
        self.held_out, self.saver = held_out, saver
        self.agreement = Agreement(stop, state.seconds)
        self.device = next(state.backbone.parameters()).device
        self.dtype = DTYPES.get(plan.dtype) or pick_compute_dtype(self.device.type).dtype
        ahead = plan.prefetch if plan.prefetch is not None else (0 if self.device.type == "cpu" else _AHEAD)
        self.coming = Prefetcher(self._read, ahead)
        self.evaluations: list[Event] = []
        self.skipped = self.in_a_row = self.empty = 0
        self._evaluated = self._saved = state.seconds
        self._tidied = state.seconds
        self._saved_step = state.step
        self._pause = plan.evaluate_seconds
        self.buffers = KeptBuffers(state.backbone, state.objective)

    def _read(self, step: int, seconds: float) -> list[Share]:
        """Return the batches of a step, corrupted; a function of the step alone where the budget is in steps."""
        progress = self.plan.progress(step, seconds)
        found = []
        for number in range(step * self.plan.accumulate, (step + 1) * self.plan.accumulate):
            whole = self.batches.at(number)
            random = KeyedRandom(self.plan.seed, whole.epoch)
            found.append(share_of(whole, self.state.objective, random, progress=progress))
        return found

    def step(self) -> None:
        """Make one step: every phase of the objective learns from the same batches."""
        state, plan = self.state, self.plan
        for optimizer in state.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["peak_learning_rate"] * plan.learning_rate_factor(self.progress)
        shares = self.coming.take(state.step, state.seconds)
        # torch.manual_seed keeps a stack trace for every kind of device that is not in use: half a millisecond a step.
        seed = torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed
        rank = [ranks.rank()] if ranks.rank() else []  # each hides others; the first what one process would
        seed(int(key(plan.seed, "dropout", state.step, *rank)))
        scored = [self._phase(phase, optimizer, shares) for phase, optimizer in state.optimizers.items()]
        made = all(one.updated for one in scored)
        losses = [one.loss for one in scored if one.loss is not None]
        if made:
            state.objective.after_step(state.backbone)
        if not losses:
            self.empty += 1
        elif made:
            loss = losses[0]
            state.loss = loss if state.loss is None else 0.98 * state.loss + 0.02 * loss
            self.in_a_row = self.empty = 0
        else:
            self.skipped, self.in_a_row, self.empty = self.skipped + 1, self.in_a_row + 1, 0
            state.carry = ()  # what is remembered may be what went wrong
        state.step += 1
        state.units += sum(share.whole.units for share in shares)
        state.samples += sum(share.whole.size for share in shares)
        self.tick()
        if not made:
            samples = shares[0].whole.sample_B[:8].tolist()
            message = f"step {state.step}: loss or gradient is not finite; no update; samples {samples}"
            self.tell("warning", message=message)
        self._tell_step(shares[-1].whole.unit, scored, made)
        self._give_up_when_hopeless(made)

    def _phase(self, phase: str, optimizer: torch.optim.Optimizer, shares: Sequence[Share]) -> _Scored:
        """Score the batches of a step in one phase and move its weights; see `fit` for what is not finite."""
        state = self.state
        self.buffers.keep()
        shares = [share._replace(corrupted=share.corrupted.to(self.device)) for share in shares]
        total, parts, state.carry = accumulate(state.network, phase, shares, state.carry, self.agreement, self.dtype)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        loss, updated = None, True
        if total is not None:
            norm = state.network.whole(nn.utils.clip_grad_norm_(parameters, self.plan.clip))
            loss, norm = torch.stack([total, norm.double()]).tolist()  # the only wait for the device in a step
            updated = math.isfinite(loss) and math.isfinite(norm)
            if updated:
                optimizer.step()
            else:
                self.buffers.put_back()
        for other in state.optimizers.values():
            other.zero_grad(set_to_none=True)
        return _Scored(loss, updated, parts)

    def _tell_step(self, unit: str, scored: Sequence[_Scored], made: bool) -> None:
        """Tell the listeners of the step; made: whether it was, else its loss is no number."""
        state = self.state
        last = list(state.optimizers.values())[-1]
        self.tell(
            "step",
            loss=state.loss if made and state.loss is not None else math.nan,
            learning_rate=last.param_groups[-1]["lr"],
            units=state.units,
            unit=unit,
            samples=state.samples,
            parts={name: value for one in scored for name, value in one.parts.items()},
        )

    def _give_up_when_hopeless(self, made: bool) -> None:
        if not made and (broken := self._broken_weight()):
            raise HeadstartError(
                f"step {self.state.step}: the weight {broken} holds a number that is not finite, which no step mends; "
                "go on from the last checkpoint (pretrain: --resume), or start from other weights"
            )
        if self.in_a_row >= _MOST_SKIPPED:
            raise HeadstartError(
                f"{self.in_a_row} steps in a row were not finite (last: step {self.state.step}); "
                "lower training.learning_rate"
            )
        if self.empty >= _MOST_EMPTY:
            raise HeadstartError(f"{self.empty} batches in a row had nothing to learn from; set batches.tokens larger")

    def _broken_weight(self) -> str:
        """Return the name of a weight that is not finite on any rank, "" where all are. All ranks ask together."""
        parts = (("backbone", self.state.backbone), ("objective", self.state.objective))
        named = {f"{part}.{name}": weight for part, module in parts for name, weight in module.named_parameters()}
        norms = [self.state.network.whole(torch.linalg.vector_norm(weight.detach())) for weight in named.values()]
        finite = ranks.summed(torch.stack(norms)).isfinite().tolist()
        return next((name for name, sound in zip(named, finite) if not sound), "")

    @property
    def progress(self) -> float:
        return self.plan.progress(self.state.step, self.state.seconds)

    def tick(self) -> None:
        """Bring the state's clock up to date."""
        self.state.seconds = self.agreement.seconds

    def tell(self, kind: str, **values: object) -> Event:
        event = Event(kind, self.state.step, self.progress, self.state.seconds, **values)
        for listener in self.listeners:
            listener(event)
        return event

    def evaluate(self) -> None:
        if self.held_out:
            begun = self.state.seconds
            score, parts = evaluate(self.state.network, self.held_out, self.plan.seed, self.dtype)
            self.agreement.meet()
            self.evaluations.append(self.tell("evaluation", loss=score, parts=parts))
            self.tick()
            self._evaluated = self.state.seconds
            self._pause = evaluation_pause(self.plan, self._evaluated - begun)

    def evaluate_and_save_when_due(self) -> None:
        plan, state = self.plan, self.state
        if _due(state.step, plan.evaluate_steps, state.seconds - self._evaluated, self._pause):
            self.evaluate()
        if _due(state.step, plan.save_steps, state.seconds - self._saved, plan.save_seconds):
            self.save_unless_saved()
        if self.device.type == "cpu" and state.seconds - self._tidied >= _TIDY:
            give_back()
            self._tidied = state.seconds

    def save_unless_saved(self) -> None:
        if self.saver and (self._saved_step != self.state.step or self.state.step == 0):
            self.saver.save(self.state)
            self.agreement.meet()
            self.tell("saved")
            self._saved_step = self.state.step
            self.tick()
            self._saved = self.state.seconds


def evaluation_pause(plan: TrainPlan, seconds: float) -> float:
    """Return the seconds between two evaluations that take so many: those of the plan, or more where they cost much."""
    return max(plan.evaluate_seconds, _PAUSES * seconds)


def _due(step: int, steps: int | None, waited: float, seconds: float) -> bool:
    """Whether something is due that is done every so many steps or, without a number, after so many seconds."""
    return waited >= seconds if steps is None else step % steps == 0


def weights(state: TrainState) -> dict[str, Tensor]:
    """Return all trained tensors by name, whole: `backbone.*` and `objective.*`. All ranks ask together."""
    return {
        f"{part}.{name}": state.network.whole(tensor, to_cpu=True)
        for part, module in (("backbone", state.backbone), ("objective", state.objective))
        for name, tensor in module.state_dict().items()
    }

"""What the loop does by its clock and counts by step: a clock of whole seconds, so that every event is known."""

from __future__ import annotations

import math
import threading

import pytest
import torch
from torch import nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import key
from headstart.training import agreement, loop
from headstart.training.loop import Stop, TrainState, fit, start_state
from headstart.training.plan import TrainPlan

GOOD, LOST, EMPTY = ".", "x", "o"  # steps: with a loss, with one that is not finite, without anything to learn


class Clock:
    """Seconds that pass where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(agreement, "time", made)
    return made


class Net(Backbone):
    width, depth = 2, 1

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(8, 2)
        self.out = nn.Linear(2, 2, bias=False)

    def forward(self, batch, *, layers=False, attention=False):
        hidden = self.out(self.embedding(batch.ids_N))
        return Features(pooled_BD=torch.zeros(batch.size, 2).index_add(0, batch.row_N(), hidden))

    def groups(self):
        return [[self.embedding.weight], list(self.out.parameters())]


class Told(Objective):
    """The loss of each training step is told: a number of `losses`; after those, the script of GOOD, LOST, EMPTY."""

    def __init__(
        self, script: str = "", losses: tuple[float, ...] = (), takes: float = 0.0, clock: Clock | None = None
    ):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.script, self.losses, self.takes, self.clock = script, losses, takes, clock
        self.calls, self.seeds, self.trained, self.afterwards = 0, [], [], 0

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        return batch

    def forward(self, backbone, batch):
        value = (backbone(batch).pooled_BD * self.scale).sum()
        if not self.training:
            self.clock.now += self.takes
            return Loss.of(value, batch.size)
        self.seeds.append(torch.initial_seed())
        self.trained.append(backbone.training)
        number, self.calls = self.calls, self.calls + 1
        if number < len(self.losses):
            return Loss.of(value * 0.0 + self.losses[number], 1)
        kind = self.script[number] if number < len(self.script) else GOOD
        return Loss.of(value * math.nan if kind == LOST else value * 0.0, 0 if kind == EMPTY else batch.size)

    def after_step(self, backbone):
        self.afterwards += 1


class Source:
    """Batches of 10 samples of 3 tokens; reading one takes `takes` seconds. read: which ones, by which thread."""

    def __init__(self, clock: Clock | None = None, takes: float = 1.0) -> None:
        self.clock, self.takes = clock, takes
        self.read: list[tuple[int, str]] = []

    def at(self, number: int) -> TokenBatch:
        self.read.append((number, threading.current_thread().name))
        if self.clock:
            self.clock.now += self.takes
        samples_B = torch.arange(10) + 10 * number
        return TokenBatch(ids_N=torch.arange(30) % 8, lengths_B=torch.full((10,), 3), sample_B=samples_B, epoch=0)


class Saver:
    """Saves nothing; each time takes `takes` seconds."""

    def __init__(self, clock: Clock | None = None, takes: float = 0.0) -> None:
        self.clock, self.takes, self.steps = clock, takes, []

    def save(self, state: TrainState) -> None:
        self.steps.append(state.step)
        if self.clock:
            self.clock.now += self.takes


def started(objective: Objective, plan: TrainPlan, **known) -> TrainState:
    state = start_state(objective, Net(), plan)
    for name, value in known.items():
        setattr(state, name, value)
    return state


def events_of(clock, plan, *, evaluation=0.0, saving=0.0, held_out=True, **known) -> dict[str, list[tuple]]:
    """Train by the clock: 1 s a step; return by kind (step, seconds) of every event."""
    objective, found = Told(takes=evaluation, clock=clock), {}
    state = started(objective, plan, **known)
    source = Source(clock, 1.0 / plan.accumulate)
    held = [Source().at(99)] if held_out else []
    hear = lambda event: found.setdefault(event.kind, []).append((event.step, event.seconds))  # noqa: E731
    fit(state, source, plan, [hear], held_out=held, saver=Saver(clock, saving))
    return found


def steps(first: int, last: int, later: float = 0.0) -> list[tuple]:
    return [(step, step + later) for step in range(first, last + 1)]


def test_without_a_number_of_steps_seconds_say_when(clock):
    plan = TrainPlan(seconds=12.0, dtype="fp32", evaluate_seconds=3.0, save_seconds=5.0)
    found = events_of(clock, plan)
    assert found["step"] == steps(1, 12)
    assert found["evaluation"] == [(0, 0), (3, 3), (6, 6), (9, 9), (12, 12), (12, 12)]
    assert found["saved"] == [(5, 5), (10, 10), (12, 12)]


def test_what_evaluations_and_saves_take_counts_and_they_are_counted_from_their_end(clock):
    plan = TrainPlan(seconds=100.0, dtype="fp32", evaluate_seconds=1.0, save_seconds=16.0)
    found = events_of(clock, plan, evaluation=0.25, saving=2.0)  # so that evaluations are 10 s apart
    assert found["evaluation"][:4] == [(0, 0.0), (10, 10.25), (18, 20.5), (28, 30.75)]
    assert found["saved"][:3] == [(16, 16.5), (32, 35.0), (48, 53.5)]
    assert found["step"][9:11] == [(10, 10.25), (11, 11.5)]
    assert found["step"][15:17] == [(16, 16.5), (17, 19.5)]


def test_steps_say_when_where_they_are_told(clock):
    plan = TrainPlan(steps=7, dtype="fp32", evaluate_steps=2, save_steps=3, evaluate_seconds=0.0, save_seconds=0.1)
    found = events_of(clock, plan)
    assert found["evaluation"] == [(0, 0), (2, 2), (4, 4), (6, 6), (7, 7)]
    assert found["saved"] == [(3, 3), (6, 6), (7, 7)]


def test_a_run_that_goes_on_goes_on_with_its_clock_and_counts(clock):
    plan = TrainPlan(seconds=20.0, dtype="fp32", evaluate_seconds=3.0, save_seconds=5.0)
    found = events_of(clock, plan, step=4, seconds=8.0, units=1000, samples=70)
    assert found["step"] == steps(5, 16, 4)
    assert found["evaluation"] == [(7, 11), (10, 14), (13, 17), (16, 20), (16, 20)]  # none at its begin
    assert found["saved"] == [(9, 13), (14, 18), (16, 20)]


def test_without_held_out_data_and_saver_there_are_steps_alone(clock):
    plan = TrainPlan(steps=3, dtype="fp32", evaluate_steps=1)
    state, heard = started(Told(), plan), []
    result = fit(state, Source(clock), plan, [lambda event: heard.append(event.kind)])
    assert heard == ["step"] * 3
    assert (result.evaluations, result.stopped, result.skipped) == ([], "budget", 0)


def test_the_last_state_is_saved_once(clock):
    for count, apart, wanted in ((1, 1, [1]), (4, 3, [3, 4])):
        saver, plan = Saver(), TrainPlan(steps=count, save_steps=apart, dtype="fp32")
        fit(started(Told(), plan), Source(), plan, saver=saver)
        assert saver.steps == wanted
    saver, plan = Saver(), TrainPlan(steps=4, dtype="fp32")
    result = fit(started(Told(), plan), Source(), plan, saver=saver, stop=Stop(requested=True))
    assert (saver.steps, result.step, result.stopped) == ([0], 0, "stopped")


def test_a_stop_is_heard_from_the_begin_of_training_on_and_ends_it_without_an_evaluation(clock):
    plan, stop, heard = TrainPlan(steps=9, dtype="fp32"), Stop(), []

    def hear(event) -> None:
        heard.append((event.kind, event.step, stop.armed))
        if event.kind == "step" and event.step == 2:
            stop.requested, stop.reason = True, "SIGTERM"

    objective = Told(clock=clock)
    result = fit(started(objective, plan), Source(), plan, [hear], held_out=[Source().at(9)], saver=Saver(), stop=stop)
    assert heard == [("evaluation", 0, True), ("step", 1, True), ("step", 2, True), ("saved", 2, True)]
    assert (result.step, result.stopped, len(result.evaluations)) == (2, "SIGTERM", 1)


def test_freed_memory_is_given_back_every_ten_seconds(clock, monkeypatch):
    given = []
    monkeypatch.setattr(loop, "give_back", lambda: given.append(clock.now - 1000.0))
    plan = TrainPlan(seconds=45.0, dtype="fp32", save_seconds=1e9)
    fit(started(Told(), plan, step=1, seconds=7.0), Source(clock), plan)
    assert given == [10.0, 20.0, 30.0]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_reads_its_own_batches_and_counts_them(accumulate, clock):
    plan = TrainPlan(steps=4, dtype="fp32", accumulate=accumulate)
    source, told = Source(), []
    state = started(Told(), plan, step=1, units=1000, samples=500)
    result = fit(state, source, plan, [lambda event: told.append((event.units, event.samples, event.unit))])
    assert [number for number, _ in source.read] == list(range(accumulate, 4 * accumulate))
    of_steps = [(1000 + 30 * accumulate * n, 500 + 10 * accumulate * n, "tokens") for n in (1, 2, 3)]
    assert told == of_steps
    assert (result.step, result.units, result.samples) == (4, *of_steps[-1][:2])


@pytest.mark.parametrize(("prefetch", "aside"), [(None, False), (0, False), (1, True), (2, True)])
def test_batches_are_read_aside_where_that_is_asked_for(prefetch, aside, clock):
    plan, source = TrainPlan(steps=5, dtype="fp32", prefetch=prefetch), Source()
    fit(started(Told(), plan), source, plan)
    assert [number for number, _ in source.read][:5] == list(range(5))
    assert {name.startswith("prefetch") for _, name in source.read} == {aside}
    assert not any(thread.name.startswith("prefetch") for thread in threading.enumerate())


def test_the_loss_that_is_told_is_smoothed_over_the_steps_that_were_made(clock):
    losses = (4.0, 2.0, math.inf, 3.0)
    plan, told = TrainPlan(steps=4, dtype="fp32"), []
    state = started(Told(losses=losses), plan)
    result = fit(state, Source(), plan, [lambda event: event.kind == "step" and told.append(event.loss)])
    second = 0.98 * 4.0 + 0.02 * 2.0
    fourth = 0.98 * second + 0.02 * 3.0
    assert told[:2] == pytest.approx([4.0, second])
    assert math.isnan(told[2])
    assert told[3] == result.loss == state.loss == pytest.approx(fourth)


def test_a_step_without_targets_before_any_loss_tells_none(clock):
    plan, told = TrainPlan(steps=2, dtype="fp32"), []
    result = fit(started(Told(EMPTY * 2), plan), Source(), plan, [lambda event: told.append((event.kind, event.loss))])
    assert [kind for kind, _ in told] == ["step", "step"]
    assert all(math.isnan(loss) for _, loss in told)
    assert (result.loss, result.skipped) == (None, 0)


@pytest.mark.parametrize(
    ("script", "ends", "skipped"),
    [
        (LOST * 19 + GOOD + LOST * 19 + GOOD, None, 38),
        (GOOD + LOST * 20, "20 steps in a row were not finite (last: step 21)", 0),
        (LOST * 10 + EMPTY * 3 + LOST * 10, "20 steps in a row were not finite (last: step 23)", 0),
        (GOOD + EMPTY * 199 + GOOD + EMPTY * 199 + LOST + EMPTY * 199 + GOOD, None, 1),
        (EMPTY * 200, "200 batches in a row had nothing to learn from", 0),
        (GOOD + EMPTY * 200, "200 batches in a row had nothing to learn from", 0),
    ],
)
def test_when_a_run_is_given_up(script, ends, skipped, clock):
    plan = TrainPlan(steps=len(script), dtype="fp32", learning_rate=1e-6)
    objective, warned = Told(script), []
    state = started(objective, plan)
    hear = lambda event: event.kind == "warning" and warned.append(event.message)  # noqa: E731
    if ends is None:
        result = fit(state, Source(), plan, [hear])
        assert (result.step, result.skipped, len(warned)) == (len(script), skipped, skipped)
        assert objective.afterwards == len(script) - skipped
    else:
        with pytest.raises(HeadstartError) as caught:
            fit(state, Source(), plan, [hear])
        assert str(caught.value).startswith(ends)
        assert state.step == len(script)
    first = script.index(LOST) if LOST in script else 0
    assert not warned or warned[0].endswith(f"samples {[10 * first + row for row in range(8)]}")


def test_the_warning_names_the_first_samples_of_a_step_of_several_batches(clock):
    plan, warned = TrainPlan(steps=1, dtype="fp32", accumulate=2), []
    fit(started(Told(GOOD + LOST), plan), Source(), plan, [lambda event: warned.append(event.message)])
    assert warned[0] == f"step 1: loss or gradient is not finite; no update; samples {list(range(8))}"


def test_every_group_learns_at_its_own_rate_and_the_last_one_is_told(clock):
    plan = TrainPlan(
        steps=4, dtype="fp32", learning_rate=0.1, learning_rate_embeddings=0.5, warmup=0.5, hold=0.0, final=0.0
    )
    state, told = started(Told(), plan), []

    def hear(event) -> None:
        told.append((event.learning_rate, [group["lr"] for group in state.optimizers["main"].param_groups]))

    fit(state, Source(), plan, [hear])
    factors = [plan.learning_rate_factor(step / 4) for step in range(4)]
    assert len(set(factors)) > 2
    for factor, (last, every) in zip(factors, told, strict=True):
        assert last == pytest.approx(0.1 * factor)
        assert every == pytest.approx([0.5 * factor, *[0.1 * factor] * (len(every) - 1)])


def test_dropout_draws_from_the_seed_of_its_step_and_training_puts_the_network_into_training(clock):
    plan = TrainPlan(steps=3, dtype="fp32", seed=5)
    state = started(Told(), plan)
    state.backbone.eval()
    state.objective.eval()
    fit(state, Source(), plan)
    assert state.objective.seeds == [int(key(5, "dropout", step)) for step in range(3)]
    assert state.objective.trained == [True] * 3


class Halves(Told):
    """Two phases, of the network and of the objective's own weights; script: of each phase of each step in turn."""

    phases = ("network", "own")

    def __init__(self, script: str = "") -> None:
        super().__init__(script)
        self.phase = []

    def layers(self, backbone, phase):
        return [*backbone.groups(), []] if phase == "network" else [[self.scale]]

    def forward(self, backbone, batch, phase="network"):
        self.phase.append(phase)
        loss = super().forward(backbone, batch)
        (term,) = loss.terms.values()
        moved = (backbone.out.weight if phase == "network" else self.scale).sum()
        return Loss.of(term.total + moved, term.count, {phase: moved.detach()})


@pytest.mark.parametrize(
    ("script", "moved", "skipped"),
    [(GOOD + GOOD, [True, True], 0), (LOST + GOOD, [False, True], 1), (GOOD + LOST, [True, False], 1)],
)
def test_a_phase_that_is_not_finite_leaves_the_others_their_step(script, moved, skipped, clock):
    plan, told = TrainPlan(steps=1, dtype="fp32", weight_decay=0.0, warmup=0.0), []
    state = started(Halves(script), plan)
    before = state.backbone.out.weight.detach().clone(), state.objective.scale.detach().clone()
    result = fit(state, Source(), plan, [told.append])
    after = state.backbone.out.weight, state.objective.scale
    assert [not torch.equal(one, two) for one, two in zip(before, after)] == moved
    assert (result.skipped, state.objective.afterwards) == (skipped, 1 - skipped)
    (step,) = [event for event in told if event.kind == "step"]
    assert math.isnan(step.loss) is bool(skipped)
    assert set(step.parts) == {"network", "own"}
    assert state.objective.phase == ["network", "own"]


def test_of_several_phases_the_rate_of_the_last_is_told(clock):
    plan = TrainPlan(steps=2, dtype="fp32", learning_rate=0.1, learning_rate_fresh=0.7)
    state, told = start_state(Halves(), Net(), plan, ("objective.scale",)), []
    fit(state, Source(), plan, [lambda event: told.append(event.learning_rate)])
    assert told == pytest.approx([0.7 * plan.learning_rate_factor(step / 2) for step in range(2)])


def test_a_weight_without_a_gradient_does_not_move(clock):
    """Not even by the momentum of earlier steps."""
    plan, seen = TrainPlan(steps=3, dtype="fp32", weight_decay=0.0), []

    class Once(Told):
        def forward(self, backbone, batch):
            value = backbone(batch).pooled_BD
            used = value * self.scale if self.calls == 0 else value
            self.calls += 1
            return Loss.of((used**2).sum(), batch.size)

    state = started(Once(), plan)
    fit(state, Source(), plan, [lambda event: seen.append(state.objective.scale.detach().clone())])
    assert not torch.equal(seen[0], torch.ones(2))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2])


def test_images_lie_with_channels_last_also_where_one_process_was_to_spread_them():
    for parallel in ("ddp", "fsdp"):
        plan = TrainPlan(steps=1, parallel=parallel)
        net = Net()
        net.conv = nn.Conv2d(3, 4, 3)
        state = start_state(Told(), net, plan)
        assert net.conv.weight.is_contiguous(memory_format=torch.channels_last)
        assert (state.step, state.seconds, state.units, state.samples, state.loss, state.carry) == (
            0,
            0,
            0,
            0,
            None,
            (),
        )


def test_evaluations_are_as_far_apart_as_the_plan_says_or_40_times_what_one_takes():
    assert loop.evaluation_pause(TrainPlan(steps=2, evaluate_seconds=30.0), 0.5) == 30.0
    assert loop.evaluation_pause(TrainPlan(steps=2, evaluate_seconds=30.0), 1.0) == 40.0

"""A pre-training run: one directory with everything that re-runs, resumes, explains and uses it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core import ranks
from headstart.core.compatibility import need_items
from headstart.core.errors import HeadstartError
from headstart.core.files import make_folder
from headstart.core.memory import peak_memory
from headstart.data.batches import EpochBatches
from headstart.data.corpus import Corpus
from headstart.data.open import shown
from headstart.training.checkpoint import Checkpoints, restore
from headstart.training.continuation import Continuation
from headstart.training.curves import curve
from headstart.training.events import Listener
from headstart.training.loop import FitResult, Stop, TrainState, fit, start_state
from headstart.training.metrics_file import METRICS, MetricsFile
from headstart.training.pace import Forecast, Pace, forecast, measured_pace, trial_seconds
from headstart.training.plan import measured_dtype
from headstart.training.prepare import Prepared, build_parts, prepared, undone_when_refused, written
from headstart.training.room import Room
from headstart.training.run_folder import RunFolder
from headstart.training.run_spec import RunSpec
from headstart.training.terms import inexact_accumulation
from headstart.training.warm_start import take_layers, take_over

_LEAST_TRAINING = 0.4  # share of the budget that training gets even when preparing took longer than the rest


@dataclass(frozen=True)
class RunResult:
    """folder: the run directory; fit: what the loop returned; notes: what was guessed or decided, for people."""

    folder: Path
    fit: FitResult
    notes: list[str]


def train_run(
    spec: RunSpec,
    folder: Path,
    *,
    resume: bool = False,
    listeners: Sequence[Listener] = (),
    stop: Stop | None = None,
    say: Callable[[str], None] = print,
    command: str = "",
    begun: float | None = None,
) -> RunResult:
    """Carry out (or continue) a run. Raises HeadstartError; whatever was saved stays usable.

    The budget of `training.seconds` counts from `begun` (monotonic seconds; None: from here), with reading, processor
    and store, except that training always gets 40 % of it.
    """
    begun = time.monotonic() if begun is None else begun
    notes: list[str] = []
    spec, home = _with_dtype(spec), RunFolder(folder)

    def note(text: str) -> None:
        notes.append(text)
        if ranks.is_first():
            say(text)

    corpus = Corpus(**spec.corpus)
    need_items(spec.processor, corpus.takes, shown(corpus.files[0]))
    make_folder(folder)
    with undone_when_refused(home):
        with ranks.in_turn():
            run = prepared(spec, corpus, home, command, note)
        record = run.record
        run, pace = _paced(spec, home, run)
        spec = _with_training_time(spec, home, used := time.monotonic() - begun, resume, note)
        spec = _with_most_epochs(spec, run.batches, note)
        planned = None if pace is None else forecast(spec.training, pace, used)
        if planned is not None:
            note(planned.line())
        going_on = None
        if run.base is not None:
            record["start"] = record.get("start", {}) | _begin(spec, home, run, note)
            going_on = _going_on(spec, run, note)
        if going_on and spec.search and "search" not in record["start"] and not home.checkpoints.steps():
            fresh = record["start"]["tensors"]["fresh"]
            training, found = going_on.search(spec.training, run.batches, fresh)
            spec, record["start"]["search"] = dataclasses.replace(spec, training=training), found
    record |= {"spec": written(spec), "ledger": run.ledger, "notes": notes}
    if ranks.is_first():
        home.begin(record)
    fresh = record.get("start", {}).get("tensors", {}).get("fresh", [])
    state = _started(spec, home, run, fresh, resume, note)
    stop = stop or Stop()
    room = Room(spec.training.wait_seconds, stop, say)
    kept = home.checkpoints
    saver = Checkpoints(kept.folder, run=kept.run, patience=room.wait_for)
    with _metrics(home, state.step, room) as metrics:
        result = _train(spec, saver, run, state, [*listeners, *metrics], stop, note)
        settled = record.get("start", {}).get("vectors", {})
        if going_on and spec.keep and result.stopped == "budget" and settled.get("step") != state.step:
            record["start"]["vectors"] = going_on.settle(state, saver)
    record |= {"notes": notes, "status": "finished" if result.stopped == "budget" else "stopped"}
    record["result"] = _plain_result(result)
    if planned is not None and result.stopped == "budget":
        record["forecast"] = _beside(planned, result, time.monotonic() - begun, note)
    if ranks.is_first():
        room.wait_for(lambda: home.end(record))
    return RunResult(folder, result, notes)


def _paced(spec: RunSpec, home: RunFolder, run: Prepared) -> tuple[Prepared, Pace | None]:
    """Return the run, its parts made anew, and what its steps cost here, measured on the parts as they were.

    None: the budget is in steps, the run goes on or starts from a base, or several processes train it.
    """
    seconds = spec.training.seconds
    if seconds is None or run.base is not None or ranks.world() > 1 or home.checkpoints.steps():
        return run, None
    pace = measured_pace(spec.training, run, trial_seconds(spec.training), home.path)
    backbone, objective = build_parts(spec, run.processor, run.first)
    return dataclasses.replace(run, backbone=backbone, objective=objective), pace


def _beside(planned: Forecast, result: FitResult, seconds: float, note: Callable[[str], None]) -> dict[str, Any]:
    """Say what was planned beside what it came to, and return both for run.json."""
    done = {"steps": result.step, "units": result.units, "memory": peak_memory(), "seconds": seconds}
    actual = dataclasses.replace(planned, **done)
    note(planned.beside(actual))
    return {"planned": planned.to_dict(), "actual": actual.to_dict()}


@contextmanager
def _metrics(home: RunFolder, step: int, room: Room) -> Iterator[list[Listener]]:
    """Yield what writes metrics.jsonl from this step on, on the first rank."""
    if not ranks.is_first():
        yield []
        return
    home.go_on_from(step)
    metrics = MetricsFile(home.path / METRICS, room.wait_for)
    try:
        yield [metrics]
    finally:
        metrics.close()


def _plain_result(result: FitResult) -> dict[str, Any]:
    """Return the result as JSON data, None for what is not finite; of the evaluations only the last."""
    last = result.evaluations[-1:]
    told = [{"step": event.step, "loss": event.loss, **event.parts} for event in last]
    scored = [{name: value if math.isfinite(value) else None for name, value in one.items()} for one in told]
    return {k: v for k, v in dataclasses.asdict(result).items() if k != "evaluations"} | {"held_out": scored}


def _begin(spec: RunSpec, home: RunFolder, run: Prepared, note: Callable[[str], None]) -> dict[str, Any]:
    """Hand the base's weights over (a checkpoint's replace them later); return what run.json says of it."""
    teacher, base = spec.objective.teacher, run.base
    about = {"name": base.name, "identity": base.identity, "pooling": "" if teacher == "any" else base.pooling}
    if teacher:
        run.objective.learn_from(base.backbone, base.objective, base.processor)
        note(f"learning from {base.name}")
    if teacher == "any" or (teacher and home.checkpoints.steps()):
        return about
    if teacher:
        receipt = take_layers(base, run.backbone)
    else:
        receipt = take_over(base, run.backbone, run.objective, spec.objective.name, run.pieces)
    note(f"starting from {base.name}; {receipt.summary()}")
    return about | {"tensors": dataclasses.asdict(receipt)}


def _going_on(spec: RunSpec, run: Prepared, note: Callable[[str], None]) -> Continuation | None:
    """Return what is decided by the base's vectors; None: it teaches alone, or no rank has the whole network."""
    if spec.objective.teacher:
        return None
    if ranks.world() > 1 and spec.training.parallel == "fsdp":
        run.backbone.keep_statistics()
        note("training.parallel=fsdp: vectors are not compared with the checkpoint's, no learning rate is searched for")
        return None
    return Continuation(run.backbone, run.objective, run.held_out, run.base, note)


def training_seconds(seconds: float, preparing: float) -> float:
    """Return the part of a budget that training gets when preparing took so long."""
    return max(seconds - preparing, _LEAST_TRAINING * seconds)


def _with_training_time(
    spec: RunSpec, home: RunFolder, used: float, resume: bool, note: Callable[[str], None]
) -> RunSpec:
    """Take the preparation's time off the budget, and the number format, as the first rank measured them.

    A resumed run keeps what was resolved at its start.
    """
    seconds = spec.training.seconds
    checkpoint, _ = home.newest()
    if seconds is not None and not (resume and checkpoint is not None):
        seconds = ranks.of_first(lambda: training_seconds(seconds, used))
        note(f"budget: {spec.training.seconds:.0f} s; preparing took {used:.0f} s; training gets {seconds:.0f} s")
    dtype = ranks.of_first(lambda: spec.training.dtype)
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, seconds=seconds, dtype=dtype))


def _with_most_epochs(spec: RunSpec, batches: EpochBatches, note: Callable[[str], None]) -> RunSpec:
    """Turn the most epochs into a number of steps, so that the schedule ends where training does."""
    most = spec.batches.epochs
    if most is None:
        return spec
    steps = max(1, round(most * batches.per_epoch / spec.training.accumulate))
    if spec.training.steps is None:
        note(f"at most {most:g} epochs ({steps:,} steps), then it ends early; batches.epochs changes that")
    steps = min(steps, spec.training.steps or steps)
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, steps=steps))


def _with_dtype(spec: RunSpec) -> RunSpec:
    """Write what `auto` stands for into the spec, so that a resumed run computes in the same format as before."""
    if spec.training.dtype != "auto":
        return spec
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, dtype=measured_dtype(spec.backbone)))


def _started(
    spec: RunSpec, home: RunFolder, run: Prepared, fresh: Sequence[str], resume: bool, note: Callable[[str], None]
) -> TrainState:
    """Return the state that training goes on from."""
    state = start_state(run.objective, run.backbone, spec.training, fresh)
    if resume:
        _resume(state, home, note)
    if inexact := inexact_accumulation(run.objective, run.backbone, spec.training.accumulate):
        note(inexact)
    return state


def _train(
    spec: RunSpec,
    saver: Checkpoints,
    run: Prepared,
    state: TrainState,
    listeners: Sequence[Listener],
    stop: Stop,
    note: Callable[[str], None],
) -> FitResult:
    with curve("pretrain"):
        result = fit(state, run.batches, spec.training, listeners, held_out=run.held_out, saver=saver, stop=stop)
    epochs, unit = result.units / max(run.batches.units_per_epoch, 1), run.batches.unit
    note(f"trained {result.step:,} steps, {result.units:,} {unit} ({epochs:.2f} epochs) in {result.seconds:.0f} s")
    return result


def _resume(state: TrainState, home: RunFolder, note: Callable[[str], None]) -> None:
    newest, passed = home.newest()
    if newest is None and passed:
        raise HeadstartError(
            f"no checkpoint of {len(passed)} can be used: {passed[0].partition(';')[0]}; "
            f"delete {home.checkpoints.folder} to train anew from step 0 with --resume"
        )
    for line in passed:
        note(f"warning: {line}")
    if newest is None:
        note("no checkpoint to resume from; starting at step 0")
        return
    restore(state, newest)
    note(f"resumed from {newest.name}: step {state.step:,}, {state.seconds:.0f} s of training done")

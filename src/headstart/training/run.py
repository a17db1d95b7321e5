"""A pre-training run: one directory with everything that re-runs, resumes, explains and uses it."""

from __future__ import annotations

import dataclasses
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headstart import __version__
from headstart.core import plugins, ranks
from headstart.core.batch import Batch
from headstart.core.compatibility import build_objective, need_items
from headstart.core.contracts import Backbone, Objective
from headstart.core.device import device_name, pick_device
from headstart.core.errors import HeadstartError
from headstart.core.files import disk_error, write_json
from headstart.core.load_processor import load_processor
from headstart.core.migration import FORMAT, RunFile
from headstart.core.processor import Processor, Tokenizer
from headstart.data.batches import EpochBatches
from headstart.data.corpus import Corpus
from headstart.data.open import shown
from headstart.data.store import ensure_store, split_documents
from headstart.training.batching import check_usable, make_batches
from headstart.training.checkpoint import restore
from headstart.training.continuation import Continuation
from headstart.training.curves import curve
from headstart.training.events import Listener, MetricsFile
from headstart.training.loop import FitResult, Stop, TrainState, fit, start_state
from headstart.training.plan import measured_dtype
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import PROCESSOR, RECEIPT, RUN, SEEN, STORE, RunFolder
from headstart.training.run_spec import RunSpec
from headstart.training.seen import write_seen
from headstart.training.warm_start import start_processor, take_layers, take_over

Pieces = dict[int, list[int]]  # by new token of a grown vocabulary: the old tokens it was written with
_LEAST_TRAINING = 0.4  # share of the budget that training gets even when preparing took longer than the rest


@dataclass(frozen=True)
class RunResult:
    """folder: the run directory; fit: what the loop returned; notes: what was guessed or decided, for people."""

    folder: Path
    fit: FitResult
    notes: list[str]


def machine() -> dict[str, Any]:
    """Return what a receipt says of this machine: versions, threads, device."""
    return {
        "headstart": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": device_name(pick_device()),
    }


def train_run(
    spec: RunSpec,
    folder: Path,
    *,
    resume: bool = False,
    listeners: Sequence[Listener] = (),
    stop: Stop | None = None,
    say: Callable[[str], None] = print,
    command: str = "",
) -> RunResult:
    """Carry out (or continue) a run. Raises HeadstartError; whatever was saved stays usable.

    The budget of `training.seconds` counts from here, with reading, processor and store, except that training always
    gets 40 % of it.
    """
    begun = time.monotonic()
    notes: list[str] = []
    spec, home = _with_dtype(spec), RunFolder(folder)

    def note(text: str) -> None:
        notes.append(text)
        if ranks.is_first():
            say(text)

    try:
        corpus = Corpus(**spec.corpus)
        need_items(spec.processor, corpus.takes, shown(corpus.files[0]))
        folder.mkdir(parents=True, exist_ok=True)
        with _undone_when_refused(home):
            with ranks.in_turn():
                run = _prepare(spec, corpus, home, command, note)
            record = run.record
            spec = _with_training_time(spec, home, time.monotonic() - begun, resume, note)
            spec = _with_most_epochs(spec, run.batches, note)
            going_on = None
            if run.base is not None:
                record["start"] = record.get("start", {}) | _begin(spec, home, run, note)
                going_on = _going_on(spec, run, note)
            if going_on and spec.search and "search" not in record["start"] and not home.checkpoints.steps():
                fresh = record["start"]["tensors"]["fresh"]
                training, found = going_on.search(spec.training, run.batches, fresh)
                spec, record["start"]["search"] = dataclasses.replace(spec, training=training), found
        record |= {"spec": _written(spec), "ledger": run.ledger, "notes": notes}
        if ranks.is_first():
            home.begin(record)
        fresh = record.get("start", {}).get("tensors", {}).get("fresh", [])
        with _metrics(home) as metrics:
            state, result = _train(spec, home, run, fresh, [*listeners, *metrics], stop or Stop(), resume, note)
            settled = record.get("start", {}).get("vectors", {})
            if going_on and spec.keep and result.stopped == "budget" and settled.get("step") != state.step:
                record["start"]["vectors"] = going_on.settle(state, home.checkpoints)
        record |= {"notes": notes, "status": "finished" if result.stopped == "budget" else "stopped"}
        record["result"] = _plain_result(result)
        if ranks.is_first():
            home.end(record)
    except OSError as error:
        raise disk_error(Path(error.filename or folder), error) from None
    return RunResult(folder, result, notes)


@contextmanager
def _metrics(home: RunFolder) -> Iterator[list[Listener]]:
    """Yield what writes metrics.jsonl, on the first rank."""
    if not ranks.is_first():
        yield []
        return
    metrics = MetricsFile(home.path / "metrics.jsonl")
    try:
        yield [metrics]
    finally:
        metrics.close()


def _written(spec: RunSpec) -> dict[str, Any]:
    """Return the spec for run.json; paths are absolute there, so that the run finds its text from any folder."""
    data = spec.to_dict()
    paths = [str(Path(path).absolute()) for path in data["corpus"]["paths"]]
    return data | {"corpus": data["corpus"] | {"paths": paths}}


def _plain_result(result: FitResult) -> dict[str, Any]:
    """Return the result as JSON data; of the evaluations only the last."""
    last = result.evaluations[-1:]
    scored = [{"step": e.step, "loss": e.loss if math.isfinite(e.loss) else None, **e.parts} for e in last]
    return {k: v for k, v in dataclasses.asdict(result).items() if k != "evaluations"} | {"held_out": scored}


@contextmanager
def _undone_when_refused(home: RunFolder) -> Iterator[None]:
    """Take a new run's first files away when its text or settings are refused, so that the mended command just works.

    A run that was begun before (it has a run.json) and one that was interrupted keep what they have.
    """
    begun_before = home.is_begun
    try:
        yield
    except HeadstartError:
        if not begun_before and ranks.is_first():
            for name in (RUN, RECEIPT, SEEN, plugins.LIST):
                (home.path / name).unlink(missing_ok=True)
            for name in (PROCESSOR, STORE, plugins.FOLDER):
                shutil.rmtree(home.path / name, ignore_errors=True)
            if not any(home.path.iterdir()):
                home.path.rmdir()
        raise


def _record(spec: RunSpec, home: RunFolder, command: str) -> RunFile:
    """Return what run.json holds from now on; what an earlier start found out stays until it is found again."""
    asked = spec.training.steps
    earlier = home.record() if home.is_begun else {"asked_seconds": spec.training.seconds, "asked_steps": asked}
    if earlier.get("spec") and asked != earlier["spec"]["training"]["steps"]:  # another budget for a resumed run
        earlier["asked_steps"] = asked
    return earlier | {
        "format": FORMAT,
        "status": "running",
        "command": command,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": machine() | ({"processes": ranks.world()} if ranks.world() > 1 else {}),
        "spec": _written(spec),
    }


def _base(spec: RunSpec) -> PretrainedModel | None:
    """Open what the run starts from. Raises HeadstartError: not there, or needed and not given."""
    if spec.base is not None:
        return PretrainedModel.open(Path(spec.base))
    if spec.objective.teacher:
        raise HeadstartError(f"objective {spec.objective.name} learns from a teacher; give a trained model as --base")
    return None


def _begin(spec: RunSpec, home: RunFolder, run: _Parts, note: Callable[[str], None]) -> dict[str, Any]:
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


def _going_on(spec: RunSpec, run: _Parts, note: Callable[[str], None]) -> Continuation | None:
    """Return what is decided by the base's vectors; None: it teaches alone, or no rank has the whole network."""
    if spec.objective.teacher:
        return None
    if ranks.world() > 1 and spec.training.parallel == "fsdp":
        run.backbone.keep_statistics()
        note("training.parallel=fsdp: vectors are not compared with the checkpoint's, no learning rate is searched for")
        return None
    return Continuation(run.backbone, run.objective, run.held_out, run.base, note)


def _processor(
    spec: RunSpec, corpus: Corpus, home: RunFolder, base: PretrainedModel | None, note: Callable[[str], None]
) -> tuple[Processor, Pieces]:
    """Return the run's processor (that of a base it starts from), and what its new tokens were written with.

    Loaded when it was made from the same text with the same settings, else made.
    """
    made_from = {"corpus": corpus.fingerprint(), "spec": spec.processor.to_dict(), "vocabulary": spec.vocabulary}
    if base is not None:
        made_from |= {"base": base.identity, "extend": spec.extend}
    made = dict(home.made_from() or {})
    pieces = {int(token): old for token, old in made.pop("pieces", {}).items()}
    if made == made_from | {"format": FORMAT}:
        return load_processor(home.processor), pieces
    if home.checkpoints.steps():
        raise HeadstartError(
            f"{home.path}: the corpus or the processor's settings are not those this run was begun with, and its "
            "weights fit no other input; put the old corpus back, or choose another --out"
        )
    if not ranks.is_first():  # it is made by the first
        raise HeadstartError(
            f"rank {ranks.rank()}: {home.path} holds no processor made from the corpus as seen here; the corpus and "
            "--out must be on a file system that all machines share"
        )
    begun = time.monotonic()
    if base is None or spec.objective.teacher == "any":
        processor = spec.processor.train(corpus.documents(), spec.vocabulary)
    else:
        processor, pieces = start_processor(base, corpus.documents, spec.extend, note)
    home.forget_processor()
    home.processor.mkdir()
    processor.save(home.processor)
    write_json(home.path / RECEIPT, made_from | {"format": FORMAT, "pieces": pieces})
    what = "tokenizer" if isinstance(processor, Tokenizer) else "processor"
    note(f"{what}: {processor.kind}, {processor.size}, {time.monotonic() - begun:.0f} s")
    return processor, pieces


def _with_training_time(
    spec: RunSpec, home: RunFolder, used: float, resume: bool, note: Callable[[str], None]
) -> RunSpec:
    """Take the preparation's time off the budget, and the number format, as the first rank measured them.

    A resumed run keeps what was resolved at its start.
    """
    seconds = spec.training.seconds
    checkpoint, _ = home.newest()
    if seconds is not None and not (resume and checkpoint is not None):
        seconds = ranks.of_first(lambda: max(seconds - used, _LEAST_TRAINING * seconds))
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


def build_parts(spec: RunSpec, processor: Processor) -> tuple[Backbone, Objective]:
    """Return the randomly started network and objective, a function of the seed.

    What is to be spread over ranks stays on the CPU: no device may have room for all of it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.training.seed)
        backbone = spec.backbone.build(processor.shape)
        objective = build_objective(spec.objective, backbone, processor)
    spread = ranks.world() > 1 and spec.training.parallel == "fsdp"
    device = torch.device("cpu") if spread else pick_device()
    return backbone.to(device), objective.to(device)


@dataclass(frozen=True)
class _Parts:
    """What a run is trained with. record: run.json so far; ledger: of the corpus; pieces: see `Pieces`."""

    record: RunFile
    base: PretrainedModel | None
    pieces: Pieces
    ledger: dict[str, Any]
    backbone: Backbone
    objective: Objective
    batches: EpochBatches
    held_out: list[Batch]


def _prepare(spec: RunSpec, corpus: Corpus, home: RunFolder, command: str, note: Callable[[str], None]) -> _Parts:
    """Return all parts; the first rank writes what the others then find.

    Raises HeadstartError: parts that do not fit, nothing to learn from, files that not all ranks see.
    """
    home.need_intact(beside=STORE)  # a damaged store is made again
    record = _record(spec, home, command)
    if ranks.is_first():
        if not home.is_begun:
            write_json(home.path / RUN, record)
        for one in plugins.keep(home.path, record["spec"]):
            note(f"{one.told}; a copy is kept in {home.path / plugins.FOLDER}")
    base = _base(spec)
    processor, pieces = _processor(spec, corpus, home, base, note)
    store = ensure_store(corpus, processor, home.store)
    list(map(note, [*store.ledger.notes, *store.ledger.summary().splitlines()]))
    backbone, objective = build_parts(spec, processor)
    split = split_documents(len(store), spec.held_out, spec.training.seed)
    batches, held_out = make_batches(spec.batches, processor, store, split, spec.training.seed, note)
    check_usable(spec.objective, objective, batches)
    parameters = sum(p.numel() for p in backbone.parameters())
    note(f"network: {spec.backbone.name}, {parameters / 1e6:.1f} M parameters; objective: {spec.objective.name}")
    if ranks.is_first() and (told := write_seen(objective, processor, store, home.path / SEEN, spec.training.seed)):
        note(told)
    held_out = [batch for batch in held_out if objective.usable(batch) >= objective.fewest]
    return _Parts(record, base, pieces, store.ledger.to_dict(), backbone, objective, batches, held_out)


def _train(
    spec: RunSpec,
    home: RunFolder,
    run: _Parts,
    fresh: Sequence[str],
    listeners: Sequence[Listener],
    stop: Stop,
    resume: bool,
    note: Callable[[str], None],
) -> tuple[TrainState, FitResult]:
    state = start_state(run.objective, run.backbone, spec.training, fresh)
    if resume:
        _resume(state, home, note)
    with curve("pretrain"):
        result = fit(
            state, run.batches, spec.training, listeners, held_out=run.held_out, saver=home.checkpoints, stop=stop
        )
    epochs, unit = result.units / max(run.batches.units_per_epoch, 1), run.batches.unit
    note(f"trained {result.step:,} steps, {result.units:,} {unit} ({epochs:.2f} epochs) in {result.seconds:.0f} s")
    return state, result


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

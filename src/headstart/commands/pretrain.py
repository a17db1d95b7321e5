"""pretrain: train a tokenizer and a model on unlabelled text."""

from __future__ import annotations

import dataclasses
import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from headstart.commands.reading import asked_loggers, say
from headstart.commands.results import InFolder, TableResult
from headstart.commands.run_options import RunOptions, asked_run, finished_run
from headstart.commands.seeds import SeveralSeeds, asked_seeds, seed_folders, spread, written
from headstart.commands.session import (
    command_line,
    files,
    need_folder,
    need_positive,
    saving_signals,
    shell_command,
    whole,
)
from headstart.core.errors import HeadstartError
from headstart.core.launched import launched

if TYPE_CHECKING:
    from headstart.core.artefact_files import RunFile
    from headstart.core.spec import LoggerSpec
    from headstart.training.run import RunResult
    from headstart.training.run_spec import RunSpec

_SPOOL = "stdin"  # no suffix: what it holds is told by its first bytes, as for every stream


@dataclass(frozen=True, repr=False)
class Pretrained(InFolder, TableResult):
    """folder: the run directory; steps, units (tokens or images), loss, stopped: how it went.

    notes: what was guessed or decided. next_command: the command that compares it.
    """

    folder: Path
    steps: int
    units: int
    loss: float
    stopped: str
    notes: list[str] = field(default_factory=list)
    next_command: str = ""

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per logged step and evaluation: kind, step, seconds, loss, learning_rate."""
        from headstart.reporting.loss_curve import loss_rows

        return loss_rows(self.folder)

    def told(self) -> list[str]:
        """See `TableResult`."""
        return [f"{self.folder}, {self.steps:,} steps, {self.units:,} seen, loss {self.loss:.4g}", *self.notes]

    def shown_rows(self) -> list[dict[str, Any]]:
        """See `TableResult`: the evaluations; the curve shows the steps."""
        return [row for row in self.rows_of_result() if row["kind"] == "evaluation"]

    def picture(self) -> dict[str, Any] | None:
        """See `TableResult`."""
        from headstart.reporting.loss_curve import loss_curve

        return loss_curve(self.folder)

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal that stopped it."""
        return 0 if self.stopped == "budget" else 128 + signal.Signals[self.stopped].value

    def summary(self) -> str:
        """Return what to do next."""
        if self.stopped != "budget":
            return f"stopped by {self.stopped} after step {self.steps:,}; saved. Go on: the same command with --resume"
        return f"done: {self.folder} (usable now)\nnext: {self.next_command}"


def pretrain(
    corpus: Annotated[
        list[str] | None,
        Parameter(
            help="files or folders of txt, jsonl, csv, tsv, parquet (also .gz, .xz); - is stdin", converter=files
        ),
    ] = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="the run directory to write")],
    minutes: Annotated[float | None, Parameter(help="wall-clock budget, everything included [10]")] = None,
    steps: Annotated[int | None, Parameter(help="budget in steps instead of minutes", converter=whole)] = None,
    recipe: Annotated[str | None, Parameter(help="bert, gpt2, t5 ... (`headstart list recipe`) [by objective]")] = None,
    objective: Annotated[str | None, Parameter(help="halves, mlm ... (`headstart list objective`) [by budget]")] = None,
    base: Annotated[
        Path | None, Parameter(help="a run, Hugging Face directory or cached id to start from, or the teacher")
    ] = None,
    column: Annotated[str | None, Parameter(help="column of texts or images in tables [guessed and printed]")] = None,
    unit: Annotated[
        Literal["auto", "line", "paragraph", "file"],
        Parameter(help="what a document is in plain text [guessed and printed]"),
    ] = "auto",
    filters: Annotated[
        str | None, Parameter(help="texts to leave out: length,copies ... or all (`headstart list filter`) [none]")
    ] = None,
    vocabulary: Annotated[int | None, Parameter(help="tokenizer vocabulary [from the data]", converter=whole)] = None,
    seed: Annotated[int | None, Parameter(help="of weights, order and masks [0]", converter=whole)] = None,
    seeds: Annotated[str | None, Parameter(help="0,1,2: a run per seed, in OUT/seed-0 ..., and their spread")] = None,
    config: Annotated[Path | None, Parameter(help="RUN/run.json: run that again, with whatever else is given")] = None,
    log: Annotated[str | None, Parameter(help="curves: tensorboard,wandb,csv, in OUT/log [none]")] = None,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]", converter=whole)] = None,
    resume: Annotated[bool, Parameter(negative="", help="continue the run in --out")] = False,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Pretrained | SeveralSeeds:
    """Train a tokenizer and a model on unlabelled text; always leaves a usable model.

    Stop it with Ctrl-C whenever you like: it saves. With --config no CORPUS is needed: a run by --steps comes out the
    same, bit for bit; changed by another CORPUS, option or setting it is a run of its own. With --seeds the same
    command goes on where it was stopped.

    Settings: objective.mask_ratio=0.3 backbone.depth=6 training.learning_rate=1e-3 batches.tokens=4096
    processor.lower=false filter.length.fewest=20 (`headstart list` shows what can be chosen).

    Raises HeadstartError: unreadable input, unknown names, an existing directory without --resume, a full disk.
    """
    begun = time.monotonic()  # what is imported now is part of the budget
    from headstart.core import registry
    from headstart.core.device import set_threads
    from headstart.data.filtering import asked_filters
    from headstart.data.open import as_paths
    from headstart.interop.hub_cache import located

    for name, value in (("--minutes", minutes), ("--steps", steps), ("--vocabulary", vocabulary)):
        need_positive(name, value)
    set_threads(threads)
    loggers = asked_loggers(log)
    left_out, settings = asked_filters(filters, settings or [])
    options = RunOptions(
        paths=[] if corpus is None else as_paths(corpus),
        minutes=minutes,
        steps=steps,
        recipe=recipe and registry.named("recipe", recipe),
        objective=objective and registry.named("objective", objective),
        base=None if base is None else str(located(base).absolute()),
        config=config,
        column=column,
        unit=unit,
        filters=left_out,
        vocabulary=vocabulary,
        seed=seed,
        threads=threads,
        settings=settings,
    )
    if several := asked_seeds(seeds, seed):
        return _several(options, Path(out), several, loggers)
    return train_asked(options, Path(out), resume, loggers, begun)


def _several(options: RunOptions, out: Path, seeds: Sequence[int], loggers: Sequence[LoggerSpec]) -> SeveralSeeds:
    """Train a run per seed, each that is not finished, and return the held-out losses and their spread."""
    from headstart.core.sole_writer import sole_writer
    from headstart.data.open import STDIN

    if launched().world > 1:
        raise HeadstartError("--seeds trains one run after the other; under torchrun give one --seed at a time")
    if STDIN in options.paths:
        raise HeadstartError("--seeds reads the texts once per seed, and standard input comes once; write it to a file")
    folders = seed_folders(out, seeds)
    with sole_writer(out, say):
        return _each(options, out, folders, loggers)


def _each(options: RunOptions, out: Path, folders: dict[int, Path], loggers: Sequence[LoggerSpec]) -> SeveralSeeds:
    from headstart.training.run_folder import RUN, RunFolder
    from headstart.training.run_spec import RunSpec

    stopped = ""
    for seed, folder in folders.items():
        own = dataclasses.replace(options, seed=seed)
        if finished_run(own, folder):
            say(f"seed {seed}: finished before, in {folder}")
            continue
        say(f"seed {seed}")
        stopped = train_asked(own, folder, (folder / RUN).is_file(), loggers).stopped.replace("budget", "")
        if stopped:
            break
    records = {seed: RunFolder(folder).record() for seed, folder in folders.items() if (folder / RUN).is_file()}
    done = {seed: record for seed, record in records.items() if record["status"] == "finished"}
    rows = [{"seed": seed, "folder": folders[seed], **_figures(record)} for seed, record in done.items()]
    held = [row["held_out_loss"] for row in rows if row.get("held_out_loss") is not None]
    first = next(iter(folders))
    then = _then(folders[first], RunSpec.read(done[first]["spec"])) if first in done else ""
    missing = tuple(seed for seed in folders if seed not in done)
    pooled = [spread("held_out_loss", held) | {"remark": "each on its own held-out documents"}] if held else []
    return written(SeveralSeeds(out, rows, pooled, missing, stopped, then))


def _figures(record: RunFile) -> dict[str, Any]:
    """Return what a finished run's record says: steps, training loss, held-out loss and its parts."""
    result = record["result"]
    (held,) = result["held_out"][-1:] or [{}]
    parts = {f"held_out_{name}": value for name, value in held.items() if name != "step"}
    return {"steps": result["step"], "loss": result["loss"], **parts}


def train_asked(
    options: RunOptions, out: Path, resume: bool, loggers: Sequence[LoggerSpec], begun: float | None = None
) -> Pretrained:
    """Train what was asked for, or go on with it; every process that torchrun started trains the same model.

    begun: since when its minutes count (monotonic seconds), None = from now on.
    """
    from headstart.core import ranks
    from headstart.training.curves import logging_curves
    from headstart.training.events import Progress
    from headstart.training.loop import Stop
    from headstart.training.run import train_run

    stop = Stop()
    with saving_signals(stop), ranks.joined(), ExitStack() as held:
        spec = _asked_of_first(options, out, resume, held)
        with logging_curves(loggers if ranks.is_first() else (), out), _spooled(spec, out) as spec:
            result: RunResult = train_run(
                spec,
                out,
                resume=resume,
                listeners=[Progress()],
                stop=stop,
                say=say,
                command=command_line(),
                begun=begun,
            )
    fit = result.fit
    loss = math.nan if fit.loss is None else fit.loss  # of a run without a step that was made
    return Pretrained(out, fit.step, fit.units, loss, fit.stopped, result.notes, _then(out, spec))


def _asked_of_first(options: RunOptions, out: Path, resume: bool, held: ExitStack) -> RunSpec:
    """Return what the first process makes of what was asked for (alone it is this one), which writes from now on.

    Raises HeadstartError: see `asked_run` and `sole_writer`; standard input, which comes to one process.
    """
    from headstart.core import ranks
    from headstart.core.sole_writer import sole_writer
    from headstart.data.open import STDIN
    from headstart.training.run_spec import RunSpec

    def asked() -> RunSpec:
        need_folder(out)
        held.enter_context(sole_writer(out, say))
        return asked_run(options, out, resume)

    if ranks.world() == 1:
        return asked()
    if STDIN in options.paths:
        raise HeadstartError("several processes cannot read the texts from standard input; write them to a file")
    return RunSpec.read(ranks.of_first(lambda: asked().to_dict()))


def _then(out: Path, spec: RunSpec) -> str:
    """Return the command that compares the run: on the first of its own files that has labels, if there is one."""
    names = [f"{out.name}-report", *(f"{out.name}-report-{number}" for number in range(2, 1000))]
    report = next(path for name in names if not (path := out.absolute().with_name(name)).exists())
    column = spec.corpus.get("column")
    found = next((path for path in spec.corpus["paths"] if _has_labels(path, column)), None)
    named = [] if found is None or column is None else ["--text", column]
    return shell_command("compare", out, "--data", Path(found) if found else "LABELLED_FILE", *named, "--out", report)


def _has_labels(path: str, column: str | None) -> bool:
    """Whether the labels of a file's rows are found without being named."""
    from headstart.data.columns import guess_label, guess_text
    from headstart.data.task_files import first_rows

    try:
        rows = first_rows(path)
        guess_label(rows, path, [column or guess_text(rows, path)[0]])
    except HeadstartError:
        return False
    return True


@contextmanager
def _spooled(spec: RunSpec, out: Path) -> Iterator[RunSpec]:
    """Keep standard input as a file of the run, so that every pass and a later --resume can read it.

    A run that fails before it has a run.json leaves no such file. Raises HeadstartError: nothing came in, what `copied`
    refuses, full disk.
    """
    from headstart.core.files import publish, sync_file, temporary_beside, writing
    from headstart.data.open import STDIN, copied

    paths = spec.corpus.get("paths", [])
    if STDIN not in paths:
        yield spec
        return
    target, temporary = out / _SPOOL, temporary_beside(out / _SPOOL)
    try:
        if sys.stdin.isatty():
            say("reading the text from the keyboard; Ctrl-D ends it")
        with writing(target), open(temporary, "wb") as stream:
            copied(STDIN, stream, out)
            sync_file(stream)
        if not temporary.stat().st_size:
            raise HeadstartError("standard input is empty; pipe the text in: cat FILE | headstart pretrain - --out RUN")
        publish(temporary, target)
        kept = [str(target.resolve()) if path == STDIN else path for path in paths]
        yield dataclasses.replace(spec, corpus=spec.corpus | {"paths": kept})
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
            if out.is_dir() and not (out / "run.json").is_file():
                target.unlink(missing_ok=True)

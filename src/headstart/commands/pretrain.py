"""pretrain: train a tokenizer and a model on unlabelled text."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from headstart.commands.reading import say, tell_foreign
from headstart.commands.results import InFolder, TableResult
from headstart.commands.session import (
    command_line,
    files,
    holds_anything,
    need_folder,
    need_new_folder,
    need_positive,
    saving_signals,
    shell_command,
    whole,
)
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.data.corpus import Corpus
    from headstart.training.run import RunResult
    from headstart.training.run_spec import RunSpec

_RESOLVED = ("training.seconds=", "training.steps=", "training.dtype=")
_LOOKED_AT = 2_000  # documents that a base is asked about
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
        list[str],
        Parameter(
            help="files or folders of txt, jsonl, csv, tsv, parquet (also .gz, .xz); - is stdin", converter=files
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the run directory to write")],
    minutes: Annotated[float | None, Parameter(help="wall-clock budget, everything included [10]")] = None,
    steps: Annotated[int | None, Parameter(help="budget in steps instead of minutes", converter=whole)] = None,
    recipe: Annotated[str | None, Parameter(help="bert, gpt2, t5 ... (`headstart list recipe`) [by objective]")] = None,
    objective: Annotated[str | None, Parameter(help="halves, mlm ... (`headstart list objective`) [by budget]")] = None,
    base: Annotated[
        Path | None, Parameter(help="a run or Hugging Face directory to start from, or the teacher")
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
    seed: Annotated[int, Parameter(help="of weights, order and masks", converter=whole)] = 0,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]", converter=whole)] = None,
    resume: Annotated[bool, Parameter(negative="", help="continue the run in --out")] = False,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Pretrained:
    """Train a tokenizer and a model on unlabelled text; always leaves a usable model.

    Stop it with Ctrl-C whenever you like: it saves. Settings: objective.mask_ratio=0.3 backbone.depth=6
    training.learning_rate=1e-3 batches.tokens=4096 processor.lower=false filter.length.fewest=20 (`headstart list`
    shows what can be chosen).

    Raises HeadstartError: unreadable input, unknown names, an existing directory without --resume, a full disk.
    """
    from headstart.core.device import set_threads
    from headstart.data.filtering import asked_filters
    from headstart.data.open import as_paths
    from headstart.training.events import Progress
    from headstart.training.loop import Stop
    from headstart.training.run import train_run

    for name, value in (("--minutes", minutes), ("--steps", steps), ("--vocabulary", vocabulary)):
        need_positive(name, value)
    out = Path(out)
    set_threads(threads)
    source = None if base is None else str(Path(base).absolute())
    named = (recipe, objective, source)
    left_out, settings = asked_filters(filters, settings or [])
    of_corpus = (column, unit, left_out)
    options = _PretrainOptions(as_paths(corpus), minutes, steps, *named, *of_corpus, vocabulary, seed, settings)
    if resume and (out / "run.json").is_file():
        spec = _resumed(options, out)
    else:
        spec = _fresh(options, out, resume)
    stop = Stop()
    with saving_signals(stop), _spooled(spec, out) as spec:
        result: RunResult = train_run(
            spec, out, resume=resume, listeners=[Progress()], stop=stop, say=say, command=command_line()
        )
    fit = result.fit
    return Pretrained(out, fit.step, fit.units, fit.loss, fit.stopped, result.notes, _then(out, spec))


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


@dataclass(frozen=True)
class _PretrainOptions:
    """What the caller gave."""

    paths: list[str]
    minutes: float | None
    steps: int | None
    recipe: str | None
    objective: str | None
    base: str | None
    column: str | None
    unit: str
    filters: list[dict]
    vocabulary: int | None
    seed: int
    settings: list[str]


def _fresh(options: _PretrainOptions, out: Path, resume: bool) -> RunSpec:
    """Return the recipe's run with the settings applied. Raises HeadstartError: unknown names, `out` is in use."""
    import torch

    from headstart.core import registry
    from headstart.core.compatibility import need_batch, need_reads
    from headstart.data.corpus import Corpus
    from headstart.data.open import STDIN
    from headstart.data.read_how import current
    from headstart.sizing.default_recipe import choose_recipe
    from headstart.sizing.facts import Facts
    from headstart.training.from_base import from_base, rate_line
    from headstart.training.pretrained_model import PretrainedModel
    from headstart.training.warm_start import default_objective

    if resume and holds_anything(out):
        raise HeadstartError(f"--resume: {out} is no run (it has no run.json); give the run's own directory as --out")
    need_new_folder(out, "pretrain", "choose another --out, or add --resume to go on with that run")
    minutes = 10.0 if options.minutes is None and options.steps is None else options.minutes
    where = {"paths": options.paths, "column": options.column, "unit": options.unit}
    where |= {"how": how} if (how := current().given) else {}
    where |= {"filters": options.filters} if options.filters else {}
    seconds = minutes * 60 if minutes is not None else None
    takes = "text" if options.paths == [STDIN] else Corpus(**where).takes
    facts = Facts(where, seconds, options.steps, options.seed, torch.cuda.is_available(), takes)
    base = None if options.base is None else PretrainedModel.open(Path(options.base))
    if base is not None and options.vocabulary is not None:
        raise HeadstartError("--vocabulary: the vocabulary of --base is kept; extend=2000 adds tokens to it")
    objective = options.objective
    guessed = objective is None and options.recipe is None and base is not None
    if guessed:
        objective = default_objective(base)
    recipe, reason = choose_recipe(objective, facts, options.recipe)
    if guessed:
        reason = f"objective {objective}: what {base.name} was trained by, or is usual for its network"
    chosen = registry.load("objective", objective)() if objective else None
    spec = dataclasses.replace(recipe.resolve(facts, chosen), vocabulary=options.vocabulary)
    if base is not None:
        spec = from_base(spec, base)
    options = dataclasses.replace(options, settings=spec.named(options.settings))
    spec = spec.override(options.settings)
    if takes == "image":
        spec = _suited(spec, Corpus(**where), options)
    if any(setting.startswith("training.learning_rate=") for setting in options.settings):
        spec = dataclasses.replace(spec, search=False)  # what the user says is not searched for
    need_batch(spec.processor, spec.backbone, spec.objective)
    if base is not None and spec.backbone.name == base.backbone_spec.name:
        need_reads(spec.objective, base.backbone)  # before a large text is read in vain
    if spec.extend < 0:
        raise HeadstartError(f"extend={spec.extend}: must be at least 0")
    if spec.extend and base is None:
        raise HeadstartError(f"extend={spec.extend}: only the vocabulary of a --base can be extended")
    say(f"no run in {out} yet, so --resume starts one; {reason}" if resume else reason)
    if base is not None:
        if takes == "text" and STDIN not in options.paths:
            tell_foreign({base.name: base}, list(islice(Corpus(**where).documents(), _LOOKED_AT)))
        if not spec.objective.teacher:
            say(rate_line(spec.training, base))
    return spec


def _suited(spec: RunSpec, corpus: Corpus, options: _PretrainOptions) -> RunSpec:
    """Return the run without mirrored views where they would show what the images are not, unless the user asks."""
    from headstart.fitting.image_defaults import look_at

    asked = any(setting.startswith("objective.flip=") for setting in options.settings)
    flips = any(field.name == "flip" for field in dataclasses.fields(spec.objective))
    look = look_at(corpus.documents(), options.seed) if flips and not asked else None
    if look is None:
        return spec
    say(look.line() + ("" if look.mirrored.allowed else "; objective.flip=0.5 draws them"))
    if look.mirrored.allowed:
        return spec
    return dataclasses.replace(spec, objective=dataclasses.replace(spec.objective, flip=0.0))


def _resumed(options: _PretrainOptions, out: Path) -> RunSpec:
    """Return the run of run.json, with another budget if asked for. Raises HeadstartError: other settings than then."""
    from headstart.core import registry
    from headstart.data.filtering import filters_in_words
    from headstart.training.run_folder import STORE, RunFolder
    from headstart.training.run_spec import RunSpec

    home = RunFolder(out)
    home.need_intact(beside=STORE)
    record = home.record()
    spec = RunSpec.read(record.get("spec", {}))
    recipe = options.recipe and registry.load("recipe", options.recipe).objective
    if options.objective is None and recipe not in (None, spec.objective.name):
        raise HeadstartError(
            f"--recipe {options.recipe}: {out} was started with objective {spec.objective.name}, and --resume goes on "
            "with that"
        )
    held = {
        "--objective": (options.objective, spec.objective.name),
        "--base": (options.base, spec.base),
        "--vocabulary": (options.vocabulary, spec.vocabulary),
        "--column": (options.column, spec.corpus.get("column")),
        "--filters": (filters_in_words(options.filters) or None, filters_in_words(spec.corpus.get("filters", []))),
        "--unit": (options.unit if options.unit != "auto" else None, spec.corpus.get("unit")),
        "--seed": (options.seed or None, spec.training.seed),
    }
    for name, (given, then) in held.items():
        if given is not None and given != then:
            raise HeadstartError(
                f"{name} {given}: {out} was started with {then or 'none'}, and --resume goes on with that"
            )
    # The run itself resolves the time that is left and the number format.
    kept = [setting for setting in spec.named(options.settings) if not setting.startswith(_RESOLVED)]
    if spec.override(kept) != spec:
        given = " ".join(options.settings)
        raise HeadstartError(f"{given}: {out} was started with other settings; --resume keeps those")
    say(f"resuming {out}")
    spec = _where_it_is(spec, options.paths, out)
    training = spec.training
    then = record.get("asked_seconds")
    if not home.checkpoints.steps() and training.seconds is not None:
        training = dataclasses.replace(training, seconds=then)  # nothing trained yet: the whole budget is left
    if options.steps is not None:
        seconds = training.seconds if options.minutes is not None else None
        training = dataclasses.replace(training, steps=options.steps, seconds=seconds)
    if options.minutes is not None and options.minutes * 60 != then:
        training = dataclasses.replace(training, steps=options.steps, seconds=options.minutes * 60)
        say(f"the budget of training is now {options.minutes:g} min in all")
    return dataclasses.replace(spec, training=training)


def _where_it_is(spec: RunSpec, given: list[str], out: Path) -> RunSpec:
    """Return the run with the paths that are given now, where they hold the text that it was started with.

    Raises HeadstartError: they do not, and that text is gone.
    """
    from headstart.core.files import read_json
    from headstart.data.corpus import Corpus
    from headstart.data.open import STDIN
    from headstart.training.run_folder import RECEIPT

    then, now = spec.corpus.get("paths", []), [str(Path(path).absolute()) for path in given]
    if now == then or given == [STDIN]:
        return spec
    known = read_json(out / RECEIPT).get("corpus") if (out / RECEIPT).is_file() else None
    try:
        found = Corpus(**spec.corpus | {"paths": given}).fingerprint()
    except HeadstartError:  # nothing is there
        found = None
    if known is not None and found == known:
        say(f"the text of {out} is read from {', '.join(given)} now")
        return dataclasses.replace(spec, corpus=spec.corpus | {"paths": now})
    if gone := [path for path in then if not Path(path).exists()]:
        raise HeadstartError(
            f"{gone[0]}: {out} was started with this text, which is gone, and {', '.join(given)} holds another; "
            "--resume needs the same one"
        )
    say(f"the corpus is still {', '.join(then)}, as in {out / 'run.json'}; {', '.join(given)} is not read")
    return spec


@contextmanager
def _spooled(spec: RunSpec, out: Path) -> Iterator[RunSpec]:
    """Keep standard input as a file of the run, so that every pass and a later --resume can read it.

    A run that fails before it has a run.json leaves no such file. Raises HeadstartError: nothing came in, full disk.
    """
    from headstart.core.files import disk_error, temporary_beside
    from headstart.data.open import STDIN

    paths = spec.corpus.get("paths", [])
    if STDIN not in paths:
        yield spec
        return
    need_folder(out)
    target, temporary = out / _SPOOL, temporary_beside(out / _SPOOL)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if sys.stdin.isatty():
            say("reading the text from the keyboard; Ctrl-D ends it")
        with open(temporary, "wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        if not temporary.stat().st_size:
            raise HeadstartError("standard input is empty; pipe the text in: cat FILE | headstart pretrain - --out RUN")
        temporary.replace(target)
        kept = [str(target.resolve()) if path == STDIN else path for path in paths]
        yield dataclasses.replace(spec, corpus=spec.corpus | {"paths": kept})
    except OSError as error:
        raise disk_error(target, error) from None
    finally:
        temporary.unlink(missing_ok=True)
        if out.is_dir() and not (out / "run.json").is_file():
            target.unlink(missing_ok=True)
            if not any(out.iterdir()):
                out.rmdir()

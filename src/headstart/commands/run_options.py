"""What `pretrain` was asked for, as the description of a run: a new one, one that goes on, one that is repeated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.commands.reading import say, tell_foreign
from headstart.commands.session import holds_anything, need_new_folder
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.core.artefact_files import RunFile
    from headstart.data.corpus import Corpus
    from headstart.training.pretrained_model import PretrainedModel
    from headstart.training.run_spec import RunSpec

_RESOLVED = ("training.seconds=", "training.steps=", "training.dtype=")
_HOW = (
    "training.parallel=",
    "training.recompute=",
    "training.wait_seconds",
)  # the machines of a run may change while it rests
_LOOKED_AT = 2_000  # documents that a base is asked about


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the caller gave; paths: [] = those of a run that goes on or is repeated; config: the run to repeat."""

    paths: list[str]
    minutes: float | None = None
    steps: int | None = None
    recipe: str | None = None
    objective: str | None = None
    base: str | None = None
    config: Path | None = None
    column: str | None = None
    unit: str = "auto"
    filters: list[dict] = field(default_factory=list)
    vocabulary: int | None = None
    seed: int | None = None
    threads: int | None = None
    settings: list[str] = field(default_factory=list)


def asked_run(options: RunOptions, out: Path, resume: bool) -> RunSpec:
    """Return the description of the run that is asked for. Raises HeadstartError: no corpus, what does not fit."""
    if resume and (out / "run.json").is_file():
        return resumed_run(options, out)
    if options.config is not None:
        return repeated_run(options, out)
    if not options.paths:
        raise HeadstartError(
            "pretrain: CORPUS is missing; give files or folders, or a run to repeat by --config RUN/run.json"
        )
    return fresh_run(options, out, resume)


def fresh_run(options: RunOptions, out: Path, resume: bool) -> RunSpec:
    """Return the recipe's run with the settings applied. Raises HeadstartError: unknown names, `out` is in use."""
    import torch

    from headstart.data.corpus import Corpus
    from headstart.data.open import STDIN
    from headstart.data.read_how import current
    from headstart.sizing.default_recipe import choose_recipe, resolved
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
    facts = Facts(where, seconds, options.steps, options.seed or 0, torch.cuda.is_available(), takes)
    base = None if options.base is None else PretrainedModel.open(Path(options.base))
    _need_no_vocabulary(options, base)
    objective = options.objective
    guessed = objective is None and options.recipe is None and base is not None
    if guessed:
        objective = default_objective(base)
    recipe, reason = choose_recipe(objective, facts, options.recipe)
    if guessed:
        reason = f"objective {objective}: what {base.name} was trained by, or is usual for its network"
    spec = dataclasses.replace(resolved(recipe, objective, facts), vocabulary=options.vocabulary)
    if base is not None:
        spec = from_base(spec, base)
    options = dataclasses.replace(options, settings=spec.named(options.settings))
    spec = spec.override(options.settings)
    if takes == "image":
        spec = _suited(spec, Corpus(**where), options)
    if any(setting.startswith("training.learning_rate=") for setting in options.settings):
        spec = dataclasses.replace(spec, search=False)  # what the user says is not searched for
    _need_fitting(spec, base)
    say(f"no run in {out} yet, so --resume starts one; {reason}" if resume else reason)
    if base is not None:
        if takes == "text" and STDIN not in options.paths:
            tell_foreign({base.name: base}, list(islice(Corpus(**where).documents(), _LOOKED_AT)))
        if not spec.objective.teacher:
            say(rate_line(spec.training, base))
    return spec


def _need_no_vocabulary(options: RunOptions, base: PretrainedModel | None) -> None:
    if base is not None and options.vocabulary is not None:
        raise HeadstartError("--vocabulary: the vocabulary of --base is kept; extend=2000 adds tokens to it")


def _need_fitting(spec: RunSpec, base: PretrainedModel | None) -> None:
    """Raise HeadstartError when parts do not fit each other, before a large text is read in vain."""
    from headstart.core.compatibility import need_batch, need_reads

    need_batch(spec.processor, spec.backbone, spec.objective)
    if base is not None and spec.backbone.name == base.backbone_spec.name:
        need_reads(spec.objective, base.backbone)
    if spec.extend < 0:
        raise HeadstartError(f"extend={spec.extend}: must be at least 0")
    if spec.extend and base is None:
        raise HeadstartError(f"extend={spec.extend}: only the vocabulary of a --base can be extended")


def repeated_run(options: RunOptions, out: Path) -> RunSpec:
    """Return the run of --config with what is changed, and say whether its weights will be the same.

    Raises HeadstartError: no description of a run, a base that is gone, settings that it has not.
    """
    from headstart.core.device import set_threads
    from headstart.data.read_how import current
    from headstart.data.recorded import need_arguments, need_still_there
    from headstart.training.from_base import from_base
    from headstart.training.pretrained_model import PretrainedModel

    need_new_folder(out, "pretrain", "choose another --out, or add --resume to go on with that run")
    if options.recipe is not None:
        raise HeadstartError(
            f"--recipe {options.recipe}: the run of --config has its parts already; change one by its name, such as "
            "objective=mlm, or leave --config out"
        )
    path, record = _record_of(options.config)
    then = spec = _as_asked(path, record)
    need_arguments(path, spec.corpus)
    if not options.paths:
        need_still_there(spec.corpus, f"the text of {path}", "give it as CORPUS")
    base = None if (source := options.base or spec.base) is None else PretrainedModel.open(Path(source))
    _need_no_vocabulary(options, base)
    corpus = {"paths": options.paths or None, "column": options.column, "how": current().given or None}
    corpus |= {"unit": None if options.unit == "auto" else options.unit, "filters": options.filters or None}
    spec = dataclasses.replace(spec, corpus=spec.corpus | {name: one for name, one in corpus.items() if one})
    if options.base is not None:
        spec = from_base(spec, base)
    if options.vocabulary is not None:
        spec = dataclasses.replace(spec, vocabulary=options.vocabulary)
    asked = [f"objective={options.objective}"] if options.objective else []
    asked += [f"training.seed={options.seed}"] if options.seed is not None else []
    spec = spec.override([*asked, *spec.named(options.settings)])
    if any(setting.startswith("training.learning_rate=") for setting in spec.named(options.settings)):
        spec = dataclasses.replace(spec, search=False)
    if options.steps is not None or options.minutes is not None:
        seconds = options.minutes and options.minutes * 60
        spec = dataclasses.replace(
            spec, training=dataclasses.replace(spec.training, steps=options.steps, seconds=seconds)
        )
    _need_fitting(spec, base)
    threads = record.get("machine", {}).get("threads")
    if isinstance(threads, int) and options.threads is None:
        set_threads(threads)
    for line in _repeat_lines(path, record, then, spec, base):
        say(line)
    return spec


def _record_of(config: Path) -> tuple[Path, RunFile]:
    """Return (run.json, what it holds) of a run's folder or file. Raises HeadstartError: it is no run."""
    from headstart.core import plugins
    from headstart.training.run_folder import RUN, read_record

    path = Path(config) / RUN if Path(config).is_dir() else Path(config)
    plugins.need(path.parent)
    try:
        return path, read_record(path)
    except HeadstartError as error:
        told = f"--config takes the {RUN} of a folder that pretrain wrote"
        raise HeadstartError(f"{error}; {told}") from None


def _as_asked(path: Path, record: RunFile) -> RunSpec:
    """Return the run with the budget that was asked for and the learning rate that was found."""
    from headstart.training.run_spec import RunSpec

    spec = RunSpec.read(record["spec"])
    if record.get("start", {}).get("search"):
        spec = dataclasses.replace(spec, search=False)
    seconds = record.get("asked_seconds", spec.training.seconds)
    steps = record.get("asked_steps", spec.training.steps)
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, steps=steps, seconds=seconds))


def _repeat_lines(
    path: Path, record: RunFile, then: RunSpec, now: RunSpec, base: PretrainedModel | None
) -> Iterator[str]:
    """Yield what is said of a repeated run: what is changed, and whether its weights can be those of the first run."""
    import torch

    from headstart.data.corpus import Corpus
    from headstart.training.prepare import machine
    from headstart.training.run_folder import RUN, RunFolder

    named = dataclasses.fields(then)
    changed = [one.name for one in named if getattr(now, one.name) != getattr(then, one.name)]
    if changed:
        yield f"{path}: run again with another {' and another '.join(changed)}"
        return
    here = machine()
    other = [
        f"{name} {given} then, {here[name]} now"
        for name, given in record.get("machine", {}).items()
        if name in ("headstart", "torch", "device") and given != here[name]
    ]
    made_from = RunFolder(path.parent).made_from() if path.name == RUN else None
    if made_from is not None and Corpus(**then.corpus).fingerprint() != made_from["corpus"]:
        other.append("the text has changed since")
    if base is not None and base.identity != record.get("start", {}).get("identity"):
        other.append(f"the base {base.name} has other weights now")
    if then.training.seconds is not None:
        yield (
            f"{path}: run again with the same {then.training.seconds / 60:g} minutes; the clock decides how many steps "
            "fit, so the weights will not be the same bit for bit (only runs by --steps repeat exactly)"
        )
    elif other:
        yield f"{path}: run again, but not bit for bit: {'; '.join(other)}"
    else:
        yield f"{path}: the same run again, on {torch.get_num_threads()} threads as then: its weights come out the same"


def _suited(spec: RunSpec, corpus: Corpus, options: RunOptions) -> RunSpec:
    """Return the run without mirrored views where they would show what the images are not, unless the user asks."""
    from headstart.fitting.image_defaults import look_at

    asked = any(setting.startswith("objective.flip=") for setting in options.settings)
    flips = any(field.name == "flip" for field in dataclasses.fields(spec.objective))
    look = look_at(corpus.documents(), options.seed or 0) if flips and not asked else None
    if look is None:
        return spec
    say(look.line() + ("" if look.mirrored.allowed else "; objective.flip=0.5 draws them"))
    if look.mirrored.allowed:
        return spec
    return dataclasses.replace(spec, objective=dataclasses.replace(spec.objective, flip=0.0))


def finished_run(options: RunOptions, out: Path) -> bool:
    """Whether the run in `out` was made as it is asked for and has used up its budget.

    Raises HeadstartError: it was started with other settings.
    """
    from headstart.training.run_folder import RunFolder

    home = RunFolder(out)
    if not home.is_begun:
        return False
    _need_as_started(options, out, home.record())
    record = home.record()
    seconds = None if options.minutes is None else options.minutes * 60
    asked = ((options.steps, record.get("asked_steps")), (seconds, record.get("asked_seconds")))
    return record["status"] == "finished" and all(given in (None, then) for given, then in asked)


def _need_as_started(options: RunOptions, out: Path, record: RunFile) -> RunSpec:
    """Return the run of run.json. Raises HeadstartError: it was started with other settings than are given."""
    from headstart.core import registry
    from headstart.data.filtering import filters_in_words
    from headstart.training.run_spec import RunSpec

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
        "--seed": (options.seed, spec.training.seed),
    }
    for name, (given, then) in held.items():
        if given is not None and given != then:
            raise HeadstartError(
                f"{name} {given}: {out} was started with {then or 'none'}, and --resume goes on with that"
            )
    # The run itself resolves the time that is left and the number format.
    asked = spec.named(options.settings)
    spec = spec.override([setting for setting in asked if setting.startswith(_HOW)])
    kept = [setting for setting in asked if not setting.startswith(_RESOLVED)]
    if spec.override(kept) != spec:
        given = " ".join(options.settings)
        raise HeadstartError(f"{given}: {out} was started with other settings; --resume keeps those")
    return spec


def resumed_run(options: RunOptions, out: Path) -> RunSpec:
    """Return the run of run.json, with another budget if asked for. Raises HeadstartError: other settings than then."""
    from headstart.data.recorded import need_arguments, need_still_there
    from headstart.training.run_folder import RUN, STORE, RunFolder

    home = RunFolder(out)
    home.need_intact(beside=STORE)
    record = home.record()
    spec = _need_as_started(options, out, record)
    say(f"resuming {out}")
    then = spec.corpus
    need_arguments(out / RUN, then)
    spec = _where_it_is(spec, options.paths, out)
    if spec.corpus == then and options.paths != then["paths"]:  # what the caller names may be a pipe
        need_still_there(then, f"the text of {out}", f"give it: headstart pretrain FILE --resume --out {out}")
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
    from headstart.data.corpus import Corpus
    from headstart.data.open import STDIN
    from headstart.training.run_folder import RunFolder

    then, now = spec.corpus.get("paths", []), [str(Path(path).absolute()) for path in given]
    if not given or now == then or given == [STDIN]:
        return spec
    known = (RunFolder(out).made_from() or {}).get("corpus")
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

"""sweep: search for good settings of a route, or of pre-training, by trials on one fixed inner split."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.pretrain import train_asked
from headstart.commands.reading import asked_loggers, metrics_of, pick_task, route_with, say
from headstart.commands.results import InFolder, TableResult
from headstart.commands.run_options import RunOptions, fresh_run
from headstart.commands.session import (
    Terminated,
    files,
    holds_anything,
    need_folder,
    need_positive,
    shell_command,
    whole,
)
from headstart.commands.transfer import Job
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.comparing.sweep import Sweep
    from headstart.core.spec import LoggerSpec

_OF_PRETRAINING = ("training", "backbone")  # parts whose settings leave the held-out loss what it is
_FEWEST = 4  # held-out rows that can tell settings apart


@dataclass(frozen=True, repr=False)
class Swept(InFolder, TableResult):
    """folder: of the trials; rows: a row per trial, the best first; score: what they were judged by; held: on what.

    next_command: what trains with the best settings, '' without one; stopped: a signal, or ''.
    """

    folder: Path
    rows: list[dict[str, Any]]
    score: str
    held: str
    next_command: str
    stopped: str = ""

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per trial, the best first: trial, score, seconds, its settings, failed."""
        return self.rows

    def told(self) -> list[str]:
        """See `TableResult`."""
        if not self.next_command:
            return ["no trial finished"]
        return [f"best of {len(self.rows)} trials: {self.score} {_figure(self.rows[0]['score'])}", self.next_command]

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal that stopped it."""
        import signal

        return 128 + signal.Signals[self.stopped].value if self.stopped else 0

    def summary(self) -> str:
        """Return the table of trials, the command of the best one, and how far its score can be trusted."""
        names = [name for name in self.rows[0] if name not in ("failed", "seconds")] if self.rows else []
        table = [[self.score if name == "score" else name for name in names]]
        table += [[_figure(row[name]) for name in names] for row in self.rows]
        wide = [max(map(len, column)) for column in zip(*table)]
        lines = ["  ".join(f"{cell:>{size}}" for cell, size in zip(line, wide)) for line in table]
        lines = [
            f"{line}  {why}" if why else line for line, why in zip(lines, ["", *(row["failed"] for row in self.rows)])
        ]
        if self.stopped:
            lines.append(f"stopped by {self.stopped}; the same command goes on")
        if not self.next_command:
            return "\n".join([*lines, "no trial finished"])
        honest = (
            f"the best of {len(self.rows)} scores on the same {self.held} is an optimistic one: it was picked for "
            "being high; judge the model anew on what no trial has seen"
        )
        return "\n".join([*lines, honest, f"next: {self.next_command}"])


def _figure(value: Any) -> str:
    return "failed" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def sweep(
    source: Annotated[
        list[str],
        Parameter(help="a base (or `none`) for --data; without --data the corpus of pre-training", converter=files),
    ],
    /,
    *,
    vary: Annotated[list[str], Parameter(help="learning_rate=1e-4..1e-2:log, epochs=1..5 or batch=8,16; repeat it")],
    out: Annotated[Path, Parameter(help="the folder of the trials")],
    trials: Annotated[int, Parameter(help="how many in all", converter=whole)] = 8,
    data: Annotated[
        list[str] | None,
        Parameter(help="labelled file(s): sweep a route", consume_multiple=True, converter=files),
    ] = None,
    route: Annotated[str, Parameter(help="the route (`headstart list route`)")] = "finetune",
    task: Annotated[str, Parameter(help="classify, regress, tag ... (`headstart list task`) [guessed and printed]")] = (
        "auto"
    ),
    text: Annotated[str | None, Parameter(help="column of texts or images [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [guessed and printed]")] = None,
    objective: Annotated[str | None, Parameter(help="of pre-training (`headstart list objective`) [by budget]")] = None,
    steps: Annotated[int | None, Parameter(help="of pre-training, for each trial", converter=whole)] = None,
    minutes: Annotated[float | None, Parameter(help="for each trial [none for a route, 2 for pre-training]")] = None,
    seed: Annotated[int, Parameter(help="of the split, the trials and the training", converter=whole)] = 0,
    log: Annotated[str | None, Parameter(help="curves: tensorboard,wandb,csv, in OUT/log [none]")] = None,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]", converter=whole)] = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Swept:
    """Try settings of a route on one fixed fifth of the labelled rows, or of pre-training on the held-out loss.

    All trials learn from the same rows and are judged on the same other ones; give no test file here. Which setting
    comes next is learned from the trials before (TPE), and is a function of --seed. Other settings are the same for all
    trials: batch=8. Ctrl-C keeps what is done; the same command goes on, also with more --trials.

    Raises HeadstartError: unreadable input, unknown settings, a value that the setting does not take.
    """
    from headstart.comparing.sweep import Sweep, all_varied, need_optuna
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer
    from headstart.training.curves import logging_curves

    need_optuna()
    for name, value in (("--trials", trials), ("--minutes", minutes), ("--steps", steps)):
        need_positive(name, value)
    out, loggers, varied = Path(out), asked_loggers(log), all_varied(vary)
    need_folder(out)
    if holds_anything(out) and not (out / "sweep.json").is_file():
        raise HeadstartError(
            f"{out} exists and is not empty; a sweep goes on in its own folder alone: give another --out"
        )
    set_threads(threads)
    first = [f"{one.name}={one.first}" for one in varied] + [
        f"{one.name}={v}" for one in varied for v in one.values[1:]
    ]
    common = {"minutes": minutes, "seed": seed, "settings": list(settings or []), "loggers": loggers, "out": out}
    if data is None:
        ask = _OfPretraining(source, objective, steps, **common)
    else:
        ask = _OfRoute(source, route, {"text": text, "text2": text2, "label": label}, data, task, **common)
    ask.check(first)
    stopped = ""
    with sole_writer(out, say):
        search: Sweep = Sweep(out, varied, seed, ask.facts())
        try:
            with logging_curves(ask.curves, out):
                search.run(trials, ask.judge, say)
        except KeyboardInterrupt as interrupt:
            stopped = "SIGTERM" if isinstance(interrupt, Terminated) else "SIGINT"
    rows = [
        {"trial": one.number, "score": one.score, **one.settings, "seconds": one.seconds, "failed": one.failed}
        for one in sorted(search.trials, key=lambda one: (one.score is None, -(one.score or 0.0), one.number))
    ]
    best = search.best
    then = "" if best is None else ask.command([f"{name}={value}" for name, value in best.settings.items()])
    return Swept(out, [ask.shown(row) for row in rows], ask.score, ask.held, then, stopped)


class _OfRoute:
    """Trials of a route: they learn from four fifths of the labelled rows and are judged on the fifth."""

    def __init__(
        self, source: list[str], route: str, columns: dict[str, str | None], data: list[str], task: str, **common: Any
    ) -> None:
        from headstart.core import registry
        from headstart.data.read_request import ReadRequest
        from headstart.fitting.model_selection import folds_of

        if len(source) != 1:
            raise HeadstartError(f"sweep of a route: one base, or none; {len(source)} were given: {' '.join(source)}")
        self.base, self.route, self.data = source[0], registry.named("route", route), data
        self.seed, self.settings, self.out = common["seed"], common["settings"], common["out"]
        self.curves: list[LoggerSpec] = common["loggers"]
        request, why = pick_task(ReadRequest(paths=data, **columns, task=task))
        if why:
            say(f"task: {request.task} ({why}; another one by --task)")
        minutes = common["minutes"]
        self.job = Job(route_with(route, self.settings), request, minutes and minutes * 60, [])
        self.job.read(Path(self.base), None)
        examples = self.job.examples
        learn, held = next(iter(folds_of(examples, seed=self.seed)), ((), ()))
        if len(held) < _FEWEST:
            raise HeadstartError(
                f"{data[0]}: {len(examples):,} labelled rows leave {len(held)} to judge settings on, {_FEWEST} are "
                "needed; give more rows"
            )
        self.learn, self.judged = examples.take(learn), examples.take(held)
        self.score, self.metric = next(iter(metrics_of(request.task).items()))
        self.held = f"{len(held):,} labelled rows"
        say(f"every trial learns from {len(learn):,} labelled rows and is judged on the same {self.held}")

    def check(self, varied: list[str]) -> None:
        """Raise HeadstartError when the route does not take a value. What is varied is not chosen by the route too."""
        names = [one.partition("=")[0].removeprefix("route.").removeprefix(f"{self.route}.") for one in varied]
        fields = [field.name for field in dataclasses.fields(self.job.spec)]
        told = any("choose_learning_rate=" in setting for setting in self.settings)
        if "learning_rate" in names and "choose_learning_rate" in fields and not told:
            self.settings = [*self.settings, "choose_learning_rate=false"]
            say("choose_learning_rate=false: the trials try learning rates, so the route itself tries none around them")
        for one in varied:
            route_with(self.route, [*self.settings, one])

    def facts(self) -> dict[str, Any]:
        """Return what must be the same for a sweep to go on."""
        from headstart.data.identity import row_hashes

        base = self.job.workspace.base
        told = {"base": base and base.identity, "route": self.job.spec.to_dict(), "settings": self.settings}
        rows = hashlib.sha256(row_hashes(self.judged).tobytes() + row_hashes(self.learn).tobytes()).hexdigest()
        return json.loads(json.dumps(told | {"task": self.job.request.task, "labelled rows": rows}))

    def judge(self, number: int, settings: dict[str, str]) -> float:
        """Return the headline score of a model with these settings on the held-out rows."""
        from headstart.core import registry
        from headstart.training.curves import curve

        spec = route_with(self.route, [*self.settings, *(f"{name}={one}" for name, one in settings.items())])
        with curve(f"trial-{number}"):
            model = spec.run(self.learn, self.job.workspace, seed=self.seed, seconds=self.job.seconds)
        task = registry.load("task", self.job.request.task)()
        score = float(self.metric.score(*task.metric_inputs(model.predict(self.judged), self.judged)))
        say(f"trial {number}: {self.score} {score:.4f}")
        return score

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of the result as it is read."""
        return row

    def command(self, best: list[str]) -> str:
        """Return the command that trains with the best settings on all rows."""
        request = self.job.request
        columns = {"--text": request.text, "--text2": request.text2, "--label": request.label, "--task": request.task}
        named = [word for name, value in columns.items() if value for word in (name, value)]
        base = Path(self.base) if self.base != "none" else self.base
        files = [Path(path) for path in self.data]
        out = self.out.absolute().with_name(f"{self.out.name}-best")
        more = ["--seed", self.seed, *self.settings, *best]
        return shell_command("transfer", base, "--data", *files, *named, "--route", self.route, "--out", out, *more)


class _OfPretraining:
    """Trials of pre-training: each is a run of its own, judged by its loss on the held-out documents."""

    score = "held-out loss"

    def __init__(self, source: list[str], objective: str | None, steps: int | None, **common: Any) -> None:
        from headstart.core import registry
        from headstart.data.open import STDIN, as_paths

        if STDIN in source:
            raise HeadstartError(
                "sweep reads the texts once per trial, and standard input comes once; write it to a file"
            )
        minutes = 2.0 if steps is None and common["minutes"] is None else common["minutes"]
        self.out, self.loggers = common["out"], common["loggers"]
        self.curves: list[LoggerSpec] = []  # the runs have curves of their own
        objective = objective and registry.named("objective", objective)
        asked = {"objective": objective, "steps": steps, "minutes": minutes, "seed": common["seed"]}
        self.options = RunOptions(paths=as_paths(source), settings=common["settings"], **asked)
        self.spec = fresh_run(self.options, self._folder(0).with_name("new"), False)
        self.held = "held-out documents"

    def _folder(self, number: int) -> Path:
        return self.out / "runs" / f"trial-{number:04d}"

    def check(self, varied: list[str]) -> None:
        """Raise HeadstartError when a value is not taken, or changes what the held-out loss measures."""
        for one in varied:
            (named,) = self.spec.named([one])
            if named.partition(".")[0].partition("=")[0] not in _OF_PRETRAINING:
                raise HeadstartError(
                    f"--vary {one}: with it the held-out loss is another quantity in every trial; vary settings of "
                    f"{' or '.join(_OF_PRETRAINING)}, or sweep a route, whose score means the same for all"
                )
            self.spec.override([one])

    def facts(self) -> dict[str, Any]:
        """Return what must be the same for a sweep to go on."""
        from headstart.data.corpus import Corpus

        spec = self.spec.to_dict()
        return json.loads(json.dumps({"run": spec, "text": Corpus(**self.spec.corpus).fingerprint()}))

    def judge(self, number: int, settings: dict[str, str]) -> float:
        """Return the negative loss on held-out documents."""
        from headstart.training.run_folder import RUN, RunFolder

        folder = self._folder(number)
        begun = (folder / RUN).is_file()
        if not begun:
            shutil.rmtree(folder, ignore_errors=True)  # a trial that was killed before it had a run.json
        own = [*self.options.settings, *(f"{name}={one}" for name, one in settings.items())]
        done = train_asked(dataclasses.replace(self.options, settings=own), folder, begun, self.loggers)
        if done.stopped != "budget":
            raise Terminated if done.stopped == "SIGTERM" else KeyboardInterrupt
        held = RunFolder(folder).record()["result"]["held_out"]
        if not held or held[-1]["loss"] is None:
            raise HeadstartError("there is no held-out loss: no document was held out, or the loss is not finite")
        return -held[-1]["loss"]

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row of the result as it is read: the loss itself."""
        return row | {"score": None if row["score"] is None else -row["score"]}

    def command(self, best: list[str]) -> str:
        """Return the command that pre-trains with the best settings."""
        options = self.options
        budget = ["--steps", options.steps] if options.steps else ["--minutes", f"{options.minutes:g}"]
        named = ["--objective", options.objective] if options.objective else []
        out = self.out.absolute().with_name(f"{self.out.name}-best")
        more = ["--seed", options.seed, *options.settings, *best]
        return shell_command("pretrain", *map(Path, options.paths), "--out", out, *budget, *named, *more)

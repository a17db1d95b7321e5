"""transfer: train one route from a base to a task model."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.reading import (
    asked_loggers,
    metrics_of,
    open_bases,
    pick_task,
    route_with,
    say,
    takes_of_files,
    tell_foreign,
    tell_texts,
)
from headstart.commands.results import InFolder, TableResult
from headstart.commands.seeds import SeveralSeeds, asked_seeds, seed_folders, spread, written
from headstart.commands.session import (
    Terminated,
    files,
    holds_anything,
    need_folder,
    need_new_folder,
    need_positive,
    shell_command,
    whole,
)
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.core.spec import LoggerSpec, RouteSpec
    from headstart.data.read_request import ReadRequest
    from headstart.training.pretrained_model import PretrainedModel


@dataclass(frozen=True, repr=False)
class Transferred(InFolder, TableResult):
    """folder: of the task model; seconds: of training; notes: choices and counts of the route; data: labelled file."""

    folder: Path
    seconds: float
    notes: dict[str, object]
    data: str

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per choice and count of the route."""
        return [{"note": name, "value": value} for name, value in self.notes.items()]

    def told(self) -> list[str]:
        """See `TableResult`."""
        return [f"{self.folder}, trained in {self.seconds:.1f} s"]

    def summary(self) -> str:
        """Return the result and the next command."""
        shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in self.notes.items()}
        chosen = f" ({', '.join(f'{name}={value}' for name, value in shown.items())})" if shown else ""
        command = shell_command("predict", self.folder, Path(self.data))
        more = "(`headstart evaluate` scores it; give it rows that it was not trained on)"
        return f"done in {self.seconds:.1f} s: {self.folder}{chosen}\nnext: {command}\n      {more}"


def transfer(
    base: Annotated[Path, Parameter(help="a run directory, a Hugging Face directory, or `none` for classical routes")],
    /,
    *,
    data: Annotated[list[str], Parameter(help="labelled file(s)", consume_multiple=True, converter=files)],
    out: Annotated[Path, Parameter(help="the task directory to write")],
    route: Annotated[
        str, Parameter(help="probe, knn, finetune, scratch, tfidf_logreg ... (`headstart list route`)")
    ] = "probe",
    task: Annotated[str, Parameter(help="classify, regress, tag ... (`headstart list task`) [guessed and printed]")] = (
        "auto"
    ),
    text: Annotated[str | None, Parameter(help="column of texts or images [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [guessed and printed]")] = None,
    corpus: Annotated[
        list[str] | None,
        Parameter(
            help="unlabelled file(s), for routes that learn from them [the base's]",
            consume_multiple=True,
            converter=files,
        ),
    ] = None,
    minutes: Annotated[float | None, Parameter(help="time budget for training [none]")] = None,
    seed: Annotated[int | None, Parameter(help="of whatever the route draws [0]", converter=whole)] = None,
    seeds: Annotated[str | None, Parameter(help="0,1,2: a task model per seed, in OUT/seed-0 ...")] = None,
    test: Annotated[
        list[str] | None,
        Parameter(help="labelled file(s) to score all seeds on", consume_multiple=True, converter=files),
    ] = None,
    log: Annotated[str | None, Parameter(help="curves of its fits: tensorboard,wandb,csv, in OUT/log [none]")] = None,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]", converter=whole)] = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Transferred | SeveralSeeds:
    """Train one route on all labelled rows and save a self-contained task model.

    With --seeds one per seed; with --test their mean score, with an interval over seeds and test rows. The same command
    goes on where it was stopped.

    Raises HeadstartError: unreadable input, unknown route, task or setting, a route that does not do the task, one
    class only, an existing --out.
    """
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer
    from headstart.data.open import as_paths
    from headstart.data.read_request import ReadRequest

    need_positive("--minutes", minutes)
    loggers, several, out = asked_loggers(log), asked_seeds(seeds, seed), Path(out)
    if test is not None and not several:
        raise HeadstartError("--test is for --seeds; one task model is scored by `headstart evaluate`")
    folders = seed_folders(out, several) if several else {}
    need_folder(out)
    set_threads(threads)
    with sole_writer(out, say):
        if not several:
            need_new_folder(out, "transfer", "choose another --out")
        spec = route_with(route, settings or [])
        request, why = pick_task(ReadRequest(paths=data, text=text, text2=text2, label=label, task=task))
        if why:
            say(f"task: {request.task} ({why}; another one by --task)")
        job = Job(spec, request, None if minutes is None else minutes * 60, loggers)
        job.read(base, corpus)
        if several:
            return _several(job, out, folders, test)
        seconds, notes = job.train(out, seed or 0)
        return Transferred(out, seconds, notes, as_paths(data)[0])


class Job:
    """A route on labelled rows, which are read once, for one seed or several."""

    def __init__(
        self, spec: RouteSpec, request: ReadRequest, seconds: float | None, loggers: Sequence[LoggerSpec]
    ) -> None:
        self.spec, self.request, self.seconds, self.loggers = spec, request, seconds, loggers
        self.examples: Any = None
        self.workspace: Any = None
        self.ledger: dict[str, Any] = {}
        self.base: PretrainedModel | None = None

    def read(self, base: Path, corpus: list[str] | None) -> None:
        """Open the base and read the rows. Raises HeadstartError: unreadable, or the route cannot run on them."""
        from headstart.data.corpus import Corpus
        from headstart.data.read_request import read_labelled_rows
        from headstart.fitting.checks import other_task, why_not
        from headstart.fitting.workspace import Workspace

        spec, request = self.spec, self.request
        if other_task(spec, request.task):
            takes = takes_of_files(request.paths, request.text)
            raise HeadstartError(f"route {spec.name}: {other_task(spec, request.task, takes)}")
        bases = {} if str(base) == "none" else open_bases([Path(base)])
        self.examples, self.ledger = read_labelled_rows(request, say)
        tell_foreign(bases, self.examples.items)
        if corpus is None and spec.needs != "nothing":
            tell_texts(bases)
        documents = None if corpus is None else Corpus(corpus).documents
        self.base = next(iter(bases.values()), None)
        self.workspace = Workspace(self.base, documents)
        if refusal := why_not(spec, self.examples, self.workspace):
            raise HeadstartError(f"route {spec.name}: {refusal}")

    def train(self, out: Path, seed: int) -> tuple[float, dict[str, object]]:
        """Train and save one task model; return (seconds of training, its notes)."""
        from headstart.fitting.task_model_files import save_task

        begun, examples = time.monotonic(), self.examples
        labels = f", {len(examples.classes)} classes" if examples.classes else ""
        say(f"training route {self.spec.name} on {len(examples):,} rows{labels}")
        with _curves(self.loggers, out):
            model = self.spec.run(examples, self.workspace, seed=seed, seconds=self.seconds)
        seconds = time.monotonic() - begun
        save_task(model, out, self.spec, self._receipt(seed, seconds), examples)
        return seconds, model.notes

    def _receipt(self, seed: int, seconds: float) -> dict[str, Any]:
        from headstart.fitting.task_model_files import receipt_of

        return receipt_of(self.examples, self.workspace, self.ledger, seed=seed, seconds=seconds)

    def made(self, out: Path, seed: int) -> bool:
        """Whether `out` holds this task model already. Raises HeadstartError: it holds another one, or is damaged."""
        from headstart.core.manifest import need_intact
        from headstart.fitting.model_parts import plain
        from headstart.fitting.task_model_files import read_task

        if not holds_anything(out):
            return False
        found = read_task(out)
        need_intact(out, "task")
        wanted = plain({"route": self.spec.to_dict(), "task": self.request.task} | self._receipt(seed, 0.0))
        there = {"route": found["route"], "task": found["task"]} | found["receipt"]
        other = [name for name, one in wanted.items() if name != "seconds" and there.get(name) != one]
        if other:
            said = {"route": "another route or other settings", "data": "other labelled rows"}
            what = said.get(other[0], f"another {other[0]}")
            raise HeadstartError(f"{out}: was made with {what}; give another --out, or the same command")
        return True


def _several(job: Job, out: Path, folders: dict[int, Path], test: list[str] | None) -> SeveralSeeds:
    """Train a task model per seed, each that is not there, and score all of them on the same test rows."""
    rows, scored, stopped = [], None, ""
    try:
        for seed, folder in folders.items():
            if job.made(folder, seed):
                say(f"seed {seed}: made before, {folder}")
            else:
                say(f"seed {seed}")
                job.train(folder, seed)
            rows.append({"seed": seed, "folder": folder})
    except KeyboardInterrupt as interrupt:
        stopped = "SIGTERM" if isinstance(interrupt, Terminated) else "SIGINT"
    if test is not None and rows:
        scored = _scores(job, rows, test)
    missing = tuple(seed for seed in folders if seed not in [row["seed"] for row in rows])
    then = shell_command("predict", rows[0]["folder"], Path(job.request.paths[0])) if rows else ""
    return written(SeveralSeeds(out, rows, scored or [], missing, stopped, then))


def _scores(job: Job, rows: list[dict[str, Any]], test: list[str]) -> list[dict[str, Any]]:
    """Put the scores of every model into its row; return what all have in common, a row per metric."""
    from headstart.core import registry
    from headstart.core.examples import need_takes
    from headstart.data.read_request import ReadRequest, read_labelled_rows
    from headstart.fitting.task_model_files import load_task, trained_on
    from headstart.statistics.pooled import pooled_score

    task = job.request.task
    columns = {"text": job.request.text, "text2": job.request.text2, "label": job.request.label}
    columns["remembered"] = job.ledger.get("columns", {})
    request = ReadRequest(paths=test, **columns, classes=job.examples.classes or None, task=task)
    examples, _ = read_labelled_rows(request, say)
    need_takes(examples.items, job.examples.takes, "the training rows")
    known = int(trained_on(rows[0]["folder"], examples).sum())
    if known:
        say(f"warning: {known:,} of {len(examples):,} test rows are rows that the models were trained on")
    spec, answers = registry.load("task", task)(), []
    for row in rows:
        truth, said = spec.metric_inputs(load_task(row["folder"]).predict(examples), examples)
        answers.append(said)
        row |= {name: float(metric.score(truth, said)) for name, metric in metrics_of(task).items()}
    found = []
    for name, metric in metrics_of(task).items():
        estimate = pooled_score(metric, truth, answers, examples.groups)
        found.append(spread(name, [row[name] for row in rows]))
        if estimate.error == estimate.error:
            low, high = estimate.interval()
            found[-1] |= {"low": low, "high": high}
        elif len(rows) > 1:
            found[-1] |= {"remark": "an interval needs 3 seeds"}
    return found


@contextmanager
def _curves(loggers: Sequence[LoggerSpec], out: Path) -> Iterator[None]:
    """Write the curves of the fits in the block; a block that fails leaves none, so that the mended command runs."""
    from headstart.training.curves import LOG, logging_curves

    try:
        with logging_curves(loggers, out):
            yield
    except BaseException:
        shutil.rmtree(out / LOG, ignore_errors=True)
        raise
    if loggers and not (out / LOG).is_dir():
        say("--log: this route trains in no loop that has steps, so there are no curves")

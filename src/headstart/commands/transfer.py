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
    open_bases,
    pick_task,
    route_with,
    say,
    takes_of_files,
    tell_foreign,
)
from headstart.commands.results import InFolder, TableResult
from headstart.commands.session import files, need_new_folder, need_positive, shell_command, whole

if TYPE_CHECKING:
    from headstart.core.spec import LoggerSpec


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
    seed: Annotated[int, Parameter(help="of whatever the route draws", converter=whole)] = 0,
    log: Annotated[str | None, Parameter(help="curves of its fits: tensorboard,wandb,csv, in OUT/log [none]")] = None,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]", converter=whole)] = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Transferred:
    """Train one route on all labelled rows and save a self-contained task model.

    Raises HeadstartError: unreadable input, unknown route, task or setting, a route that does not do the task, one
    class only, an existing --out.
    """
    from headstart.core.device import set_threads
    from headstart.core.errors import HeadstartError
    from headstart.core.files import disk_error
    from headstart.data.corpus import Corpus
    from headstart.data.open import as_paths
    from headstart.data.read_request import ReadRequest, read_labelled_rows
    from headstart.fitting.checks import other_task, why_not
    from headstart.fitting.task_model_files import receipt_of, save_task
    from headstart.fitting.workspace import Workspace

    need_positive("--minutes", minutes)
    loggers = asked_loggers(log)
    out = Path(out)
    need_new_folder(out, "transfer", "choose another --out")
    set_threads(threads)
    spec = route_with(route, settings or [])
    request, why = pick_task(ReadRequest(paths=data, text=text, text2=text2, label=label, task=task))
    if why:
        say(f"task: {request.task} ({why}; another one by --task)")
    if other_task(spec, request.task):
        raise HeadstartError(f"route {route}: {other_task(spec, request.task, takes_of_files(data, text))}")
    bases = {} if str(base) == "none" else open_bases([Path(base)])
    examples, ledger = read_labelled_rows(request, say)
    tell_foreign(bases, examples.items)
    documents = None if corpus is None else Corpus(corpus).documents
    workspace = Workspace(next(iter(bases.values()), None), documents)
    if refusal := why_not(spec, examples, workspace):
        raise HeadstartError(f"route {route}: {refusal}")
    begun = time.monotonic()
    labels = f", {len(examples.classes)} classes" if examples.classes else ""
    say(f"training route {route} on {len(examples):,} rows{labels}")
    with _curves(loggers, out):
        model = spec.run(examples, workspace, seed=seed, seconds=minutes * 60 if minutes else None)
    seconds = time.monotonic() - begun
    receipt = receipt_of(examples, workspace, ledger, seed=seed, seconds=seconds)
    try:
        save_task(model, out, spec, receipt, examples)
    except OSError as error:
        raise disk_error(out, error) from None
    return Transferred(out, seconds, model.notes, as_paths(data)[0])


@contextmanager
def _curves(loggers: Sequence[LoggerSpec], out: Path) -> Iterator[None]:
    """Write the curves of the fits in the block; a block that fails leaves none, so that the mended command runs."""
    from headstart.training.curves import LOG, logging_curves

    try:
        with logging_curves(loggers, out):
            yield
    except BaseException:
        shutil.rmtree(out / LOG, ignore_errors=True)
        if loggers and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        raise
    if loggers and not (out / LOG).is_dir():
        say("--log: this route trains in no loop that has steps, so there are no curves")

"""pretrain: train a tokenizer and a model on unlabelled text."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.session import need_new_folder, need_positive, saving_signals

if TYPE_CHECKING:
    from headstart.training.run import RunResult, RunSpec


@dataclass(frozen=True)
class Pretrained:
    """folder: the run directory; steps, tokens, loss, stopped: how it went; notes: what was guessed or decided."""

    folder: Path
    steps: int
    tokens: int
    loss: float
    stopped: str
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal that stopped it."""
        return 0 if self.stopped == "budget" else 128 + signal.Signals[self.stopped].value

    def summary(self) -> str:
        """Return what to do next."""
        if self.stopped != "budget":
            return f"stopped by {self.stopped} after step {self.steps:,}; saved. Go on: the same command with --resume"
        return (
            f"done: {self.folder} (usable now)\n"
            f"next: headstart compare {self.folder} --data LABELLED_FILE --labels 16,64,256 --out REPORT"
        )


def pretrain(
    corpus: Annotated[
        list[str], Parameter(help="files or folders of txt, jsonl, csv, tsv, parquet (also .gz, .xz); - is stdin")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the run directory to write")],
    minutes: Annotated[float | None, Parameter(help="wall-clock budget, everything included [10]")] = None,
    steps: Annotated[int | None, Parameter(help="budget in steps instead of minutes")] = None,
    objective: Annotated[str | None, Parameter(help="halves, mlm ... (`headstart list objective`) [by budget]")] = None,
    column: Annotated[str | None, Parameter(help="text column of tables [guessed and printed]")] = None,
    unit: Annotated[
        Literal["auto", "line", "paragraph", "file"],
        Parameter(help="what a document is in plain text [guessed and printed]"),
    ] = "auto",
    vocabulary: Annotated[int | None, Parameter(help="tokenizer vocabulary [from the data]")] = None,
    seed: int = 0,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]")] = None,
    resume: Annotated[bool, Parameter(negative="", help="continue the run in --out")] = False,
    set: Annotated[list[str] | None, Parameter(show=False)] = None,
) -> Pretrained:
    """Train a tokenizer and a model on unlabelled text; always leaves a usable model.

    Stop it with Ctrl-C whenever you like: it saves. Settings: objective.rate=0.3 backbone.depth=6 training.rate=1e-3
    batches.tokens=4096 tokenizer.lower=false (`headstart list` shows what can be chosen).

    Raises HeadstartError: unreadable input, unknown names, an existing directory without --resume, a full disk.
    """
    from headstart.base.device import set_threads
    from headstart.training.events import Progress
    from headstart.training.loop import Stop
    from headstart.training.run import train_run

    need_positive("--minutes", minutes)
    need_positive("--steps", steps)
    set_threads(threads)
    spec, reason = _resolve(corpus, out, minutes, steps, objective, column, unit, vocabulary, seed, resume, set or [])
    _say(reason)
    stop = Stop()
    with saving_signals(stop):
        result: RunResult = train_run(
            spec, out, resume=resume, listeners=[Progress()], stop=stop, say=_say, command=shlex.join(sys.argv)
        )
    return Pretrained(out, result.fit.step, result.fit.tokens, result.fit.loss, result.fit.stopped, result.notes)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _resolve(
    corpus: list[str],
    out: Path,
    minutes: float | None,
    steps: int | None,
    objective: str | None,
    column: str | None,
    unit: str,
    vocabulary: int | None,
    seed: int,
    resume: bool,
    settings: list[str],
) -> tuple[RunSpec, str]:
    """Return the resolved run: that of run.json when resuming, else the recipe's with the settings applied."""
    import dataclasses

    import torch

    from headstart.base.files import read_json
    from headstart.recipes.choose import choose_recipe
    from headstart.recipes.facts import Facts
    from headstart.training.run import RunSpec

    record = out / "run.json"
    if resume and record.is_file():
        spec = RunSpec.read(read_json(record).get("spec", {}))
        if settings or objective:
            raise HeadstartError("--resume continues with the settings in run.json; leave out --objective and settings")
        budget: dict[str, Any] = {}
        if steps is not None:
            budget = {"steps": steps}
        return dataclasses.replace(spec, training=dataclasses.replace(spec.training, **budget)), f"resuming {out}"
    if not resume:
        need_new_folder(out, "pretrain", "choose another --out, or add --resume to go on with that run")
    if minutes is None and steps is None:
        minutes = 10.0
    where = {"paths": [str(path) for path in corpus], "column": column, "unit": unit}
    seconds = minutes * 60 if minutes is not None else None
    facts = Facts(where, seconds, steps, seed, torch.cuda.is_available())
    recipe, reason = choose_recipe(objective, facts)
    from headstart.base import registry

    chosen = registry.load("objective", objective)() if objective else None
    spec = recipe.plan(facts, chosen)
    spec = dataclasses.replace(spec, vocabulary=vocabulary).override(settings)
    return spec, reason

"""plan: what to pre-train in so many minutes, what that takes and what it gained elsewhere, or not to pre-train."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.crew import another_program
from headstart.commands.reading import say
from headstart.commands.results import TableResult
from headstart.commands.session import files, need_positive, shell_command, whole
from headstart.core.errors import HeadstartError
from headstart.core.scratch import scratch_folder

if TYPE_CHECKING:
    from headstart.sizing.planning import Row, Trial
    from headstart.training.run_spec import RunSpec

_MOST = 60.0  # seconds of calibration
_SAMPLE = 64_000_000  # bytes of texts that are looked at
_PACKED = 3.5  # times as large as its file is text that lies compressed


@dataclass(frozen=True, repr=False)
class Planned(TableResult):
    """rows: every family at every budget that was tried. advised: the family to train for `minutes`, None = none.

    reason: why. seconds: of calibration. next_command: what to do.
    """

    rows: tuple[Row, ...]
    minutes: float
    advised: str | None
    reason: str
    seconds: float
    next_command: str
    notes: tuple[str, ...] = field(default=())

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row per family and budget, numbers in plain units."""
        return [
            {
                "minutes": row.minutes,
                "family": row.family,
                "network": row.network,
                "vocabulary": row.trial.vocabulary,
                "steps": row.forecast.steps,
                "epochs": row.epochs,
                "seconds": row.forecast.seconds,
                "preparing": row.forecast.preparing,
                "memory": row.forecast.memory,
                "gain_low": None if row.gain is None else row.gain.low,
                "gain_high": None if row.gain is None else row.gain.high,
                "advised": row.minutes == self.minutes and row.family == self.advised,
            }
            for row in self.rows
        ]

    def told(self) -> list[str]:
        """See `TableResult`."""
        if self.advised is None:
            return [f"in {self.minutes:g} min: do not pre-train; {self.reason}", *self.notes]
        return [f"in {self.minutes:g} min: {self.advised}; {self.reason}", *self.notes]

    def summary(self) -> str:
        """Return the table, the advice and the command to give next."""
        return "\n".join([*_table(self.rows), "", *self.told(), f"next: {self.next_command}"])


def plan(
    corpus: Annotated[list[str], Parameter(help="files or folders, as for pretrain", converter=files)],
    /,
    *,
    minutes: Annotated[float, Parameter(help="wall-clock budget of pre-training")] = 10.0,
    labels: Annotated[int, Parameter(help="labelled rows that there will be", converter=whole)] = 64,
    task: Annotated[str, Parameter(help="what they are for (`headstart list task`)")] = "classify",
    base: Annotated[
        Path | None, Parameter(help="a checkpoint to go on from: run, Hugging Face directory or cached id")
    ] = None,
    column: Annotated[str | None, Parameter(help="column of texts or images in tables [guessed and printed]")] = None,
    threads: Annotated[int | None, Parameter(help="CPU threads [all]", converter=whole)] = None,
    trial: Annotated[bool, Parameter(show=False, negative="")] = False,
) -> Planned | None:
    """Try what could be pre-trained for some seconds each, and say what a budget buys: a minute at most.

    Shows for 2, 10, 30, 120 minutes and those that are asked for: network, vocabulary, steps, passes over the corpus,
    memory, and what pre-training gained where it was measured. Nothing is written. `pretrain` plans by the same steps
    and says at its end what came of it.

    Raises HeadstartError: unreadable input, unknown names.
    """
    from headstart.core import registry
    from headstart.core.device import set_threads
    from headstart.data.open import STDIN, as_paths
    from headstart.data.read_how import current
    from headstart.interop.hub_cache import located
    from headstart.sizing.planning import LADDER, Planner, advise

    set_threads(threads)
    if trial:
        return _try(Path(corpus[0]))
    for name, value in (("--minutes", minutes), ("--labels", labels)):
        need_positive(name, value)
    task = registry.named("task", task)
    registry.load("task", task)
    begun, paths = time.monotonic(), as_paths(corpus)
    if STDIN in paths:
        raise HeadstartError("plan reads the texts several times, and standard input comes once; write it to a file")
    with scratch_folder("plan") as work:
        how = {"how": given} if (given := current().given) else {}
        sample = _sampled({"paths": paths, "column": column, "unit": "auto"} | how, work)
        processes = _Processes(work, sample.larger, begun + _MOST)
        planner = Planner(sample.corpus, sample.takes, processes.tried, None if base is None else located(base))
        rows = planner.rows(minutes, task, labels)
        if not rows:
            raise HeadstartError("plan: preparing this corpus takes longer than the minute that a plan may take")
        default = planner.first_choice(minutes)
        found = advise(rows, default, sample.takes)
        for other in LADDER:
            rows += planner.rows(other, task, labels, [planner.first_choice(other)]) if other != minutes else []
    family = None if found.row is None else found.row.family
    told = {"column": column, "objective": None if family == default else family, "base": base}
    return Planned(
        rows=tuple(sorted(rows, key=lambda row: row.minutes)),
        minutes=minutes,
        advised=family,
        reason=found.reason,
        seconds=time.monotonic() - begun,
        next_command=_next(paths, minutes, family, told),
        notes=(*sample.notes, *processes.notes),
    )


@dataclass(frozen=True)
class _Sample:
    """corpus: keyword arguments of `Corpus`, of all of it or a part; larger: how many times the part the whole is."""

    corpus: dict[str, Any]
    takes: str
    larger: float = 1.0
    notes: tuple[str, ...] = ()


def _sampled(where: dict[str, Any], work: Path) -> _Sample:
    """Return the corpus or, where it is long, its first 64 MB as a file in `work`."""
    from headstart.core.files import writing
    from headstart.data.corpus import Corpus

    corpus = Corpus(**where)
    packed = any(Path(name).suffix in (".gz", ".xz", ".bz2", ".zst", ".zip") for name in corpus.files)
    size = corpus.bytes_on_disk() * (_PACKED if packed else 1)
    if corpus.takes == "image" or size <= _SAMPLE:
        return _Sample(where, corpus.takes)
    path = work / "sample.jsonl"
    with writing(path), open(path, "w", encoding="utf-8") as stream:
        for document in corpus.documents():
            stream.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")
            if stream.tell() > _SAMPLE:
                break
        else:
            return _Sample(where, corpus.takes)
        larger = max(1.0, size / stream.tell())
    note = f"planned from the first {_SAMPLE / 1e6:.0f} MB; all of it is about {larger:.1f} times as much"
    return _Sample({"paths": [str(path)], "column": "text", "unit": "auto"}, corpus.takes, larger, (note,))


@dataclass
class _Processes:
    """Tries runs, each in a process of its own, so that memory is what the run alone takes; none after `end`."""

    work: Path
    larger: float
    end: float
    notes: list[str] = field(default_factory=list)
    _folders: list[tuple[RunSpec, Path]] = field(default_factory=list)
    _preparing: dict[Path, float] = field(default_factory=dict)  # seconds, of the first run in a folder

    def tried(self, spec: RunSpec) -> Trial | None:
        """Return what the run costs, None where there is no time left. Raises HeadstartError: it cannot be made."""
        import torch

        from headstart.core.device import pick_device
        from headstart.core.json_files import write_json
        from headstart.sizing.planning import Trial

        left, number = self.end - time.monotonic(), len(self._folders)
        asked, out = self.work / f"asked-{number}.json", self.work / f"trial-{number}.json"
        say(f"trying objective {spec.objective.name} on {spec.backbone.name}")
        folder = self._folder(spec)
        write_json(asked, {"spec": spec.to_dict(), "folder": str(folder), "out": str(out)})
        command, environment = another_program(["plan", str(asked), "--trial", "--device", str(pick_device())])
        environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=max(left, 1))
        except subprocess.TimeoutExpired:
            self.notes.append(f"objective {spec.objective.name} on {spec.backbone.name}: no time was left to try it")
            return None
        if done.returncode:
            raise HeadstartError(done.stderr.strip().splitlines()[-1].removeprefix("headstart: "))
        trial = Trial.read(out)
        # Who finds a folder prepared took no time for it, and will when it comes first.
        preparing = max(trial.preparing, self._preparing.setdefault(folder, trial.preparing))
        return replace(trial, preparing=preparing).scaled(self.larger)

    def _folder(self, spec: RunSpec) -> Path:
        """Return the folder where the run is prepared: with processor and store, where another run left the same."""
        for other, folder in self._folders:
            if (other.processor, other.vocabulary, other.base) == (spec.processor, spec.vocabulary, spec.base):
                self._folders.append((spec, folder))
                return folder
        self._folders.append((spec, self.work / f"run-{len(self._folders)}"))
        return self._folders[-1][1]


def _try(asked: Path) -> None:
    """Carry out one trial, see `_Processes`."""
    from headstart.sizing.planning import tried
    from headstart.training.run_spec import RunSpec

    wanted = json.loads(asked.read_text(encoding="utf-8"))
    tried(RunSpec.read(wanted["spec"]), Path(wanted["folder"]), Path(wanted["out"]))


def _next(paths: Sequence[str], minutes: float, family: str | None, told: dict[str, Any]) -> str:
    """Return the command to give next. told: options that are given on where they are not None."""
    if family is None:
        return shell_command("compare", told["base"] or "none", "--data", "LABELLED_FILE", "--out", "REPORT")
    options = [part for name, value in told.items() if value is not None for part in (f"--{name}", value)]
    return shell_command("pretrain", *paths, "--out", "RUN", "--minutes", f"{minutes:g}", *options)


def _table(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines of a table."""
    from headstart.core.progress_line import columns
    from headstart.core.spoken import spoken

    names = ("in min", "trained by", "network, parameters", "ids known", "steps made", "passes made", "MB at most")
    names += ("s in all", "gained elsewhere")
    told = [[spoken(name) for name in names], *map(_cells, rows)]
    wide = [max(columns(line[place]) for line in told) for place in range(len(names))]
    return [
        "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(line, wide)).rstrip() for line in told
    ]


def _cells(row: Row) -> list[str]:
    return [
        f"{row.minutes:g}",
        row.family,
        row.network,
        f"{row.trial.vocabulary:,}" if row.trial.vocabulary else "-",
        f"{row.forecast.steps:,}",
        f"{row.epochs:.1f}",
        f"{row.forecast.memory:,}",
        f"{row.forecast.seconds:,.0f}",
        "-" if row.gain is None else row.gain.gained(),
    ]

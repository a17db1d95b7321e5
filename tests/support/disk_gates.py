"""The gates of the disk: a command is killed or fails at one change, runs again, and leaves what it would have left.

A `Case` is a command. `disturbed` returns what went wrong, so that a gate counts and a planted fault can be seen.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from disk_lab import FAULTS, KILLED, KILLS, Change, DiskLab, Ran
from old_artefacts import HOME
from safetensors.numpy import load_file

from headstart.core.errors import HeadstartError
from headstart.core.files import is_leftover
from headstart.core.manifest import HARMLESS, faults
from headstart.training.checkpoint import Checkpoints
from headstart.training.pretrained_model import PretrainedModel

QUICK = ("training.dtype=fp32", "--threads", 1)
# What is trained, by the family of its objective: everything but --out, --steps and where to save.
FAMILIES: dict[str, tuple] = {
    "halves": ("--objective", "halves", "--vocabulary", 60, "backbone.width=8", "backbone.mlp_width=8",
               "batches.tokens=256"),
    "mlm": ("--objective", "mlm", "--vocabulary", 60, "backbone.width=16", "backbone.depth=1", "backbone.heads=2",
            "batches.tokens=256"),
    "ulmfit": ("--recipe", "ulmfit", "--unit", "line", "backbone.width=16", "backbone.inner=24", "batches.tokens=128",
               "batches.max_length=16"),
    "views": ("--objective", "views", "backbone.width=4", "batches.images=16"),
}  # fmt: skip
LABELLED = ("--data", HOME / "train.tsv", "--threads", 1)
REPORT = ("--test", HOME / "test.tsv", "--labels", "8", "--draws", 2, "--routes", "tfidf_nb,probe", "--audit", "skip")
# A pause for room is looked at again at once, so that a gate does not take its seconds.
NO_PAUSE = "from headstart.training import room; room._LOOK = 0.001"
_TIMES = ("seconds", "since", "started", "created", "date", "training", "testing", "allowed", "machine", "command")


@dataclass(frozen=True)
class Case:
    """first, again: the command, and the one that goes on after it ended early, for a folder.

    result: what must be the same in the end, by name. begin: puts there what was there before. sound: what must be true
    at any moment; yields what is not. complete: whether the command would not make again what is there. surroundings:
    Python that is executed before it.
    """

    name: str
    first: Callable[[Path], tuple]
    result: Callable[[Path], Mapping[str, bytes]]
    again: Callable[[Path], tuple] | None = None
    begin: Callable[[Path], object] = lambda out: None
    sound: Callable[[Path], Iterator[str]] = lambda out: iter(())
    complete: Callable[[Path], bool] = lambda out: False
    surroundings: str = ""


@dataclass
class Disturbed:
    """ran: the command that was disturbed; torn: whether it left something half-written; wrong: what is not right."""

    ran: Ran
    torn: bool
    wrong: list[str] = field(default_factory=list)


def undisturbed(lab: DiskLab, case: Case, home: Path) -> tuple[Mapping[str, bytes], list[Change]]:
    """Run the command alone; return its result and its changes."""
    out = place_in(home / f"{case.name}-alone")
    case.begin(out)
    ran = lab.run(*case.first(out), below=out.parent, plant=case.surroundings)
    assert ran.code == 0, ran.said
    return case.result(out), ran.changes


def disturbed(
    lab: DiskLab, case: Case, home: Path, number: int, fault: str, expected: Mapping[str, bytes], plant: str = ""
) -> Disturbed:
    """Disturb the command at its change `number`, see KILLS and FAULTS, then run it again without a manual step."""
    plant = f"{NO_PAUSE}\n{case.surroundings}\n{plant}"
    out = place_in(home / f"{case.name}-{number}-{fault.replace(' ', '-')}")
    case.begin(out)
    how = lab.killed if fault in KILLS else lab.failed
    ran = how(number, fault, *case.first(out), below=out.parent, plant=plant)
    found = Disturbed(ran, bool(left_over(out.parent)))
    found.wrong += [KILLED_NOT] if fault in KILLS and ran.code != KILLED else []
    found.wrong += list(badly_told(ran, out)) if fault in FAULTS else []
    found.wrong += ["failed, and is there as a whole"] if ran.code == 2 and case.complete(out) else []
    found.wrong += [f"at once: {one}" for one in case.sound(out)]
    if not case.complete(out):  # of a command that failed, never: what it could not make durable is taken back
        ran = lab.run(*(case.again or case.first)(out), below=out.parent, plant=plant)
        found.wrong += [] if ran.code == 0 else [f"again: {ran.code}, {ran.said[-400:]}"]
    try:
        result = case.result(out)
        found.wrong += [f"other: {name}" for name in expected if result.get(name) != expected[name]]
        found.wrong += [f"more: {name}" for name in result.keys() - expected.keys()]
    except (OSError, ValueError, IndexError, KeyError) as error:
        found.wrong.append(f"no result: {error}")
    found.wrong += [f"left: {path.name}" for path in left_over(out.parent)]
    shutil.rmtree(out.parent, ignore_errors=True)
    return found


KILLED_NOT = "was not killed"


@dataclass
class Chain:
    """kills: that found the command at work; torn: that left something half-written; wrong: see `Disturbed`."""

    kills: int = 0
    torn: int = 0
    wrong: list[str] = field(default_factory=list)


def killed_again_and_again(
    lab: DiskLab,
    case: Case,
    home: Path,
    kills: Iterable[tuple[float, str]],
    expected: Mapping[str, bytes],
) -> Chain:
    """Kill a command and each that goes on after it, then let the last one come to its end.

    kills: (seconds, "") or (number of a change, see KILLS).
    """
    out, found = place_in(home / f"{case.name}-chain"), Chain()
    command = case.first
    for when, how in kills:
        if how:
            ran = lab.killed(int(when), how, *command(out), below=out.parent)
        else:
            ran = lab.killed_after(when, *command(out), below=out.parent)
        found.kills += ran.code == KILLED
        found.torn += ran.code == KILLED and bool(left_over(out.parent))
        found.wrong += [] if ran.code in (0, KILLED) else [f"{ran.code}: {ran.said[-400:]}"]
        found.wrong += [f"at once: {one}" for one in case.sound(out)]
        command = case.again or case.first
    ran = lab.run(*command(out), below=out.parent)
    found.wrong += [] if ran.code == 0 else [f"again: {ran.code}, {ran.said[-400:]}"]
    result = case.result(out)
    found.wrong += [f"other: {name}" for name in expected if result.get(name) != expected[name]]
    found.wrong += [f"left: {path.name}" for path in left_over(out.parent)]
    shutil.rmtree(out.parent)
    return found


def badly_told(ran: Ran, out: Path) -> Iterator[str]:
    """Yield what is wrong with what users read of a fault; a fault that harms nothing may be passed over."""
    if ran.code == 0:
        return
    try:
        line = ran.complaint
    except AssertionError as error:
        yield f"said: {error}"
        return
    if ran.code != 2 or str(out.parent) not in line or line.startswith("headstart: cannot read"):
        yield f"said ({ran.code}): {line}"
    if "; " not in line and ": free" not in line:
        yield f"no remedy: {line}"


def place_in(folder: Path) -> Path:
    """Make a folder and return the one in it that a command writes: it writes beside it too."""
    folder.mkdir(parents=True)
    return folder / "out"


def left_over(folder: Path) -> list[Path]:
    """What a writer has left that did not come to its end."""
    return [path for path in folder.rglob("*") if is_leftover(path.name)]


# What is compared


def trained(run: Path) -> dict[str, bytes]:
    """Every tensor of the newest checkpoint, its counters without the clock, and the steps that were told.

    Not what was told to be saved: a kill between a save and its line leaves the line out.
    """
    newest, passed = Checkpoints(run / "checkpoints").newest()
    if newest is None or passed or faults(run, "run"):
        raise ValueError(f"not sound: {passed} {faults(run, 'run')}")
    tensors = {
        f"{path.name}:{name}": tensor.tobytes()
        for path in sorted(newest.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }
    counters = json.loads((newest / "state.json").read_text())
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    told = [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
    status = json.loads((run / "run.json").read_text())["status"]
    counters = {name: value for name, value in counters.items() if name != "seconds"}
    return tensors | {
        "counters": json.dumps(counters).encode(),
        "steps": json.dumps([line for line in told if line["kind"] == "step"]).encode(),
        "status": status.encode(),
    }


def told_as_saved(run: Path) -> Iterator[str]:
    """Yield it if the newest checkpoint that loads is older than the last one that was told to be saved."""
    metrics = run / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.is_file() else []
    told = []
    for line in lines:
        try:
            told.append(json.loads(line))
        except ValueError:  # what a kill tore
            if line is not lines[-1]:
                yield f"a torn line in {metrics.name}: {line}"
    saved = [line["step"] for line in told if line["kind"] == "saved"]
    newest, _ = Checkpoints(run / "checkpoints").newest()
    if saved and (newest is None or int(newest.name[5:]) < max(saved)):
        yield f"step {max(saved)} was told to be saved, {newest} is there"
    if newest is not None:
        try:
            opened = PretrainedModel.open(run)
            yield from (one for one in opened.warnings if not one.endswith(HARMLESS))
        except HeadstartError as error:
            yield f"there is a checkpoint, and the run does not open: {error}"


def files_of(folder: Path, kind: str) -> dict[str, bytes]:
    """The files of an artefact, times left out."""
    if found := faults(folder, kind):
        raise ValueError(f"not sound: {found}")
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    return {path.relative_to(folder).as_posix(): _timeless(path) for path in paths}


def _timeless(path: Path) -> bytes:
    if path.suffix != ".json":
        return path.read_bytes()
    return json.dumps(_without_times(json.loads(path.read_text()))).encode()


def _without_times(data: object) -> object:
    if isinstance(data, dict):
        return {name: _without_times(value) for name, value in data.items() if name not in _TIMES}
    return [_without_times(one) for one in data] if isinstance(data, list) else data


def compared(report: Path) -> dict[str, bytes]:
    """Every cell with its answers, and the winner."""
    if found := faults(report, "report"):
        raise ValueError(f"not sound: {found}")
    lines = [json.loads(line) for line in (report / "cells/cells.jsonl").read_text().splitlines()]
    cells = {line["key"]: (report / "cells" / line["answers"]).read_bytes() for line in lines}
    scores = {f"{line['key']} score": repr(line["score"]).encode() for line in lines}
    told = json.loads((report / "report.json").read_text())
    last = {"verdicts": json.dumps(_without_times(told["verdicts"])).encode()}
    return (
        cells | scores | last | {f"winner/{name}": data for name, data in files_of(report / "winner", "task").items()}
    )


def is_whole(folder: Path, kind: str) -> bool:
    """Whether an artefact is there that the same command would not make again."""
    return (folder / "manifest.json").is_file() and not faults(folder, kind)


# Cases


def pretraining(family: str, corpus: Path, *, steps: int = 6, more: tuple = ()) -> Case:
    """A new run that saves every other step."""
    command = ("pretrain", corpus, *FAMILIES[family], "training.save_steps=2", *QUICK, *more)
    return Case(
        family,
        lambda out: (*command, "--out", out, "--steps", steps),
        trained,
        lambda out: (*command, "--out", out, "--steps", steps, "--resume"),
        sound=told_as_saved,
    )


def resuming(family: str, corpus: Path, run: Path, *, steps: int = 9) -> Case:
    """A finished run that is given more steps."""
    case = pretraining(family, corpus, steps=steps)
    return Case(
        f"{family}-resumed", case.again, trained, begin=lambda out: shutil.copytree(run, out), sound=told_as_saved
    )


def resuming_old() -> Case:
    """A run of format 1, which is brought into the new format as it goes on."""
    command = ("pretrain", "text.txt", "--resume", "--threads", 1)
    return Case(
        "old",
        lambda out: (*command, "--out", out),
        trained,
        begin=lambda out: shutil.copytree(HOME / "halves", out),
        surroundings=f"import os; os.chdir({str(HOME)!r})",
    )


def transferring(base: Path, *route: object) -> Case:
    """A task model; one that is whole is not made again."""
    command = ("transfer", base, *LABELLED, *route)
    return Case(
        "transfer",
        lambda out: (*command, "--out", out),
        lambda out: files_of(out, "task"),
        complete=lambda out: is_whole(out, "task"),
    )


def comparing(base: Path) -> Case:
    """A report of four cells and its winner."""
    command = ("compare", base, *LABELLED, *REPORT)
    return Case("compare", lambda out: (*command, "--out", out), compared)


def exporting(source: Path, to: str) -> Case:
    """An export; one that is whole is not made again."""
    command = ("export", source, "--to", to, "--data", HOME / "test.tsv")
    return Case(
        f"export-{to}",
        lambda out: (*command, "--out", out),
        lambda out: files_of(out, "export"),
        complete=lambda out: is_whole(out, "export"),
    )

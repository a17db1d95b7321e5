"""next: which unlabelled rows to label next, as a table to fill in by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.reading import open_bases, say
from headstart.commands.session import files, need_new_file, shell_command, whole
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.core.examples import Examples
    from headstart.core.task_model import TaskModel
    from headstart.data.read_request import ReadRequest
    from headstart.training.pretrained_model import PretrainedModel

_TASK = "task.json"
_KEPT = ("base", "network")  # folders in which task models keep what they started from, or the trained network
_CLASSICAL = {"text": "tfidf_logreg", "image": "pixels_logreg"}  # can start from nothing


@dataclass(frozen=True)
class NextRows:
    """out: the table; rows: how many; strategy: its name; follow: the command once labels are filled in."""

    out: Path
    rows: int
    strategy: str
    follow: str

    def summary(self) -> str:
        """Return where the rows are, for whom they were chosen, and the next command."""
        from headstart.core import registry

        asked = registry.load("strategy", self.strategy).probabilities
        fit = "chosen for this model: another kind of route may learn less from them than from random rows\n"
        return (
            f"{self.out}: {self.rows:,} rows to label, the first one first (strategy {self.strategy})\n{fit * asked}"
            f"fill in the column 'label' (a row left empty is left out), then:\nnext: {self.follow}"
        )


def next_rows(
    model: Annotated[Path, Parameter(help="a task directory (`transfer`, REPORT/winner), or a run without labels yet")],
    data: Annotated[list[str], Parameter(help="unlabelled file(s) or folders; - is stdin", converter=files)],
    /,
    *,
    out: Annotated[Path, Parameter(help="the .csv table to write")],
    count: Annotated[int, Parameter(help="rows to label", converter=whole)] = 20,
    strategy: Annotated[
        str | None, Parameter(help="how they are chosen; `headstart list strategy` [the one that was measured best]")
    ] = None,
    labelled: Annotated[
        list[str] | None,
        Parameter(help="labelled file(s), whose rows are left out", consume_multiple=True, converter=files),
    ] = None,
    text: Annotated[str | None, Parameter(help="column of texts or images [as in training, or guessed]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs [as in training]")] = None,
    pool: Annotated[int, Parameter(help="most rows that are looked at, a sample of larger files", converter=whole)] = (
        20_000
    ),
    seed: Annotated[int, Parameter(help="of the sample and the choice", converter=whole)] = 0,
) -> NextRows:
    """Choose the rows whose labels help most and write them as a table with an empty column `label`.

    Copies of each other, rows that are labelled already and those that the task model was trained on are not chosen.
    Fill in the labels in a spreadsheet; `transfer` and `compare` read the table and leave out rows without a label.
    """
    import numpy as np

    from headstart.core.device import set_threads
    from headstart.data.open import as_paths, called
    from headstart.data.read_request import ReadRequest
    from headstart.fitting.task_model_files import trained_on
    from headstart.labelling.choose import candidates_of_base, candidates_of_task, choose, pick_strategy
    from headstart.labelling.pool import labelled_rows, read_pool, row_key, told, without_rows
    from headstart.labelling.sheet import write_sheet

    for name, value in (("--count", count), ("--pool", pool)):
        if value < 1:
            raise HeadstartError(f"{name} {value}: expected a whole number of rows, at least 1")
    out = Path(out)
    if out.suffix.lower() != ".csv":
        raise HeadstartError(f"--out {out}: the table is a .csv file; give another --out")
    need_new_file(out)
    set_threads()
    opened = _open(Path(model))
    spec = pick_strategy(strategy, opened.task is not None and opened.task.task == "classify")
    request = ReadRequest(paths=data, text=text, text2=text2, **opened.request)
    known = None if labelled is None else labelled_rows(_labelled(request, labelled))
    keys = set() if known is None else {row_key(items) for items in _rows(known)}
    found = read_pool(request, keys, most=max(pool, count), seed=seed, progress=say)
    for note in found.ledger.notes:
        say(note)
    say(f"{', '.join(map(called, as_paths(data)))}: {found.ledger.summary()}")
    opened.need(found.examples)
    if opened.task is not None:
        found = without_rows(found, trained_on(Path(model), found.examples))
    say(told(found))
    if opened.task is not None:
        candidates, what = candidates_of_task(opened.task, found.examples, known)
        say(f"read by the task model and {what}")
    else:
        candidates = candidates_of_base(opened.base, found.examples, known)
    rows = choose(spec, candidates, count, seed=seed)
    if len(rows) < count:
        say(f"--count {count:,}: there are {len(rows):,} rows to choose from; all of them are given")
    write_sheet(found.examples.take(np.array(rows)), out, opened.columns)
    return NextRows(out, len(rows), spec.name, _follow(opened, out, labelled))


@dataclass(frozen=True)
class _Opened:
    """What chooses. task or base: the opened model; folder: its folder; request: fields of what is read; takes: what
    its rows hold; route: of a task model; start: what `transfer` starts from."""

    folder: Path
    start: Path | str
    takes: str
    request: dict[str, Any]
    task: TaskModel | None = None
    base: PretrainedModel | None = None
    route: str = "probe"

    @property
    def columns(self) -> dict[str, str | None]:
        """The columns that the task model was trained on, empty before there is one."""
        return self.request.get("remembered", {})

    def need(self, rows: Examples) -> None:
        """Raise HeadstartError when the rows are of another kind than those of the model."""
        from headstart.core.examples import need_takes

        need_takes(rows.items, self.takes, f"{self.folder}")
        if self.task is not None and (rows.second is not None) != bool(self.columns.get("text2")):
            given, trained = ("pairs", "single items") if rows.second is not None else ("single items", "pairs")
            raise HeadstartError(f"{self.folder} was trained on {trained}, and these rows are {given}; see --text2")


def _open(folder: Path) -> _Opened:
    """Open a task directory or a run. Raises HeadstartError: it is neither, or damaged."""
    from headstart.core import registry
    from headstart.fitting.task_model_files import load_task, read_task

    if not (folder / _TASK).is_file():
        (base,) = open_bases([folder]).values()
        return _Opened(folder, folder, base.processor.takes, {}, base=base)
    task, about = load_task(folder), read_task(folder)
    receipt = about.get("receipt", {})
    request = {"remembered": receipt.get("columns", {}), "task": task.task}
    takes, route = receipt.get("takes", "text"), about["route"]["name"]
    kept = [path.parent for inner in _KEPT for path in sorted(folder.glob(f"**/{inner}/manifest.json"))]
    if not kept and registry.load("route", route).needs != "nothing":
        own, route = route, _CLASSICAL[takes]
        say(f"route {own} needs a run, of which {folder} keeps none: the command below names route {route}")
    return _Opened(folder, kept[0] if kept else "none", takes, request, task=task, route=route)


def _labelled(request: ReadRequest, paths: list[str]) -> ReadRequest:
    """Return the request of labelled files: a column that was named for the unlabelled ones may be called otherwise."""
    import dataclasses

    from headstart.data.columns import columns_of
    from headstart.data.task_files import first_rows

    names = columns_of(first_rows(paths))
    own = {what: name if name in names else None for what, name in (("text", request.text), ("text2", request.text2))}
    return dataclasses.replace(request, paths=paths, **own)


def _rows(examples: Examples) -> Iterable[tuple[Any, ...]]:
    return zip(examples.items) if examples.second is None else zip(examples.items, examples.second)


def _follow(opened: _Opened, out: Path, labelled: list[str] | None) -> str:
    """Return the command that trains on the labelled rows and those of the table."""
    data = [*map(Path, labelled or []), out]
    folder = out.with_name(f"{out.stem}_task")
    named = [f"--text2={opened.columns['text2']}"] if opened.columns.get("text2") else []
    return shell_command("transfer", opened.start, "--data", *data, "--route", opened.route, *named, "--out", folder)

"""verify: make cells of a report again from the same files and say whether the scores are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from headstart.commands.evaluate import intervals
from headstart.commands.reading import open_bases, say
from headstart.commands.session import need_positive, whole
from headstart.comparing.inputs import CompareInputs, workspaces_of
from headstart.comparing.report_folder import ReportFolder
from headstart.comparing.settings import StudyData
from headstart.core.errors import HeadstartError, nearest

if TYPE_CHECKING:
    from headstart.core.spec import MetricSpec
    from headstart.fitting.workspace import Workspace
    from headstart.statistics.study import Cell

_MOST = 0.8  # of the seconds given
_UNLIMITED = 1e6  # seconds for a route that was given no limit


@dataclass(frozen=True)
class RemadeCell:
    """One cell made again: the score then, its 95 % interval over the test rows, the score now.

    timed: the clock ended the training, or it took most of the seconds that it was given.
    """

    cell: str
    then: float
    low: float
    high: float
    now: float
    same_answers: bool
    timed: bool

    @property
    def outcome(self) -> Literal["identical", "within", "outside"]:
        """identical: every answer is the same; within, outside: the score now against the interval."""
        if self.same_answers:
            return "identical"
        return "within" if self.low <= self.now <= self.high else "outside"

    def line(self) -> str:
        """Return one line for people."""
        told = {
            "identical": "identical, every answer is the same",
            "within": f"within the cell's 95 % interval [{self.low:.4f}, {self.high:.4f}]",
            "outside": f"OUTSIDE the cell's 95 % interval [{self.low:.4f}, {self.high:.4f}]",
        }
        clock = " (its training was ended by the clock, so it depends on how busy the machine is)"
        why = clock if self.timed and self.outcome != "identical" else ""
        then, now = ("undefined" if score != score else f"{score:.4f}" for score in (self.then, self.now))
        return f"{self.cell}: {then} then, {now} now: {told[self.outcome]}{why}"


@dataclass(frozen=True)
class Verified:
    """cells: made again, in the order asked for."""

    cells: tuple[RemadeCell, ...]

    @property
    def exit_code(self) -> int:
        """1 when a score is outside of its interval."""
        return int(any(cell.outcome == "outside" for cell in self.cells))

    def summary(self) -> str:
        """Return how many agree."""
        counts = {name: sum(cell.outcome == name for cell in self.cells) for name in ("identical", "within", "outside")}
        return f"{len(self.cells)} cells made again: " + ", ".join(f"{n} {name}" for name, n in counts.items())


def verify(
    report: Annotated[Path, Parameter(help="a report directory of compare")],
    cells: Annotated[
        list[str] | None,
        Parameter(help="cell ids (or their beginning), entry/labels/draw as compare prints them, or all"),
    ] = None,
    /,
    *,
    sample: Annotated[int | None, Parameter(help="so many random cells instead", converter=whole)] = None,
    seed: Annotated[int, Parameter(help="of the sample", converter=whole)] = 0,
) -> Verified:
    """Make cells again from the files, rows, seed and seconds of their receipts; exit code 1: a score is outside.

    headstart verify report "probe · run/64/3" makes the third draw with 64 labels of that entry again.

    Raises HeadstartError: no such cell, files that are gone or whose rows changed, a report not made from files.
    """
    from headstart.comparing.cells import CellStore
    from headstart.comparing.receipts import versions, workspace_identity
    from headstart.core import registry

    report = Path(report)
    cells = [cells] if isinstance(cells, str) else list(cells or [])
    if not (report / "cells").is_dir():
        raise HeadstartError(f"{report}: no report of `headstart compare` (it has no cells)")
    need_positive("--sample", sample)
    ReportFolder(report).need_intact()
    inputs, store = CompareInputs.load(report), CellStore(report / "cells")
    chosen = _choose(store.lines, cells, sample, seed)
    data = inputs.read(say)
    kept = [store.get(line["key"], len(data.test)) for line in chosen]
    for cell in kept:
        _same_data(report, cell, data)
    for package, version in versions().items():
        if then := {str(cell.receipt["versions"].get(package)) for cell in kept} - {version}:
            say(f"note: {package} is {version} now and was {', '.join(sorted(then))}")
    pool = data.train if not inputs.folds else None
    bases = dict(zip(inputs.bases, open_bases([Path(path) for path in inputs.bases.values()]).values()))
    opened = workspaces_of(bases, inputs.documents, pool)
    spaces = [(workspace_identity(space, base), space) for base, space in opened.items()]
    metric = registry.load("metric", inputs.metric)()
    made = []
    for cell in kept:
        space = next((space for identity, space in spaces if identity == cell.receipt["workspace"]), None)
        if space is None:
            name = _name(vars(cell))
            raise HeadstartError(f"{name}: its base or its unlabelled documents changed since; it cannot be made again")
        made.append(_make_again(cell, data, space, metric))
        say(made[-1].line())
    return Verified(tuple(made))


def _name(line: dict[str, Any]) -> str:
    return f"{line['entry']}/{line['size']}/{line['draw'] + 1}"


def _choose(
    lines: Sequence[dict[str, Any]], asked: Sequence[str], sample: int | None, seed: int
) -> list[dict[str, Any]]:
    """Return the cells asked for. Raises HeadstartError: none asked for, unknown, ambiguous."""
    from headstart.core.seeds import numpy_generator

    if not lines:
        raise HeadstartError("the report has no finished cells")
    if sample is not None:
        order = numpy_generator(seed, "verify").permutation(len(lines))[:sample]
        return [lines[place] for place in order]
    if not asked:
        raise HeadstartError(
            f"which cells? give ids, entry/labels/draw such as '{_name(lines[0])}', all, or --sample N"
        )
    if list(asked) == ["all"]:
        return list(lines)
    return [_find(lines, name) for name in asked]


def _find(lines: Sequence[dict[str, Any]], asked: str) -> dict[str, Any]:
    named = {_name(line): line for line in lines}
    if asked in named:
        return named[asked]
    found = [line for line in lines if asked and (line["key"].startswith(asked) or line["answers"].startswith(asked))]
    if len(found) == 1:
        return found[0]
    if found:
        raise HeadstartError(f"cell '{asked}': {len(found)} cells begin so; give more of the id")
    raise HeadstartError(f"no cell '{asked}'{nearest(asked, named)} ({len(named)} cells, such as '{_name(lines[0])}')")


def _same_data(report: Path, cell: Cell | None, data: StudyData) -> None:
    """Raise HeadstartError when a cell is damaged or comes from other rows than those of the files now."""
    from headstart.data.identity import examples_identity

    if cell is None:
        raise HeadstartError(f"{report}: the answers of a cell are damaged, or the number of test rows changed")
    now = {"training": examples_identity(data.train), "test": examples_identity(data.test)}
    for what, identity in now.items():
        if (then := cell.receipt["data"][what]) != identity:
            raise HeadstartError(
                f"the {what} rows changed since the report was made (hash {then[:12]} then, {identity[:12]} now): "
                "its cells cannot be made again"
            )


def _make_again(cell: Cell, data: StudyData, workspace: Workspace, metric: MetricSpec) -> RemadeCell:
    """Make a cell again. Raises HeadstartError when the drawn rows are not those of its receipt."""
    import numpy as np

    from headstart.comparing.draws import redraw
    from headstart.comparing.make_cell import make_cell
    from headstart.core import registry
    from headstart.core.device import set_threads
    from headstart.fitting.time_budget import CUT

    receipt, name = cell.receipt, _name(vars(cell))
    split = redraw(data.train, receipt["split"], data.test)
    if split.identity != receipt["split"]["rows"]:
        raise HeadstartError(f"{name}: the drawn rows are others than then; it cannot be made again")
    set_threads(receipt["threads"])
    route = registry.build_spec("route", receipt["route"])
    seconds = _UNLIMITED if cell.allowed is None else cell.allowed
    made = make_cell(route, split, data, workspace, seed=receipt["seed"], seconds=seconds)
    again = replace(cell, answers=made.answers)
    # The metric may be another one in the last run of compare: the score is computed from the kept answers.
    then, low, high = intervals({"score": metric}, data.truth, cell.predicted, 0)["score"]
    now = float(metric.score(data.truth, again.predicted))
    timed = cell.allowed is not None and receipt["seconds"]["training"] > _MOST * cell.allowed
    timed = timed or any(bool(notes.get(CUT)) for notes in (cell.notes, made.notes))
    if isinstance(cell.answers, np.ndarray):
        same = np.array_equal(again.answers, cell.answers)
    else:
        same = again.answers == cell.answers
    return RemadeCell(name, then, low, high, now, same, timed)

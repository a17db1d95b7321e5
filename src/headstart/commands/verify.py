"""verify: make cells of a report again from the same files and say whether the scores are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from headstart.base.errors import HeadstartError, nearest
from headstart.commands.evaluate import intervals
from headstart.commands.given import Given, workspaces_of
from headstart.commands.inputs import say
from headstart.commands.session import need_positive, whole

if TYPE_CHECKING:
    from headstart.base.examples import Examples
    from headstart.base.spec import MetricSpec
    from headstart.evaluation.study import Cell
    from headstart.routes.workspace import Workspace

_MOST = 0.8  # of the seconds given
_UNLIMITED = 1e6  # seconds for a route that was given no limit


@dataclass(frozen=True)
class Again:
    """One cell made again: the score then, its 95 % interval over the test rows, the score now.

    timed: training took most of the seconds that it was given.
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
        return f"{self.cell}: {self.then:.4f} then, {self.now:.4f} now: {told[self.outcome]}{why}"


@dataclass(frozen=True)
class Verified:
    """cells: made again, in the order asked for."""

    cells: tuple[Again, ...]

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
        Parameter(help="cell ids (or their beginning), row/labels/draw as compare prints them, or all"),
    ] = None,
    /,
    *,
    sample: Annotated[int | None, Parameter(help="so many random cells instead", converter=whole)] = None,
    seed: Annotated[int, Parameter(help="of the sample", converter=whole)] = 0,
) -> Verified:
    """Make cells again from the files, rows, seed and seconds that their receipts tell; exit code 1: outside.

    headstart verify report "probe · run/64/3" makes the third draw with 64 labels of that row again.

    Raises HeadstartError: no such cell, files that are gone or whose rows changed, a report not made from files.
    """
    from headstart.base import registry
    from headstart.evaluation.cells import CellStore
    from headstart.evaluation.receipts import versions, workspace_identity

    report = Path(report)
    cells = [cells] if isinstance(cells, str) else list(cells or [])
    if not (report / "cells").is_dir():
        raise HeadstartError(f"{report}: no report of `headstart compare` (it has no cells)")
    need_positive("--sample", sample)
    given, store = Given.load(report), CellStore(report / "cells")
    chosen = _choose(store.entries, cells, sample, seed)
    train, test, _ = given.read()
    kept = [store.get(entry["key"], len(test)) for entry in chosen]
    for cell in kept:
        _same_data(report, cell, train, test)
    for package, version in versions().items():
        if then := {str(cell.receipt["versions"].get(package)) for cell in kept} - {version}:
            say(f"note: {package} is {version} now and was {', '.join(sorted(then))}")
    pool = train if given.folds is None else None
    spaces = [
        (workspace_identity(space, base), space)
        for base, space in workspaces_of(given.open(), given.documents, pool).items()
    ]
    metric = registry.load("metric", given.metric)()
    made = []
    for cell in kept:
        space = next((space for identity, space in spaces if identity == cell.receipt["workspace"]), None)
        if space is None:
            name = _name(vars(cell))
            raise HeadstartError(f"{name}: its base or unlabelled text changed since; it cannot be made again")
        made.append(_again(cell, train, test, space, metric))
        say(made[-1].line())
    return Verified(tuple(made))


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['row']}/{entry['size']}/{entry['draw'] + 1}"


def _choose(
    entries: Sequence[dict[str, Any]], asked: Sequence[str], sample: int | None, seed: int
) -> list[dict[str, Any]]:
    """Return the cells asked for. Raises HeadstartError: none asked for, unknown, ambiguous."""
    from headstart.base.seeds import numpy_generator

    if not entries:
        raise HeadstartError("the report has no finished cells")
    if sample is not None:
        order = numpy_generator(seed, "verify").permutation(len(entries))[:sample]
        return [entries[place] for place in order]
    if not asked:
        raise HeadstartError(
            f"which cells? give ids, row/labels/draw such as '{_name(entries[0])}', all, or --sample N"
        )
    if list(asked) == ["all"]:
        return list(entries)
    return [_find(entries, name) for name in asked]


def _find(entries: Sequence[dict[str, Any]], asked: str) -> dict[str, Any]:
    named = {_name(entry): entry for entry in entries}
    if asked in named:
        return named[asked]
    found = [entry for entry in entries if asked and entry["key"].startswith(asked)]
    if len(found) == 1:
        return found[0]
    if found:
        raise HeadstartError(f"cell '{asked}': {len(found)} cells begin so; give more of the id")
    raise HeadstartError(
        f"no cell '{asked}'{nearest(asked, named)} ({len(named)} cells, such as '{_name(entries[0])}')"
    )


def _same_data(report: Path, cell: Cell | None, train: Examples, test: Examples) -> None:
    """Raise HeadstartError when a cell is damaged or comes from other rows than those of the files now."""
    from headstart.evaluation.receipts import data_identity

    if cell is None:
        raise HeadstartError(f"{report}: the answers of a cell are damaged, or the number of test rows changed")
    now = {"training": data_identity(train), "test": data_identity(test)}
    for what, identity in now.items():
        if (then := cell.receipt["data"][what]) != identity:
            raise HeadstartError(
                f"the {what} rows changed since the report was made (hash {then[:12]} then, {identity[:12]} now): "
                "its cells cannot be made again"
            )


def _again(cell: Cell, train: Examples, test: Examples, workspace: Workspace, metric: MetricSpec) -> Again:
    """Make a cell again. Raises HeadstartError when the drawn rows are not those of its receipt."""
    import numpy as np

    from headstart.base import registry
    from headstart.base.device import set_threads
    from headstart.evaluation.draws import split_again
    from headstart.evaluation.running import make_cell

    receipt, name = cell.receipt, _name(vars(cell))
    split = split_again(train, receipt["split"])
    if split.identity != receipt["split"]["rows"]:
        raise HeadstartError(f"{name}: the drawn rows are others than then; it cannot be made again")
    set_threads(receipt["threads"])
    route = registry.build_spec("route", receipt["route"])
    seconds = _UNLIMITED if cell.allowed is None else cell.allowed
    scores_NC, *_ = make_cell(route, split, train, test, workspace, seed=receipt["seed"], seconds=seconds)
    predicted_N = scores_NC.argmax(1)
    # The metric may be another one in the last run of compare: the score is computed from the kept answers.
    then, low, high = intervals({"score": metric}, test.labels, cell.predicted_N.astype(np.int64), 0)["score"]
    now = float(metric.score(test.labels, predicted_N))
    timed = cell.allowed is not None and receipt["seconds"]["training"] > _MOST * cell.allowed
    return Again(name, then, low, high, now, bool((predicted_N == cell.predicted_N).all()), timed)

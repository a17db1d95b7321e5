"""Reading what the task verbs are given: labelled files, test files, bases, and what is said about them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples

if TYPE_CHECKING:
    from headstart.base.spec import RouteSpec
    from headstart.training.artefact import Artefact

_TEST_SHARE, _MOST_TEST_ROWS = 0.25, 10_000


def say(text: str) -> None:
    """Tell the user something that is no result (standard error)."""
    print(text, file=sys.stderr, flush=True)


def labelled(
    paths: Sequence[str],
    text: str | None,
    label: str | None,
    text2: str | None,
    classes: tuple[str, ...] | None = None,
    group: str | None = None,
    remembered: Mapping[str, str | None] | None = None,
    task: str = "classify",
) -> tuple[Examples, dict]:
    """Read labelled rows of a task and say what was read, guessed and skipped; see `read_labelled`.

    Returns (examples, ledger as data; its `columns` are those used).
    """
    from headstart.base import registry

    examples, ledger, notes = registry.load("task", task)().read(
        list(paths), text=text, label=label, text2=text2, classes=classes, group=group, remembered=remembered
    )
    for note in notes:
        say(note)
    say(f"{', '.join(Path(p).name for p in paths)}: {ledger.summary()}")
    return examples, {"files": [Path(p).name for p in paths], "columns": dict(ledger.columns), **ledger.to_dict()}


def pick_task(
    task: str, paths: Sequence[str], text: str | None, label: str | None, text2: str | None
) -> tuple[str, str]:
    """Return (task, why it was guessed, or nothing); auto guesses from the columns. Raises HeadstartError: unknown."""
    from headstart.base import registry
    from headstart.tasks.choose import guess_task

    if task == "auto":
        return guess_task(paths, {"text": text, "label": label, "text2": text2})
    registry.load("task", task)
    return task, ""


def held_out_test(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Split off a test part (a quarter, at most 10,000 rows); groups stay whole, equal texts on one side.

    No class loses its last training row. Raises HeadstartError: too few rows.
    """
    from headstart.base.seeds import numpy_generator
    from headstart.evaluation.folds import units

    unit_N = units(examples)
    rows = np.argsort(unit_N, kind="stable")
    ends = np.cumsum(np.bincount(unit_N))
    left_C = np.bincount(examples.labels, minlength=len(examples.classes))
    wanted = min(round(_TEST_SHARE * len(examples)), _MOST_TEST_ROWS)
    in_test = np.zeros(len(examples), bool)
    taken = 0
    for unit in numpy_generator(seed, "test split").permutation(len(ends)):
        if taken == wanted:
            break
        own = rows[ends[unit - 1] if unit else 0 : ends[unit]]
        if taken + len(own) > wanted:
            continue
        own_C = np.bincount(examples.labels[own], minlength=len(left_C))
        if ((own_C > 0) & (own_C == left_C)).any():
            continue
        in_test[own] = True
        taken, left_C = taken + len(own), left_C - own_C
    if not taken:
        raise HeadstartError(f"{len(examples)} labelled rows are too few to hold out a test part; give --test FILE")
    return examples.take(np.flatnonzero(~in_test)), examples.take(np.flatnonzero(in_test))


def open_bases(paths: Sequence[Path]) -> dict[str, Artefact]:
    """Open every base; names are the folders' names, made distinct. Raises HeadstartError."""
    from headstart.training.artefact import Artefact, describe

    bases: dict[str, Artefact] = {}
    for path in paths:
        artefact = Artefact.open(path)
        for warning in artefact.warnings:
            say(f"warning: {warning}")
        name = artefact.name if artefact.name not in bases else str(path)
        bases[name] = artefact
        say(f"base {name}: {describe(artefact)}")
    return bases


def route_with(name: str, settings: Sequence[str]) -> RouteSpec:
    """Return the route `name` with `route.field=value` or `<name>.field=value` settings."""
    from headstart.base import registry

    route = registry.load("route", name)()
    for setting in settings:
        path, _, text = setting.partition("=")
        part, _, field = path.partition(".")
        if part in ("route", name):
            route = route.replace_text(field, text)
        elif part not in registry.names("route"):
            raise registry.unknown("part", part, ["route", *registry.names("route")])
    return route

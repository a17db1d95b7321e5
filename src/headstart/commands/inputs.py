"""Reading what the task verbs are given: labelled files, test files, bases, and what is said about them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
) -> tuple[Examples, dict]:
    """Read labelled rows and say what was read, guessed and skipped. Returns (examples, ledger as data)."""
    from headstart.data.task_files import read_examples

    examples, ledger, notes = read_examples(
        list(paths), text=text, label=label, text2=text2, classes=classes, group=group
    )
    for note in notes:
        say(note)
    say(f"{', '.join(Path(p).name for p in paths)}: {ledger.summary()}")
    return examples, {"files": [Path(p).name for p in paths], **ledger.to_dict()}


def held_out_test(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Split off a test part (a quarter, at most 10,000 rows); groups stay whole, equal texts on one side."""
    from headstart.base.seeds import numpy_generator

    keys = examples.groups or [f"{a}\0{b}" for a, b in zip(examples.first, examples.second or examples.first)]
    names, group_N = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    wanted = min(round(_TEST_SHARE * len(examples)), _MOST_TEST_ROWS)
    order = numpy_generator(seed, "test split").permutation(len(names))
    size = np.bincount(group_N, minlength=len(names))[order]
    chosen = order[np.cumsum(size) <= wanted]
    in_test = np.isin(group_N, chosen)
    test, train = examples.take(np.flatnonzero(in_test)), examples.take(np.flatnonzero(~in_test))
    if len(set(train.labels.tolist())) < len(examples.classes) or not len(test):
        raise HeadstartError(f"{len(examples)} labelled rows are too few to hold out a test part; give --test FILE")
    return train, test


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

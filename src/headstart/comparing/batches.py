"""Fixes, before anything is embedded, which rows are embedded together: see `Workspace.read_together`.

One worker would embed them in this order: the command and its workers fix them in the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from headstart.comparing.draws import Split, check_sizes
from headstart.comparing.screening_rows import ROUNDS, STEPS, TIMED, drawn_round
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.examples import Examples
from headstart.fitting.workspace import Workspace


def fix_screened(workspaces: Mapping[str | None, Workspace], data: StudyData, settings: StudySettings) -> None:
    """Fix the batches of the rows that a screening asks and learns, if there is one; before `fix_compared`."""
    if settings.screened:
        _fix(workspaces, _screened(data, settings))


def fix_compared(workspaces: Mapping[str | None, Workspace], data: StudyData, splits: Sequence[Split]) -> None:
    """Fix the batches of the rows that cells learn and ask; splits: of all cells of an entry."""
    _fix(workspaces, _compared(data, splits))


def _fix(workspaces: Mapping[str | None, Workspace], parts: Iterable[Examples]) -> None:
    spaces = list({id(one.base): one for one in workspaces.values()}.values())  # two bases share what each has made
    for rows in parts:
        for space in spaces:
            space.read_together(rows.items)
            space.read_together(rows.second or ())


def _screened(data: StudyData, settings: StudySettings) -> Iterable[Examples]:
    """Yield the rows of all rounds, those asked first, in the portions in which there may be time for them."""
    sizes = check_sizes(settings.sizes, data.most_labels)
    for number in range(ROUNDS):
        labelled, askable = drawn_round(data, sizes, settings.seed, number)
        for most in sorted({*TIMED, *STEPS}):
            yield data.train.take(np.sort(askable[:most]))
        for learnt in labelled.values():
            yield data.train.take(learnt)


def _compared(data: StudyData, splits: Sequence[Split]) -> Iterable[Examples]:
    """Yield what each split learns and asks."""
    for split in splits:
        for learnt, asked in split.parts:
            yield data.learnable.take(learnt)
            if asked is not None:
                yield data.test.take(np.asarray(asked))
        if split is splits[0]:
            yield data.test

"""Fixes, before anything is embedded, which rows are embedded together: see `Workspace.read_together`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from headstart.comparing.draws import Split, check_sizes
from headstart.comparing.screening_rows import ROUNDS, STEPS, TIMED, drawn_round
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.examples import Examples
from headstart.fitting.workspace import Workspace


def fix_batches(
    workspaces: Mapping[str | None, Workspace], data: StudyData, settings: StudySettings, splits: Sequence[Split]
) -> None:
    """Fix the batches of all rows that cells, and trials of a screening, will read; in the order of one worker.

    splits: of all cells of an entry.
    """
    spaces = list({id(one.base): one for one in workspaces.values()}.values())  # two bases share what each has made
    for rows in (*_screened(data, settings), *_compared(data, splits)):
        for space in spaces:
            space.read_together(rows.items)
            space.read_together(rows.second or ())


def _screened(data: StudyData, settings: StudySettings) -> Iterable[Examples]:
    """Yield the rows that screening asks and learns."""
    if not settings.screened:
        return
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

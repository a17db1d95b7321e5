"""The worker's side of the queue: makes what a ticket says from the rows and bases that this process has opened."""

from __future__ import annotations

import contextlib
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from headstart.comparing.cells import CellStore
from headstart.comparing.draws import check_sizes, splits_of
from headstart.comparing.make_cell import cell_of, make_cell
from headstart.comparing.screening_rows import Round, screening_round
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.tickets import entry_of
from headstart.comparing.work_queue import WorkQueue
from headstart.core.claims import BEAT, Heartbeat
from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.core.reason import reason_of
from headstart.core.time_limit import OutOfTime, cut_after
from headstart.fitting.workspace import Workspace


class Maker:
    """Makes tickets. The arguments are those of `run_study`; answers of cells go to the folder of the settings."""

    def __init__(self, data: StudyData, workspaces: Mapping[str | None, Workspace], settings: StudySettings) -> None:
        self.data, self.workspaces, self.settings = data, workspaces, settings
        self.splits = splits_of(data, settings)
        self.store = CellStore(settings.folder / "cells")
        self._round = lru_cache(self._screening_round)

    def make(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of a ticket as JSON data: what was made, `cut` by its limit, `refused` by the
        disk, or why it `failed`.

        KeyboardInterrupt is raised, and nothing else.
        """
        kinds = {"cell": self._cell, "trial": self._trial, "prepare": self._prepare}
        try:
            made = kinds[ticket["kind"]](ticket)
        except OutOfTime:
            made = {"cut": True}
        except DiskError as error:  # no fault of the entry: it ends the comparison
            made = {"refused": str(error)}
        except Exception as error:  # whatever a route raises, the other entries go on
            made = {"failed": reason_of(error).kept()}
        for space in self.workspaces.values():
            space.flush()
        return made

    def _cell(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        split, receipt, entry = self.splits[ticket["split"]], ticket["receipt"], entry_of(ticket["entry"])
        if split.identity != receipt["split"]["rows"]:
            raise HeadstartError("the labels drawn here are others than those of the comparison")
        with cut_after(ticket["limit"]):
            made = make_cell(
                entry.route,
                split,
                self.data,
                self.workspaces[entry.space],
                seed=receipt["seed"],
                seconds=ticket["seconds"],
            )
        here = {"threads": torch.get_num_threads(), "machine": platform.machine()}
        cell = cell_of(ticket["entry"]["name"], split, receipt | here, made, ticket["allowed"])
        score = float(self.settings.metric.score(self.data.truth, cell.predicted))
        return {"line": self.store.write_answers(receipt["cell"], replace(cell, score=score))}

    def _trial(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        rows, entry = self._round(ticket["number"], ticket["asked"]), entry_of(ticket["entry"])
        asked, workspace, begun = rows.asking(self.data), self.workspaces[entry.space], time.monotonic()
        with cut_after(ticket["limit"]):
            made = make_cell(
                entry.route,
                rows.split(ticket["size"]),
                asked,
                workspace,
                seed=ticket["seed"],
                seconds=ticket["seconds"],
            )
        score = float(self.settings.metric.score(asked.truth, made.predicted))
        return {"score": None if math.isnan(score) else score, "seconds": time.monotonic() - begun}

    def _screening_round(self, number: int, asked: int) -> Round:
        sizes = check_sizes(self.settings.sizes, self.data.most_labels)
        return screening_round(self.data, sizes, self.settings.seed, number, asked)

    def _prepare(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        """Let entries do ahead what is paid once; what fails, or takes too long, its cells tell."""
        pool = self.data.train.take(ticket["pool"])
        begun = time.monotonic()
        for told in ticket["entries"]:
            with contextlib.suppress(OutOfTime, Exception), cut_after(ticket["limit"]):
                entry = entry_of(told)
                for rows in [pool, *([self.data.test] if ticket["test"] else [])]:
                    if len(rows):
                        entry.route.prepare(rows, self.workspaces[entry.space])
        return {"seconds": time.monotonic() - begun}


def work_off(
    queue: WorkQueue,
    make: Callable[[Mapping[str, Any]], dict[str, Any]],
    *,
    goes_on: Callable[[], bool],
    tell: Callable[[Mapping[str, Any], dict[str, Any]], None] = lambda ticket, result: None,
    wait: float = 0.02,
    beat: float = BEAT,
) -> int:
    """Claim and make tickets until nothing is left and no more are to come; return how many were made.

    make: returns the result of a ticket. goes_on: whether more may come; asked between tickets. tell: called with
    ticket and result. wait: seconds between two looks at an empty queue. beat: between two signs of life.
    """
    made = 0
    with Heartbeat(beat).running() as heart, heart.keeping(queue.sign_in()):
        while goes_on():
            taken = queue.take()
            if taken is None:
                time.sleep(wait)
                continue
            with heart.keeping(taken.claim):
                result = make(taken.ticket)
                queue.finish(taken.name, result)
            made += 1
            tell(taken.ticket, result)
    return made

"""The queue of a comparison on disk: what is to do, claimed and done is files, so that several machines can help.

REPORT/queue/job.json, what is compared (`job.py`)      queue/coordinator, claim of the command that compares
queue/todo/NAME.json, tickets      queue/claims/NAME, who makes a ticket (`core/claims.py`)      queue/done/NAME.json
queue/workers/NAME, who is at work      queue/shared, vectors and statistics that all of them use
queue/logs/NUMBER.txt, what a worker of this machine printed

A worker claims, makes, writes `done`, removes the ticket, then the claim: whoever claims afterwards finds no ticket.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.comparing.report_folder import QUEUE
from headstart.core.claims import claim, holder_of, release, take_back
from headstart.core.errors import HeadstartError
from headstart.core.files import is_leftover, make_folder, remove_file
from headstart.core.holder import Holder
from headstart.core.json_files import read_json, write_json

_FOLDERS = ("todo", "claims", "done", "workers", "shared", "logs")


@dataclass(frozen=True)
class Taken:
    """A ticket that this process has claimed. claim: the file to keep alive and to release."""

    name: str
    ticket: dict[str, Any]
    claim: Path


class WorkQueue:
    """The queue below the folder of a report."""

    def __init__(self, report: Path) -> None:
        self.folder = report / QUEUE
        self.job, self.coordinator = self.folder / "job.json", self.folder / "coordinator"
        self._todo, self._claims, self._done, self.workers, self.shared, self.logs = (
            self.folder / name for name in _FOLDERS
        )

    def make(self) -> None:
        """Make the folders. Raises DiskError."""
        for name in _FOLDERS:
            make_folder(self.folder / name)

    def remove(self) -> None:
        """Remove the queue; a worker that is still at it ends by that."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def need_free(self) -> None:
        """Raise HeadstartError when another process of this machine compares in the folder."""
        holder = holder_of(self.coordinator)
        if holder is not None and holder.is_here and not holder.is_gone:
            raise self.taken_by(holder)

    def taken_by(self, holder: Holder | None) -> HeadstartError:
        """Return what is said to a command that wants to compare where another one does."""
        report = self.folder.parent
        return HeadstartError(f"{report}: {holder} compares there; to help it: headstart work {report}")

    # What a worker does

    def take(self) -> Taken | None:
        """Claim the oldest ticket that nobody has claimed; None where there is none."""
        for name in self.waiting():
            path = self._claims / name
            try:
                if path.exists() or not claim(path):
                    continue
            except OSError:  # the queue was removed
                return None
            ticket = self._read(self._todo / f"{name}.json")
            if ticket is not None and name not in self.done():
                return Taken(name, ticket, path)
            release(path)  # done or withdrawn between the look and the claim
        return None

    def finish(self, name: str, result: Mapping[str, Any]) -> None:
        """Write the result of a ticket; the claim is released by its keeper. Raises DiskError."""
        if self._done.is_dir():  # else the comparison ended and removed its queue
            write_json(self._done / f"{name}.json", result)
            remove_file(self._todo / f"{name}.json")

    def sign_in(self) -> Path:
        """Say that this process is at work; return the claim that says so. Where the queue is gone, so is the work."""
        path = self.workers / uuid.uuid4().hex[:12]
        with contextlib.suppress(OSError):
            claim(path)
        return path

    # What the coordinator does

    def put(self, name: str, ticket: Mapping[str, Any]) -> None:
        """Add a ticket. Raises DiskError."""
        write_json(self._todo / f"{name}.json", ticket)

    def waiting(self) -> list[str]:
        """Return the names of the tickets that are not done, the oldest first."""
        found = []
        for name in _names(self._todo):
            with contextlib.suppress(OSError):
                found.append(((self._todo / f"{name}.json").stat().st_mtime_ns, name))
        return [name for _, name in sorted(found)]

    def claims(self) -> dict[str, Path]:
        """Return the claims on tickets by name."""
        return {name: self._claims / name for name in _names(self._claims)}

    def done(self) -> list[str]:
        """Return the names of the tickets whose result is there."""
        return _names(self._done)

    def result(self, name: str) -> dict[str, Any] | None:
        """Return the result of a ticket; None where there is none, or a damaged one, which is removed."""
        found = self._read(self._done / f"{name}.json")
        if found is None:
            self.forget(name)
        return found

    def forget(self, name: str) -> None:
        """Remove a result that was taken up."""
        remove_file(self._done / f"{name}.json")

    def withdraw(self, name: str) -> None:
        """Let nobody begin a ticket any more; who has begun it may end it."""
        remove_file(self._todo / f"{name}.json")

    def take_back(self, name: str) -> Holder | None:
        """Remove the claim of a holder that is gone, so that another worker makes the ticket; return the holder."""
        path = self._claims / name
        judged = holder_of(path)
        take_back(path, judged)
        return judged

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            found = read_json(path)
        except (HeadstartError, OSError):
            return None
        return found if isinstance(found, dict) else None


def _names(folder: Path) -> list[str]:
    """Return the names of the files in a folder without `.json`, sorted."""
    try:
        return sorted(name.removesuffix(".json") for name in os.listdir(folder) if not is_leftover(name))
    except OSError:
        return []

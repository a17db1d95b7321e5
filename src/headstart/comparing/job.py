"""What workers need to know of a comparison beside `inputs.json`: settings, fingerprints of what it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import torch

from headstart.comparing.batches import fix_compared, fix_screened
from headstart.comparing.inputs import CompareInputs, workspaces_of
from headstart.comparing.maker import Maker
from headstart.comparing.receipts import versions, workspace_identity
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.work_queue import WorkQueue
from headstart.core import registry
from headstart.core.device import compute_dtypes, set_threads
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json, write_json
from headstart.core.kinds import Count, Positive, Seconds
from headstart.core.spec_base import checked, hints_of
from headstart.data.identity import examples_identity
from headstart.data.read_how import current, reading
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel

_SHARED_BYTES = 64 << 30  # of what all workers use; it goes with the queue


class SettingsTold(TypedDict):
    """settings of a job."""

    sizes: list[Positive]
    draws: Positive
    seconds: Seconds
    seed: Count
    folds: Count | None
    screened: bool
    metric: str


def shared_cache(queue: WorkQueue) -> DiskCache:
    """Return the cache that all workers of a comparison share, with the user's beside it."""
    return DiskCache(queue.shared, limit=_SHARED_BYTES, beside=DiskCache.of_user(), crowded=True)


@dataclass(frozen=True)
class Job:
    """settings: values of `StudySettings` and the name of the metric. rows, spaces: fingerprints of the rows and the
    workspaces. versions: of the packages. threads: of a worker. dtypes: what networks compute in. reading: how files
    are read where their contents do not decide."""

    settings: SettingsTold
    rows: dict[str, str]
    spaces: dict[str, Any]
    versions: dict[str, str]
    threads: Positive
    dtypes: dict[str, str]
    reading: dict[str, Any]

    @classmethod
    def of(cls, data: StudyData, workspaces: Mapping[str | None, Workspace], settings: StudySettings) -> Job:
        """Return the job of a comparison; workers take the threads that this process has."""
        told = {name: vars(settings)[name] for name in ("draws", "seconds", "seed", "folds", "screened")}
        return cls(
            settings=told | {"metric": settings.metric.name, "sizes": list(settings.sizes)},
            rows=_identities(data),
            spaces=_spaces(workspaces),
            versions=versions(),
            threads=torch.get_num_threads(),
            dtypes=compute_dtypes(),
            reading=current().given,
        )

    def write(self, queue: WorkQueue) -> None:
        """Write it into the queue. Raises OSError."""
        write_json(queue.job, vars(self))

    @classmethod
    def read(cls, queue: WorkQueue) -> Job:
        """Read what `write` wrote. Raises HeadstartError: no comparison with workers is under way there."""
        report = queue.folder.parent
        if not queue.job.is_file():
            raise HeadstartError(
                f"{report}: nothing to help with; a comparison that is under way with --workers has a queue there"
            )
        fields = TypedDict("fields", hints_of(cls, limits=True))
        return cls(**checked(f"{queue.job}:", read_json(queue.job), fields))

    def maker(self, report: Path, threads: int | None = None) -> Maker:
        """Open rows and bases and return what makes the tickets, in a block of `computing_in(job.dtypes)`.

        threads: others than those of the job.

        Raises HeadstartError: files or bases are not there, or are others than those of the comparison.
        """
        for package, version in versions().items():
            if self.versions.get(package) != version:
                raise HeadstartError(
                    f"{package} is {version} here and {self.versions.get(package)} where the comparison runs; its "
                    "cells would not be comparable"
                )
        set_threads(threads or self.threads)
        inputs = CompareInputs.load(report)
        with reading(**self.reading):
            data = inputs.read(lambda line: None)
        if self.rows != _identities(data):
            raise HeadstartError("the rows here are not those that the comparison began with: their SHA-256 differ")
        bases = {name: PretrainedModel.open(Path(path)) for name, path in inputs.bases.items()}
        pool = data.train if inputs.folds is None else None
        spaces = workspaces_of(bases, inputs.documents, pool, shared_cache(WorkQueue(report)))
        for name, space in _spaces(spaces).items():
            if self.spaces.get(name) != space:
                raise HeadstartError(
                    f"base {name or 'none'} or its unlabelled documents are not those that the comparison began with: "
                    "their SHA-256 differ"
                )
        told = self.settings | {"metric": registry.load("metric", self.settings["metric"])()}
        settings = StudySettings(folder=report, **told | {"sizes": tuple(told["sizes"])})
        maker = Maker(data, spaces, settings)
        fix_screened(spaces, data, settings)
        fix_compared(spaces, data, maker.splits)
        return maker


def _identities(data: StudyData) -> dict[str, str]:
    return {"training": examples_identity(data.train), "test": examples_identity(data.test)}


def _spaces(workspaces: Mapping[str | None, Workspace]) -> dict[str, Any]:
    return {name or "": workspace_identity(one, name) for name, one in workspaces.items()}

"""Recall at 1: the share of rows whose right item has rank 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.metric_contracts import RecallAt
from headstart.core.spec import MetricSpec


@dataclass(frozen=True, kw_only=True)
class RecallAt1(RecallAt, MetricSpec):
    """See `RecallAt`."""

    task: ClassVar[str] = "retrieve"
    first: ClassVar[int] = 1

"""Recall at 5: the share of rows whose right item, or the first right one, is among the first 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.metric_contracts import RecallAt
from headstart.core.spec import MetricSpec


@dataclass(frozen=True, kw_only=True)
class RecallAt5(RecallAt, MetricSpec):
    """See `RecallAt`."""

    task: ClassVar[str] = "retrieve"
    first: ClassVar[int] = 5

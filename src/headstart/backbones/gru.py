"""GRU language model (Cho et al. 2014, arXiv:1406.1078), output tied to words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import BackboneSpec
from headstart.networks.recurrent_lm import RecurrentSettings


@dataclass(frozen=True, kw_only=True)
class GruSpec(RecurrentSettings, BackboneSpec):
    """See `RecurrentSettings` for the settings."""

    cell: ClassVar[str] = "gru"

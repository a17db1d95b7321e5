"""GRU language model (Cho et al. 2014, arXiv:1406.1078), output tied to words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.backbones.recurrent_lm import RecurrentSettings
from headstart.base.spec import BackboneSpec


@dataclass(frozen=True, kw_only=True)
class GruSpec(RecurrentSettings, BackboneSpec):
    """See `RecurrentSettings` for the settings."""

    cell: ClassVar[str] = "gru"

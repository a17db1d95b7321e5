"""Plain recurrent language model, tanh cells (Elman 1990; Mikolov et al. 2010): the fastest and the most forgetful."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import BackboneSpec
from headstart.networks.recurrent_lm import RecurrentSettings


@dataclass(frozen=True, kw_only=True)
class RnnSpec(RecurrentSettings, BackboneSpec):
    """See `RecurrentSettings` for the settings."""

    cell: ClassVar[str] = "rnn"

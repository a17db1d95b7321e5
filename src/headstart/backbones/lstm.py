"""LSTM language model (Hochreiter & Schmidhuber 1997; Zaremba et al. 2014, arXiv:1409.2329), output tied to words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import BackboneSpec
from headstart.networks.recurrent_lm import RecurrentSettings


@dataclass(frozen=True, kw_only=True)
class LstmSpec(RecurrentSettings, BackboneSpec):
    """See `RecurrentSettings` for the settings."""

    cell: ClassVar[str] = "lstm"

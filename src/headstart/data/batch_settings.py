"""How a corpus becomes batches: the settings of a run that say so."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.errors import HeadstartError
from headstart.core.spec_base import Spec


@dataclass(frozen=True, kw_only=True)
class BatchSpec(Spec):
    """tokens, images: per batch; max_length: longest sample in tokens; bucket: like lengths together.

    add_special_tokens: every document with its marks of begin and end. epochs: most passes over the corpus, None = as
    many as the budget allows. stateful: the documents are running text and every batch goes on where the one before
    ended, in tokens / max_length streams; for networks that carry a state.
    """

    tokens: int = 4096
    max_length: int = 126
    bucket: bool = True
    add_special_tokens: bool = True
    epochs: float | None = None
    stateful: bool = False
    images: int = 256

    def __post_init__(self) -> None:
        for name in ("tokens", "max_length", "images"):
            if getattr(self, name) < 1:
                raise HeadstartError(f"batches.{name}={getattr(self, name)}: expected at least 1")
        if self.epochs is not None and not self.epochs > 0:
            raise HeadstartError(f"batches.epochs={self.epochs}: must be larger than 0")

    @classmethod
    def label(cls) -> str:
        """Return what the command line calls it."""
        return "batches"

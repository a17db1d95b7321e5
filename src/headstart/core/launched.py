"""What torchrun says of this process: which one of how many it is. No torch, so that every command may ask."""

from __future__ import annotations

import os
from dataclasses import dataclass

from headstart.core.errors import HeadstartError


@dataclass(frozen=True)
class Launched:
    """rank: the number of this process among `world`; local: its number on this machine."""

    rank: int = 0
    local: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0


def launched() -> Launched:
    """Return the place of this process by torchrun's variables; without WORLD_SIZE, or with 1, it is alone.

    Raises HeadstartError: they are incomplete, or no whole numbers.
    """
    world = _number("WORLD_SIZE", "1")
    if world <= 1:
        return Launched()
    found = Launched(_number("RANK"), _number("LOCAL_RANK"), world)
    if not 0 <= found.rank < world:
        raise HeadstartError(f"RANK={found.rank}: with WORLD_SIZE={world} it must be from 0 to {world - 1}")
    return found


def _number(name: str, default: str = "") -> int:
    text = os.environ.get(name, default)
    if not text.lstrip("-").isdigit():
        raise HeadstartError(
            f"{name}='{text}': torchrun sets RANK, LOCAL_RANK and WORLD_SIZE to whole numbers; start by torchrun, or "
            "unset WORLD_SIZE"
        )
    return int(text)

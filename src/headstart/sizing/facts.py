"""What a recipe may look at: the corpus, the budget, the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """corpus: keyword arguments of `Corpus`; seconds, steps: the budget (one may be None); cuda: is there a GPU; takes:
    what the corpus holds, `text` or `image`."""

    corpus: dict[str, Any]
    seconds: float | None
    steps: int | None
    seed: int = 0
    cuda: bool = False
    takes: str = "text"

"""How large an encoder a budget can train; shared by the recipes of Transformer encoders."""

from __future__ import annotations

from typing import NamedTuple

from headstart.recipes.facts import Facts

_CPU_STEPS_PER_MINUTE = 400


class Size(NamedTuple):
    """depth, width, heads of the encoder and its peak learning rate."""

    depth: int
    width: int
    heads: int
    rate: float


# CPU minutes up to which it is the right size; N = sqrt(C / 6r) with r = 20-40 tokens per parameter at measured speed.
_CPU = ((20, Size(4, 128, 4, 3e-3)), (120, Size(4, 256, 4, 2e-3)), (10**9, Size(6, 320, 5, 1e-3)))
_GPU = Size(12, 768, 12, 6e-4)


def encoder_size(facts: Facts) -> Size:
    """Return the size for the budget and the machine."""
    if facts.cuda:
        return _GPU
    minutes = facts.seconds / 60 if facts.seconds else (facts.steps or 0) / _CPU_STEPS_PER_MINUTE
    return next(size for most, size in _CPU if minutes <= most)


def tokens_per_batch(facts: Facts) -> int:
    """Return the tokens of one batch: small ones learn fastest on a CPU, a GPU wants large ones."""
    return 65_536 if facts.cuda else 2_048

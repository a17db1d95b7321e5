"""Whether weights are whole or in parts that several processes hold."""

from __future__ import annotations

from torch import nn


def all_whole(groups: list[dict]) -> bool:
    """Return whether no weight of an optimizer's groups is in parts; torch's fused SGD knows no others."""
    return all(type(weight) is nn.Parameter for group in groups for weight in group["params"])

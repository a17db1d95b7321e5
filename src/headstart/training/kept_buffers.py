"""The buffers of a network (running statistics, counts) as they were before something that may have to be undone."""

from __future__ import annotations

import torch
from torch import nn


class KeptBuffers:
    """A copy of all buffers of some modules, which change in place.

    All, since torch does not tell which ones a forward pass changes; they are small beside the weights.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self.own = [buffer for module in modules for buffer in module.buffers()]
        self.kept = [torch.empty_like(buffer) for buffer in self.own]

    @torch.no_grad()
    def keep(self) -> None:
        """Remember the buffers as they are."""
        if self.own:
            torch._foreach_copy_(self.kept, self.own)

    @torch.no_grad()
    def put_back(self) -> None:
        """Let the buffers be as they were when they were kept."""
        if self.own:
            torch._foreach_copy_(self.own, self.kept)

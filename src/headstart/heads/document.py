"""What the heads that say one thing about a whole row are made of."""

from __future__ import annotations

from torch import nn

from headstart.base.contracts import Backbone
from headstart.nn.outputs import LinearOutput


def document_output(backbone: Backbone, outputs: int, pooling: str) -> nn.Module:
    """Return a module [features -> B, outputs]: for pooling `auto` the backbone's own wiring where it has one."""
    if pooling == "auto" and hasattr(backbone, "classification_head"):
        return backbone.classification_head(outputs)
    return LinearOutput(backbone.width, outputs, "mean" if pooling == "auto" else pooling)

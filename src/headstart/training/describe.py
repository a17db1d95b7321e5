"""What a base is, in one line: family, parameters, vocabulary, training so far."""

from __future__ import annotations

import json

from headstart.interop.names import receipt_line
from headstart.training.pretrained_model import PretrainedModel


def describe(pretrained: PretrainedModel) -> str:
    """Return one line: family, parameters, vocabulary, training so far."""
    parameters = sum(p.numel() for p in pretrained.backbone.parameters())
    done = f", {pretrained.receipt['step']:,} steps" if "step" in pretrained.receipt else ""
    spec = json.dumps({k: v for k, v in pretrained.backbone_spec.to_dict().items() if k in ("width", "depth", "size")})
    words = f"{pretrained.processor.kind} {pretrained.processor.size}"
    line = f"{pretrained.backbone_spec.name} {spec}, {parameters / 1e6:.1f} M parameters, {words}{done}"
    ids = f"; {pretrained.receipt['ids']}" if "ids" in pretrained.receipt else ""  # images have none
    return f"{line}; {receipt_line(pretrained.receipt)}{ids}" if "restored" in pretrained.receipt else line

"""What checkpoints of other libraries have besides their weights: processor, pooling, what they were trained by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.core.contracts import Backbone
from headstart.core.processor import Processor
from headstart.core.spec import BackboneSpec
from headstart.interop.huggingface import Loaded
from headstart.interop.weight_files import open_weights
from headstart.processors.pixels import PixelProcessor


def read_foreign(path: Path) -> tuple[Processor, BackboneSpec, Backbone, dict[str, Any]]:
    """Return (processor, spec, network, receipt) of a file of weights. Raises HeadstartError, see `open_weights`."""
    found = open_weights(path)
    processor = PixelProcessor(found.pixels.shape, found.pixels)
    return processor, found.spec, found.backbone, {"start": path.name, **found.receipt}


def language_model(loaded: Loaded) -> str:
    """Return the objective that a checkpoint's architecture says it was trained by: mlm, causal, span, or ""."""
    architecture = str((loaded.config.get("architectures") or [""])[0])
    if architecture.endswith("ForMaskedLM"):
        return "mlm"
    heads = {} if loaded.spec.HF_NAMES is None else loaded.spec.HF_NAMES.architectures
    known = {name: kind for kind, head in (("causal", "causal"), ("span", "generate")) if (name := heads.get(head))}
    return known.get(architecture, "")

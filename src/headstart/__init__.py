"""headstart: pre-train on your unlabelled data, transfer to your few labels, learn honestly whether it paid."""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "audit": "headstart.commands.audit",
    "plan": "headstart.commands.plan",
    "pretrain": "headstart.commands.pretrain",
    "convert": "headstart.commands.convert",
    "transfer": "headstart.commands.transfer",
    "compare": "headstart.commands.compare",
    "work": "headstart.commands.work",
    "verify": "headstart.commands.verify",
    "ablate": "headstart.commands.ablate",
    "sweep": "headstart.commands.sweep",
    "cross": "headstart.commands.cross",
    "evaluate": "headstart.commands.evaluate",
    "predict": "headstart.commands.predict",
    "next_rows": "headstart.commands.next",
    "embed": "headstart.commands.embed",
    "fill": "headstart.commands.fill",
    "generate": "headstart.commands.generate",
    "inspect": "headstart.commands.inspect",
    "export": "headstart.commands.export",
    "push": "headstart.commands.push",
    "demo": "headstart.commands.demo",
    "doctor": "headstart.commands.doctor",
    "HeadstartClassifier": "headstart.estimators.classifier",
    "HeadstartRegressor": "headstart.estimators.regressor",
    "HeadstartVectorizer": "headstart.estimators.vectorizer",
    "PretrainedModel": "headstart.training.pretrained_model",
    "TaskModel": "headstart.core.task_model",
    "load_task": "headstart.fitting.task_model_files",
    "Examples": "headstart.core.examples",
    "Corpus": "headstart.data.corpus",
    "reading": "headstart.data.read_how",
    "HeadstartError": "headstart.core.errors",
    "names": "headstart.core.registry",
    "use_device": "headstart.core.device",
    "use_language": "headstart.core.spoken",
    "use_plugin": "headstart.core.registry",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import headstart` costs milliseconds (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'headstart' has no attribute '{name}' (public: {', '.join(_PUBLIC)})")
    if os.environ.get("HEADSTART_LANGUAGE"):
        importlib.import_module("headstart.core.spoken").follow_environment()
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    if _PUBLIC[name].startswith("headstart.commands."):
        value = importlib.import_module("headstart.commands.from_python").for_python(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""The model card of an export: data, scores, licence of the base, how to load; README.md as hubs read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headstart.core.exportable import Exportable

_TASKS = {
    ("text", "classify"): "text-classification",
    ("text", "multilabel"): "text-classification",
    ("text", "regress"): "text-classification",
    ("text", "tag"): "token-classification",
    ("text", "answer"): "question-answering",
    ("text", "retrieve"): "sentence-similarity",
    ("text", "mlm"): "fill-mask",
    ("text", "causal"): "text-generation",
    ("text", ""): "feature-extraction",
    ("image", "classify"): "image-classification",
    ("image", ""): "image-feature-extraction",
}


@dataclass(frozen=True)
class CardFacts:
    """What is known of a model beside its weights, in words.

    name: of the folder it was made in. made: how it was made (route or objective, settings), by what. data: files and
    rows it learned from. scores: lines with intervals; classes: lines of a table of them, in fixed width; compared:
    what a comparison found. audit: findings. base: its name; licence: of the base as its folder states it, "" where it
    does not. No text of a row is among them: a card is shared.
    """

    name: str = "model"
    made: Mapping[str, Any] = field(default_factory=dict)
    data: Sequence[str] = ()
    scores: Sequence[str] = ()
    classes: Sequence[str] = ()
    compared: Sequence[str] = ()
    audit: Sequence[str] = ()
    base: str = ""
    licence: str = ""


def model_card(source: Exportable, facts: CardFacts, told: Sequence[str], usage: str, package: str) -> str:
    """Return README.md. told: how to load it and what was verified; usage: Python lines; package: the library."""
    head = ["---", f"library_name: {package}", f"pipeline_tag: {_pipeline(source)}"]
    head += [f"license: {facts.licence}"] if facts.licence else []
    head += ["tags:", "- headstart", "---", "", f"# {facts.name}", ""]
    what = source.backbone_spec.name
    network = f"A `{what}` network with {_million(source)} parameters"
    on_top = f" for task `{source.task}`" if source.task else ""
    lines = [
        *head,
        f"{network}{on_top}, made with headstart.",
        "",
        "## How to load",
        "",
        *(f"- {line}" for line in told),
    ]
    lines += ["", "```python", usage.strip(), "```"] if usage else []
    if source.classes:
        lines += ["", f"Classes, in the order of the outputs: {', '.join(source.classes)}."]
    lines += _section("Data", facts.data or ("not recorded",))
    lines += _section("Audit of the data", facts.audit)
    lines += _section("Scores", facts.scores or (_UNSCORED,))
    lines += ["", "```text", *facts.classes, "```"] if facts.classes else []
    lines += _section("Compared with other routes", facts.compared)
    lines += ["", "## Base and licence", "", *_licence(facts), "", "## How it was made", ""]
    return "\n".join([*lines, *(f"- {name}: {_short(value)}" for name, value in facts.made.items()), ""])


def _section(title: str, told: Sequence[str]) -> list[str]:
    """Return a heading and a list below it, nothing where there is nothing to tell."""
    return ["", f"## {title}", "", *(f"- {line}" for line in told)] if told else []


_UNSCORED = "none is recorded; `headstart evaluate MODEL LABELLED_FILE` gives every metric with an interval"


def _pipeline(source: Exportable) -> str:
    takes, learned = source.processor.takes, source.objective and source.objective.named_head()
    kind = source.task or (learned[0] if learned else "")
    return _TASKS.get((takes, kind)) or _TASKS[takes, ""]


def _million(source: Exportable) -> str:
    return f"{sum(one.numel() for one in source.backbone.parameters()) / 1e6:.1f} M"


def _licence(facts: CardFacts) -> list[str]:
    if not facts.base:
        return ["Trained from random weights; no licence of a base is to be kept."]
    if facts.licence:
        return [f"Started from {facts.base}, whose folder states the licence `{facts.licence}`."]
    return [f"Started from {facts.base}, whose folder states no licence: look for it before this model is shared."]


def _short(value: Any, most: int = 400) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= most else text[:most] + " ..."

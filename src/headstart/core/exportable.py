"""What leaves for another library: a network with its processor, what is on top, and what both answer here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, nn

from headstart.core.contracts import Backbone, Head, Objective
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.core.spec import BackboneSpec, ObjectiveSpec


@dataclass(frozen=True)
class Adapter:
    """Low-rank updates that are merged into a network: weight = base weight + scale up down.

    updates: (down [R, I], up [O, R], scale) by the name of the weight. base_sha256: of the network without them.
    """

    updates: Mapping[str, tuple[Tensor, Tensor, float]]
    base_sha256: str


@dataclass
class Exportable:
    """What another library may be given.

    objective, objective_spec: of a pre-trained model, or None. task: of a task model; head or answers: what it has on
    top of the network, a head that reads features, or a module that reads the pooled vector of an item (`OnVectors`).
    classes: of a task model. pairs: two items belong to a row. prompt: how many of the network's last words are put in
    front of every text. views: over which versions of an image answers are averaged.
    layer, pooling: how the pooled vector is read. vector_steps: from there to the vector of an item, answer_steps: from
    there to the answer, where such steps say it (`nn/vector_steps.py`). text_prompt, window: of vectors, not of what a
    head reads: text before every text, and most tokens of a text with special ones, None = as the network. adapter:
    updates that were merged into the network.
    ours: the answers of headstart by the name of the output, a value for each row.
    """

    processor: Processor
    backbone: Backbone
    backbone_spec: BackboneSpec
    objective: Objective | None = None
    objective_spec: ObjectiveSpec | None = None
    head: Head | None = None
    classes: tuple[str, ...] = ()
    prompt: int = 0
    task: str = ""
    answers: nn.Module | None = None
    pairs: bool = False
    views: str = "one"
    layer: int = -1
    pooling: str = ""
    vector_steps: Sequence[Any] = ()
    answer_steps: Sequence[Any] | None = None
    text_prompt: str = ""
    window: int | None = None
    adapter: Adapter | None = None
    ours: Callable[[Examples], dict[str, Sequence[np.ndarray]]] | None = field(default=None, repr=False)

    @property
    def longest(self) -> int | None:
        """Most tokens, with special ones, of a text that is answered as a whole; None: any number."""
        window = self.window if self.head is None else None
        return min((most for most in (window, self.backbone.max_tokens) if most is not None), default=None)

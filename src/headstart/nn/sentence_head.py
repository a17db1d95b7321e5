"""What a sentence model does beside its network: a prompt, small letters; dense layers, vectors of length 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from headstart.core.errors import HeadstartError

ACTIVATIONS = {"Identity": lambda given: given, "Tanh": torch.tanh, "ReLU": torch.relu, "GELU": functional.gelu}


@dataclass(frozen=True)
class Dense:
    """activation(weight x + bias); weight [E, D], bias [E] or None, activation: a name of `ACTIVATIONS`."""

    weight: Tensor
    bias: Tensor | None
    activation: str = "Identity"


@dataclass(frozen=True)
class SentenceHead:
    """layers: applied one after the other to the pooled vector of a text. unit: the result has length 1. prompt: text
    before every text. lower: texts are written small. window: tokens of a window with specials, None = all that fit.
    """

    layers: tuple[Dense, ...] = ()
    unit: bool = False
    prompt: str = ""
    lower: bool = False
    window: int | None = None

    def text(self, text: str) -> str:
        """Return what the tokenizer is given."""
        text = self.prompt + text
        return text.lower() if self.lower else text

    @torch.no_grad()
    def vectors(self, pooled_ND: Tensor) -> Tensor:
        """Return the vectors [N, E] of pooled ones [N, D]."""
        for layer in self.layers:
            pooled_ND = ACTIVATIONS[layer.activation](functional.linear(pooled_ND, layer.weight, layer.bias))
        return functional.normalize(pooled_ND, dim=1) if self.unit else pooled_ND

    def parts(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return (settings as JSON data, tensors by name), from which `from_parts` makes the same."""
        tensors = {}
        for number, layer in enumerate(self.layers):
            tensors[f"sentence.{number}.weight"] = layer.weight
            tensors |= {} if layer.bias is None else {f"sentence.{number}.bias": layer.bias}
        settings = {"unit": self.unit, "prompt": self.prompt, "lower": self.lower, "window": self.window}
        return {**settings, "activations": [layer.activation for layer in self.layers]}, tensors

    @classmethod
    def from_parts(cls, data: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SentenceHead:
        """Return what `parts` told. Raises HeadstartError: a layer is missing."""
        settings, layers = dict(data), []
        for number, activation in enumerate(settings.pop("activations")):
            weight, bias = (tensors.get(f"sentence.{number}.{name}") for name in ("weight", "bias"))
            if weight is None or activation not in ACTIVATIONS:
                raise HeadstartError(f"the dense layer {number} of a sentence model is missing or unknown")
            layers.append(Dense(weight, bias, activation))
        return cls(tuple(layers), **settings)

    def digest(self) -> bytes:
        """Return bytes that are equal for equal heads."""
        data, tensors = self.parts()
        return repr((data, [(name, one.flatten().tolist()) for name, one in tensors.items()])).encode()


def before(head: SentenceHead | None, items: Sequence[Any]) -> Sequence[Any]:
    """Return the items as a tokenizer is given them."""
    return items if head is None or not (head.prompt or head.lower) else [head.text(item) for item in items]


def after(head: SentenceHead | None, found: list[np.ndarray], whole: Sequence[bool]) -> list[np.ndarray]:
    """Return the vectors with what follows pooling, where they are whole vectors of the model."""
    if head is None:
        return found
    return [head.vectors(torch.from_numpy(one)).numpy() if is_whole else one for one, is_whole in zip(found, whole)]

"""What the transformer encoders share: length check, collecting layers and maps, tied words, the checks of a spec."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.nn.outputs import TokenOutput
from headstart.nn.ragged import Layout
from headstart.nn.successors import Successors


class TransformerBackbone(Backbone):
    """An encoder over tokens with an input word matrix that its masked-token output shares."""

    has_vocabulary_output = True
    words: nn.Embedding

    @abstractmethod
    def prediction_head(self) -> TokenOutput:
        """Return a new masked-token output as the reference wires it; call it with `words_VD`."""

    @abstractmethod
    def classification_head(self, classes: int) -> nn.Module:
        """Return a new classification output [features -> B, C] as the reference wires it."""

    def begin_from_pairs(self, output: nn.Module, predicts: str, found: Callable[[int], Successors | None]) -> None:
        """Take weights by which the untrained network predicts what was counted; most wirings have no place for it.

        output: what it predicts tokens by; predicts: see `Objective.predicts`; found: returns vectors of so many parts
        at most, None where no token follows another.
        """

    @property
    def words_VD(self) -> Tensor:
        """The word matrix, for tied outputs."""
        return self.words.weight

    def layout(self, batch: TokenBatch) -> Layout:
        """Return where the batch's tokens lie. Raises HeadstartError when a sample is longer than `max_tokens`."""
        return layout_within(batch, self.max_tokens)


def layout_within(batch: TokenBatch, longest: int | None) -> Layout:
    """Return where the batch's tokens lie. Raises HeadstartError when a sample has more than `longest`."""
    layout = Layout(batch)
    if longest is not None and layout.longest > longest:
        raise HeadstartError(
            f"a sample has {layout.longest} tokens, this backbone takes at most {longest}: "
            "cut documents into shorter samples, or choose backbone.max_tokens larger and pre-train again"
        )
    return layout


class Trace:
    """Collects hidden states and maps on the way through the layers, when asked for."""

    def __init__(self, layout: Layout, layers: bool, attention: bool) -> None:
        self.layout, self.layers, self.maps = layout, layers, attention
        self.hidden: list[Tensor] = []
        self.attention: list[Tensor] = []

    def see(self, hidden_ND: Tensor) -> None:
        """Take note of hidden states."""
        if self.layers:
            self.hidden.append(self.layout.pad(hidden_ND))

    def note(self, map_BHTT: Tensor | None) -> None:
        """Take note of a map."""
        if map_BHTT is not None and self.maps:
            self.attention.append(map_BHTT)

    def features(self, last_ND: Tensor, pooler: nn.Module | None = None, carry: tuple[Tensor, ...] = ()) -> Features:
        """Return what the backbone returns."""
        last_BTD = self.layout.pad(last_ND)
        return Features(
            last_BTD=last_BTD,
            mask_BT=self.layout.mask_BT,
            layers=tuple(self.hidden),
            attention=tuple(self.attention),
            pooled_BD=None if pooler is None else pooler(last_BTD[:, 0]),
            carry=carry,
        )


def parameters_of(*modules: nn.Module | None) -> list[nn.Parameter]:
    """Return the parameters of the modules, in order."""
    return [parameter for module in modules if module is not None for parameter in module.parameters()]


def check_sizes(label: str, *, width: int, heads: int, **positive: int) -> None:
    """Raise HeadstartError unless all sizes are at least 1 and `heads` divides `width`."""
    for name, value in {"width": width, "heads": heads, **positive}.items():
        if value < 1:
            raise HeadstartError(f"{label}.{name}={value}: expected at least 1")
    if width % heads:
        fitting = [count for count in range(1, width + 1) if width % count == 0 and count <= 64]
        close = min(fitting, key=lambda count: abs(count - heads))
        raise HeadstartError(f"{label}.heads={heads} does not divide width={width}; nearest that does: {close}")


def require(config: Mapping[str, Any], label: str, **values: Any) -> None:
    """Raise HeadstartError when the config asks for a wiring that this backbone does not have."""
    for name, value in values.items():
        if config.get(name, value) != value:
            raise HeadstartError(f"{label}: {name}={config[name]!r} is not supported (allowed: {value!r})")

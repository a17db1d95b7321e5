"""LoRA: low-rank updates of frozen weight matrices, merged into them at the end (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from headstart.core.contracts import Backbone
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.reason import Reason
from headstart.core.spec import RouteSpec
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.adapters import AdapterFit
from headstart.fitting.network_fit import fit_network
from headstart.fitting.network_model import NetworkModel


class LowRank(nn.Module):
    """W -> W + alpha / rank * up down. `up` starts at zero, so that training starts from the base."""

    def __init__(self, weight_OI: Tensor, *, rank: int, alpha: float) -> None:
        super().__init__()
        rank = min(rank, *weight_OI.shape)
        self.scale = alpha / rank
        self.down = nn.Parameter(torch.empty_like(weight_OI[:rank]))
        self.up = nn.Parameter(torch.zeros_like(weight_OI[:, :rank]))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight_OI: Tensor) -> Tensor:
        """Return [O, I]."""
        return weight_OI + self.scale * (self.up @ self.down)


@dataclass(frozen=True, kw_only=True)
class Lora(AdapterFit, RouteSpec):
    """rank: of each update; alpha: updates are scaled by alpha / rank; layers: parts of the names of the layers that
    get an update, such as attention,mlp.up (empty: all layers). See `NetworkFit` for the other settings.

    Each linear layer gets one update, also when query, key and value share a matrix; a recurrent layer gets one for the
    matrix of its input (the matrix of its states may be subject to DropConnect).
    """

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    learning_rate_scale: ClassVar[float] = 0.2
    rank: int = 8
    alpha: float = 16.0
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rank", "alpha"):
            if not getattr(self, name) > 0:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: must be larger than 0")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if why := super().refuses(examples, workspace):
            return why
        every = _matrices(workspace.base.backbone)
        if not every:
            name = workspace.base.backbone_spec.name
            return Reason(
                "no_matrices", "backbone {backbone} has no linear or recurrent layer to update", backbone=name
            )
        if not self._chosen(workspace.base.backbone):
            there = tuple(sorted(every)[:12])
            return Reason(
                "no_layer", "no layer is called {layers:or}; there are {there}", layers=self.layers, there=there
            )
        return None

    def _chosen(self, backbone: Backbone) -> dict[str, tuple[nn.Module, str]]:
        named = _matrices(backbone).items()
        return {name: place for name, place in named if not self.layers or any(part in name for part in self.layers)}

    def adapt(self, backbone: Backbone) -> None:
        """Freeze the network and add an update to every chosen layer."""
        self.attach(backbone, list(self._chosen(backbone).values()), LowRank, rank=self.rank, alpha=self.alpha)

    def updates(self, backbone: Backbone) -> dict[str, tuple[Tensor, Tensor, float]]:
        """See `AdapterFit.updates`."""
        found = {}
        for name, (module, weight) in self._chosen(backbone).items():
            (part,) = module.parametrizations[weight]
            found[f"{name}.{weight}"] = (part.down.detach().clone(), part.up.detach().clone(), part.scale)
        return found

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Train within `seconds` (None = all epochs). Raises HeadstartError: no base, rows, or such layer."""
        return fit_network(self.base(examples, workspace), examples, self, seed=seed, seconds=seconds)


def _matrices(backbone: Backbone) -> dict[str, tuple[nn.Module, str]]:
    """Return (module, name of its weight) of each layer that can get an update, by name of the layer."""
    found = {}
    for layer, module in backbone.named_modules():
        if isinstance(module, nn.Linear):
            found[layer] = (module, "weight")
        elif isinstance(module, nn.RNNBase | nn.RNNCellBase):
            found[layer] = (module, "weight_ih_l0" if isinstance(module, nn.RNNBase) else "weight_ih")
    return found

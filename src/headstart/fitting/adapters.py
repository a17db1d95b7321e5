"""Adapters: small trained parts beside frozen weights of the base; what the routes lora and prompt share."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from headstart.core.contracts import Backbone
from headstart.core.exportable import Adapter
from headstart.fitting.network_fit import NetworkFit, Settled
from headstart.training.pretrained_model import PretrainedModel

_ORIGINAL = re.compile(r"parametrizations\.(\w+)\.original")
_PART = re.compile(r"parametrizations\.\w+\.\d+\.")


@dataclass(frozen=True, kw_only=True)
class AdapterFit(NetworkFit):
    """A route that computes some weights from frozen weights and a small trained part (torch's parametrizations).

    `adapt` of the route calls `attach`. At the end each computed weight replaces its parametrization, so that the
    result is an ordinary network. Notes: `base_sha256`, the SHA-256 of the frozen weights; `trained_weights`, the
    number of trained parameters in the network.
    """

    def attach(
        self, backbone: Backbone, places: list[tuple[nn.Module, str]], part: type[nn.Module], **settings
    ) -> None:
        """Freeze the network and put `part(weight, **settings)` at each (module, name of a weight)."""
        backbone.requires_grad_(False)
        for module, name in places:
            parametrize.register_parametrization(module, name, part(getattr(module, name), **settings))

    def settle(self, backbone: Backbone, start: PretrainedModel) -> Settled:
        """Replace the frozen weights by the computed weights; the frozen weights must equal `start` bit for bit."""
        digest = base_digest(backbone)
        assert digest == base_digest(start.backbone), "the base's weights were changed by training"
        trained = sum(tensor.numel() for name, tensor in backbone.named_parameters() if _PART.search(name))
        updates = self.updates(backbone)
        merge(backbone)
        adapter = Adapter(updates, digest) if updates else None
        return Settled({"base_sha256": digest, "trained_weights": trained}, adapter)

    def updates(self, backbone: Backbone) -> dict[str, tuple[Tensor, Tensor, float]]:
        """Return the trained parts as `Adapter.updates`, {} where they are no low-rank updates."""
        return {}


@torch.no_grad()
def merge(backbone: Backbone) -> None:
    """Turn every parametrized weight into a plain parameter of the same value."""
    for module in list(backbone.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def base_digest(backbone: Backbone) -> str:
    """Return a SHA-256 over all weights and their names; trained parts of adapters are left out."""
    digest = hashlib.sha256()
    plain = {_ORIGINAL.sub(r"\1", name): t for name, t in backbone.state_dict().items() if not _PART.search(name)}
    for name, tensor in sorted(plain.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

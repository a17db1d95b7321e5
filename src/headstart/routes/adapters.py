"""What the routes share that leave the base's weights alone and train small parts beside them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import parametrize

from headstart.base.contracts import Backbone
from headstart.routes.fitting import NetworkFit
from headstart.training.artefact import Artefact

_ORIGINAL = re.compile(r"parametrizations\.(\w+)\.original")
_PART = re.compile(r"parametrizations\.\w+\.\d+\.")


@dataclass(frozen=True, kw_only=True)
class AdapterFit(NetworkFit):
    """A route that computes some weights from frozen ones and a small trained part (torch's parametrizations).

    Its `adapt` calls `attach`; at the end each weight becomes what was computed, so that an ordinary network is left.
    The notes tell `base_sha256`, of the frozen weights, and `trained_weights`, how many numbers were trained in the
    network.
    """

    def attach(
        self, backbone: Backbone, places: list[tuple[nn.Module, str]], part: type[nn.Module], **settings
    ) -> None:
        """Freeze the network and put `part(weight, **settings)` at each (module, name of a weight)."""
        backbone.requires_grad_(False)
        for module, name in places:
            parametrize.register_parametrization(module, name, part(getattr(module, name), **settings))

    def settle(self, backbone: Backbone, start: Artefact) -> dict[str, object]:
        """Put the computed weights in the place of the frozen ones, which must be those of `start` to the bit."""
        digest = base_digest(backbone)
        assert digest == base_digest(start.backbone), "the base's weights were changed by training"
        trained = sum(tensor.numel() for name, tensor in backbone.named_parameters() if _PART.search(name))
        merge(backbone)
        return {"base_sha256": digest, "trained_weights": trained}


@torch.no_grad()
def merge(backbone: Backbone) -> None:
    """Turn every computed weight into a plain one of the same value."""
    for module in list(backbone.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def base_digest(backbone: Backbone) -> str:
    """Return a SHA-256 over all weights and their names; of a network with trained parts, over all but those."""
    digest = hashlib.sha256()
    plain = {_ORIGINAL.sub(r"\1", name): t for name, t in backbone.state_dict().items() if not _PART.search(name)}
    for name, tensor in sorted(plain.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

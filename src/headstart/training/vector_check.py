"""Whether training kept what a checkpoint knew: neighbours of held-out items, before and after.

Of each held-out item the nearest ten others by the checkpoint's vectors (centred, cosine) are compared with the nearest
ten by the trained vectors. Weights between both are those of WiSE-FT (Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from headstart.core.batch import Batch
from headstart.core.contracts import Backbone
from headstart.nn.pooling import pool

FEWEST = 50  # held-out items; of fewer the neighbours are a matter of chance
_MOST = 500
_NEIGHBOURS = 10


class VectorCheck:
    """The neighbours that `backbone` gives held-out items now; `agreement` asks how many of them are still there."""

    def __init__(self, backbone: Backbone, batches: Sequence[Batch], pooling: str = "") -> None:
        self.pooling = pooling or backbone.pooling
        self.batches: list[Batch] = []
        self.items = 0
        for batch in batches:
            if self.items < _MOST:
                self.batches.append(batch)
                self.items += batch.size
        self.near_NK = self._neighbours(backbone) if self.items >= FEWEST else None

    def agreement(self, backbone: Backbone) -> float:
        """Return the share of the ten nearest items that stayed, 0 to 1 (1: nothing changed).

        Not to be asked when there are fewer than `FEWEST` items (`near_NK` is None).
        """
        assert self.near_NK is not None
        now_NK = self._neighbours(backbone)
        same = (self.near_NK[:, :, None] == now_NK[:, None, :]).any(2)
        return float(same.mean())

    @torch.no_grad()
    def _neighbours(self, backbone: Backbone) -> np.ndarray:
        """Return the ten nearest items of each, [N, 10]."""
        device, training = next(backbone.parameters()).device, backbone.training
        backbone.eval()
        vectors_ND = torch.cat([pool(backbone(batch.to(device)), self.pooling).float() for batch in self.batches])
        backbone.train(training)
        centred_ND = torch.nn.functional.normalize(vectors_ND - vectors_ND.mean(0), dim=1)
        cosine_NN = centred_ND @ centred_ND.T
        cosine_NN.fill_diagonal_(-torch.inf)
        return cosine_NN.topk(_NEIGHBOURS, dim=1).indices.cpu().numpy()


def copied(backbone: Backbone) -> dict[str, Tensor]:
    """Return a copy of all tensors of the network."""
    return {name: tensor.detach().clone() for name, tensor in backbone.state_dict().items()}


def between(start: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return `share` of the way from `start` to `trained`; counts and other whole numbers are the trained ones."""
    return {
        name: torch.lerp(start[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in trained.items()
    }

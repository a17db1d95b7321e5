"""CBOW: tell each word from noise words by the mean vector of the words around it (word2vec, arXiv:1310.4546)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss
from headstart.core.processor import Tokenizer
from headstart.core.spec import ObjectiveSpec
from headstart.nn.negative_sampling import NegativeSampling, WindowSettings


@dataclass(frozen=True, kw_only=True)
class CBOWSpec(WindowSettings, ObjectiveSpec):
    """See `WindowSettings`."""

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> CBOW:
        """Return the objective. Raises HeadstartError: the network's outputs already hold the words around."""
        return CBOW(self, backbone.width, tokenizer)


class CBOW(NegativeSampling):
    """L = - sum over words w of log s(u_w . h_w) + sum over noise n of log s(- u_n . h_w), h_w = mean of v around w.

    v: vectors of the backbone, u: context vectors of the objective, s: logistic function; count = words that have
    others around them. parts: `right`, the share of them scored above zero.
    """

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`."""
        batch = self.thinned(batch)
        features = backbone(batch)
        mask_BT = features.mask_BT
        near_BTT = self.near_BTT(batch, mask_BT)
        times_BT = near_BTT.sum(-1)
        scored_BT = mask_BT & (times_BT > 0)
        mean_BTD = (near_BTT.to(features.last_BTD.dtype) @ features.last_BTD) / times_BT.clamp_min(1)[:, :, None]
        own_BTD = self.context(batch.padded(batch.ids_N, 0, mask_BT))
        score_M = (mean_BTD * own_BTD).sum(-1).float()[scored_BT]
        total = F.softplus(-score_M).sum() + self.noise_loss(mean_BTD, batch, scored_BT)
        words = score_M.numel()
        return Loss.of(total, words, {"right": (score_M > 0).float().mean()} if words else {})

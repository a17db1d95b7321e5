"""Skip-gram: tell the words around each word from noise words (word2vec, Mikolov et al. 2013, arXiv:1310.4546)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss
from headstart.core.processor import Tokenizer
from headstart.core.spec import ObjectiveSpec
from headstart.nn.negative_sampling import NegativeSampling, WindowSettings


@dataclass(frozen=True, kw_only=True)
class SkipGramSpec(WindowSettings, ObjectiveSpec):
    """See `WindowSettings`."""

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> SkipGram:
        """Return the objective. Raises HeadstartError: the network's outputs already hold the words around."""
        return SkipGram(self, backbone.width, tokenizer)


class SkipGram(NegativeSampling):
    """L = - sum over pairs (w, c within its reach) of log s(u_c . v_w) + sum over noise words n of log s(- u_n . v_w).

    v: vectors of the backbone, u: context vectors of the objective, s: logistic function; count = pairs.
    parts: `right`, the share of pairs scored above zero.
    """

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`."""
        batch = self.thinned(batch)
        features = backbone(batch)
        mask_BT = features.mask_BT
        near_BTT = self.near_BTT(batch, mask_BT)
        around_BTD = self.context(batch.padded(batch.ids_N, 0, mask_BT))
        score_M = (features.last_BTD @ around_BTD.mT).float()[near_BTT]
        times_BT = near_BTT.sum(-1)
        total = F.softplus(-score_M).sum() + self.noise_loss(features.last_BTD, batch, times_BT)
        pairs = score_M.numel()
        return Loss.of(total, pairs, {"right": (score_M > 0).float().mean()} if pairs else {})

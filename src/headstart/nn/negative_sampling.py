"""What skipgram and cbow share: frequent-word subsampling, dynamic windows, noise words, the table of context vectors.

Mikolov et al. 2013, arXiv:1310.4546, sections 2.2 and 2.3, and the authors' program word2vec.c. How often each token
occurs is counted while training (the counts are saved with the weights), so any tokenizer will do.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core import ranks
from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec_base import Spec


@dataclass(frozen=True, kw_only=True)
class WindowSettings(Spec):
    """window: farthest context word; each place draws its own reach, uniform from 1 to this. negatives: noise words
    that a true word is told from; drawn: noise words drawn per sample, which all its places share. subsample: share of
    the text above which a word is thinned out, to sqrt(subsample / share) of it.
    """

    reads: ClassVar[tuple[str, ...]] = ("token",)
    window: int = 5
    negatives: int = 5
    drawn: int = 16
    subsample: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("window", "negatives", "drawn"):
            if getattr(self, name) < 1:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least 1")
        if not self.subsample > 0:
            raise HeadstartError(f"{self.label()}.subsample={self.subsample}: must be larger than 0")


class NegativeSampling(Objective):
    """Tells words that stood together from noise words, whose chance is (count + 1) ^ .75.

    Noise words are drawn per sample instead of per pair: the expected loss is the same, and scores become products of
    matrices (after Ji et al. 2016, arXiv:1604.04661). Special tokens and unknown words are taken out before windows are
    laid, as word2vec.c does; words that are thinned out likewise.
    """

    POWER = 0.75
    fewest = 2

    def __init__(self, spec: WindowSettings, width: int, tokenizer: Tokenizer):
        super().__init__()
        self.spec = spec
        self.needs = "it needs documents of two or more known words"
        self.context = nn.Embedding(tokenizer.vocabulary, width)
        nn.init.zeros_(self.context.weight)
        self.ordinary_V = np.ones(tokenizer.vocabulary, bool)
        self.ordinary_V[sorted(tokenizer.special_ids)] = False
        self.register_buffer("count_V", torch.zeros(tokenizer.vocabulary, dtype=torch.int64))
        self.register_buffer("seen_V", torch.zeros(tokenizer.vocabulary, dtype=torch.int64), persistent=False)

    def usable(self, batch: TokenBatch) -> int:
        """Return how many samples have two words or more."""
        words_N = torch.from_numpy(self.ordinary_V)[batch.ids_N]
        return int((torch.bincount(batch.row_N()[words_N], minlength=batch.size) >= 2).sum())

    def noise_V(self) -> np.ndarray:
        """Return the chance of each token as a noise word, float64 [V]."""
        weight_V = (self.count_V.cpu().numpy() + 1.0) ** self.POWER * self.ordinary_V
        return weight_V / weight_V.sum()

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return the words, with the uniform numbers that `thinned` decides by: `thin_N`, `reach_N` and `noise_BK`.

        How often each word was seen so far decides which words are thinned out and which are noise. The counts change
        with every step, so that this is no business of a pure function; `forward` does it.
        """
        row, position = batch.row_N().numpy(), batch.position_N().numpy()
        words = self.ordinary_V[batch.ids_N.numpy()]
        ids, sample, position = batch.ids_N.numpy()[words], batch.sample_B.numpy()[row[words]], position[words]
        reach = 1 + (random.uniform("window.reach", sample, position) * self.spec.window).astype(np.int64)
        # Sample ids are keys of any size: each noise word is keyed by (sample, its number).
        key_BK = np.broadcast_to(batch.sample_B.numpy()[:, None], (batch.size, self.spec.drawn))
        extra = {
            "thin_N": random.uniform("window.thin", sample, position),
            "reach_N": reach,
            "noise_BK": random.uniform("window.noise", key_BK, np.arange(self.spec.drawn)[None, :]),
        }
        return dataclasses.replace(
            batch,
            ids_N=torch.from_numpy(ids),
            lengths_B=torch.from_numpy(np.bincount(row[words], minlength=batch.size)),
            segment_ids_N=None,
            extra={**batch.extra, **{name: torch.from_numpy(value) for name, value in extra.items()}},
        )

    def thinned(self, batch: TokenBatch) -> TokenBatch:
        """Return the words of a corrupted batch that are left, with `reach_N` and `noise_BK` (ids), by the counts.

        In training the words are taken into the counts at the end of the step.
        """
        count_V, ids = self.count_V.cpu().numpy(), batch.ids_N.cpu().numpy()
        share = count_V[ids] / max(int(count_V.sum()), 1)
        chance = np.sqrt(self.spec.subsample / np.maximum(share, self.spec.subsample))
        kept = batch.extra["thin_N"].cpu().numpy() < chance
        draw_BK = batch.extra["noise_BK"].cpu().numpy()
        # A noise word is the inverse of the cumulative distribution at its uniform number.
        noise_BK = np.searchsorted(np.cumsum(self.noise_V())[:-1], draw_BK, side="right")
        if self.training and not ranks.is_idle():
            self.seen_V += torch.bincount(batch.ids_N, minlength=len(self.seen_V))
        kept_N = torch.from_numpy(kept).to(batch.device)
        left_B = np.bincount(batch.row_N().cpu().numpy()[kept], minlength=batch.size)
        extra = {"reach_N": batch.extra["reach_N"][kept_N], "noise_BK": torch.from_numpy(noise_BK).to(batch.device)}
        return dataclasses.replace(
            batch, ids_N=batch.ids_N[kept_N], lengths_B=torch.from_numpy(left_B).to(batch.device), extra=extra
        )

    def after_step(self, backbone: Backbone) -> None:
        """Take the words of the step, of all ranks, into the counts."""
        self.count_V += ranks.summed(self.seen_V)
        self.seen_V.zero_()

    def near_BTT(self, batch: TokenBatch, mask_BT: Tensor) -> Tensor:
        """Return where word j (last axis) stands within the reach of word i, and is not i."""
        place_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
        apart_TT = (place_T[:, None] - place_T[None, :]).abs()
        reach_BT = batch.padded(batch.extra["reach_N"], 0, mask_BT)
        return (apart_TT > 0) & (apart_TT <= reach_BT[:, :, None]) & mask_BT[:, None, :]

    def noise_loss(self, guess_BTD: Tensor, batch: TokenBatch, times_BT: Tensor) -> Tensor:
        """Return the loss of taking noise for true words; place t is told from `negatives * times_BT` noise words."""
        score_BTK = guess_BTD @ self.context(batch.extra["noise_BK"]).mT
        weight_BT = times_BT * (self.spec.negatives / self.spec.drawn)
        return (F.softplus(score_BTK.float()).sum(-1) * weight_BT).sum()

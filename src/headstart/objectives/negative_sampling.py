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

from headstart.base.batch import Batch
from headstart.base.contracts import Objective, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import Spec


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
        word_V = torch.ones(tokenizer.vocabulary, dtype=torch.bool)
        word_V[sorted(tokenizer.special_ids)] = False
        self.register_buffer("word_V", word_V, persistent=False)
        self.register_buffer("count_V", torch.zeros(tokenizer.vocabulary, dtype=torch.int64))

    def usable(self, batch: Batch) -> int:
        """Return how many samples have two words or more."""
        words_N = self.word_V.cpu()[batch.ids_N]
        return int((torch.bincount(batch.row_N()[words_N], minlength=batch.size) >= 2).sum())

    def noise_V(self) -> np.ndarray:
        """Return the chance of each token as a noise word, float64 [V]."""
        weight_V = (self.count_V.cpu().numpy() + 1.0) ** self.POWER * self.word_V.cpu().numpy()
        return weight_V / weight_V.sum()

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the words that are left, with `reach_N`, `noise_BK` (ids) and `seen` (all words, ids)."""
        row, position = batch.row_N().numpy(), batch.position_N().numpy()
        words = self.word_V.cpu().numpy()[batch.ids_N.numpy()]
        ids, sample, position = batch.ids_N.numpy()[words], batch.sample_B.numpy()[row[words]], position[words]
        share = self.count_V.cpu().numpy()[ids] / max(int(self.count_V.sum()), 1)
        chance = np.sqrt(self.spec.subsample / np.maximum(share, self.spec.subsample))
        kept = random.uniform("window.thin", sample, position) < chance
        reach = 1 + (random.uniform("window.reach", sample[kept], position[kept]) * self.spec.window).astype(np.int64)
        # Sample ids are keys of any size: each noise word is keyed by (sample, its number).
        key_BK = np.broadcast_to(batch.sample_B.numpy()[:, None], (batch.size, self.spec.drawn))
        draw_BK = random.uniform("window.noise", key_BK, np.arange(self.spec.drawn)[None, :])
        noise_BK = np.searchsorted(np.cumsum(self.noise_V())[:-1], draw_BK, side="right")
        left_B = np.bincount(row[words][kept], minlength=batch.size)
        extra = {"reach_N": reach, "noise_BK": noise_BK, "seen": ids}
        return dataclasses.replace(
            batch,
            ids_N=torch.from_numpy(ids[kept]),
            lengths_B=torch.from_numpy(left_B),
            types_N=None,
            extra={**batch.extra, **{name: torch.from_numpy(value) for name, value in extra.items()}},
        )

    def count(self, batch: Batch) -> None:
        """Take a corrupted training batch into the token counts."""
        if self.training:
            self.count_V += torch.bincount(batch.extra["seen"], minlength=len(self.count_V))

    def near_BTT(self, batch: Batch, mask_BT: Tensor) -> Tensor:
        """Return where word j (last axis) stands within the reach of word i, and is not i."""
        place_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
        apart_TT = (place_T[:, None] - place_T[None, :]).abs()
        reach_BT = batch.padded(batch.extra["reach_N"], 0, mask_BT)
        return (apart_TT > 0) & (apart_TT <= reach_BT[:, :, None]) & mask_BT[:, None, :]

    def noise_loss(self, guess_BTD: Tensor, batch: Batch, times_BT: Tensor) -> Tensor:
        """Return the loss of taking noise for true words; place t is told from `negatives * times_BT` noise words."""
        score_BTK = guess_BTD @ self.context(batch.extra["noise_BK"]).mT
        weight_BT = times_BT * (self.spec.negatives / self.spec.drawn)
        return (F.softplus(score_BTK.float()).sum(-1) * weight_BT).sum()

"""Masked tokens and next sentence together, as BERT was trained (Devlin et al. 2019, arXiv:1810.04805, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective, Term
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.objectives.mlm import MaskedLM, MaskedLMSpec
from headstart.objectives.nsp import NextSentence, NextSentenceSpec


@dataclass(frozen=True, kw_only=True)
class MaskedNextSentenceSpec(MaskedLMSpec, ObjectiveSpec):
    """The settings of `mlm`; least: tokens that each part of a pair has at least, see `nsp`."""

    least: int = 4

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> MaskedNextSentence:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do either."""
        masked = super().build(backbone, tokenizer)
        return MaskedNextSentence(masked, NextSentenceSpec(least=self.least).build(backbone, tokenizer))


class MaskedNextSentence(Objective):
    """L = mean over masked tokens + mean over pairs; pairs are made first, then masked. The two means are two terms."""

    alone = False
    fewest, needs = NextSentence.fewest, NextSentence.needs

    def __init__(self, masked: MaskedLM, pairs: NextSentence) -> None:
        super().__init__()
        self.masked, self.pairs = masked, pairs

    def named_head(self) -> tuple[str, nn.Module]:
        """See `Objective.named_head`."""
        return self.masked.named_head()

    def masked_model(self) -> MaskedLM:
        """See `Objective.masked_model`."""
        return self.masked

    def usable(self, batch: TokenBatch) -> int:
        """See `NextSentence.usable`."""
        return self.pairs.usable(batch)

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """See `Objective.corrupt`."""
        paired = self.pairs.corrupt(batch, random, progress=progress, training=training)
        return self.masked.corrupt(paired, random, progress=progress, training=training)

    def share(self, corrupted: TokenBatch, row_R: Tensor) -> TokenBatch:
        """See `Objective.share`: targets are told by where they are in the batch."""
        extra = dict(corrupted.extra)
        position_M, id_M = extra.pop("target_position"), extra.pop("target_id")
        target_N = torch.full_like(corrupted.ids_N, -1)
        target_N[position_M] = id_M
        part = replace(corrupted, extra=extra | {"target_N": target_N}).rows(row_R)
        kept_N = part.extra.pop("target_N")
        position_M = (kept_N >= 0).nonzero()[:, 0]
        return replace(part, extra=part.extra | {"target_position": position_M, "target_id": kept_N[position_M]})

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`; parts: those of both."""
        if not batch.size:
            return self.pairs(backbone, batch)
        features = backbone(batch)
        masked, pairs = self.masked.score(features, backbone, batch), self.pairs.score(features, batch)
        terms = {"masked": Term(masked.total, masked.count), "pairs": Term(pairs.total, pairs.count)}
        return Loss(terms, {**masked.parts, **pairs.parts})

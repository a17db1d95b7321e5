"""Masked tokens and next sentence together, as BERT was trained (Devlin et al. 2019, arXiv:1810.04805, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Loss, Objective, Tokenizer
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import ObjectiveSpec
from headstart.objectives.mlm import Filled, MaskedLM, MaskedLMSpec
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
    """L = mean over masked tokens + mean over pairs; pairs are made first, then masked.

    count is the number of masked tokens: the pairs' mean is counted as often, so that both means add up.
    """

    alone = False
    fewest, needs = NextSentence.fewest, NextSentence.needs

    def __init__(self, masked: MaskedLM, pairs: NextSentence) -> None:
        super().__init__()
        self.masked, self.pairs = masked, pairs

    @property
    def head(self) -> torch.nn.Module:
        """The masked-token output."""
        return self.masked.head

    def usable(self, batch: Batch) -> int:
        """See `NextSentence.usable`."""
        return self.pairs.usable(batch)

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """See `Objective.corrupt`."""
        self.masked.progress = self.progress
        return self.masked.corrupt(self.pairs.corrupt(batch, random), random)

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """See `Objective.forward`; parts: those of both."""
        if not batch.size:
            return self.pairs(backbone, batch)
        features = backbone(batch)
        masked, pairs = self.masked.score(features, backbone, batch), self.pairs.score(features, batch)
        total = masked.total + pairs.total * (masked.count / pairs.count)
        return Loss(total, masked.count, {**masked.parts, **pairs.parts})

    def fill(self, backbone: Backbone, batch: Batch, top: int = 5) -> Filled:
        """See `MaskedLM.fill`."""
        return self.masked.fill(backbone, batch, top)

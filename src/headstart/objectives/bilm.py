"""Two language models in one: predict the next token from the left, the previous one from the right (ELMo, 2018).

Peters et al., arXiv:1802.05365, section 3.1; words and output weights are shared by both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Loss, Objective, Tokenizer
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import ObjectiveSpec
from headstart.nn.ragged import Layout
from headstart.objectives.fit import need_reads


@dataclass(frozen=True, kw_only=True)
class BiLMSpec(ObjectiveSpec):
    """It has no settings."""

    reads: ClassVar[tuple[str, ...]] = ("apart",)

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> BiLM:
        """Return the objective. Raises HeadstartError when the backbone does not read in each direction apart."""
        need_reads(self, backbone)
        return BiLM(backbone)


class BiLM(Objective):
    """L = - sum over t of log p(x_t+1 | x_1..t) + log p(x_t-1 | x_t..T); count: the targets of both directions.

    In running text (`extra["next_B"]`) the forward half also predicts the token after the window, and its state is
    carried on. Special tokens are targets like others: they say where a text begins and ends.
    parts: `accuracy`, the share of targets with the largest logit.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.head = backbone.prediction_head()
        self.needs = "it needs texts of at least two tokens"

    def usable(self, batch: Batch) -> int:
        """Return how many samples have two tokens, so that one can be predicted from the other."""
        return int((batch.lengths_B > 1).sum())

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch as it is: nothing has to be hidden from a network that reads one way."""
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """See `Objective.forward`."""
        running = "next_B" in batch.extra
        features = backbone(batch, carry=running)
        hidden_2ND = torch.cat(Layout(batch).unpad(features.last_BTD).chunk(2, -1))
        target_2N = torch.cat([next_tokens(batch), previous_tokens(batch)])
        chosen = (target_2N >= 0).nonzero().squeeze(1)
        scored = self.head.score(hidden_2ND[chosen], backbone.words_VD, target_2N[chosen])
        count = chosen.numel()
        parts = {"accuracy": int(scored.right) / count} if count else {}
        return Loss(scored.total, count, parts, features.carry)


def next_tokens(batch: Batch) -> Tensor:
    """Return the token that follows each one in its sample, int64 [N]; -1 where none does."""
    target_N = batch.ids_N.roll(-1)
    filled = batch.lengths_B > 0
    ends = batch.lengths_B.cumsum(0)[filled] - 1
    target_N[ends] = batch.extra["next_B"][filled] if "next_B" in batch.extra else -1
    return target_N


def previous_tokens(batch: Batch) -> Tensor:
    """Return the token that precedes each one in its sample, int64 [N]; -1 where none does."""
    target_N = batch.ids_N.roll(1)
    starts = (batch.lengths_B.cumsum(0) - batch.lengths_B)[batch.lengths_B > 0]
    target_N[starts] = -1
    return target_N

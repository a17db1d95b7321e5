"""Two language models in one: predict the next token from the left, the previous one from the right (ELMo, 2018).

Peters et al., arXiv:1802.05365, section 3.1; words and output weights are shared by both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.nn.ragged import Layout


@dataclass(frozen=True, kw_only=True)
class BiLMSpec(ObjectiveSpec):
    """It has no settings."""

    reads: ClassVar[tuple[str, ...]] = ("two_causal",)

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> BiLM:
        """Return the objective. Raises HeadstartError when the backbone does not read in each direction apart."""
        return BiLM(backbone)


class BiLM(Objective):
    """L = - sum over t of log p(x_t+1 | x_1..t) + log p(x_t-1 | x_t..T); count: the targets of both directions.

    In running text (`extra["next_B"]`) the forward half also predicts the token after the window, and its state is
    carried on. Special tokens are targets like others: they say where a text begins and ends.
    parts: `accuracy`, the share of targets with the largest logit.
    """

    needs = "it needs texts of at least two tokens"

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.head = backbone.prediction_head()

    def usable(self, batch: TokenBatch) -> int:
        """Return how many samples have two tokens, so that one can be predicted from the other."""
        return int((batch.lengths_B > 1).sum())

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return the batch as it is: nothing has to be hidden from a network that reads one way."""
        return batch

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`."""
        running = "next_B" in batch.extra
        features = backbone(batch, carry=running)
        hidden_2ND = torch.cat(Layout(batch).unpad(features.last_BTD).chunk(2, -1))
        target_2N = torch.cat([batch.next_ids_N(), batch.previous_ids_N()])
        chosen = (target_2N >= 0).nonzero().squeeze(1)
        scored = self.head.score(hidden_2ND[chosen], backbone.words_VD, target_2N[chosen])
        count = chosen.numel()
        parts = {"accuracy": scored.right.double() / count} if count else {}
        return Loss.of(scored.total, count, parts, features.carry)

"""Causal language model: predict each next token from those before it (Bengio et al. 2003; Radford et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective, Term
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.nn.ragged import states_at


@dataclass(frozen=True, kw_only=True)
class CausalSpec(ObjectiveSpec):
    """It has no settings."""

    reads: ClassVar[tuple[str, ...]] = ("causal",)

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Causal:
        """Return the objective. Raises HeadstartError when the backbone cannot do it."""
        if not backbone.has_vocabulary_output:
            raise HeadstartError(
                "objective causal: this backbone has no output over the vocabulary; gpt2, llama have one"
            )
        begin_id = tokenizer.cls_id if tokenizer.cls_id != tokenizer.sep_id else -1
        return Causal(backbone, begin_id)


class Causal(Objective):
    """L = - sum over t of log p(x_t+1 | x_1..t), count = number of predicted tokens; nothing is hidden.

    The end mark is predicted, the begin mark never is (`begin_id`, -1 = none). In running text (`extra["next_B"]`) the
    token after each sample is predicted too, and a network without a longest sample carries its state on; one with a
    longest sample starts anew with every batch. The penalties of a backbone (`Backbone.penalties`) are terms of their
    own in training. parts: `accuracy`, the share of targets with the largest logit, and every penalty by its name.
    """

    predicts = "next"
    needs = "it needs texts of at least two tokens"

    def __init__(self, backbone: Backbone, begin_id: int) -> None:
        super().__init__()
        self.head = backbone.prediction_head()
        self.begin_id = begin_id

    def usable(self, batch: TokenBatch) -> int:
        """Return how many samples have a token to predict."""
        target_N = self._targets(batch)
        return int(batch.row_N()[target_N >= 0].unique().numel())

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return the batch as it is: nothing has to be hidden from a network that reads one way."""
        return batch

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`."""
        features = backbone(batch, carry="next_B" in batch.extra and backbone.max_tokens is None)
        target_N = self._targets(batch)
        position_M = (target_N >= 0).nonzero()[:, 0]
        hidden_MD = states_at(features, batch, position_M)
        scored = self.head.score(hidden_MD, backbone.words_VD, target_N[position_M])
        count = position_M.numel()
        parts = {"accuracy": scored.right.double() / count} if count else {}
        penalties = backbone.penalties(features) if self.training and count else {}
        parts |= {name: term.total.detach() / max(term.count, 1) for name, term in penalties.items()}
        return Loss({"loss": Term(scored.total, count), **penalties}, parts, features.carry)

    def named_head(self) -> tuple[str, nn.Module]:
        """See `Objective.named_head`."""
        return "causal", self.head

    def logits(self, backbone: Backbone, batch: TokenBatch, position_M: Tensor) -> Tensor:
        """Return the logits [M, V] of what follows the tokens at flat positions into `ids_N`."""
        return self.head(states_at(backbone(batch), batch, position_M), backbone.words_VD)

    def _targets(self, batch: TokenBatch) -> Tensor:
        """Return what each token predicts, int64 [N]; -1 = nothing."""
        target_N = batch.next_ids_N()
        return target_N if self.begin_id < 0 else target_N.masked_fill(target_N == self.begin_id, -1)

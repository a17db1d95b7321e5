"""Causal language model: predict each next token from those before it (Bengio et al. 2003; Radford et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Loss, Objective, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import ObjectiveSpec
from headstart.objectives.bilm import next_tokens
from headstart.objectives.fit import need_reads
from headstart.objectives.mlm import states_at


@dataclass(frozen=True, kw_only=True)
class CausalSpec(ObjectiveSpec):
    """It has no settings."""

    reads: ClassVar[tuple[str, ...]] = ("left",)

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Causal:
        """Return the objective. Raises HeadstartError when the backbone cannot do it."""
        need_reads(self, backbone)
        if not hasattr(backbone, "prediction_head"):
            raise HeadstartError(
                "objective causal: this backbone has no output over the vocabulary; gpt2, llama have one"
            )
        begin_id = tokenizer.cls_id if tokenizer.cls_id != tokenizer.sep_id else -1
        return Causal(backbone, begin_id)


class Causal(Objective):
    """L = - sum over t of log p(x_t+1 | x_1..t), count = number of predicted tokens; nothing is hidden.

    The end mark is predicted, the begin mark never is (`begin_id`, -1 = none). In running text (`extra["next_B"]`) the
    token after each sample is predicted too, and a network without a longest sample carries its state on; one with a
    longest sample starts anew with every batch. A backbone with a method `penalty(features) -> Tensor`, on the scale of
    the loss of one target, has it added in training. parts: `accuracy`, the share of targets with the largest logit,
    and `penalty` where there is one.
    """

    def __init__(self, backbone: Backbone, begin_id: int) -> None:
        super().__init__()
        self.head = backbone.prediction_head()
        self.begin_id = begin_id
        self.needs = "it needs texts of at least two tokens"

    def usable(self, batch: Batch) -> int:
        """Return how many samples have a token to predict."""
        target_N = self._targets(batch)
        return int(batch.row_N()[target_N >= 0].unique().numel())

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch as it is: nothing has to be hidden from a network that reads one way."""
        return batch

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """See `Objective.forward`."""
        features = backbone(batch, carry="next_B" in batch.extra and backbone.max_tokens is None)
        target_N = self._targets(batch)
        position_M = (target_N >= 0).nonzero()[:, 0]
        hidden_MD = states_at(features, batch, position_M)
        scored = self.head.score(hidden_MD, backbone.words_VD, target_N[position_M])
        total, count = scored.total, position_M.numel()
        parts = {"accuracy": int(scored.right) / count} if count else {}
        if self.training and count and hasattr(backbone, "penalty"):
            penalty = backbone.penalty(features)
            total = total + penalty * count
            parts["penalty"] = float(penalty.detach())
        return Loss(total, count, parts, features.carry)

    def logits(self, backbone: Backbone, batch: Batch, position_M: Tensor) -> Tensor:
        """Return the logits [M, V] of what follows the tokens at flat positions into `ids_N`."""
        return self.head(states_at(backbone(batch), batch, position_M), backbone.words_VD)

    def _targets(self, batch: Batch) -> Tensor:
        """Return what each token predicts, int64 [N]; -1 = nothing."""
        target_N = next_tokens(batch)
        return target_N if self.begin_id < 0 else target_N.masked_fill(target_N == self.begin_id, -1)

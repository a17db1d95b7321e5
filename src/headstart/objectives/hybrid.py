"""Masked and causal in one network, a share of the samples each (GPT-BERT, Charpentier 2024, arXiv:2410.24159)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from headstart.core.batch import TokenBatch, make_batch
from headstart.core.contracts import Backbone, Loss, Term
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.nn.ragged import states_at
from headstart.objectives.mlm import MaskedLM, MaskedLMSpec


@dataclass(frozen=True, kw_only=True)
class HybridSpec(MaskedLMSpec, ObjectiveSpec):
    """causal_share: samples read from left to right; the rest is masked, see `mlm` for the other settings.

    One in 16 is what the paper found best for fine-tuning, one in two for writing.
    """

    reads: ClassVar[tuple[str, ...]] = ("bidirectional",)
    mask_ratio: float = 0.3
    mask_ratio_end: float | None = 0.15
    causal_share: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.causal_share < 1.0:
            raise HeadstartError(f"{self.label()}.causal_share={self.causal_share}: expected above 0 and below 1")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Hybrid:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do it."""
        super().build(backbone, tokenizer)  # for its refusals
        if next(backbone.parameters()).is_meta:  # built without memory, it cannot be tried
            return Hybrid(self, backbone, tokenizer)
        try:
            with torch.no_grad():
                backbone(replace(make_batch([[0, 0]]), causal=True))
        except HeadstartError as error:
            raise HeadstartError(f"objective {self.name}: {error}") from None
        return Hybrid(self, backbone, tokenizer)


class Hybrid(MaskedLM):
    """Every target is predicted at the token before it, in masked samples too ("masked next-token prediction").

    A masked sample is read from both sides and asked for what was hidden, a causal one from the left only and asked for
    every next token. Which samples are causal is a pure function of (seed, epoch, sample id).
    L = (1 - causal_share) x mean over masked targets + causal_share x mean over causal targets: each kind counts by its
    share of the samples, so that the many targets of causal samples do not drown the others. parts: `accuracy` of both.

    `corrupt` adds `masked_position`, `masked_id`, `causal_position` and `causal_id` to `batch.extra`; positions are
    those of the predicting tokens, into `ids_N`.
    """

    predicts = "next"
    steady = False  # it is called once for each kind of samples that a batch holds

    def named_head(self) -> None:
        """Return None: no library has an output that tells the token after a mask."""

    def logits(self, backbone: Backbone, batch: TokenBatch, position_M: Tensor) -> Tensor:
        """Return vocabulary logits [M, V] for the tokens at flat positions, which the tokens before them predict."""
        return super().logits(backbone, batch, (position_M - 1).clamp_min(0))

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """See `Objective.corrupt`."""
        masked = super().corrupt(batch, random, progress=progress, training=training)
        sample_B = batch.sample_B.cpu().numpy()
        causal_B = random.uniform("hybrid.causal", sample_B) < self.spec.causal_share
        causal_N = torch.from_numpy(causal_B).to(batch.ids_N.device)[batch.row_N()]
        target_M = masked.extra["target_position"]
        asked_M = ~causal_N[target_M] & (batch.position_N()[target_M] > 0)
        following_N = batch.next_ids_N()
        causal_position_M = (causal_N & (following_N >= 0)).nonzero()[:, 0]
        extra = {
            "masked_position": target_M[asked_M] - 1,
            "masked_id": masked.extra["target_id"][asked_M],
            "causal_position": causal_position_M,
            "causal_id": following_N[causal_position_M],
        }
        return replace(batch, ids_N=torch.where(causal_N, batch.ids_N, masked.ids_N), extra={**batch.extra, **extra})

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`."""
        terms: dict[str, Term] = {}
        right, count = [], 0
        shares = {"masked": 1.0 - self.spec.causal_share, "causal": self.spec.causal_share}
        for kind, share in shares.items():
            target_M = batch.extra[f"{kind}_id"]
            if target_M.numel():
                part, position_M = _pick(batch, batch.extra[f"{kind}_position"])
                hidden_MD = states_at(backbone(replace(part, causal=kind == "causal")), part, position_M)
                scored = self.head.score(hidden_MD, backbone.words_VD, target_M)
                terms[kind] = Term(share * scored.total, target_M.numel())
                right, count = [*right, scored.right], count + target_M.numel()
        if not terms:
            return Loss.of(backbone.words_VD.sum() * 0.0, 0)
        return Loss(terms, {"accuracy": torch.stack(right).sum().double() / count})


def _pick(batch: TokenBatch, position_M: Tensor) -> tuple[TokenBatch, Tensor]:
    """Return the samples that hold the positions, as a batch, and where the positions are in it."""
    row_N = batch.row_N()
    keep_B = torch.zeros(batch.size, dtype=torch.bool, device=row_N.device)
    keep_B[row_N[position_M]] = True
    keep_N = keep_B[row_N]
    part = replace(
        batch,
        ids_N=batch.ids_N[keep_N],
        lengths_B=batch.lengths_B[keep_B],
        sample_B=batch.sample_B[keep_B],
        document_B=None,  # what is hidden is settled
        segment_ids_N=None if batch.segment_ids_N is None else batch.segment_ids_N[keep_N],
        extra={},
    )
    return part, (keep_N.cumsum(0) - 1)[position_M]

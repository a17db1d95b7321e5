"""Masked and causal in one network, a share of the samples each (GPT-BERT, Charpentier 2024, arXiv:2410.24159)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from headstart.base.batch import Batch, make_batch
from headstart.base.contracts import Backbone, Loss, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import ObjectiveSpec
from headstart.objectives.bilm import next_tokens
from headstart.objectives.mlm import MaskedLM, MaskedLMSpec, states_at


@dataclass(frozen=True, kw_only=True)
class HybridSpec(MaskedLMSpec, ObjectiveSpec):
    """causal_share: samples read from left to right; the rest is masked, see `mlm` for the other settings.

    One in 16 is what the paper found best for fine-tuning, one in two for writing.
    """

    reads: ClassVar[tuple[str, ...]] = ("both",)
    rate: float = 0.3
    rate_end: float | None = 0.15
    causal_share: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.causal_share < 1.0:
            raise HeadstartError(f"{self.label()}.causal_share={self.causal_share}: expected above 0 and below 1")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Hybrid:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do it."""
        super().build(backbone, tokenizer)  # for its refusals
        try:
            with torch.no_grad():
                backbone(replace(make_batch([[0, 0]]), causal=True))
        except HeadstartError as error:
            raise HeadstartError(f"objective {self.name}: {error}") from None
        return Hybrid(self, backbone, tokenizer)


class Hybrid(MaskedLM):
    """Every target is predicted at the token before it, in masked samples too ("masked next-token prediction").

    A masked sample is read from both sides and asked for what was hidden, a causal one from the left only and asked for
    every next token. Which samples are causal is a pure function of (seed, epoch, sample id). Each kind counts by its
    share of the samples of a batch, so that the many targets of causal samples do not drown the others.
    count: targets of both kinds. parts: `accuracy` over both.

    `corrupt` adds `masked_position`, `masked_id`, `causal_position` and `causal_id` to `batch.extra`; positions are
    those of the predicting tokens, into `ids_N`.
    """

    predicts: ClassVar[str] = "next"

    def logits(self, backbone: Backbone, batch: Batch, position_M: Tensor) -> Tensor:
        """Return vocabulary logits [M, V] for the tokens at flat positions, which the tokens before them predict."""
        return super().logits(backbone, batch, (position_M - 1).clamp_min(0))

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """See `Objective.corrupt`."""
        masked = super().corrupt(batch, random)
        sample_B = batch.sample_B.cpu().numpy()
        causal_B = random.uniform("hybrid.causal", sample_B) < self.spec.causal_share
        causal_N = torch.from_numpy(causal_B).to(batch.ids_N.device)[batch.row_N()]
        target_M = masked.extra["target_position"]
        asked_M = ~causal_N[target_M] & (batch.position_N()[target_M] > 0)
        following_N = next_tokens(batch)
        causal_position_M = (causal_N & (following_N >= 0)).nonzero()[:, 0]
        extra = {
            "masked_position": target_M[asked_M] - 1,
            "masked_id": masked.extra["target_id"][asked_M],
            "causal_position": causal_position_M,
            "causal_id": following_N[causal_position_M],
        }
        return replace(batch, ids_N=torch.where(causal_N, batch.ids_N, masked.ids_N), extra={**batch.extra, **extra})

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """See `Objective.forward`."""
        found, right, samples, count = [], 0, 0, 0
        for kind in ("masked", "causal"):
            target_M = batch.extra[f"{kind}_id"]
            if target_M.numel():
                part, position_M = _pick(batch, batch.extra[f"{kind}_position"])
                hidden_MD = states_at(backbone(replace(part, causal=kind == "causal")), part, position_M)
                scored = self.head.score(hidden_MD, backbone.words_VD, target_M)
                found.append((scored.total / target_M.numel(), part.size))
                right, samples, count = right + int(scored.right), samples + part.size, count + target_M.numel()
        if not found:
            return Loss(backbone.words_VD.sum() * 0.0, 0)
        total = sum(mean * (size / samples) for mean, size in found) * count
        return Loss(total, count, {"accuracy": right / count})


def _pick(batch: Batch, position_M: Tensor) -> tuple[Batch, Tensor]:
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
        types_N=None if batch.types_N is None else batch.types_N[keep_N],
        extra={},
    )
    return part, (keep_N.cumsum(0) - 1)[position_M]

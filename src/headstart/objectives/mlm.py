"""Masked tokens: predict hidden tokens from both sides (BERT, Devlin et al. 2019, arXiv:1810.04805, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.nn.ragged import states_at

_EVALUATION_RATIO = 0.15


class Filled(NamedTuple):
    """Answers for the M masks of a batch: position_M (into `ids_N`), ids_MK and probability_MK, best first."""

    position_M: Tensor
    ids_MK: Tensor
    probability_MK: Tensor


@dataclass(frozen=True, kw_only=True)
class MaskedLMSpec(ObjectiveSpec):
    """mask_ratio: share of tokens to predict at the start; mask_ratio_end: at the end, linear between, none: constant.

    mask_share of those are shown as [MASK], random_share as a random token, the rest unchanged. 30 % falling to 15 % is
    what GPT-BERT (arXiv:2410.24159) found best.
    """

    reads: ClassVar[tuple[str, ...]] = ("bidirectional",)
    mask_ratio: float = 0.15
    mask_ratio_end: float | None = None
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        for name in ("mask_ratio", "mask_ratio_end"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < 1.0:
                raise HeadstartError(f"{self.label()}.{name}={value}: expected above 0 and below 1")
        if min(self.mask_share, self.random_share) < 0 or self.mask_share + self.random_share > 1 + 1e-9:
            raise HeadstartError(
                f"{self.label()}: mask_share={self.mask_share} and random_share={self.random_share} must each be at "
                "least 0 and together at most 1"
            )

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> MaskedLM:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do it."""
        if tokenizer.mask_id < 0:
            raise HeadstartError(
                f"objective {self.name} needs a tokenizer with a mask token, '{tokenizer.kind}' has none "
                "(wordpiece has one); or choose an objective without token targets, such as halves"
            )
        if not backbone.has_vocabulary_output:
            raise HeadstartError(
                f"objective {self.name}: this backbone has no output over the vocabulary; modernbert, bert have one"
            )
        return MaskedLM(self, backbone, tokenizer)


class MaskedLM(Objective):
    """Cross-entropy of the original token at every target, logits computed only there.

    L = - sum over targets t of log p(x_t | corrupted x), count = number of targets. Which tokens are targets is a pure
    function of (seed, epoch, sample id, position) and the rate, so every epoch masks anew and no batch matters. Special
    tokens are never targets. A sample with at least two other tokens has at least one target.

    `corrupt` adds `target_position` (int64 [M], into `ids_N`) and `target_id` (int64 [M]) to `batch.extra`.
    """

    predicts = "masked"

    def __init__(self, spec: MaskedLMSpec, backbone: Backbone, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spec = spec
        self.head = backbone.prediction_head()
        self.mask_id = tokenizer.mask_id
        specials = {*tokenizer.special_ids, tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id}
        ordinary_V = np.ones(tokenizer.vocabulary, dtype=bool)
        ordinary_V[[token for token in specials if 0 <= token < tokenizer.vocabulary]] = False
        self.ordinary_V = ordinary_V
        self.drawable = np.flatnonzero(ordinary_V)
        if not len(self.drawable):
            raise HeadstartError("objective mlm: the tokenizer has nothing but special tokens")

    def mask_ratio(self, progress: float, training: bool) -> float:
        """Return the share of tokens that are targets; in an evaluation always 15 %, so that losses can be compared."""
        if not training:
            return _EVALUATION_RATIO
        start = self.spec.mask_ratio
        end = start if self.spec.mask_ratio_end is None else self.spec.mask_ratio_end
        return start + (end - start) * min(max(progress, 0.0), 1.0)

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """See `Objective.corrupt`."""
        ids = batch.ids_N.cpu().numpy()
        row, position = batch.row_N().cpu().numpy(), batch.position_N().cpu().numpy()
        sample = batch.sample_B.cpu().numpy()[row]
        ratio = self.mask_ratio(progress, training)
        draw = random.uniform("mlm.target", sample, position)
        targets = np.flatnonzero(self._targets(ids, row, draw, batch.size, ratio))
        sample, position = sample[targets], position[targets]
        action = random.uniform("mlm.action", sample, position)
        drawn = (random.uniform("mlm.token", sample, position) * len(self.drawable)).astype(np.int64)
        shown = ids[targets].copy()
        masked = action < self.spec.mask_share
        swapped = ~masked & (action < self.spec.mask_share + self.spec.random_share)
        shown[masked] = self.mask_id
        shown[swapped] = self.drawable[drawn[swapped]]
        corrupted = ids.copy()
        corrupted[targets] = shown
        device = batch.ids_N.device
        extra = {"target_position": torch.from_numpy(targets), "target_id": torch.from_numpy(ids[targets])}
        return replace(
            batch,
            ids_N=torch.from_numpy(corrupted).to(device),
            extra={**batch.extra, **{name: value.to(device) for name, value in extra.items()}},
        )

    def _targets(self, ids: np.ndarray, row: np.ndarray, draw: np.ndarray, size: int, ratio: float) -> np.ndarray:
        """Return bool [N]. A sample that drew no target gets its token with the smallest draw."""
        ordinary = self.ordinary_V[ids]
        targets = ordinary & (draw < ratio)
        bare = np.bincount(row[targets], minlength=size) == 0
        bare &= np.bincount(row[ordinary], minlength=size) >= 2
        if bare.any():
            candidates = np.flatnonzero(ordinary & bare[row])
            order = candidates[np.lexsort((draw[candidates], row[candidates]))]
            first = np.unique(row[order], return_index=True)[1]
            targets[order[first]] = True
        return targets

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`; parts: `accuracy`, the share of targets with the largest logit."""
        return self.score(backbone(batch), backbone, batch)

    def score(self, features: Features, backbone: Backbone, batch: TokenBatch) -> Loss:
        """Return the loss of features that are already there; see `forward`."""
        target_M = batch.extra["target_id"]
        hidden_MD = states_at(features, batch, batch.extra["target_position"])
        scored = self.head.score(hidden_MD, backbone.words_VD, target_M)
        count = target_M.numel()
        return Loss.of(scored.total, count, {"accuracy": scored.right.double() / count} if count else {})

    def named_head(self) -> tuple[str, nn.Module]:
        """See `Objective.named_head`."""
        return "mlm", self.head

    def masked_model(self) -> MaskedLM:
        """See `Objective.masked_model`."""
        return self

    def logits(self, backbone: Backbone, batch: TokenBatch, position_M: Tensor) -> Tensor:
        """Return vocabulary logits [M, V] at flat positions into `ids_N`."""
        return self.head(states_at(backbone(batch), batch, position_M), backbone.words_VD)

    @torch.no_grad()
    def fill(self, backbone: Backbone, batch: TokenBatch, top: int = 5) -> Filled:
        """Return the `top` likeliest tokens for every mask in the batch. Raises HeadstartError when there is none."""
        position_M = (batch.ids_N == self.mask_id).nonzero().squeeze(1)
        if not len(position_M):
            raise HeadstartError("nothing to fill: the text has no mask token")
        best = self.logits(backbone, batch, position_M).float().softmax(-1).topk(min(top, len(self.ordinary_V)))
        return Filled(position_M, best.indices, best.values)

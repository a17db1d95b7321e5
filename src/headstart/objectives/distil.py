"""Distillation: a student guesses masked tokens as its teacher does (DistilBERT, Sanh et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch.nn import functional as F

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective, Term
from headstart.core.errors import HeadstartError
from headstart.core.processor import Processor, Tokenizer
from headstart.core.spec import ObjectiveSpec
from headstart.nn.ragged import states_at
from headstart.objectives.mlm import MaskedLM, MaskedLMSpec


@dataclass(frozen=True, kw_only=True)
class DistilSpec(MaskedLMSpec, ObjectiveSpec):
    """The settings of `mlm`; temperature: of both softmaxes; soft, hard, cosine: weights of the three losses (those of
    the reference's training script)."""

    teacher: ClassVar[Literal["twin"]] = "twin"
    temperature: float = 2.0
    soft: float = 5.0
    hard: float = 2.0
    cosine: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Distil:
        """Return the objective. Raises HeadstartError when tokenizer or backbone cannot do it."""
        super().build(backbone, tokenizer)  # refuses what a masked LM refuses
        return Distil(self, backbone, tokenizer)


class Distil(MaskedLM):
    """L = soft T^2 KL(teacher || student) + hard CE(original token), both at masked tokens, + cosine (1 - cos(h, h')).

    T: temperature of both softmaxes; h, h': last hidden states of student and teacher, at all tokens, when they are
    equally wide. The teacher sees the same masked text. It is not part of the objective's state: a saved student
    stands alone, and without a teacher it is scored by the hard loss only. parts: `accuracy`, `agreement` (share of
    targets where both have the same first guess), `cosine`.
    """

    def __init__(self, spec: DistilSpec, backbone: Backbone, tokenizer: Tokenizer) -> None:
        super().__init__(spec, backbone, tokenizer)
        self._teacher: tuple[Backbone, MaskedLM] | None = None  # in a tuple, so that it is no submodule

    def learn_from(self, teacher: Backbone, objective: Objective | None, processor: Processor) -> None:
        """See `Objective.learn_from`. Raises HeadstartError when the teacher is no masked language model."""
        masked = None if objective is None else objective.masked_model()
        if masked is None or masked.predicts != "masked":
            raise HeadstartError("objective distil needs a masked language model as its teacher (--objective mlm)")
        self._teacher = (teacher.eval().requires_grad_(False), masked.eval().requires_grad_(False))

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`."""
        features = backbone(batch)
        hard = self.score(features, backbone, batch)
        if self._teacher is None or not hard.count:
            return hard
        teacher, guide = self._teacher
        place_M = batch.extra["target_position"]
        with torch.no_grad():
            taught = teacher(batch)
            wanted_MV = guide.head(states_at(taught, batch, place_M), teacher.words_VD).float()
            wanted_MV = wanted_MV[:, : backbone.vocabulary]  # a checkpoint may have rows beyond the tokenizer's ids
        said_MV = self.head(states_at(features, batch, place_M), backbone.words_VD).float()
        warm = self.spec.temperature
        soft = F.kl_div(
            (said_MV / warm).log_softmax(-1), (wanted_MV / warm).log_softmax(-1), reduction="sum", log_target=True
        )
        parts = {**hard.parts, "agreement": (said_MV.argmax(-1) == wanted_MV.argmax(-1)).float().mean()}
        terms = {"tokens": Term(self.spec.hard * hard.total + self.spec.soft * warm**2 * soft, hard.count)}
        if taught.last_BTD.shape == features.last_BTD.shape:
            alike_N = F.cosine_similarity(features.last_BTD.float(), taught.last_BTD.float(), dim=-1)[features.mask_BT]
            terms["cosine"] = Term(self.spec.cosine * (1 - alike_N).sum(), alike_N.numel())
            parts["cosine"] = alike_N.detach().mean()
        return Loss(terms, parts)

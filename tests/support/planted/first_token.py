"""Predict the first token of a sample from the rest (a planted text objective)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.core.contracts import Loss, Objective
from headstart.core.spec import ObjectiveSpec
from headstart.nn.pooling import pool


@dataclass(frozen=True, kw_only=True)
class FirstTokenSpec(ObjectiveSpec):
    """strength: factor of the loss."""

    strength: float = 1.0

    def build(self, backbone, processor):
        return FirstToken(backbone.width, processor.vocabulary, self.strength)


class FirstToken(Objective):
    def __init__(self, width, vocabulary, strength):
        super().__init__()
        self.out, self.strength = torch.nn.Linear(width, vocabulary), strength

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        return batch

    def forward(self, backbone, batch):
        starts_B = batch.lengths_B.cumsum(0) - batch.lengths_B
        logits_BV = self.out(pool(backbone(batch), "cls"))
        target_B = batch.ids_N[starts_B + 1]
        total = torch.nn.functional.cross_entropy(logits_BV, target_B, reduction="sum") * self.strength
        return Loss.of(total, batch.size, {})

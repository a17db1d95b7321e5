"""Tell by which quarter turn an image was turned (Gidaris et al. 2018, arXiv:1803.07728; a planted image objective)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from headstart.core.contracts import Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.spec import ObjectiveSpec


@dataclass(frozen=True, kw_only=True)
class RotationsSpec(ObjectiveSpec):
    """turns: how many are told apart, 2 (none and a quarter) to 4."""

    batch = ("pixels",)
    reads = ("document", "bidirectional")
    turns: int = 4

    def __post_init__(self):
        if not 2 <= self.turns <= 4:
            raise HeadstartError(f"{self.label()}.turns={self.turns}: expected 2 to 4")

    def build(self, backbone, processor):
        return Rotations(backbone.width, self.turns)


class Rotations(Objective):
    def __init__(self, width, turns):
        super().__init__()
        self.out, self.turns = torch.nn.Linear(width, turns), turns

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        turn_B = (random.uniform("turn", batch.sample_B.numpy()) * self.turns).astype(np.int64)
        return replace(batch, extra=batch.extra | {"turn_B": torch.from_numpy(turn_B)})

    def forward(self, backbone, batch):
        turn_B = batch.extra["turn_B"]
        turned = [torch.rot90(image, turn, (1, 2)) for image, turn in zip(batch.pixels_BCHW, turn_B.tolist())]
        logits_BK = self.out(backbone(replace(batch, pixels_BCHW=torch.stack(turned))).pooled_BD.float())
        right = (logits_BK.argmax(1) == turn_B).double().mean()
        total = torch.nn.functional.cross_entropy(logits_BK, turn_B, reduction="sum")
        return Loss.of(total, batch.size, {"right": right})

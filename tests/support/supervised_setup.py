"""A base, a head with weights that differ, and a batch of labelled rows, for tests of supervised training."""

from __future__ import annotations

import numpy as np
import torch
from tiny_bases import bag_base, rows, token_base

from headstart.core import registry
from headstart.core.examples import Examples, Span
from headstart.core.seeds import KeyedRandom
from headstart.fitting.regularisation import Regularisation
from headstart.fitting.supervised import LabelledPieces, Supervised, encode_for_head

BASES = {"bag": bag_base, "tokens": token_base}


class Setup:
    """A base, a head with weights that differ, and a batch of rows."""

    def __init__(self, base: str, task: str = "classify", count: int = 12, **regularisation):
        self.base = BASES[base]()
        self.examples = rows(count) if task == "classify" else _spans(count)
        spec = registry.load("head", task)(**({"dropout": 0.0} if task == "tag" else {}))
        torch.manual_seed(0)
        self.head = spec.build(self.base.backbone, self.base.processor, self.examples.classes)
        for parameter in self.head.parameters():
            parameter.data.normal_()
        framed = encode_for_head(spec, self.base, self.examples)
        self.labelled = LabelledPieces(framed, self.head.targets(self.examples, framed), self.base.processor)
        self.batch = self.labelled.batch(np.arange(count))
        self.objective = Supervised(self.head, Regularisation(**regularisation), self.base.processor)

    def loss(self, batch=None, seed: int = 0):
        torch.manual_seed(seed)
        return self.objective(self.base.backbone, batch or self.corrupted())

    def corrupted(self):
        """Return the batch as the loop corrupts it."""
        return self.objective.corrupt(self.batch, KeyedRandom(5, 0), training=self.objective.training)

    def logits(self, batch=None):
        return self.head(self.base.backbone(batch or self.batch)).float()


def _spans(count: int) -> Examples:
    texts = ["seoul is big", "i like busan"] * (count // 2)
    spans = [(Span(0, 5, "place"),), (Span(7, 12, "place"),)] * (count // 2)
    return Examples(texts, None, None, ("place",), targets=spans, task="tag")

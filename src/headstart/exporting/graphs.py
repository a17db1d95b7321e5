"""A model as one graph over padded ids or over pixels, with named inputs and outputs: what is traced for ONNX."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from headstart.core.batch import ImageBatch, PaddedBatch
from headstart.core.contracts import Features
from headstart.core.exportable import Exportable
from headstart.core.shapes import ImageShape
from headstart.nn.pooling import pool
from headstart.nn.vector_steps import OnVectors, VectorSteps

_IDS, _MASK, _TYPES, _PIXELS = "input_ids", "attention_mask", "token_type_ids", "pixels"
_OF_WORDS = ("mlm", "causal")  # heads whose output is told of every token, by the word matrix
_MOST_ROWS, _MOST_TOKENS = 65_536, 1_048_576
_EXAMPLE = 5  # tokens of the two texts that the graph is traced with


class Graph(nn.Module):
    """inputs, outputs: their names, in order. What is computed for padding never reaches an output of a text.

    Inputs: `input_ids` and `attention_mask`, int64 [B, T] (and `token_type_ids`, for pairs that are read as one text),
    or `pixels`, uint8 [B, C, H, W]; of pairs whose items are read one by one, each a second time with `_2`.
    Outputs: `vectors` [B, D], `probabilities` [B, C], `numbers` [B, 1], or `logits` of tokens [B, T, ...].
    """

    def __init__(self, model: Exportable) -> None:
        super().__init__()
        self.backbone, self.head, self.answers = model.backbone, model.head, model.answers
        self.layer, self.pooling = model.layer, model.pooling
        self.vector = VectorSteps(model.vector_steps)
        kind, output = (model.objective and model.objective.named_head()) or ("", None)
        self.words = output if kind in _OF_WORDS else None
        self.tokens = model.processor.gives == "tokens"
        self.doubled = model.pairs and model.answers is not None
        one = (_IDS, _MASK) if self.tokens else (_PIXELS,)
        if model.pairs and not self.doubled:
            one = (*one, _TYPES)
        self.each = len(one)
        self.inputs = (*one, *(f"{name}_2" for name in one)) if self.doubled else one
        self.outputs = self._names()

    def _names(self) -> tuple[str, ...]:
        if self.head is not None:
            return (self.head.gives,)
        if isinstance(self.answers, OnVectors):
            return (self.answers.gives,)
        return ("vectors",) if self.words is None else ("vectors", "logits")

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs."""
        features = [self._features(given[low : low + self.each]) for low in range(0, len(given), self.each)]
        if self.head is not None:
            return (self.head.finish(self.head(features[0])),)
        pooled = [pool(one, self.pooling, self.layer).float() for one in features]
        if self.answers is not None:
            return (self.answers(*pooled),)
        vectors_BD = self.vector(pooled[0])
        if self.words is None:
            return (vectors_BD,)
        return vectors_BD, self.words(features[0].last_BTD, self.backbone.words_VD)

    def _features(self, given: tuple[Tensor, ...]) -> Features:
        deep = self.layer != -1
        if not self.tokens:
            (pixels,) = given
            batch = ImageBatch(pixels_BCHW=pixels, sample_B=torch.arange(pixels.shape[0], device=pixels.device))
            return self.backbone(batch, layers=deep)
        ids_BT, mask_BT, *types_BT = given
        return self.backbone(PaddedBatch.of(ids_BT, mask_BT.bool(), *types_BT), layers=deep)

    def example(self, shape: Any) -> tuple[Tensor, ...]:
        """Return inputs for two rows; shape: of the processor."""
        if isinstance(shape, ImageShape):
            one = (torch.zeros(2, shape.channels, shape.height, shape.width, dtype=torch.uint8),)
        else:
            ids_BT = torch.full((2, _EXAMPLE), max(shape.vocabulary - 1, 0))
            mask_BT = torch.ones_like(ids_BT)
            mask_BT[1, -2:] = 0
            one = (ids_BT, mask_BT, torch.zeros_like(ids_BT))[: self.each]
        # Copies: one tensor given twice would be traced as one input.
        return (*one, *(tensor.clone() for tensor in one)) if self.doubled else one

    def sizes(self, longest: int | None) -> tuple[dict[int, Any], ...]:
        """Return which axes of the inputs may have any size; longest: most tokens of a text, None: any number."""
        rows = torch.export.Dim("rows", min=1, max=_MOST_ROWS)
        out: list[dict[int, Any]] = []
        for number in range(2 if self.doubled else 1):
            if self.tokens:
                name = "tokens" if number == 0 else "tokens_2"
                tokens = torch.export.Dim(name, min=1, max=longest or _MOST_TOKENS)
                out += [{0: rows, 1: tokens}] * self.each
            else:
                out.append({0: rows})
        return tuple(out)


def plain(model: Exportable) -> Graph:
    """Return the graph of a model on the CPU, in float32, ready to be traced."""
    cpu = copy.deepcopy(replace(model, ours=None, processor=None, adapter=None))
    return Graph(replace(cpu, processor=model.processor)).cpu().float().eval().requires_grad_(False)

"""Retrieval: cosine of two texts, contrasted with the other pairs of the batch (Henderson et al. 2017, 1705.00652)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.core.batch import TokenBatch, make_batch
from headstart.core.contracts import Backbone, Features, Head, Loss, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason
from headstart.core.spec import HeadSpec
from headstart.data.matching import best_matches
from headstart.nn.pooling import pool


@dataclass(frozen=True, kw_only=True)
class RetrieveSpec(HeadSpec):
    """temperature: of the cosines. pooling: `auto` = mean over tokens, or the own vector of a bag."""

    temperature: float = 0.05
    pooling: Literal["auto", "mean", "cls", "last"] = "auto"

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Retrieve:
        """Return the head; there are no classes. Raises HeadstartError: temperature."""
        if self.temperature <= 0:
            raise HeadstartError(f"head retrieve.temperature={self.temperature}: expected a number above 0")
        return Retrieve(self, tokenizer.cls_id)


class Retrieve(Head):
    """Each text of a pair is encoded separately as [CLS] text [SEP]; the head has no weights.

    cls_id: the begin mark, -1 for none.
    """

    compares_samples = True  # the second texts of the other pairs are the wrong answers
    gives = "vectors"

    def __init__(self, spec: RetrieveSpec, cls_id: int) -> None:
        super().__init__()
        self.spec, self.cls_id = spec, cls_id

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return the number of each second text, `text_B`; equal texts have equal numbers.

        Raises HeadstartError when there is one text only.
        """
        if examples.second is None:
            raise HeadstartError(
                Reason("retrieve_pairs", "head retrieve needs pairs of texts; name the second text column")
            )
        number = {text: place for place, text in enumerate(dict.fromkeys(examples.second))}
        return {"text_B": [np.array([number[examples.second[owner]]]) for owner in pieces.owner_P]}

    def forward(self, features: Features) -> Tensor:
        """Return unit vectors [B, D]."""
        return F.normalize(pool(features, "mean" if self.spec.pooling == "auto" else self.spec.pooling).float(), dim=-1)

    def _vectors(self, backbone: Backbone, batch: TokenBatch) -> Tensor:
        """Return the unit vectors of both texts of each pair, [B, 2, D]."""
        mark = batch.ids_N.new_tensor([self.cls_id] if self.cls_id >= 0 else [])
        parts: tuple[list[Tensor], list[Tensor]] = ([], [])
        lengths = batch.lengths_B.tolist()
        for ids_T, types_T in zip(batch.ids_N.split(lengths), batch.segment_ids_N.split(lengths)):
            parts[0].append(ids_T[types_T == 0])
            parts[1].append(torch.cat([mark, ids_T[types_T == 1]]))
        return torch.stack([self(backbone(make_batch(texts).to(batch.ids_N.device))) for texts in parts], dim=1)

    def score(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """Return the loss of a batch of pairs."""
        return self.loss(self._vectors(backbone, batch), batch)

    def loss(self, output: Tensor, batch: TokenBatch) -> Loss:
        """Return the summed cross-entropy of each first text over the second texts of the batch; parts: `accuracy`."""
        text_B, own_B = batch.extra["text_B"], torch.arange(batch.size, device=output.device)
        scores_BB = output[:, 0] @ output[:, 1].T / self.spec.temperature
        same_BB = (text_B[:, None] == text_B) & (own_B[:, None] != own_B)
        scores_BB = scores_BB.masked_fill(same_BB, float("-inf"))
        right = (scores_BB.argmax(1) == own_B).sum()
        total = F.cross_entropy(scores_BB, own_B, reduction="sum")
        return Loss.of(total, batch.size, {"accuracy": right.double() / batch.size} if batch.size else {})

    def outputs(self, backbone: Backbone, batch: TokenBatch) -> list[np.ndarray]:
        """Return the vectors of both texts of each pair, [2, D]."""
        return list(self._vectors(backbone, batch).cpu().numpy())

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the match of each example among the second texts of all."""
        both_N2D = np.stack(outputs)
        return best_matches(both_N2D[:, 0], both_N2D[:, 1], examples.second)

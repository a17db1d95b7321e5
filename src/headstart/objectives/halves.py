"""Recognise the other half: a coin deals each word of a document to one of two views, which must find each other.

InfoNCE (van den Oord et al. 2018, arXiv:1807.03748): loss = mean over both directions of CE(cos(z_a, z_b') /
temperature, partner), in-batch negatives. The coin is loaded anew for every document, so that views of one word meet
views of many, and the temperature stays where it is: a learned one falls to .05 and turns to telling single documents
apart, which costs few-label transfer (docs/decisions.md has the measurements).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.base.batch import Batch
from headstart.base.contracts import Backbone, Loss, Objective, Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import ObjectiveSpec


@dataclass(frozen=True, kw_only=True)
class HalvesSpec(ObjectiveSpec):
    """minimum: fewest words of a document; least_share: the first view's expected share of them is uniform between
    this and one minus this (.5 = always half); temperature: of the softmax; projection: width that only training uses.
    """

    reads: ClassVar[tuple[str, ...]] = ("document", "both", "left", "apart", "token", "source")
    minimum: int = 4
    least_share: float = 0.1
    temperature: float = 0.2
    projection: int = 256

    def __post_init__(self) -> None:
        if not 0.0 <= self.least_share <= 0.5:
            raise HeadstartError(f"{self.label()}.least_share={self.least_share}: expected a share from 0 to 0.5")
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Halves:
        """Return the objective for any backbone; it learns from document vectors."""
        word_end = getattr(tokenizer, "word_end_id", -1)
        return Halves(backbone.width, self, word_end, sorted(tokenizer.special_ids - {word_end}))


class Halves(Objective):
    """See the file's first lines. parts: `recognised`, the share of views that find their partner first."""

    def __init__(self, width: int, spec: HalvesSpec, word_end_id: int, special_ids: list[int]):
        super().__init__()
        self.minimum, self.word_end_id = max(2, spec.minimum), word_end_id
        self.least_share = spec.least_share
        self.fewest = 2  # one alone has nothing to be told apart from
        self.needs = (
            f"it needs two or more of at least {self.minimum} words (objective.minimum): take longer documents "
            "(--unit paragraph or file) or --objective mlm"
        )
        self.special_ids = np.array(special_ids, np.int64)
        self.project = nn.Linear(width, spec.projection, bias=False)
        self.scale = 1.0 / spec.temperature
        nn.init.normal_(self.project.weight, std=width**-0.5)

    def usable(self, batch: Batch) -> int:
        """Return how many samples have at least `minimum` words."""
        word_row = self._rows_of_words(batch.row_N().numpy(), *self._units(batch))
        return int((np.bincount(word_row, minlength=batch.size) >= self.minimum).sum())

    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return 2M samples: the first views of M documents, then their second views.

        A document shorter than `minimum` words, or whose coins all fell alike, is left out. With a word-end mark words
        stay whole and the mark is dropped; otherwise every token is a word. Special tokens go into both views.
        """
        ids = batch.ids_N.numpy()
        row = batch.row_N().numpy()
        word, is_unit = self._units(batch)
        word_row = self._rows_of_words(row, word, is_unit)
        place = np.arange(len(word_row)) - np.searchsorted(word_row, word_row)  # word's position in its document
        sample_B = batch.sample_B.numpy()
        share_B = self.least_share + (1 - 2 * self.least_share) * random.uniform("halves.share", sample_B)
        coin = random.uniform("halves", sample_B[word_row], place) < share_B[word_row]
        words_B = np.bincount(word_row, minlength=batch.size)
        heads_B = np.bincount(word_row[coin], minlength=batch.size)
        keep_B = (words_B >= self.minimum) & (heads_B > 0) & (heads_B < words_B)
        new_row = np.cumsum(keep_B) - 1
        kept = int(keep_B.sum())

        view_N = coin[np.clip(word, 0, None)].astype(np.int64) if len(coin) else np.zeros(len(ids), np.int64)
        parts = []
        for side in (0, 1):
            chosen = keep_B[row] & ((is_unit & (view_N == side)) | (~is_unit & (word < 0)))
            parts.append((ids[chosen], np.bincount(new_row[row[chosen]], minlength=kept)))
        return dataclasses.replace(
            batch,
            ids_N=torch.from_numpy(np.concatenate([part[0] for part in parts])),
            lengths_B=torch.from_numpy(np.concatenate([part[1] for part in parts])),
            sample_B=batch.sample_B[torch.from_numpy(keep_B)].repeat(2),
            types_N=None,
            document_B=None,
        )

    def _units(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return (word number of each token over the batch, -1 for specials, which go to both views; is it text)."""
        ids, row = batch.ids_N.numpy(), batch.row_N().numpy()
        if self.word_end_id >= 0:
            ends = ids == self.word_end_id
            opens = np.concatenate([[True], ends[:-1] | (row[1:] != row[:-1])]) & ~ends  # a word's first n-gram
            return np.where(ends, 0, np.maximum(np.cumsum(opens) - 1, 0)), ~ends
        special = np.isin(ids, self.special_ids)
        return np.where(special, -1, np.cumsum(~special) - 1), ~special

    @staticmethod
    def _rows_of_words(row: np.ndarray, word: np.ndarray, is_unit: np.ndarray) -> np.ndarray:
        """Return the sample of each word, in the order of the words; see `_units`."""
        return row[is_unit][np.unique(word[is_unit], return_index=True)[1]]

    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Score 2M views; count = 2M, parts: recognised share."""
        pooled_BD = backbone(batch).pool()
        views_BP = F.normalize(self.project(pooled_BD).float(), dim=-1)
        return self._contrast(*views_BP.chunk(2))

    def _contrast(self, one_MP: Tensor, two_MP: Tensor) -> Loss:
        pairs = one_MP.shape[0]
        if pairs < 2:  # nothing to tell apart
            return Loss((one_MP.sum() + two_MP.sum()) * 0.0, 0, {})
        logits_MM = (one_MP * self.scale) @ two_MP.T
        target_M = torch.arange(pairs, device=logits_MM.device)
        total = F.cross_entropy(logits_MM, target_M, reduction="sum")
        total = total + F.cross_entropy(logits_MM.T, target_M, reduction="sum")
        with torch.no_grad():
            recognised = (logits_MM.argmax(1) == target_M).float().mean()
        return Loss(total, 2 * pairs, {"recognised": float(recognised)})

"""Recognise the other half: coins deal the words of a document to two views, which must find each other.

InfoNCE (van den Oord et al. 2018, arXiv:1807.03748): loss = mean over both directions of CE(cos(z_a, z_b') /
temperature, partner), in-batch negatives. The coin is loaded anew for every document, so that views of one word meet
views of many, and the temperature stays where it is: a learned one falls to .05 and turns to telling single documents
apart, which costs few-label transfer (docs/decisions.md has the measurements). With `together` a word often goes where
the word before it went, so that a view holds what neighbours say together.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core import ranks
from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import ObjectiveSpec
from headstart.nn.pooling import pool


@dataclass(frozen=True, kw_only=True)
class HalvesSpec(ObjectiveSpec):
    """minimum: fewest words of a document; least_share: the first view's expected share of them is uniform between
    this and one minus this (.5 = always half); together: how often a word goes to the view of the word before it
    instead of throwing a coin; temperature: of the softmax; projection: width that only training uses.
    """

    reads: ClassVar[tuple[str, ...]] = ("document", "bidirectional", "causal", "two_causal", "token", "encoder_decoder")
    minimum: int = 4
    least_share: float = 0.1
    together: float = 0.0
    temperature: float = 0.2
    projection: int = 256

    def __post_init__(self) -> None:
        if not 0.0 <= self.least_share <= 0.5:
            raise HeadstartError(f"{self.label()}.least_share={self.least_share}: expected a share from 0 to 0.5")
        if not 0.0 <= self.together < 1.0:
            raise HeadstartError(f"{self.label()}.together={self.together}: must be at least 0 and below 1")
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> Halves:
        """Return the objective for any backbone; it learns from document vectors."""
        word_end = tokenizer.word_end_id
        phrase_id = tokenizer.phrase_id if tokenizer.phrase_id >= 0 else tokenizer.vocabulary
        return Halves(backbone.width, self, word_end, sorted(tokenizer.special_ids - {word_end}), phrase_id)


@dataclass(frozen=True)
class _Words:
    """The W words of a batch. word_N: the word of each token, -1 for special ones; row_W: its sample; known_W: whether
    any n-gram of it is known."""

    word_N: np.ndarray
    row_W: np.ndarray
    known_W: np.ndarray


class Halves(Objective):
    """See the file's first lines. parts: `recognised`, the share of views that find their partner first."""

    compares_samples = True
    fewest = 2  # a document alone has nothing to be told apart from

    def __init__(self, width: int, spec: HalvesSpec, word_end_id: int, special_ids: list[int], phrase_id: int):
        super().__init__()
        self.minimum, self.word_end_id, self.phrase_id = max(2, spec.minimum), word_end_id, phrase_id
        self.least_share, self.together = spec.least_share, spec.together
        self.needs = (
            f"it needs two or more of at least {self.minimum} words (objective.minimum): take longer documents "
            "(--unit paragraph or file) or --objective mlm"
        )
        self.special_ids = np.array(special_ids, np.int64)
        self.project = nn.Linear(width, spec.projection, bias=False)
        self.scale = 1.0 / spec.temperature
        nn.init.normal_(self.project.weight, std=width**-0.5)

    def usable(self, batch: TokenBatch) -> int:
        """Return how many samples have at least `minimum` words."""
        words = self._words(batch)
        return int((np.bincount(words.row_W[words.known_W], minlength=batch.size) >= self.minimum).sum())

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return 2M samples: the first views of M documents, then their second views.

        A document shorter than `minimum` words, or whose coins all fell alike, is left out. With a word-end mark words
        stay whole, one mark stands for the words that went to the other view, and a phrase (two words in one id) stays
        where both its words are; otherwise every token is a word. Special tokens go into both views.
        """
        ids, row, sample_B = batch.ids_N.numpy(), batch.row_N().numpy(), batch.sample_B.numpy()
        words = self._words(batch)
        row_W = words.row_W
        first_W = np.arange(len(row_W)) == np.searchsorted(row_W, row_W)
        coin_W = self._coins(sample_B, row_W, random)
        joined_W = ~first_W & (coin_W == np.roll(coin_W, 1))  # to the word before
        words_B = np.bincount(row_W[words.known_W], minlength=batch.size)
        heads_B = np.bincount(row_W[words.known_W & coin_W], minlength=batch.size)
        keep_B = (words_B >= self.minimum) & (heads_B > 0) & (heads_B < words_B)
        new_row = np.cumsum(keep_B) - 1
        kept = int(keep_B.sum())

        special_N = words.word_N < 0
        coin_N, joined_N = (np.append(of_W, False)[words.word_N] for of_W in (coin_W, joined_W))
        lone_N = (ids >= self.phrase_id) & ~joined_N
        gap_N = (ids == self.word_end_id) & ~joined_N  # the first mark of words in a row that went elsewhere
        parts = []
        for side in (False, True):
            own_N = coin_N == side
            chosen = keep_B[row] & (special_N | (own_N & ~lone_N) | (~own_N & gap_N))
            parts.append((ids[chosen], np.bincount(new_row[row[chosen]], minlength=kept)))
        return dataclasses.replace(
            batch,
            ids_N=torch.from_numpy(np.concatenate([part[0] for part in parts])),
            lengths_B=torch.from_numpy(np.concatenate([part[1] for part in parts])),
            sample_B=batch.sample_B[torch.from_numpy(keep_B)].repeat(2),
            segment_ids_N=None,
            document_B=None,
        )

    def _coins(self, sample_B: np.ndarray, row_W: np.ndarray, random: KeyedRandom) -> np.ndarray:
        """Return the view of each word [W]: that of the word before with probability `together`, else a new coin's."""
        number_W = np.arange(len(row_W))
        place_W = number_W - np.searchsorted(row_W, row_W)  # in its document
        share_B = self.least_share + (1 - 2 * self.least_share) * random.uniform("halves.share", sample_B)
        coin_W = random.uniform("halves", sample_B[row_W], place_W) < share_B[row_W]
        thrown_W = (place_W == 0) | (random.uniform("halves.together", sample_B[row_W], place_W) >= self.together)
        return coin_W[np.maximum.accumulate(np.where(thrown_W, number_W, 0))]

    def _words(self, batch: TokenBatch) -> _Words:
        """Return what is dealt: with a word-end mark all up to the mark, else every token that is not special."""
        ids, row = batch.ids_N.numpy(), batch.row_N().numpy()
        if self.word_end_id < 0:
            special = np.isin(ids, self.special_ids)
            word = np.where(special, -1, np.cumsum(~special) - 1)
            return _Words(word, row[~special], np.ones(int((~special).sum()), bool))
        ends = ids == self.word_end_id
        opens = np.ones(len(ids), bool)
        opens[1:] = ends[:-1] | (row[1:] != row[:-1])
        word = np.cumsum(opens) - 1
        count = np.bincount(word[~ends & (ids < self.phrase_id)], minlength=int(opens.sum()))
        return _Words(word, row[opens], count > 0)

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """Score 2M views; count = 2M, parts: recognised share."""
        pooled_BD = pool(backbone(batch))
        views_BP = F.normalize(self.project(pooled_BD).float(), dim=-1)
        return self._contrast(*views_BP.chunk(2))

    def _contrast(self, one_MP: Tensor, two_MP: Tensor) -> Loss:
        one, two = ranks.gathered(one_MP), ranks.gathered(two_MP)
        if len(one.every) < 2:  # nothing to tell apart
            return Loss.of((one.every.sum() + two.every.sum()) * 0.0, 0)
        target_M = torch.arange(len(one.own), device=one.own.device) + one.start
        logits_MA = (one.own * self.scale) @ two.every.T
        back_MA = logits_MA.T if ranks.world() == 1 else (two.own * self.scale) @ one.every.T
        total = F.cross_entropy(logits_MA, target_M, reduction="sum")
        total = total + F.cross_entropy(back_MA, target_M, reduction="sum")
        with torch.no_grad():
            recognised = (logits_MA.argmax(1) == target_M).float().mean()
        return Loss.of(total, 2 * len(target_M), {"recognised": recognised})

"""Bag of character n-grams whose words look at their neighbours: one residual convolution over words before the sum.

The convolution is that of Kim 2014 (arXiv:1408.5882), of width 3 and residual; squared ReLU after So et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.backbones.ngram_bag import NgramBag, NgramBagSpec
from headstart.core.batch import PaddedBatch, TokenBatch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec

_SMALLEST = 1e-6  # scale of a word without any known n-gram: it is a gap, and stays one


@dataclass(frozen=True, kw_only=True)
class NgramConvSpec(NgramBagSpec, BackboneSpec):
    """width: D of word and document vectors; mlp_width, conv_width: hidden units of the MLP and of the convolution."""

    conv_width: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.conv_width < 1:
            raise HeadstartError(f"{self.label()}.conv_width={self.conv_width}: expected at least 1")

    def build(self, shape: TokenShape) -> NgramConv:
        """Return the randomly started network for `vocabulary` n-gram ids, most frequent first; `pad_id` ends words."""
        return NgramConv(shape.vocabulary, shape.pad_id, self.width, self.mlp_width, self.conv_width)


class NgramConv(NgramBag):
    """As `NgramBag`, but what is summed is s (n + W2 relu(W1 [n_before, n, n_after])^2) for every word.

    s n is the sum of the word's n-grams, s its root mean square. A word without any known n-gram, and what lies outside
    the sample, counts as zero. W2 starts at zero, so that the start is an `NgramBag`.
    """

    def __init__(self, vocabulary: int, pad_id: int, width: int, mlp_width: int, conv_width: int):
        super().__init__(vocabulary, pad_id, width, mlp_width)
        self.word_end_id = pad_id
        self.conv_in = nn.Linear(width, 3 * conv_width, bias=False)  # of the word before, the word, the word after
        self.conv_out = nn.Linear(conv_width, width)
        nn.init.normal_(self.conv_in.weight, std=(3 * width) ** -0.5)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def vector_sum(self, batch: TokenBatch) -> Tensor:
        """Return the sum of each sample's mixed word vectors [B, D]."""
        if isinstance(batch, PaddedBatch):
            return self._padded_sum(batch)
        ids_N, row_N = batch.ids_N, batch.row_N()
        opens_N = torch.ones_like(ids_N, dtype=torch.bool)
        opens_N[1:] = (ids_N[:-1] == self.word_end_id) | (row_N[1:] != row_N[:-1])
        starts_W = opens_N.nonzero()[:, 0]
        row_W = row_N[starts_W]
        word_WD = self.embedding(ids_N, starts_W)
        scale_W1 = word_WD.square().mean(1, keepdim=True).clamp_min(_SMALLEST**2).sqrt()
        normed_WD = word_WD / scale_W1
        same_W1 = (row_W[1:] == row_W[:-1])[:, None]  # as the word before it
        before_WH, own_WH, after_WH = self.conv_in(normed_WD).chunk(3, dim=1)
        hidden_WH = own_WH + F.pad(before_WH[:-1] * same_W1, (0, 0, 1, 0)) + F.pad(after_WH[1:] * same_W1, (0, 0, 0, 1))
        mixed_WD = word_WD + self.conv_out(F.relu(hidden_WH).square()).float() * scale_W1
        return mixed_WD.new_zeros(batch.size, self.width).index_add(0, row_W, mixed_WD)

    def _padded_sum(self, batch: PaddedBatch) -> Tensor:
        """Return what `vector_sum` does, by products of matrices: onnxruntime loses rows that are added by index."""
        ids_BT = batch.padded(batch.ids_N, self.word_end_id, batch.real_BT)
        ends_BT = ((ids_BT == self.word_end_id) & batch.real_BT).long()
        number_BT = ends_BT.cumsum(1) - ends_BT  # of the word that each token belongs to; there are T words at most
        place_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
        own_BWT = ((number_BT[:, None] == place_T[:, None]) & batch.real_BT[:, None]).float()
        vector_BTD = F.embedding(ids_BT, self.embedding.weight) * (ids_BT != self.pad_id)[:, :, None]
        word_BWD = own_BWT @ vector_BTD
        scale_BW1 = word_BWD.square().mean(2, keepdim=True).clamp_min(_SMALLEST**2).sqrt()
        before_BWH, own_BWH, after_BWH = self.conv_in(word_BWD / scale_BW1).chunk(3, dim=2)
        hidden_BWH = own_BWH + F.pad(before_BWH[:, :-1], (0, 0, 1, 0)) + F.pad(after_BWH[:, 1:], (0, 0, 0, 1))
        mixed_BWD = word_BWD + self.conv_out(F.relu(hidden_BWH).square()) * scale_BW1
        return (mixed_BWD * own_BWT.amax(2)[:, :, None]).sum(1)

    def groups(self) -> list[list[nn.Parameter]]:
        """Embedding first, then the convolution, then the MLP."""
        embedding, mlp = super().groups()
        return [embedding, [*self.conv_in.parameters(), *self.conv_out.parameters()], mlp]

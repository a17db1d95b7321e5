"""Static word vectors: one vector per token whatever stands beside it, the document is their mean (word2vec, 2013).

Mikolov et al. 2013, arXiv:1310.4546. The objectives skipgram and cbow train it; it is the control without context for
every network that has some.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec


@dataclass(frozen=True, kw_only=True)
class WordVectorsSpec(BackboneSpec):
    """width: D of each vector."""

    width: int = 128

    def __post_init__(self) -> None:
        if self.width < 1:
            raise HeadstartError(f"{self.label()}.width={self.width}: expected at least 1")

    def build(self, shape: TokenShape) -> WordVectors:
        """Return the randomly started table of `vocabulary` vectors."""
        return WordVectors(shape.vocabulary, self.width)


class WordVectors(Backbone):
    """`forward(batch)` looks each token up; there is one layer (number 0) and no attention."""

    reads = "token"

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.vocabulary = vocabulary
        self.width, self.depth = width, 0
        self.embedding = nn.Embedding(vocabulary, width)
        # As in the authors' program: so short that tokens never trained on, special ones, add nothing to a mean.
        nn.init.uniform_(self.embedding.weight, -0.5 / width, 0.5 / width)

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Return the vectors of the tokens [B, T, D]."""
        mask_BT = batch.mask_BT()
        last_BTD = self.embedding(batch.padded(batch.ids_N, 0, mask_BT))
        return Features(last_BTD, mask_BT, layers=(last_BTD,) if layers else ())

    def groups(self) -> list[list[nn.Parameter]]:
        """The table alone."""
        return [[self.embedding.weight]]

"""ELMo: LSTMs that read left to right beside LSTMs that read right to left (Peters et al. 2018, arXiv:1802.05365).

Known differences from the paper: tokens are the tokenizer's pieces instead of words spelt by a character network, and
the layers are as wide as the words (the paper has 4,096 cells projected to 512). Task heads read the last layer; the
paper's learned mix of layers needs a head that asks for `layers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.networks.encoder import parameters_of
from headstart.networks.recurrent_lm import check_positive, lengths_for, words_of
from headstart.nn.outputs import TokenOutput
from headstart.nn.ragged import Layout
from headstart.nn.recurrent import Stack, locked_dropout, reversed_in_time


class Elmo(Backbone):
    """Outputs [forward; backward], D / 2 each, nothing of one reaches the other; residual from the second layer on.

    The carry is that of the forward LSTMs, (h, c) of each layer: what is to come is not known when a window is read, so
    the backward ones start anew in each.
    """

    reads = "two_causal"
    has_vocabulary_output = True

    def __init__(self, vocabulary: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.width, self.depth, self.vocabulary, self.dropout = width, depth, vocabulary, dropout
        self.words = words_of(vocabulary, width // 2)
        widths, drops = [width // 2] * (depth + 1), [dropout] * depth
        self.forwards = Stack("lstm", widths, drops=drops, residual=True)
        self.backwards = Stack("lstm", widths, drops=drops, residual=True)

    @property
    def words_VD(self) -> Tensor:
        """The word matrix [V, D / 2], for an output tied to it."""
        return self.words.weight

    def prediction_head(self) -> TokenOutput:
        """Return a new output over the vocabulary for hidden states of either direction; call it with `words_VD`."""
        return TokenOutput(nn.Identity(), self.vocabulary)

    def forward(
        self, batch: TokenBatch, *, layers: bool = False, attention: bool = False, carry: bool = False
    ) -> Features:
        """See `Backbone.forward`; there are no maps. layers: the word vectors twice, then both directions of each."""
        layout = Layout(batch)
        words_BTD = locked_dropout(layout.pad(self.words(batch.ids_N)), self.dropout, self.training)
        forwards, states = self.forwards(words_BTD, batch.carry, lengths_for(layout, batch, carry))
        turned, _ = self.backwards(reversed_in_time(words_BTD, batch.lengths_B))
        backwards = [
            reversed_in_time(hidden_BTD, batch.lengths_B) for hidden_BTD in (turned if layers else turned[-1:])
        ]
        last_BTD = torch.cat([forwards[-1], backwards[-1]], -1)
        seen: tuple[Tensor, ...] = ()
        if layers:
            pairs = zip(forwards[:-1], backwards[:-1], strict=True)
            seen = (torch.cat([words_BTD, words_BTD], -1), *(torch.cat(pair, -1) for pair in pairs), last_BTD)
        return Features(last_BTD=last_BTD, mask_BT=layout.mask_BT, layers=seen, carry=states if carry else ())

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: words, then both directions of every layer."""
        both = zip(self.forwards.layers, self.backwards.layers, strict=True)
        return [parameters_of(self.words), *(parameters_of(*pair) for pair in both)]


@dataclass(frozen=True, kw_only=True)
class ElmoSpec(BackboneSpec):
    """width: D of the outputs, half of it for words and for each direction; depth: layers; dropout: locked, of each."""

    width: int = 512
    depth: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_positive(self.label(), width=self.width, depth=self.depth)
        if self.width % 2:
            raise HeadstartError(f"{self.label()}.width={self.width}: must be even, each direction has half of it")
        if not 0.0 <= self.dropout < 1.0:
            raise HeadstartError(f"{self.label()}.dropout={self.dropout}: expected at least 0 and below 1")

    def build(self, shape: TokenShape) -> Elmo:
        """Return a new network; its random weights follow torch's global seed."""
        return Elmo(shape.vocabulary, self.width, self.depth, self.dropout)

"""LSTM encoder-decoder without attention: all of the source in one state (Sutskever et al. 2014, arXiv:1409.3215)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.networks.encoder import parameters_of
from headstart.networks.recurrent_lm import check_positive, lengths_for
from headstart.networks.writer import Writer, check_dropout, unit_words
from headstart.nn.outputs import WordOutput
from headstart.nn.ragged import Layout
from headstart.nn.recurrent import Stack, locked_dropout, reversed_in_time


class Seq2Seq(Writer):
    """Words -> LSTM layers over the source, last token first -> LSTM layers over the target, from the same states.

    A source state has seen its token and those after it. `forward` always returns the encoder's last states in
    `Features.carry` (h, c of each layer, [B, D]): they are all that the decoder knows of the source. The words are
    shared by both sides and the output, which the paper does not do.
    """

    def __init__(self, vocabulary: int, spec: Seq2SeqSpec) -> None:
        super().__init__()
        self.width, self.depth, self.vocabulary, self.dropout = spec.width, spec.depth, vocabulary, spec.dropout
        self.words = unit_words(vocabulary, spec.width)
        widths, drops = [spec.width] * (spec.depth + 1), [spec.dropout] * spec.depth
        self.encoder = Stack("lstm", widths, drops=drops)
        self.decoder = Stack("lstm", widths, drops=drops)

    def _embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        words_ND = self.words(batch.ids_N) * math.sqrt(self.width)
        return locked_dropout(layout.pad(words_ND), self.dropout, self.training)

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`; there are no maps."""
        layout = Layout(batch)
        words_BTD = self._embed(batch, layout)
        turned_BTD = reversed_in_time(words_BTD, batch.lengths_B)
        outputs, states = self.encoder(turned_BTD, (), lengths_for(layout, batch, True))
        seen = [reversed_in_time(one, batch.lengths_B) for one in (outputs if layers else outputs[-1:])]
        return Features(seen[-1], layout.mask_BT, layers=(words_BTD, *seen) if layers else (), carry=states)

    def decode(self, target: TokenBatch, memory: Features, *, attention: bool = False, carry: bool = False) -> Features:
        """See `EncoderDecoder.decode`; there are no maps. carry: h, c of each layer."""
        layout = Layout(target)
        words_BTD = self._embed(target, layout)
        outputs, states = self.decoder(words_BTD, target.carry or memory.carry, lengths_for(layout, target, carry))
        return Features(outputs[-1], layout.mask_BT, carry=states if carry else ())

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: words, every layer of the encoder, of the decoder."""
        layers = (*self.encoder.layers, *self.decoder.layers)
        return [parameters_of(self.words), *(parameters_of(layer) for layer in layers)]

    def prediction_head(self) -> WordOutput:
        """See `Writer`."""
        return WordOutput(self.width, self.vocabulary, tied=True)


@dataclass(frozen=True, kw_only=True)
class Seq2SeqSpec(BackboneSpec):
    """width D, depth (layers on each side), dropout (locked, of the words and of each layer's output)."""

    width: int = 256
    depth: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_positive(self.label(), width=self.width, depth=self.depth)
        check_dropout(self.label(), self.dropout)

    def build(self, shape: TokenShape) -> Seq2Seq:
        """Return a new network; its random weights follow torch's global seed."""
        return Seq2Seq(shape.vocabulary, self)

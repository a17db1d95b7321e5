"""What the recurrent language models share: words, a stack of layers, the carried state, the tied output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.networks.encoder import parameters_of
from headstart.nn.outputs import TokenOutput
from headstart.nn.ragged import Layout
from headstart.nn.recurrent import Stack, locked_dropout, word_dropout

# Standard deviation of new word vectors. With AWD-LSTM's (.06) little of a word reaches the upper layers at first:
# after 250 batches of 1,024 tokens of English novels, 2 layers of 256 had a held-out loss of 5.83, with .3 and .6 they
# had 5.25 and 5.21; 3 layers of 384 had 6.44, with .3 5.50. Forget gates that start open (bias 1) gave .02 or less.
_START = 0.5


class RecurrentLM(Backbone):
    """Words -> stack. widths: of the words, then of each layer; the last is that of the words, whose matrix it shares.

    word_drop: words hidden in a batch; input_drop, hidden_drop, output_drop: locked dropout of the word vectors, of the
    layers' outputs and of the last one's; weight_drop: DropConnect. See `nn/recurrent.py`; all of it in training only.
    The carry is (h, c) of each layer from below, (h,) where the cell has no c.
    """

    reads = "causal"
    has_vocabulary_output = True

    def __init__(
        self,
        cell: str,
        vocabulary: int,
        widths: Sequence[int],
        *,
        word_drop: float = 0.0,
        input_drop: float = 0.0,
        hidden_drop: float = 0.0,
        output_drop: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        assert widths[0] == widths[-1], f"widths {widths}: the output shares the word matrix"
        self.width, self.depth, self.vocabulary = widths[-1], len(widths) - 1, vocabulary
        self.word_drop, self.input_drop = word_drop, input_drop
        self.words = words_of(vocabulary, widths[0])
        drops = (*[hidden_drop] * (self.depth - 1), output_drop)
        self.stack = Stack(cell, widths, weight_drop=weight_drop, drops=drops)

    @property
    def words_VD(self) -> Tensor:
        """The word matrix, for tied outputs."""
        return self.words.weight

    def prediction_head(self) -> TokenOutput:
        """Return a new output over the vocabulary: the word matrix and a bias; call it with `words_VD`."""
        return TokenOutput(nn.Identity(), self.vocabulary)

    def forward(
        self, batch: TokenBatch, *, layers: bool = False, attention: bool = False, carry: bool = False
    ) -> Features:
        """See `Backbone.forward`; there are no maps. layers: word vectors, then each layer, in their own widths."""
        layout = Layout(batch)
        words_BTD = layout.pad(word_dropout(self.words, batch.ids_N, self.word_drop, self.training))
        words_BTD = locked_dropout(words_BTD, self.input_drop, self.training)
        outputs, states = self.stack(words_BTD, batch.carry, lengths_for(layout, batch, carry))
        return Features(
            last_BTD=outputs[-1],
            mask_BT=layout.mask_BT,
            layers=(words_BTD, *outputs) if layers else (),
            carry=states if carry else (),
        )

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: words, every layer."""
        return [parameters_of(self.words), *(parameters_of(layer) for layer in self.stack.layers)]


def words_of(vocabulary: int, width: int) -> nn.Embedding:
    """Return a new table of word vectors."""
    words = nn.Embedding(vocabulary, width)
    nn.init.normal_(words.weight, std=_START)
    return words


def lengths_for(layout: Layout, batch: TokenBatch, carry: bool) -> Tensor | None:
    """Return what `Recurrent` must know of the lengths: nothing, unless states after unlike lengths are asked for."""
    return batch.lengths_B if carry and not layout.dense else None


def check_positive(label: str, **sizes: int) -> None:
    """Raise HeadstartError unless all sizes are at least 1."""
    for name, value in sizes.items():
        if value < 1:
            raise HeadstartError(f"{label}.{name}={value}: expected at least 1")


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings:
    """width: of words and layers; depth: layers."""

    width: int = 256
    depth: int = 2

    cell: ClassVar[str]

    def __post_init__(self) -> None:
        check_positive(self.label(), width=self.width, depth=self.depth)

    def build(self, shape: TokenShape) -> RecurrentLM:
        """Return a new network; its random weights follow torch's global seed."""
        return RecurrentLM(self.cell, shape.vocabulary, [self.width] * (self.depth + 1))

"""AWD-LSTM language model: an LSTM regularised at every joint (Merity et al. 2018, arXiv:1708.02182), ULMFiT's network.

Known differences from the paper: the loop trains with AdamW, not with NT-ASGD; windows have a fixed length, because
the running text is cut elsewhere in every epoch (`data/stateful_batches.py`), which is what the paper varies the length
for.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.core.contracts import Features, Term
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.networks.recurrent_lm import RecurrentLM, check_positive


class AwdLstm(RecurrentLM):
    """The regularised LSTM. weights: of the two activation penalties, see `penalties`."""

    def __init__(self, vocabulary: int, widths: list[int], weights: tuple[float, float], **drops: float) -> None:
        super().__init__("lstm", vocabulary, widths, **drops)
        self.penalty_weights, self.output_drop = weights, drops["output_drop"]

    def penalties(self, features: Features) -> dict[str, Term]:
        """Return what the loss grows by in training (Merity et al. 2017, arXiv:1708.01009).

        activation x mean h^2 + slowness x mean (h_t - h_t-1)^2 over the features of the last layer. The paper takes the
        second mean over features that dropout has not touched; a locked mask only scales that mean by 1 / (1 - share),
        which is undone here.
        """
        activation, slowness = self.penalty_weights
        hidden_BTD, mask_BT1 = features.last_BTD.float(), features.mask_BT[:, :, None]
        square = (hidden_BTD.square() * mask_BT1).sum()
        later_BT1 = mask_BT1[:, 1:]  # tokens that have one before them
        change = ((hidden_BTD[:, 1:] - hidden_BTD[:, :-1]).square() * later_BT1).sum()
        return {
            "activation": Term(activation * square, int(mask_BT1.sum()) * self.width),
            "slowness": Term(slowness * (1.0 - self.output_drop) * change, int(later_BT1.sum()) * self.width),
        }


@dataclass(frozen=True, kw_only=True)
class AwdLstmSpec(BackboneSpec):
    """width: of words and of the last layer; inner: of the layers below it, none = 2 x width; depth: layers.

    Shares that training hides: word_drop of the vocabulary, input_drop of the word vectors, hidden_drop and output_drop
    of the layers and the last layer, weight_drop of the hidden-to-hidden matrices. activation, slowness: weights of the
    two penalties. The paper has 400, 1150, 3 and .1, .4, .3, .4, .5 and 2, 1; the shares here are for few epochs.
    """

    width: int = 256
    inner: int | None = None
    depth: int = 3
    word_drop: float = 0.02
    input_drop: float = 0.1
    hidden_drop: float = 0.1
    output_drop: float = 0.1
    weight_drop: float = 0.1
    activation: float = 2.0
    slowness: float = 1.0

    def __post_init__(self) -> None:
        inner = {} if self.inner is None else {"inner": self.inner}
        check_positive(self.label(), width=self.width, depth=self.depth, **inner)
        for name, share in self._drops().items():
            if not 0.0 <= share < 1.0:
                raise HeadstartError(f"{self.label()}.{name}={share}: expected at least 0 and below 1")
        for name in ("activation", "slowness"):
            if not getattr(self, name) >= 0.0:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least 0")

    def _drops(self) -> dict[str, float]:
        return {
            f"{part}_drop": getattr(self, f"{part}_drop") for part in ("word", "input", "hidden", "output", "weight")
        }

    def build(self, shape: TokenShape) -> AwdLstm:
        """Return a new network; its random weights follow torch's global seed."""
        inner = 2 * self.width if self.inner is None else self.inner
        widths = [self.width, *[inner] * (self.depth - 1), self.width]
        return AwdLstm(shape.vocabulary, widths, (self.activation, self.slowness), **self._drops())

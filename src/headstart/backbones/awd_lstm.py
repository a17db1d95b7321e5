"""AWD-LSTM language model: an LSTM regularised at every joint (Merity et al. 2018, arXiv:1708.02182), ULMFiT's network.

Known differences from the paper: the loop trains with AdamW, not with NT-ASGD; windows have a fixed length, because the
running text is cut elsewhere in every epoch (`data/continuous.py`), which is what the paper varies the length for.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from headstart.backbones.recurrent_lm import RecurrentLM, check_positive
from headstart.base.contracts import Features
from headstart.base.errors import HeadstartError
from headstart.base.spec import BackboneSpec


class AwdLstm(RecurrentLM):
    """The regularised LSTM. penalties: weights of the two activation penalties, see `penalty`."""

    def __init__(self, vocabulary: int, widths: list[int], penalties: tuple[float, float], **drops: float) -> None:
        super().__init__("lstm", vocabulary, widths, **drops)
        self.penalties, self.output_drop = penalties, drops["output_drop"]

    def penalty(self, features: Features) -> Tensor:
        """Return what the loss of each target grows by in training (Merity et al. 2017, arXiv:1708.01009).

        activation x mean h^2 + slowness x mean (h_t - h_t-1)^2 over the features of the last layer. The paper takes the
        second of what dropout has not touched; a locked mask only scales its mean by 1 / (1 - share), undone here.
        """
        activation, slowness = self.penalties
        hidden_BTD, mask_BT1 = features.last_BTD.float(), features.mask_BT[:, :, None]
        square = (hidden_BTD.square() * mask_BT1).sum() / (mask_BT1.sum() * self.width).clamp_min(1)
        later_BT1 = mask_BT1[:, 1:]
        change = (hidden_BTD[:, 1:] - hidden_BTD[:, :-1]).square() * later_BT1
        change = change.sum() / (later_BT1.sum() * self.width).clamp_min(1)
        return activation * square + slowness * (1.0 - self.output_drop) * change


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

    def build(self, vocabulary: int, pad_id: int) -> AwdLstm:
        """Return a new network; its random weights follow torch's global seed."""
        inner = 2 * self.width if self.inner is None else self.inner
        widths = [self.width, *[inner] * (self.depth - 1), self.width]
        return AwdLstm(vocabulary, widths, (self.activation, self.slowness), **self._drops())

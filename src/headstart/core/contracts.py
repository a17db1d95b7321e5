"""The contracts between floors: Backbone, Objective, Head, and what they hand to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.core.batch import Batch, TokenBatch
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.core.spec import HeadSpec


@dataclass(frozen=True)
class Features:
    """What a backbone computes.

    last_BTD: last hidden states, or None for a backbone without token outputs. mask_BT: True where there is a token.
    layers: hidden states by depth (embeddings first), when asked for. attention: [B, H, T, T] maps by layer, when asked
    for. pooled_BD: the backbone's own vector of each sample, or None. carry: what is remembered for the next part of
    each sample (`TokenBatch.carry`), when asked for. grid: rows and columns of the tokens of an image, where they lie
    on one (T = h * w, and special tokens before them). maps: feature maps [B, D, H, W] by depth, for dense heads.
    """

    last_BTD: Tensor | None = None
    mask_BT: Tensor | None = None
    layers: tuple[Tensor, ...] = ()
    attention: tuple[Tensor, ...] = ()
    pooled_BD: Tensor | None = None
    carry: tuple[Tensor, ...] = ()
    grid: tuple[int, int] | None = None
    maps: tuple[Tensor, ...] = ()


Reads = Literal["bidirectional", "causal", "two_causal", "encoder_decoder", "token", "document"]


class Backbone(nn.Module, ABC):
    """A network without loss or optimizer: `forward(batch) -> Features`.

    reads: what a token output has seen of its sample, which says what the network can learn.
    bidirectional: all of it. causal: nothing after the token. two_causal: the first half of the width nothing after the
    token, the second half nothing before it. encoder_decoder: all of it, and a decoder writes from that
    (`EncoderDecoder`). token: the token alone. document: there are no token outputs, only `pooled_BD`.
    has_vocabulary_output: whether there are `prediction_head` and `words_VD`. pooling: how the vector of a sample is
    read from token outputs where nothing else is said. patch: side in pixels of the square that each token output of an
    image stands for, None where they stand for no squares; such a network reads `visible_BV` (`ImageBatch`). has_maps:
    whether features have `maps`, by depth, from which document vectors can be read in further ways (`nn/pooling.py`).
    """

    width: int
    depth: int
    vocabulary: int = 0  # ids it has a row for, maybe more than the tokenizer has; 0 for a network of pixels
    max_tokens: int | None = None  # longest sample it takes; None = any length
    reads: Reads = "bidirectional"
    has_vocabulary_output: bool = False
    pooling: Literal["mean", "cls"] = "mean"
    patch: int | None = None
    has_maps: bool = False
    _keeps_statistics = False

    def keep_statistics(self) -> None:
        """From now on let batch norms compute with the means and variances that they have, in training too."""
        self._keeps_statistics = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or to evaluation; see `keep_statistics`."""
        super().train(mode)
        for module in self.modules() if self._keeps_statistics else ():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    @property
    def token_outputs(self) -> bool:
        """Whether there is an output for each token."""
        return self.reads != "document"

    @property
    def inner_width(self) -> float:
        """Width that learning rates are scaled by; the mean over stages where their widths differ."""
        return float(self.width)

    @property
    def words_VD(self) -> Tensor | None:
        """The word matrix, for outputs that share it; None for a backbone without."""
        return None

    @abstractmethod
    def forward(self, batch: Batch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode a batch; `layers` and `attention` ask for every layer's states and maps.

        A network that reads `causal` or `two_causal` also takes `carry: bool = False`: return `Features.carry`; and the
        network goes on from `batch.carry` where that is not empty.
        """

    @abstractmethod
    def groups(self) -> list[list[nn.Parameter]]:
        """Return all parameters, each once, grouped from input to output."""

    def layer_modules(self) -> list[nn.Module]:
        """Return the layers that can be recomputed or spread over ranks one by one; each is called by its `forward`.

        The elements of the outermost lists of modules that have parts of their own.
        """
        return _layers_of(self)

    def prediction_head(self) -> nn.Module:
        """Return a new output over the vocabulary as the reference wires it; call it with `words_VD`.

        Raises HeadstartError for a backbone without.
        """
        raise HeadstartError("this backbone has no output over the vocabulary")

    def classification_head(self, classes: int) -> nn.Module | None:
        """Return a new classification output [features -> B, C] as the reference wires it; None: there is no such."""
        return None

    def detection_head(self) -> nn.Module | None:
        """Return a new output that tells replaced tokens, as the reference wires it; None: there is no such."""
        return None

    def penalties(self, features: Features) -> dict[str, Term]:
        """Return what the loss grows by in training, by name, on the scale of the loss of one target."""
        return {}


def _layers_of(module: nn.Module) -> list[nn.Module]:
    found: list[nn.Module] = []
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            found += [one for one in child if any(True for _ in one.children())]
        else:
            found += _layers_of(child)
    return found


class EncoderDecoder(Backbone):
    """A backbone that writes: `forward` encodes the source, `decode` reads what is written so far beside it."""

    reads = "encoder_decoder"

    @abstractmethod
    def decode(self, target: TokenBatch, memory: Features, *, attention: bool = False, carry: bool = False) -> Features:
        """Return the decoder's states of `target` [B, T', D]; sample b attends to sample b of `memory`.

        A state has seen its own token and those before it. attention: the maps onto the source. carry: see `Backbone`.
        """


class Term(NamedTuple):
    """One summand of a loss: total, a scalar sum over `count` targets, which counts as total / count."""

    total: Tensor
    count: int


@dataclass(frozen=True)
class Loss:
    """A sum of means: L = sum over terms of total / count, each normalised by its own number of targets.

    terms: by name, the main term first; gradients of several batches add up exactly, because totals and counts do.
    parts: logged values, scalar tensors that are read only when they are written somewhere.
    carry: what the network remembers for the next batch when that batch continues this one, see `TokenBatch.carry`.
    """

    terms: Mapping[str, Term]
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    carry: tuple[Tensor, ...] = ()

    @classmethod
    def of(
        cls, total: Tensor, count: int, parts: Mapping[str, Tensor] | None = None, carry: tuple[Tensor, ...] = ()
    ) -> Loss:
        """Return the loss of one term."""
        return cls({"loss": Term(total, count)}, parts or {}, carry)

    @property
    def total(self) -> Tensor:
        """The sum over the targets of the main term."""
        return next(iter(self.terms.values())).total

    @property
    def count(self) -> int:
        """The targets of the main term."""
        return next(iter(self.terms.values())).count

    @property
    def live(self) -> dict[str, Term]:
        """The terms that have targets."""
        return {name: term for name, term in self.terms.items() if term.count}

    def mean(self) -> Tensor:
        """Return L, a scalar; 0 where no term has a target."""
        means = [term.total / term.count for term in self.live.values()]
        return reduce(torch.add, means) if means else self.total * 0.0


class Objective(nn.Module, ABC):
    """What is hidden and how its prediction is scored: corruption, extra parameters, loss, metric names.

    On several ranks a batch is a share of what is learned from at once: a loss that compares samples takes those of all
    by `ranks.gathered`, a count over samples by `ranks.summed`.
    alone: what is hidden in a sample does not depend on the other samples of its batch. compares_samples: its loss does
    (negatives, statistics of a batch), so that accumulated batches are not one large batch. steady: how often the
    network is called does not depend on what is in the batch, so that its weights can be spread over ranks. fewest:
    usable samples without which nothing can be learned; needs: said when there are fewer. predicts: which token the
    vocabulary output tells at a position: the one that is `masked` there, the `next` one, or none. phases: what a step
    trains one after the other, each with an optimizer of its own.
    What a forward pass changes are buffers, in place: they are put back when the phase is skipped.
    """

    alone: bool = True
    compares_samples: bool = False
    steady: bool = True
    fewest: int = 1
    needs: str = "more documents are needed"
    predicts: ClassVar[Literal["", "masked", "next"]] = ""
    phases: tuple[str, ...] = ("main",)

    def learn_from(self, teacher: Backbone, objective: Objective | None, processor: Processor) -> None:
        """Take the trained model whose outputs are to be learned, for an objective whose spec says `teacher`.

        objective: that of the teacher, or None. processor: that of the teacher, which says what it reads.
        """
        raise HeadstartError("this objective learns from no teacher")

    def usable(self, batch: Batch) -> int:
        """Return how many samples of an uncorrupted batch the objective can learn from."""
        return batch.size

    @abstractmethod
    def corrupt(self, batch: Batch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True) -> Batch:
        """Return the batch with its targets hidden, on the CPU; a pure function of its arguments.

        It reads no state that training changes, so that batches can be made ahead by another thread. Random keys are
        (sample id, position). progress: used share of the budget, 0 to 1, for scheduled corruption; training: False in
        an evaluation, where the corruption is always the same.
        """

    def share(self, corrupted: Batch, row_R: Tensor) -> Batch:
        """Return these samples of a batch that `corrupt` returned; asked where samples are mixed (`alone` is False)."""
        return corrupted.rows(row_R)

    @abstractmethod
    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Score a corrupted batch. An objective of several phases takes the phase as a third argument."""

    def seen(self, batch: Batch) -> dict[str, Tensor]:
        """Return what the network is shown of a corrupted batch, uint8 [B, C, H, W] by name; {} where it is no image.

        For an objective that shows several versions of an image: each by its name, in the order in which they are read.
        """
        return batch.pictures

    def layers(self, backbone: Backbone, phase: str) -> list[list[nn.Parameter]]:
        """Return the parameters that a phase trains, grouped from input to output."""
        return [*backbone.groups(), list(self.parameters())]

    def after_step(self, backbone: Backbone) -> None:
        """Update what follows the weights without a gradient (counts, a teacher's moving average).

        Called after every step, except one that was skipped because a loss or gradient was not finite.
        """

    def sample(self, backbone: Backbone, count: int, random: KeyedRandom) -> Batch:
        """Return `count` new samples. Raises HeadstartError for an objective that does not generate."""
        raise HeadstartError("this objective generates no samples")

    def named_head(self) -> tuple[str, nn.Module] | None:
        """Return (which head of `BackboneSpec.HF_NAMES` it is, the trained output), or None: nothing to hand on."""
        return None

    def masked_model(self) -> Objective | None:
        """Return the part that tells masked tokens and has `fill`, or None."""
        return None


@dataclass(frozen=True)
class Pieces:
    """P encoded pieces of N examples: a text that is too long for the network may be in several.

    inputs: P arrays, int64 ids with special tokens or uint8 pixels [C, H, W]. segment_ids: P arrays of segments (0, 1),
    or None when there is one text. owner_P: the example of each piece. spans: P int64 arrays [n, 2], the characters of
    each token in the text that it is of (`items` for segment 0, `second` for 1), (-1, -1) for special tokens; None
    unless the head asks for them. cut: examples of which something was left out.
    """

    inputs: list[np.ndarray]
    segment_ids: list[np.ndarray] | None
    owner_P: np.ndarray
    spans: list[np.ndarray] | None
    cut: int


class Head(nn.Module, ABC):
    """A task output on a backbone: what is asked of it, how that is scored, how its outputs become answers.

    spec: what built it. smoothing: share of a target that its loss spreads evenly over the classes in training (Szegedy
    et al. 2016); None for a head that chooses no class. compares_samples: see `Objective`. concludes: whether
    `conclude` has something to do. gives: what `finish` returns, in one word.
    """

    spec: HeadSpec
    smoothing: float | None = None
    compares_samples: bool = False
    concludes: bool = False
    gives: str = "logits"

    def inherit(self, objective: Objective | None) -> None:
        """Take over what pre-training learned beside the backbone, such as an output over the vocabulary."""

    def linear_layer(self) -> tuple[nn.Linear, str] | None:
        """Return (layer, pooling) where logits of classes are this layer on a pooled vector, or None: they are not."""
        return None

    def prepare(self, examples: Examples) -> None:
        """Look at the training rows before the first step (at the scale of their numbers, say)."""

    def conclude(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> None:
        """Look at the outputs on some training rows after the last step."""

    def notes(self, examples: Examples, pieces: Pieces) -> dict[str, object]:
        """Return what the receipt should tell about the training rows."""
        return {}

    @abstractmethod
    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return what `loss` needs, P arrays under each name; they ride in `Batch.extra`, joined end to end.

        A name that ends in `_N` holds one value per token, in `_B` one per piece.
        """

    @abstractmethod
    def forward(self, features: Features) -> Tensor:
        """Return raw outputs: [B, ...] for a piece, [B, T, ...] for its tokens."""

    @abstractmethod
    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Score raw outputs against the targets in `batch.extra`."""

    def plain_output(self) -> nn.Module:
        """Return the module [features -> B, ...] that other libraries hold: its results are logits, or the numbers.

        Raises HeadstartError for a head that is more than such a module.
        """
        raise HeadstartError(f"head {self.spec.name} has no counterpart in other libraries")

    def finish(self, output: Tensor) -> Tensor:
        """Return the raw outputs of a batch as another library hands them on: see `gives`."""
        return output

    def score(self, backbone: Backbone, batch: Batch) -> Loss:
        """Return the loss of a batch; a head that needs more than features, such as a decoder, has its own way."""
        return self.loss(self(backbone(batch)), batch)

    def outputs(self, backbone: Backbone, batch: Batch) -> list[np.ndarray]:
        """Return the raw outputs of each piece; those for tokens are cut to its length."""
        output = self(backbone(batch)).float().cpu().numpy()
        if output.ndim == 2:
            return list(output)
        return [one[:length] for one, length in zip(output, batch.lengths_B.tolist())]

    @abstractmethod
    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return the answers to N examples, as `TaskModel.predict` gives them, from the outputs of P pieces."""

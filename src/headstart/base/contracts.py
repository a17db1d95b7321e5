"""The contracts between floors: Tokenizer, Backbone, Objective, Head, TaskModel, and what they hand to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from headstart.base.batch import Batch
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.seeds import KeyedRandom
from headstart.base.spec import HeadSpec


class Tokenizer(ABC):
    """Text to ids and back. Text is NFC-normalised first, so NFC and NFD spellings give identical ids.

    Special ids are -1 where the tokenizer has none. `mask_id >= 0` is what a masked objective needs.
    """

    kind: str
    vocabulary: int
    pad_id: int = -1
    unk_id: int = -1
    cls_id: int = -1
    sep_id: int = -1
    mask_id: int = -1
    reversible: ClassVar[bool] = True
    special_ids: frozenset[int] = frozenset()
    sentinel_ids: tuple[int, ...] = ()  # of <extra_id_0>, <extra_id_1> ..., which stand for hidden spans (T5)

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return one int64 id array per text, without special tokens and without truncation."""

    def encode_spans(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (ids [N], spans [N, 2]) per text: ids as `encode`, spans the characters each id was made of.

        Spans are int64 offsets (start, end exclusive) into the text as given, before any normalisation. An id for a
        part of a character has the span of the whole character; blanks that belong to a piece belong to its span.
        Raises HeadstartError for a tokenizer whose ids are no pieces of the text.
        """
        raise HeadstartError(f"tokenizer {self.kind} has no spans: its ids are no pieces of the text; take wordpiece")

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`; special tokens are left out."""

    @abstractmethod
    def token(self, token_id: int) -> str:
        """Return how one id is written, for people."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the tokenizer's files; `transformers` loads them where the kind exists there."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Tokenizer:
        """Read what `save` wrote. Raises HeadstartError on a damaged file."""

    def frame(self, first: np.ndarray, second: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids, segment types) of `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.

        A tokenizer without these specials returns the plain concatenation.
        """
        start = [self.cls_id] if self.cls_id >= 0 else []
        stop = [self.sep_id] if self.sep_id >= 0 else []
        ids = np.concatenate([np.array(start, np.int64), first, np.array(stop, np.int64)])
        if second is None:
            return ids, np.zeros(len(ids), np.int64)
        tail = np.concatenate([second, np.array(stop, np.int64)])
        types = np.concatenate([np.zeros(len(ids), np.int64), np.ones(len(tail), np.int64)])
        return np.concatenate([ids, tail]), types


@dataclass(frozen=True)
class Features:
    """What a backbone computes.

    last_BTD: last hidden states, or None for a backbone without token outputs. mask_BT: True where there is a token.
    layers: hidden states by depth (embeddings first), when asked for. attention: [B, H, T, T] maps by layer, when asked
    for. pooled_BD: the backbone's own document vector, or None. carry: what is remembered for the next part of each
    sample (`Batch.carry`), when asked for.
    """

    last_BTD: Tensor | None = None
    mask_BT: Tensor | None = None
    layers: tuple[Tensor, ...] = ()
    attention: tuple[Tensor, ...] = ()
    pooled_BD: Tensor | None = None
    carry: tuple[Tensor, ...] = ()

    def pool(self, how: str = "mean", layer: int = -1) -> Tensor:
        """Return document vectors [B, D]: `mean` over tokens, `cls` (first token), `last` (last token), or `own`.

        A backbone without token outputs always returns its own vector, of the layer asked for.
        """
        if self.last_BTD is None and layer != -1:
            return self.layers[layer]
        if self.last_BTD is None or how == "own":
            assert self.pooled_BD is not None, "this backbone has no document vector of its own"
            return self.pooled_BD
        hidden = self.last_BTD if layer == -1 else self.layers[layer]
        if how == "cls":
            return hidden[:, 0]
        if how == "last":
            last_B = self.mask_BT.sum(1).clamp_min(1) - 1
            return hidden[torch.arange(len(hidden), device=hidden.device), last_B]
        weight = self.mask_BT.to(hidden.dtype)[:, :, None]
        return (hidden * weight).sum(1) / weight.sum(1).clamp_min(1.0)


Reads = Literal["both", "left", "apart", "source", "token", "document"]


class Backbone(nn.Module, ABC):
    """A network without loss or optimizer: `forward(batch) -> Features`.

    reads: what a token output has seen of its sample, which says what the network can learn.
    both: all of it. left: nothing after the token. apart: the first half of the width nothing after it, the second half
    nothing before it. source: all of it, and a decoder writes from that (`EncoderDecoder`). token: the token alone.
    document: there are no token outputs, only `pooled_BD`.
    """

    width: int
    depth: int
    vocabulary: int  # ids it has a row for, maybe more than the tokenizer has
    max_tokens: int | None = None  # longest sample it takes; None = any length
    reads: Reads = "both"

    @property
    def token_outputs(self) -> bool:
        """Whether there is an output for each token."""
        return self.reads != "document"

    @abstractmethod
    def forward(self, batch: Batch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode a batch; `layers` and `attention` ask for every layer's states and maps.

        A network that reads `left` or `apart` also takes `carry: bool = False`: return `Features.carry`; and it goes on
        from `batch.carry` where that is not empty.
        """

    @abstractmethod
    def groups(self) -> list[list[nn.Parameter]]:
        """Return all parameters, each once, grouped from input to output."""


class EncoderDecoder(Backbone):
    """A backbone that writes: `forward` encodes the source, `decode` reads what is written so far beside it."""

    reads = "source"

    @abstractmethod
    def decode(self, target: Batch, memory: Features, *, attention: bool = False, carry: bool = False) -> Features:
        """Return the decoder's states of `target` [B, T', D]; sample b attends to sample b of `memory`.

        A state has seen its own token and those before it. attention: the maps onto the source. carry: see `Backbone`.
        """


@dataclass(frozen=True)
class Loss:
    """total: scalar sum over `count` valid targets (so that accumulation normalises exactly); parts: logged values.

    carry: what the network remembers for the next batch when that one continues this, see `Batch.carry`.
    """

    total: Tensor
    count: int
    parts: dict[str, float] = field(default_factory=dict)
    carry: tuple[Tensor, ...] = ()


class Objective(nn.Module, ABC):
    """What is hidden and how its prediction is scored: corruption, extra parameters, loss, metric names.

    progress: the used share of the budget, 0 to 1, set by the loop before each step (for scheduled corruption).
    """

    progress: float = 0.0
    alone: bool = True  # what is hidden in a sample does not depend on the other samples of its batch
    fewest: int = 1  # usable samples without which nothing can be learned
    needs: str = "more text is needed"  # said when there are fewer

    def learn_from(self, teacher: Backbone, objective: Objective | None) -> None:
        """Take the trained model whose outputs are to be learned, for an objective whose spec says `teacher`."""
        raise HeadstartError("this objective learns from no teacher")

    def usable(self, batch: Batch) -> int:
        """Return how many samples of an uncorrupted batch the objective can learn from."""
        return batch.size

    @abstractmethod
    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch with its targets hidden; a pure function of its arguments. Keys: (sample id, position)."""

    @abstractmethod
    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Score a corrupted batch."""


@dataclass(frozen=True)
class Rows:
    """R framed pieces of N examples: a text too long for the network may be in several.

    ids: R int64 arrays with special tokens. types: R arrays of segments (0, 1), or None when there is one text.
    owner_R: the example of each piece. spans: R int64 arrays [n, 2], the characters of each token in the text that it
    is of (`first` for segment 0, `second` for 1), (-1, -1) for special tokens; None unless the head asks for them.
    cut: examples of which something was left out.
    """

    ids: list[np.ndarray]
    types: list[np.ndarray] | None
    owner_R: np.ndarray
    spans: list[np.ndarray] | None
    cut: int


class Head(nn.Module, ABC):
    """A task output on a backbone: what is asked of it, how that is scored, how its outputs become answers.

    spec: what built it. smoothing: share of a target that its loss spreads evenly over the classes in training (Szegedy
    et al. 2016); None for a head that chooses no class.
    """

    spec: HeadSpec
    smoothing: float | None = None

    def inherit(self, objective: Objective | None) -> None:
        """Take over what pre-training learned beside the backbone, such as an output over the vocabulary."""

    def prepare(self, examples: Examples) -> None:
        """Look at the training rows before the first step (at the scale of their numbers, say)."""

    def notes(self, examples: Examples, rows: Rows) -> dict[str, object]:
        """Return what the receipt should tell about the training rows."""
        return {}

    @abstractmethod
    def targets(self, examples: Examples, rows: Rows) -> dict[str, list[np.ndarray]]:
        """Return what `loss` needs, R arrays under each name; they ride in `Batch.extra`, joined end to end.

        A name that ends in `_N` holds one value per token, in `_B` one per piece.
        """

    @abstractmethod
    def forward(self, features: Features) -> Tensor:
        """Return raw outputs: [B, ...] for a piece, [B, T, ...] for its tokens."""

    @abstractmethod
    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Score raw outputs against the targets in `batch.extra`."""

    def score(self, backbone: Backbone, batch: Batch) -> Loss:
        """Return the loss of a batch; a head that needs more than features, such as a decoder, has its own way."""
        return self.loss(self(backbone(batch)), batch)

    def outputs(self, backbone: Backbone, batch: Batch) -> list[np.ndarray]:
        """Return the raw outputs of each piece; those for tokens are cut to its length."""
        output = self(backbone(batch)).float().cpu().numpy()
        per_token = output.ndim > 2
        return [row[:length] if per_token else row for row, length in zip(output, batch.lengths_B.tolist())]

    @abstractmethod
    def answers(self, outputs: list[np.ndarray], rows: Rows, examples: Examples) -> list[Any]:
        """Return the answer for each of the N examples, in the form of `Examples.targets`, from outputs of R pieces."""


class TaskModel(ABC):
    """A trained task model, self-contained: tokenizer, network and label names travel with it."""

    classes: tuple[str, ...]
    notes: dict[str, object]  # what was chosen (C, epochs ...) and counted (truncated rows ...), for the receipt
    task: str = "classify"

    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C], rows sum to 1. Raises HeadstartError for a task other than `classify`."""
        raise HeadstartError(f"a model of task {self.task} has no class probabilities; ask it for answers")

    def answers(self, examples: Examples) -> list[Any]:
        """Return N answers: class numbers for `classify`, else in the form of `Examples.targets`."""
        return self.scores(examples).argmax(1).tolist()

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that `load` of the same route needs into `folder` (no pickle)."""

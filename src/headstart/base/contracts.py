"""The contracts between floors: Tokenizer, Backbone, Objective, Head, TaskModel, and what they hand to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from headstart.base.batch import Batch
from headstart.base.examples import Examples
from headstart.base.seeds import KeyedRandom


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

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return one int64 id array per text, without special tokens and without truncation."""

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
    for. pooled_BD: the backbone's own document vector, or None.
    """

    last_BTD: Tensor | None = None
    mask_BT: Tensor | None = None
    layers: tuple[Tensor, ...] = ()
    attention: tuple[Tensor, ...] = ()
    pooled_BD: Tensor | None = None

    def pool(self, how: str = "mean", layer: int = -1) -> Tensor:
        """Return document vectors [B, D]: `mean` over tokens, `cls` (first token), or `own` (`pooled_BD`).

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
        weight = self.mask_BT.to(hidden.dtype)[:, :, None]
        return (hidden * weight).sum(1) / weight.sum(1).clamp_min(1.0)


class Backbone(nn.Module, ABC):
    """A network without loss or optimizer: `forward(batch) -> Features`."""

    width: int
    depth: int
    max_tokens: int | None = None  # longest sample it takes; None = any length
    token_outputs: bool = True  # False: only `pooled_BD`

    @abstractmethod
    def forward(self, batch: Batch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode a batch; `layers` and `attention` ask for every layer's states and maps."""

    @abstractmethod
    def groups(self) -> list[list[nn.Parameter]]:
        """Return all parameters, each once, grouped from input to output."""


@dataclass(frozen=True)
class Loss:
    """total: scalar sum over `count` valid targets (so that accumulation normalises exactly); parts: logged values."""

    total: Tensor
    count: int
    parts: dict[str, float] = field(default_factory=dict)


class Objective(nn.Module, ABC):
    """What is hidden and how its prediction is scored: corruption, extra parameters, loss, metric names.

    progress: the used share of the budget, 0 to 1, set by the loop before each step (for scheduled corruption).
    """

    progress: float = 0.0
    fewest: int = 1  # usable samples without which nothing can be learned
    needs: str = "more text is needed"  # said when there are fewer

    def usable(self, batch: Batch) -> int:
        """Return how many samples of an uncorrupted batch the objective can learn from."""
        return batch.size

    @abstractmethod
    def corrupt(self, batch: Batch, random: KeyedRandom) -> Batch:
        """Return the batch with its targets hidden; a pure function of its arguments. Keys: (sample id, position)."""

    @abstractmethod
    def forward(self, backbone: Backbone, batch: Batch) -> Loss:
        """Score a corrupted batch."""


class Head(nn.Module, ABC):
    """A task output on features."""

    @abstractmethod
    def forward(self, features: Features) -> Tensor:
        """Return raw outputs, for classification logits [B, C]."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Loss:
        """Score raw outputs against targets [B]."""


class TaskModel(ABC):
    """A trained task model, self-contained: tokenizer, network and label names travel with it."""

    classes: tuple[str, ...]
    notes: dict[str, object]  # what was chosen (C, epochs ...) and counted (truncated rows ...), for the receipt

    @abstractmethod
    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; rows sum to 1."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that `load` of the same route needs into `folder` (no pickle)."""

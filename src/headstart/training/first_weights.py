"""What an untrained network knows already: how often each id occurs and which follows which, counted beforehand.

Both are what steps learn first: a masked language model spent its first hundred on the former, a causal one several
hundred on the latter (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy import sparse
from torch import Tensor

from headstart.core.contracts import Backbone, Objective
from headstart.core.processor import Processor, Tokenizer
from headstart.core.shapes import TokenShape
from headstart.data.store import HeldOutSplit, Store
from headstart.networks.encoder import TransformerBackbone
from headstart.nn.outputs import TokenOutput, WordOutput
from headstart.nn.successors import Successors, successors


class FirstWeights:
    """count_V: how often each id can be a target, float64 [V]. pairs: returns how often each follows each, [V, V]."""

    def __init__(self, count_V: Tensor, pairs: Callable[[], sparse.csr_matrix]) -> None:
        self.count_V, self._pairs = count_V, pairs
        self._found: Successors | None = None

    def give(self, backbone: Backbone, objective: Objective) -> None:
        """Let the outputs over the vocabulary begin from what was counted, where the network has a place for it."""
        for part in objective.modules():
            if isinstance(part, TokenOutput):
                part.start_from(self.count_V)
            if isinstance(part, TokenOutput | WordOutput) and isinstance(backbone, TransformerBackbone):
                backbone.begin_from_pairs(part, objective.predicts, self._successors)

    def _successors(self, rank: int) -> Successors | None:
        """Return vectors of the counted pairs, which are made once, for one network; None: there are no pairs."""
        if self._found is None and (counts := self._pairs()).nnz:
            self._found = successors(counts, rank)
        return self._found


def first_weights(reads: str, store: Store, split: HeldOutSplit, processor: Processor) -> FirstWeights | None:
    """Return what is counted in the documents that are trained on; None: they are not made of ids.

    reads: the way the network reads, see `ObjectiveSpec.reads`.
    """
    shape = processor.shape
    found = store.counts(split.train, shape.vocabulary) if isinstance(shape, TokenShape) else None
    if found is None:
        return None
    marks = (processor.cls_id, processor.sep_id) if isinstance(processor, Tokenizer) else (-1, -1)
    if marks[1] >= 0 and "causal" in reads:
        found[marks[1]] += len(split.train)  # who reads one way predicts the end of every text
    count_V = torch.from_numpy(found).double()
    return FirstWeights(count_V, lambda: store.pairs(split.train, shape.vocabulary, *marks))

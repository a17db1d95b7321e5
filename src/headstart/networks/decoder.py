"""What the causal Transformers share: words -> blocks -> norm, read from left to right, keys and values remembered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.networks.encoder import Trace, TransformerBackbone, parameters_of
from headstart.nn.attention import KeyValues
from headstart.nn.outputs import LinearOutput, WordOutput
from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout
from headstart.nn.successors import Successors

_CONSTANT = 2.0  # how large what all words share is beside what tells them apart
_WORD_STD = 0.2
_SHARED_GAIN = 0.1  # of what all words share, in the norms of blocks


class CausalTransformer(TransformerBackbone):
    """A stack of pre-norm blocks in which no token sees a later one.

    Its carry is that of `nn/attention.py KeyValues`; positions go on across parts, up to `max_tokens` in all. A
    subclass makes `words`, `final_norm` and `blocks`, each of which takes (hidden_ND, layout, bias, rotary, maps, past)
    and returns (hidden_ND, map or None); those of a network whose output is not tied name their `norms()`.
    """

    reads = "causal"
    tied = True
    blocks: nn.ModuleList
    final_norm: nn.Module

    @abstractmethod
    def embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        """Return what the first block reads, [N, D]."""

    def rotary(self, layout: Layout, device: torch.device) -> Rotary | None:
        """Return how queries and keys are turned, or None."""
        return None

    def forward(
        self, batch: TokenBatch, *, layers: bool = False, attention: bool = False, carry: bool = False
    ) -> Features:
        """See `Backbone.forward`. Raises HeadstartError when a sample with its past is longer than `max_tokens`."""
        past = KeyValues(batch.carry) if carry or batch.carry else None
        layout = self._causal_layout(batch)
        hidden_ND = self.embed(batch, layout)
        rotary = self.rotary(layout, hidden_ND.device)
        bias = layout.bias(hidden_ND.dtype) if batch.carry else None
        trace = Trace(layout, layers, attention)
        for block in self.blocks:
            trace.see(hidden_ND)
            hidden_ND, map_BHTT = block(hidden_ND, layout, bias, rotary, attention, past)
            trace.note(map_BHTT)
        hidden_ND = self.final_norm(hidden_ND)
        trace.see(hidden_ND)
        return trace.features(hidden_ND, carry=past.carry(layout) if carry else ())

    def _causal_layout(self, batch: TokenBatch) -> Layout:
        layout = Layout(batch, causal=True, past_BS=batch.carry[0] if batch.carry else None)
        longest = layout.longest
        if layout.past_B is not None and layout.size:
            longest = int((layout.past_B + batch.lengths_B).max())
        if longest > self.max_tokens:
            raise HeadstartError(
                f"a sample has {longest} tokens, this backbone takes at most {self.max_tokens}: "
                "cut documents into shorter samples, or choose backbone.max_tokens larger and pre-train again"
            )
        return layout

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: embeddings, every block; the final norm goes with the last block."""
        below = [module for name, module in self.named_children() if name not in ("blocks", "final_norm")]
        groups = [parameters_of(*below), *(parameters_of(block) for block in self.blocks)]
        groups[-1].extend(parameters_of(self.final_norm))
        return groups

    def begin_from_pairs(self, output: nn.Module, predicts: str, found: Callable[[int], Successors | None]) -> None:
        """See `TransformerBackbone`; there is a place for it where the output has a matrix of its own."""
        own = isinstance(output, WordOutput) and output.weight is not None
        if predicts == "next" and own and (vectors := found(self.width - 1)):
            self._predict_successors(output.weight, vectors)

    @torch.no_grad()
    def _predict_successors(self, rows_VD: Tensor, found: Successors) -> None:
        """Let each token say what may follow it. rows_VD: of the output; the final norm is an RMS norm.

        Words become s [c, left_u]: their first part is the same for all, so that the final norm f_u = sqrt(D) /
        |[c, left_u]| leaves it nearly the same, and a row [log p(v) / c, right_v] / f gives nearly log p(v) +
        left_u . right_v. Blocks, whose outputs begin small, hardly see the shared part.
        """
        left_VK, right_VK, rank = found.left_VK, found.right_VK, found.left_VK.shape[1]
        length_V = left_VK.norm(dim=1)
        constant = _CONSTANT * float(found.share_V @ length_V)
        factor = float(found.share_V @ (self.width**0.5 / (constant**2 + length_V**2).sqrt()))
        scale = _WORD_STD / float(found.share_V @ left_VK.square().mean(1)) ** 0.5
        size = len(length_V)
        words_VD = self.words.weight
        words_VD[:, 0] = constant * scale
        words_VD[:size, 1 : rank + 1] = left_VK * scale
        rows_VD[:size, 0] = found.share_V.log() / (factor * constant)
        rows_VD[:size, 1 : rank + 1] = right_VK / factor
        for block in self.blocks:
            for norm in block.norms():
                norm.weight[0] = _SHARED_GAIN

    def prediction_head(self) -> WordOutput:
        """See `TransformerBackbone`; `lm_head` of the reference."""
        return WordOutput(self.width, self.vocabulary, tied=self.tied)

    def classification_head(self, classes: int) -> LinearOutput:
        """See `TransformerBackbone`; `score` of the reference, on the last token."""
        head = LinearOutput(self.width, classes, "last", bias=False)
        nn.init.normal_(head.classifier.weight, std=0.02)
        return head

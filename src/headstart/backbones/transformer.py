"""The original Transformer, encoder and decoder: post-norm, sinusoids (Vaswani et al. 2017, arXiv:1706.03762)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.networks.encoder import Trace, check_sizes, layout_within, parameters_of
from headstart.networks.writer import Writer, check_dropout, unit_words
from headstart.nn.attention import CrossAttention, KeyValues, SelfAttention
from headstart.nn.mlp import MLP
from headstart.nn.outputs import WordOutput
from headstart.nn.position import sinusoids
from headstart.nn.ragged import Layout, memory_bias


class Block(nn.Module):
    """x = norm(x + attention(x)); in the decoder x = norm(x + read(x, source)); x = norm(x + mlp(x))."""

    def __init__(self, spec: TransformerSpec, *, reads: bool) -> None:
        super().__init__()
        width = spec.width
        self.attention, self.attention_norm = SelfAttention(width, spec.heads, bias=False), nn.LayerNorm(width)
        if reads:
            self.read, self.read_norm = CrossAttention(width, spec.heads, bias=False), nn.LayerNorm(width)
        self.mlp, self.mlp_norm = MLP(width, spec.mlp_width, act="relu"), nn.LayerNorm(width)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor | None,
        maps: bool,
        memory: tuple[Tensor, Tensor | None] | None = None,
        past: KeyValues | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return [N, D] and the map, of a decoder block the one onto the source. memory: the source and its bias."""
        mixed, map_BHTT = self.attention(hidden_ND, layout, bias, maps=maps, past=past)
        hidden_ND = self.attention_norm(hidden_ND + self.dropout(mixed))
        if memory is not None:
            mixed, map_BHTT = self.read(hidden_ND, layout, *memory, maps=maps, past=past)
            hidden_ND = self.read_norm(hidden_ND + self.dropout(mixed))
        return self.mlp_norm(hidden_ND + self.dropout(self.mlp(hidden_ND))), map_BHTT


class Transformer(Writer):
    """sqrt(D) * words + positions -> encoder blocks; the same for the target -> decoder blocks, which read the source.

    Both sides and the output share the words. The attentions have no biases, as in the paper's formulas.
    """

    def __init__(self, vocabulary: int, spec: TransformerSpec) -> None:
        super().__init__()
        self.width, self.depth, self.vocabulary = spec.width, spec.depth, vocabulary
        self.words = unit_words(vocabulary, spec.width)
        self.encoder = nn.ModuleList(Block(spec, reads=False) for _ in range(spec.depth))
        self.decoder = nn.ModuleList(Block(spec, reads=True) for _ in range(spec.depth))
        self.dropout = nn.Dropout(spec.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        hidden_ND = self.words(batch.ids_N) * math.sqrt(self.width)
        return self.dropout(hidden_ND + sinusoids(layout.position_N, self.width))

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`."""
        layout = layout_within(batch, self.max_tokens)
        hidden_ND = self._embed(batch, layout)
        bias = layout.bias(hidden_ND.dtype)
        trace = Trace(layout, layers, attention)
        trace.see(hidden_ND)
        for block in self.encoder:
            hidden_ND, map_BHTT = block(hidden_ND, layout, bias, attention)
            trace.see(hidden_ND)
            trace.note(map_BHTT)
        return trace.features(hidden_ND)

    def decode(self, target: TokenBatch, memory: Features, *, attention: bool = False, carry: bool = False) -> Features:
        """See `EncoderDecoder.decode`. carry: see `KeyValues`; each block's own pair, then that of the source."""
        past = KeyValues(target.carry) if carry or target.carry else None
        layout = Layout(target, causal=True, past_BS=target.carry[0] if target.carry else None)
        hidden_ND = self._embed(target, layout)
        bias = layout.bias(hidden_ND.dtype)
        source = (memory.last_BTD, memory_bias(memory.mask_BT, hidden_ND.dtype))
        trace = Trace(layout, False, attention)
        for block in self.decoder:
            hidden_ND, map_BHTS = block(hidden_ND, layout, bias, attention, source, past)
            trace.note(map_BHTS)
        return trace.features(hidden_ND, carry=past.carry(layout) if carry else ())

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: words, every block of the encoder, of the decoder."""
        return [parameters_of(self.words), *(parameters_of(block) for block in (*self.encoder, *self.decoder))]

    def prediction_head(self) -> WordOutput:
        """See `Writer`."""
        return WordOutput(self.width, self.vocabulary, tied=True)


@dataclass(frozen=True, kw_only=True)
class TransformerSpec(BackboneSpec):
    """width D, depth (blocks on each side), heads, mlp_width, dropout (of the embeddings and of what each layer adds),
    max_tokens (of a source).

    The paper's base model is width=512 depth=6 heads=8 mlp_width=2048 dropout=0.1.
    """

    width: int = 128
    depth: int = 3
    heads: int = 4
    mlp_width: int = 512
    dropout: float = 0.1
    max_tokens: int = 512

    def __post_init__(self) -> None:
        check_sizes(self.label(), width=self.width, heads=self.heads, depth=self.depth, mlp_width=self.mlp_width)
        check_dropout(self.label(), self.dropout)

    def build(self, shape: TokenShape) -> Transformer:
        """Return a new network; its random weights follow torch's global seed."""
        return Transformer(shape.vocabulary, self)

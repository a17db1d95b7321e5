"""The post-norm encoder of BERT (Devlin et al. 2019, arXiv:1810.04805), DistilBERT, RoBERTa and ELECTRA."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.shapes import TokenShape
from headstart.interop.names import affine, copy
from headstart.networks.encoder import Trace, TransformerBackbone, parameters_of
from headstart.nn.attention import SelfAttention
from headstart.nn.init import normal_
from headstart.nn.mlp import MLP
from headstart.nn.outputs import LinearOutput, TokenOutput, Transform, TransformOutput
from headstart.nn.ragged import Layout

INIT_STD = 0.02
_LAYER = "encoder.layer.{i}."
# What the configs and tensors of BERT, RoBERTa and ELECTRA are called in transformers.
BERT_SIZES = {
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "mlp_width": "intermediate_size",
    "types": "type_vocab_size",
    "act": "hidden_act",
    "eps": "layer_norm_eps",
}
BERT_NAMES = (
    *copy("words.weight", "embeddings.word_embeddings.weight"),
    *copy("positions.weight", "embeddings.position_embeddings.weight"),
    *copy("types.weight", "embeddings.token_type_embeddings.weight"),
    *affine("embedding_norm", "embeddings.LayerNorm"),
    *affine("blocks.{i}.attention.qkv", *(f"{_LAYER}attention.self.{part}" for part in ("query", "key", "value"))),
    *affine("blocks.{i}.attention.out", _LAYER + "attention.output.dense"),
    *affine("blocks.{i}.attention_norm", _LAYER + "attention.output.LayerNorm"),
    *affine("blocks.{i}.mlp.up", _LAYER + "intermediate.dense"),
    *affine("blocks.{i}.mlp.down", _LAYER + "output.dense"),
    *affine("blocks.{i}.mlp_norm", _LAYER + "output.LayerNorm"),
)


class Dense(nn.Module):
    """act(dense x): BERT's pooler (tanh) and DistilBERT's pre-classifier (relu)."""

    def __init__(self, width: int, act: nn.Module) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.act = act

    def forward(self, vector_BD: Tensor) -> Tensor:
        """Return [B, D]."""
        return self.act(self.dense(vector_BD))


class Block(nn.Module):
    """x = norm(x + attention(x)); x = norm(x + mlp(x))."""

    def __init__(self, width: int, heads: int, mlp_width: int, act: str, eps: float) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, bias=True)
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.mlp = MLP(width, mlp_width, act=act)
        self.mlp_norm = nn.LayerNorm(width, eps=eps)

    def forward(
        self, hidden_ND: Tensor, layout: Layout, bias: Tensor | None, maps: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the hidden states [N, D] and the attention map (None unless `maps`)."""
        mixed, map_BHTT = self.attention(hidden_ND, layout, bias, maps=maps)
        hidden_ND = self.attention_norm(hidden_ND + mixed)
        return self.mlp_norm(hidden_ND + self.mlp(hidden_ND)), map_BHTT


@dataclass(frozen=True, kw_only=True)
class PostNormSizes:
    """width, depth, heads, mlp_width: of the blocks. types: number of segments, 0 = none. pooler: whether `pooled_BD`
    = tanh(dense first token) exists. first_position: row of the position table that the first token of a sample takes;
    rows before it are not used. embedding_width: of the embeddings where they are narrower than the blocks; a linear
    layer leads from one to the other."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    max_tokens: int
    types: int
    pooler: bool
    act: str
    eps: float
    first_position: int = 0
    embedding_width: int | None = None


class PostNormEncoder(TransformerBackbone):
    """Embeddings (word + position + segment) -> norm -> blocks -> optional pooler on the first token."""

    def __init__(self, shape: TokenShape, sizes: PostNormSizes) -> None:
        super().__init__()
        self.width, self.depth, self.max_tokens = sizes.width, sizes.depth, sizes.max_tokens
        self.vocabulary = shape.vocabulary
        self.act, self.eps, self.first_position = sizes.act, sizes.eps, sizes.first_position
        inner = sizes.embedding_width or sizes.width
        self.words = nn.Embedding(shape.vocabulary, inner)
        self.positions = nn.Embedding(sizes.max_tokens + sizes.first_position, inner)
        self.types = nn.Embedding(sizes.types, inner) if sizes.types else None
        self.embedding_norm = nn.LayerNorm(inner, eps=sizes.eps)
        self.project = nn.Linear(inner, sizes.width) if inner != sizes.width else None
        block = (sizes.width, sizes.heads, sizes.mlp_width, sizes.act, sizes.eps)
        self.blocks = nn.ModuleList(Block(*block) for _ in range(sizes.depth))
        self.pooler = Dense(sizes.width, nn.Tanh()) if sizes.pooler else None
        normal_(self, INIT_STD)
        if shape.pad_id >= 0:
            with torch.no_grad():
                self.words.weight[shape.pad_id].zero_()

    def embed(self, batch: TokenBatch, layout: Layout) -> Tensor:
        """Return what the first block reads, [N, D]."""
        hidden_NE = self.words(batch.ids_N) + self.positions(layout.position_N + self.first_position)
        if self.types is not None:
            segment_ids_N = torch.zeros_like(batch.ids_N) if batch.segment_ids_N is None else batch.segment_ids_N
            hidden_NE = hidden_NE + self.types(segment_ids_N)
        hidden_NE = self.embedding_norm(hidden_NE)
        return hidden_NE if self.project is None else self.project(hidden_NE)

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`. Raises HeadstartError on a sample longer than `max_tokens`."""
        layout = self.layout(batch)
        hidden_ND = self.embed(batch, layout)
        bias = layout.bias(hidden_ND.dtype)
        trace = Trace(layout, layers, attention)
        trace.see(hidden_ND)
        for block in self.blocks:
            hidden_ND, map_BHTT = block(hidden_ND, layout, bias, attention)
            trace.see(hidden_ND)
            trace.note(map_BHTT)
        return trace.features(hidden_ND, self.pooler)

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: embeddings, every block, the pooler when there is one."""
        first = parameters_of(self.words, self.positions, self.types, self.embedding_norm, self.project)
        last = [parameters_of(self.pooler)] if self.pooler is not None else []
        return [first, *(parameters_of(block) for block in self.blocks), *last]

    def prediction_head(self) -> TokenOutput:
        """See `TransformerBackbone`; `cls.predictions` of the reference."""
        transform = Transform(self.width, act=self.act, eps=self.eps, dense_bias=True, norm_bias=True)
        normal_(transform, INIT_STD)
        return TokenOutput(transform, self.vocabulary)

    def classification_head(self, classes: int) -> nn.Module:
        """See `TransformerBackbone`; a backbone without pooler gets a new one, inside the head."""
        if self.pooler is not None:
            head: nn.Module = LinearOutput(self.width, classes, "own")
        else:
            head = TransformOutput(Dense(self.width, nn.Tanh()), self.width, classes, "cls")
        normal_(head, INIT_STD)
        return head

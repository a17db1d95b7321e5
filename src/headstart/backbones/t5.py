"""T5 encoder-decoder: relative positions, RMS norm; loads and writes T5Model, v1.0 and v1.1 (arXiv:1910.10683)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, Rule, copy, optional
from headstart.networks.encoder import Trace, check_sizes, layout_within, parameters_of, require
from headstart.networks.writer import Writer
from headstart.nn.attention import CrossAttention, KeyValues, SelfAttention
from headstart.nn.mlp import MLP, GatedMLP
from headstart.nn.outputs import WordOutput
from headstart.nn.ragged import Layout, memory_bias

_CONFIG_NAMES = {
    "width": "d_model",
    "depth": "num_layers",
    "decoder_depth": "num_decoder_layers",
    "heads": "num_heads",
    "head_width": "d_kv",
    "mlp_width": "d_ff",
    "buckets": "relative_attention_num_buckets",
    "distance": "relative_attention_max_distance",
    "max_tokens": "n_positions",
    "eps": "layer_norm_epsilon",
}
# transformers writes the activation and the gate in one word, where gelu is its tanh form.
_GATED = {"gelu_new": "gated-gelu"}


class RelativeBias(nn.Module):
    """What each head adds to a score by the distance of key and query; both ways, or only backwards in a decoder.

    Half of the buckets hold one distance each, the others ever wider ranges up to `distance` and beyond (section 2.1).
    """

    def __init__(self, buckets: int, distance: int, heads: int, *, both: bool) -> None:
        super().__init__()
        self.distance, self.both = distance, both
        self.table = nn.Embedding(buckets, heads)

    def forward(self, offset_BTS: Tensor) -> Tensor:
        """Return [B, H, T, S] for the positions of keys minus those of queries."""
        return self.table(self.bucket(offset_BTS)).permute(0, 3, 1, 2)

    def bucket(self, offset: Tensor) -> Tensor:
        """Return the row of the table for each offset."""
        count, first = self.table.num_embeddings, torch.zeros_like(offset)
        if self.both:
            count //= 2
            first = (offset > 0) * count
            far = offset.abs()
        else:
            far = -offset.clamp_max(0)
        exact = count // 2
        wide = torch.log(far.clamp_min(1).float() / exact) / math.log(self.distance / exact) * (count - exact)
        return first + torch.where(far < exact, far, (exact + wide.long()).clamp_max(count - 1))


class Block(nn.Module):
    """x = x + attention(norm x); in the decoder x = x + read(norm x, source); x = x + mlp(norm x). Scores unscaled."""

    def __init__(self, spec: T5Spec, *, reads: bool) -> None:
        super().__init__()
        sizes = {"bias": False, "inner": spec.heads * spec.key_width, "scale": 1.0}
        self.reads = reads
        self.attention_norm = nn.RMSNorm(spec.width, eps=spec.eps)
        self.attention = SelfAttention(spec.width, spec.heads, **sizes)
        if reads:
            self.read_norm = nn.RMSNorm(spec.width, eps=spec.eps)
            self.read = CrossAttention(spec.width, spec.heads, **sizes)
        self.mlp_norm = nn.RMSNorm(spec.width, eps=spec.eps)
        if spec.gated:
            self.gated_mlp = GatedMLP(spec.width, spec.mlp_width, act=spec.act)
        else:
            self.mlp = MLP(spec.width, spec.mlp_width, act=spec.act, bias=False)
        self.gated = spec.gated

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        bias: Tensor,
        maps: bool,
        memory: tuple[Tensor, Tensor | None] | None = None,
        past: KeyValues | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return [N, D] and the map, of a decoder block the one onto the source. memory: the source and its bias."""
        mixed, map_BHTT = self.attention(self.attention_norm(hidden_ND), layout, bias, maps=maps, past=past)
        hidden_ND = hidden_ND + mixed
        if memory is not None:
            mixed, map_BHTT = self.read(self.read_norm(hidden_ND), layout, *memory, maps=maps, past=past)
            hidden_ND = hidden_ND + mixed
        mlp = self.gated_mlp if self.gated else self.mlp
        return hidden_ND + mlp(self.mlp_norm(hidden_ND)), map_BHTT


class Side(nn.Module):
    """The blocks of the encoder or the decoder, with the positions that they share, and the last norm."""

    def __init__(self, spec: T5Spec, depth: int, *, reads: bool) -> None:
        super().__init__()
        self.positions = RelativeBias(spec.buckets, spec.distance, spec.heads, both=not reads)
        self.blocks = nn.ModuleList(Block(spec, reads=reads) for _ in range(depth))
        self.norm = nn.RMSNorm(spec.width, eps=spec.eps)

    def forward(
        self,
        hidden_ND: Tensor,
        layout: Layout,
        trace: Trace,
        memory: tuple[Tensor, Tensor | None] | None = None,
        past: KeyValues | None = None,
    ) -> Tensor:
        """Return the normed states [N, D]; see `Block.forward`."""
        bias, hidden = self.positions(layout.offset_BTS()), layout.bias(hidden_ND.dtype)
        bias = bias if hidden is None else bias + hidden
        for block in self.blocks:
            trace.see(hidden_ND)
            hidden_ND, map_BHTT = block(hidden_ND, layout, bias, trace.maps, memory, past)
            trace.note(map_BHTT)
        hidden_ND = self.norm(hidden_ND)
        trace.see(hidden_ND)
        return hidden_ND


class T5(Writer):
    """Words -> encoder; words -> decoder, which reads what the encoder wrote. No dropout."""

    def __init__(self, vocabulary: int, spec: T5Spec) -> None:
        super().__init__()
        self.width, self.depth, self.vocabulary, self.spec = spec.width, spec.depth, vocabulary, spec
        self.max_tokens = spec.max_tokens
        self.words = nn.Embedding(vocabulary, spec.width)
        self.encoder = Side(spec, spec.depth, reads=False)
        self.decoder = Side(spec, spec.decoder_depth or spec.depth, reads=True)
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """Fill in the reference's starting weights (which make up for the scores not being scaled)."""
        spec = self.spec
        nn.init.normal_(self.words.weight)
        for module in self.modules():
            if isinstance(module, RelativeBias):
                nn.init.normal_(module.table.weight, std=spec.width**-0.5)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
        for block in (*self.encoder.blocks, *self.decoder.blocks):
            block.attention.qkv.weight[: spec.heads * spec.key_width] *= spec.key_width**-0.5
            if block.reads:
                block.read.query.weight *= spec.key_width**-0.5

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`."""
        layout = layout_within(batch, self.max_tokens)
        trace = Trace(layout, layers, attention)
        return trace.features(self.encoder(self.words(batch.ids_N), layout, trace))

    def decode(self, target: TokenBatch, memory: Features, *, attention: bool = False, carry: bool = False) -> Features:
        """See `EncoderDecoder.decode`. carry: see `KeyValues`; each block's own pair, then that of the source."""
        past = KeyValues(target.carry) if carry or target.carry else None
        layout = Layout(target, causal=True, past_BS=target.carry[0] if target.carry else None)
        words_ND = self.words(target.ids_N)
        source = (memory.last_BTD, memory_bias(memory.mask_BT, words_ND.dtype))
        trace = Trace(layout, False, attention)
        hidden_ND = self.decoder(words_ND, layout, trace, source, past)
        return trace.features(hidden_ND, carry=past.carry(layout) if carry else ())

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: words; each block, positions with a side's first, the last norm with its last."""
        groups = [parameters_of(self.words)]
        for side in (self.encoder, self.decoder):
            blocks = [parameters_of(block) for block in side.blocks]
            blocks[0].extend(parameters_of(side.positions))
            blocks[-1].extend(parameters_of(side.norm))
            groups.extend(blocks)
        return groups

    def prediction_head(self) -> WordOutput:
        """See `Writer`; `lm_head` of the reference."""
        scale = self.width**-0.5 if self.spec.scaled else 1.0
        return WordOutput(self.width, self.vocabulary, tied=self.spec.tied, scale=scale)


def _side_names(side: str, mlp: int) -> tuple[Rule, ...]:
    """Return the rules of one side. mlp: the number of its feed-forward part in their blocks."""
    ours, theirs = f"{side}.blocks.{{i}}.", f"{side}.block.{{i}}.layer."
    own, dense = f"{theirs}0.SelfAttention.", f"{theirs}{mlp}.DenseReluDense."
    gate = Rule(f"{ours}gated_mlp.up.weight", (f"{dense}wi_0.weight", f"{dense}wi_1.weight"), "concat", optional=True)
    return (
        *copy(f"{side}.positions.table.weight", f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
        *copy(f"{side}.norm.weight", f"{side}.final_layer_norm.weight"),
        *copy(f"{ours}attention_norm.weight", f"{theirs}0.layer_norm.weight"),
        Rule(f"{ours}attention.qkv.weight", tuple(f"{own}{part}.weight" for part in "qkv"), "concat"),
        *copy(f"{ours}attention.out.weight", f"{own}o.weight"),
        *copy(f"{ours}mlp_norm.weight", f"{theirs}{mlp}.layer_norm.weight"),
        *optional(copy(f"{ours}mlp.up.weight", f"{dense}wi.weight")),
        *optional(copy(f"{ours}mlp.down.weight", f"{dense}wo.weight")),
        gate,
        *optional(copy(f"{ours}gated_mlp.down.weight", f"{dense}wo.weight")),
    )


_READ = "decoder.block.{i}.layer.1."


@dataclass(frozen=True, kw_only=True)
class T5Spec(BackboneSpec):
    """width D, depth (blocks of the encoder), decoder_depth (None = as many), heads, head_width (None = width / heads).

    mlp_width (of each half of a gate); act; gated: v1.1's feed-forward part. buckets, distance: of relative positions;
    max_tokens: of a source. tied: the output shares the words; scaled: by width ** -.5. v1.0: act=relu gated=no
    tied=yes scaled=yes; v1.1: act=gelu_new gated=yes tied=no scaled=no.
    """

    width: int = 128
    depth: int = 3
    decoder_depth: int | None = None
    heads: int = 4
    head_width: int | None = None
    mlp_width: int = 512
    buckets: int = 32
    distance: int = 128
    max_tokens: int = 512
    act: str = "relu"
    gated: bool = False
    tied: bool = True
    scaled: bool = True
    eps: float = 1e-6

    hf_model_type: ClassVar[str] = "t5"
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="",
        architecture="T5Model",
        backbone=(
            *copy("words.weight", "shared.weight"),
            *_side_names("encoder", 1),
            *_side_names("decoder", 2),
            *copy("decoder.blocks.{i}.read_norm.weight", _READ + "layer_norm.weight"),
            *copy("decoder.blocks.{i}.read.query.weight", _READ + "EncDecAttention.q.weight"),
            Rule(
                "decoder.blocks.{i}.read.key_value.weight",
                (_READ + "EncDecAttention.k.weight", _READ + "EncDecAttention.v.weight"),
                "concat",
            ),
            *copy("decoder.blocks.{i}.read.out.weight", _READ + "EncDecAttention.o.weight"),
        ),
        architectures={"generate": "T5ForConditionalGeneration"},
        heads={"generate": optional(copy("weight", "lm_head.weight"))},
        tied={"encoder.embed_tokens.weight": "shared.weight", "decoder.embed_tokens.weight": "shared.weight"},
        ignorable=(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",),
    )

    def __post_init__(self) -> None:
        check_sizes(
            self.label(), width=self.width, heads=1 if self.head_width else self.heads, depth=self.depth,
            decoder_depth=self.decoder_depth or 1, mlp_width=self.mlp_width, distance=self.distance,
            max_tokens=self.max_tokens,
        )  # fmt: skip
        if self.buckets < 4 or self.buckets % 4 or self.distance <= self.buckets // 2:
            raise HeadstartError(
                f"{self.label()}: buckets={self.buckets} distance={self.distance}: buckets must be a multiple of 4, "
                "distance more than half of it"
            )

    @property
    def key_width(self) -> int:
        """K, the width of one head."""
        return self.head_width or self.width // self.heads

    def build(self, shape: TokenShape) -> T5:
        """Return a new network; its random weights follow torch's global seed."""
        return T5(shape.vocabulary, self)

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> T5Spec:
        """Return the spec of a config.json; `names`, the checkpoint's, tell whether the output has its own matrix.

        Raises HeadstartError on a wiring that is not T5's.
        """
        require(config, cls.label(), is_encoder_decoder=True, is_decoder=False)
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {"width": 512, "depth": 6, "heads": 8, "head_width": 64, "mlp_width": 2048}  # transformers' own
        act = config.get("feed_forward_proj", "relu")
        # As in transformers: who unties does not scale either, and what 5.x writes says so apart.
        scaled = bool(config.get("scale_decoder_outputs", config.get("tie_word_embeddings") is not False))
        return cls.from_dict({
            **defaults,
            **given,
            "gated": act.startswith("gated-"),
            "act": {name: ours for ours, name in _GATED.items()}.get(act, act.removeprefix("gated-")),
            "scaled": scaled,
            "tied": scaled or "lm_head.weight" not in names,
        })  # fmt: skip

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Dropout is 0, as in our training."""
        act = _GATED.get(self.act, f"gated-{self.act}") if self.gated else self.act
        numbers = {theirs: getattr(self, ours) for ours, theirs in _CONFIG_NAMES.items()}
        return {
            "model_type": self.hf_model_type,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
            **numbers,
            "d_kv": self.key_width,
            "num_decoder_layers": self.decoder_depth or self.depth,
            "feed_forward_proj": act,
            "dropout_rate": 0.0,
            "is_encoder_decoder": True,
            "scale_decoder_outputs": self.scaled,
            "tie_word_embeddings": self.tied,
        }

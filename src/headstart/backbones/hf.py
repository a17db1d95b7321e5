"""Any text encoder of transformers, for families that have no file here (needs `pip install headstart[zoo]`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import TokenBatch, make_batch
from headstart.core.contracts import Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, copy
from headstart.networks.encoder import TransformerBackbone
from headstart.nn.init import normal_
from headstart.nn.outputs import LinearOutput, TokenOutput, Transform

INIT_STD = 0.02
_INSIDE = "model."  # our names are theirs behind this
# Settings that say where code or kernels are fetched, or how numbers are stored: never taken from a folder.
_LEFT_OUT = ("auto_map", "dtype", "torch_dtype", "attn_implementation", "quantization_config", "transformers_version")


class HfEncoder(TransformerBackbone):
    """Ragged batch -> padded ids and mask -> their model -> features. Never in training mode: no dropout here."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.width, self.depth, self.vocabulary = config.hidden_size, config.num_hidden_layers, config.vocab_size
        self.max_tokens = _max_tokens(model)
        self.pad_id = config.pad_token_id or 0
        self.segments = (getattr(config, "type_vocab_size", 0) or 0) > 1 and "token_type_ids" in signature(
            model.forward
        ).parameters

    @property
    def words_VD(self) -> Tensor:
        """See `TransformerBackbone`."""
        return self.model.get_input_embeddings().weight

    def train(self, mode: bool = True) -> HfEncoder:
        """Set the mode of this module only: theirs draws dropout from torch's global generator, so it never does."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, batch: TokenBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """See `Backbone.forward`. Raises HeadstartError on a sample longer than `max_tokens`, or a causal batch."""
        if batch.causal:
            raise HeadstartError("backbone hf reads both ways only; an objective that hides what follows cannot use it")
        mask_BT = self.layout(batch).mask_BT
        size, longest = mask_BT.shape
        # Their models know neither empty batches nor empty samples: both show one padding token, which is cut off.
        held_BT = F.pad(mask_BT, (0, int(longest == 0), 0, int(size == 0)))
        inputs = {"input_ids": batch.padded(batch.ids_N, self.pad_id, held_BT)}
        if self.segments and batch.segment_ids_N is not None:
            inputs["token_type_ids"] = batch.padded(batch.segment_ids_N, 0, held_BT)
        seen_BT = held_BT.long()
        seen_BT[:, 0] = 1
        with _maps(self.model, attention):
            out = self.model(
                **inputs, attention_mask=seen_BT, output_hidden_states=layers, output_attentions=attention,
                return_dict=True,
            )  # fmt: skip
        pooled_BD = getattr(out, "pooler_output", None)
        return Features(
            last_BTD=_cut(out.last_hidden_state, mask_BT),
            mask_BT=mask_BT,
            layers=tuple(_cut(states_BTD, mask_BT) for states_BTD in (out.hidden_states or ())),
            attention=tuple(map_BHTT[:size, :, :longest, :longest] for map_BHTT in (out.attentions or ())),
            pooled_BD=None if pooled_BD is None else pooled_BD[:size],
        )

    def groups(self) -> list[list[nn.Parameter]]:
        """See `Backbone.groups`: what comes before the layers, every layer, what comes after them."""
        lists = [part for part in self.model.modules() if isinstance(part, nn.ModuleList)]
        layers = [list(layer.parameters()) for layer in max(lists, key=_count, default=())]
        inside = {id(parameter) for layer in layers for parameter in layer}
        groups: list[list[nn.Parameter]] = [[], *layers, []]
        before = True
        for parameter in self.model.parameters():
            before = before and id(parameter) not in inside
            if id(parameter) not in inside:
                groups[0 if before else -1].append(parameter)
        return [group for group in groups if group]

    def prediction_head(self) -> TokenOutput:
        """Return a new masked-token output over their word matrix, wired as BERT's; theirs are not loaded."""
        transform = Transform(
            self.width, act="gelu", eps=1e-12, dense_bias=True, norm_bias=True, out=self.words_VD.shape[1]
        )
        normal_(transform, INIT_STD)
        return TokenOutput(transform, self.vocabulary)

    def classification_head(self, classes: int) -> nn.Module:
        """Return a linear layer on the mean over tokens."""
        head = LinearOutput(self.width, classes, "mean")
        normal_(head, INIT_STD)
        return head


@dataclass(frozen=True, kw_only=True)
class HfSpec(BackboneSpec):
    """config: transformers' own settings of the model (config.json). pooler: keep its pooler, where it has one."""

    config: dict[str, Any] = field(
        default_factory=lambda: {
            "model_type": "albert",
            "embedding_size": 64,
            "hidden_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 512,
            "max_position_embeddings": 512,
        }
    )
    pooler: bool = True

    @property
    def width(self) -> int:
        """D."""
        return self._settings.hidden_size

    @property
    def depth(self) -> int:
        """The number of layers."""
        return self._settings.num_hidden_layers

    @cached_property
    def _settings(self) -> Any:
        """Their config object. Raises HeadstartError without transformers, or when it is of no encoder there."""
        transformers = _transformers()
        kind = self.config.get("model_type")
        if not isinstance(kind, str) or kind not in transformers.CONFIG_MAPPING:
            raise HeadstartError(f"{self.label()}: transformers does not know model_type={kind!r}")
        encoders = transformers.models.auto.modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
        if kind not in encoders:
            raise HeadstartError(f"{self.label()}: {kind} is no text encoder (of those that masked LM trains)")
        with _one_line(f"{self.label()}: config of {kind}"):
            settings = transformers.CONFIG_MAPPING[kind].from_dict(self.config)
            sizes = (settings.hidden_size, settings.num_hidden_layers)
        if any(type(size) is not int or size < 1 for size in sizes):
            raise HeadstartError(f"{self.label()}: hidden_size, num_hidden_layers={sizes}: expected at least 1")
        return settings

    def build(self, shape: TokenShape) -> HfEncoder:
        """Return a new encoder; its random weights follow torch's global seed.

        Raises HeadstartError when transformers is missing, or the model is no text encoder.
        """
        transformers, settings = _transformers(), self._settings
        kind = type(settings).model_type
        if settings.is_encoder_decoder:
            raise HeadstartError(f"{self.label()}: {kind} is no text encoder, it writes")
        settings = type(settings).from_dict(self.config | {"vocab_size": shape.vocabulary})
        if shape.pad_id >= 0:
            settings.pad_token_id = shape.pad_id
        family = transformers.MODEL_MAPPING[type(settings)]
        options = {"add_pooling_layer": False} if not self.pooler and _can_leave_pooler(family) else {}
        with _one_line(f"{self.label()}: {kind}"):
            model = transformers.AutoModel.from_config(
                settings, trust_remote_code=False, dtype=torch.float32, **options
            )
        if model.main_input_name != "input_ids":
            raise HeadstartError(f"{self.label()}: {kind} takes {model.main_input_name}, no text")
        encoder = HfEncoder(model).train()
        if not encoder.words_VD.is_meta:
            with _one_line(f"{self.label()}: {kind}"):
                _try_ragged(encoder, f"{self.label()}: {kind}")
        return encoder

    @cached_property
    def HF_NAMES(self) -> NameTable:
        """Every tensor is called what transformers calls it; heads beside them are left out."""
        with torch.device("meta"):
            model = self.build(TokenShape(self._settings.vocab_size, -1)).model
        prefix = model.base_model_prefix + "."
        return NameTable(
            prefix=prefix,
            architecture=type(model).__name__,
            backbone=tuple(rule for name in model.state_dict() for rule in copy(_INSIDE + name, name)),
            ignorable=(r"(.*\.)?(position_ids|token_type_ids)", *([] if self.pooler else [r"pooler\..*"])),
            foreign=(r"(?!" + prefix.replace(".", r"\.") + r").*",),
        )

    @classmethod
    def knows(cls, model_type: str) -> bool:
        """Whether transformers has such a family. Raises HeadstartError when it is not installed."""
        return model_type in _transformers().CONFIG_MAPPING

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> HfSpec:
        """Return the spec of a config.json; `names`, the checkpoint's, tell whether it has a pooler."""
        kept = {key: value for key, value in config.items() if not key.startswith("_") and key not in _LEFT_OUT}
        return cls(config=kept, pooler=any("pooler." in name for name in names))

    def to_hf_config(self, shape: TokenShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head."""
        return {
            **self.config,
            "vocab_size": shape.vocabulary,
            "pad_token_id": shape.pad_id if shape.pad_id >= 0 else None,
        }


def _transformers() -> Any:
    """Import transformers, when a network is built and no sooner."""
    try:
        import transformers
        import transformers.models.auto.modeling_auto
    except ImportError:
        raise HeadstartError("backbone hf needs transformers: pip install 'headstart[zoo]'") from None
    return transformers


@contextmanager
def _one_line(where: str) -> Iterator[None]:
    """Turn whatever their code raises over a config (it has many kinds of errors) into one line."""
    try:
        yield
    except HeadstartError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise HeadstartError(f"{where} does not work in transformers ({type(error).__name__}: {said})") from None


@contextmanager
def _maps(model: nn.Module, wanted: bool) -> Iterator[None]:
    """Use their plain attention for as long as maps are wanted: the fused one has none."""
    before = model.config._attn_implementation
    if not wanted or before == "eager":
        yield
        return
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@torch.no_grad()
def _try_ragged(encoder: HfEncoder, where: str) -> None:
    """Raise HeadstartError unless a text has the same states, one per token, alone and beside a longer one."""
    word, longest = encoder.vocabulary - 1, min(8, encoder.max_tokens or 8)
    short = longest // 2
    beside = encoder(make_batch([[word] * longest, [word] * short]), layers=True).layers
    alone = encoder(make_batch([[word] * short]), layers=True).layers
    for one, two in zip(alone, beside, strict=True):
        if not torch.allclose(one[0], two[1, :short], atol=1e-5):
            raise HeadstartError(
                f"{where} lets padding change a text's output, so a text would not mean the same in every batch "
                "(families that fit: albert, mpnet, deberta-v2 ...)"
            )


def _can_leave_pooler(family: type) -> bool:
    return "add_pooling_layer" in signature(family.__init__).parameters


def _cut(states_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Return states with zeros where there is no token."""
    return states_BTD[: mask_BT.shape[0], : mask_BT.shape[1]].masked_fill(~mask_BT[:, :, None], 0.0)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _max_tokens(model: nn.Module) -> int | None:
    """Return the longest sample. A position table with a padding row starts after it, as RoBERTa's does."""
    longest = getattr(model.config, "max_position_embeddings", None)
    for name, part in model.named_modules():
        table = name.endswith("position_embeddings") and isinstance(part, nn.Embedding)
        if longest and table and part.padding_idx is not None:
            return part.num_embeddings - part.padding_idx - 1
    return longest

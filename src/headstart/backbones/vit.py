"""Vision Transformer over square patches; loads and writes ViTModel (Dosovitskiy et al. 2021, arXiv:2010.11929)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headstart.core.batch import ImageBatch
from headstart.core.contracts import Backbone, Features
from headstart.core.errors import HeadstartError, unknown
from headstart.core.shapes import ImageShape
from headstart.core.spec import BackboneSpec
from headstart.interop.names import NameTable, Rule, affine, copy, optional, own
from headstart.networks.encoder import Trace, check_sizes, parameters_of, require
from headstart.networks.pre_norm import PreNormBlock
from headstart.nn.outputs import LinearOutput
from headstart.nn.patches import take_patches
from headstart.nn.pooling import pool
from headstart.nn.ragged import Layout
from headstart.nn.standardise import Standardise

# width, depth, heads: of ViT-B in table 1 of the paper, of DeiT-Ti and -S in table 1 of Touvron et al. 2021.
_SIZES = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12)}
_PATCHES, _MOST_ON_A_SIDE = (4, 8, 16, 32), 14  # sides of a patch that are chosen from; 224 pixels have 14 x 14 of 16
_CONFIG_NAMES = {
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "mlp_width": "intermediate_size",
    "patch": "patch_size",
    "act": "hidden_act",
    "eps": "layer_norm_eps",
}


def _names(embeddings: Mapping[str, str], block: Mapping[str, tuple[str, ...]], norm: str) -> Iterator[Rule]:
    """Yield the rules of a table: their names of our embeddings, of the parts of a block, and of the last norm."""
    yield from own("input.mean_C11", "input.std_C11")
    yield from optional(copy("class_token", embeddings["class_token"]))
    yield from copy("positions", embeddings["positions"])
    yield from affine("patches", embeddings["patches"])
    for ours, theirs in block.items():
        yield from affine(f"blocks.{{i}}.{ours}", *theirs)
    yield from affine("final_norm", norm)


_TIMM = NameTable(
    prefix="",
    architecture="VisionTransformer",
    backbone=tuple(
        _names(
            {"class_token": "cls_token", "positions": "pos_embed", "patches": "patch_embed.proj"},
            {
                "attention_norm": ("blocks.{i}.norm1",),
                "attention.qkv": ("blocks.{i}.attn.qkv",),
                "attention.out": ("blocks.{i}.attn.proj",),
                "mlp_norm": ("blocks.{i}.norm2",),
                "mlp.up": ("blocks.{i}.mlp.fc1",),
                "mlp.down": ("blocks.{i}.mlp.fc2",),
            },
            "norm",
        )
    ),
    heads={"classify": affine("classifier", "head")},
)


@dataclass(frozen=True, kw_only=True)
class ViTSpec(BackboneSpec):
    """size: tiny, small or base, as published. width D, depth (layers), heads: None = of that size; mlp_width: 4 D.

    patch: side of a square in pixels, None = the smallest of 4, 8, 16, 32 with at most 14 on a side (images under 16
    pixels: 2). readout: `class`, the vector of a token of its own before the patches, or `mean`, that of all patches,
    without such a token. act, eps: of the networks and of the norms.
    """

    batch: ClassVar[str] = "pixels"
    size: Literal["tiny", "small", "base"] = "tiny"
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    mlp_width: int | None = None
    patch: int | None = None
    readout: Literal["class", "mean"] = "class"
    act: str = "gelu"
    eps: float = 1e-6

    hf_model_type: ClassVar[str] = "vit"
    hf_also_reads: ClassVar[tuple[str, ...]] = ("vit_mae",)
    HF_NAMES: ClassVar[NameTable] = NameTable(
        prefix="vit.",
        architecture="ViTModel",
        backbone=tuple(
            _names(
                {
                    "class_token": "embeddings.cls_token",
                    "positions": "embeddings.position_embeddings",
                    "patches": "embeddings.patch_embeddings.projection",
                },
                {
                    "attention_norm": ("encoder.layer.{i}.layernorm_before",),
                    "attention.qkv": tuple(
                        f"encoder.layer.{{i}}.attention.attention.{part}" for part in ("query", "key", "value")
                    ),
                    "attention.out": ("encoder.layer.{i}.attention.output.dense",),
                    "mlp_norm": ("encoder.layer.{i}.layernorm_after",),
                    "mlp.up": ("encoder.layer.{i}.intermediate.dense",),
                    "mlp.down": ("encoder.layer.{i}.output.dense",),
                },
                "layernorm",
            )
        ),
        heads={"classify": affine("classifier", "classifier")},
        architectures={"classify": "ViTForImageClassification"},
        inputs=("pixel_values",),
        ignorable=(r"pooler\.dense\.(weight|bias)",),
        foreign=(r"decoder\..*",),  # of ViTMAEForPreTraining
    )

    def __post_init__(self) -> None:
        if self.size not in _SIZES:
            raise unknown(f"{self.label()}.size", self.size, _SIZES)
        check_sizes(self.label(), **self.sizes, patch=1 if self.patch is None else self.patch)

    @property
    def sizes(self) -> dict[str, int]:
        """width, depth, heads and mlp_width as they are built."""
        given = (self.width, self.depth, self.heads)
        chosen = (usual if own is None else own for own, usual in zip(given, _SIZES[self.size]))
        found = dict(zip(("width", "depth", "heads"), chosen))
        return found | {"mlp_width": 4 * found["width"] if self.mlp_width is None else self.mlp_width}

    @property
    def foreign_names(self) -> Mapping[str, NameTable]:
        """How other libraries call the tensors of a network that computes what theirs does, by library."""
        return {"timm": _TIMM} if (self.readout, self.act, self.eps) == ("class", "gelu", 1e-6) else {}

    def side(self, shape: ImageShape) -> int:
        """Return the side of a patch for such images."""
        least = min(shape.height, shape.width)
        if self.patch is not None:
            return self.patch
        return 2 if least < 16 else next((one for one in _PATCHES if least // one <= _MOST_ON_A_SIDE), _PATCHES[-1])

    def build(self, shape: ImageShape) -> ViT:
        """Return a new network, its random weights by torch's global seed. Raises HeadstartError: images too small."""
        if min(shape.height, shape.width) < self.side(shape):
            raise HeadstartError(
                f"{self.label()}.patch={self.side(shape)}: images of {shape.width} x {shape.height} pixels have none; "
                f"allowed: 1 to {min(shape.height, shape.width)}"
            )
        return ViT(self, shape)

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], names: Collection[str] = ()) -> ViTSpec:
        """Return the spec of a config.json. Raises HeadstartError on a wiring that is not ViT's."""
        require(config, cls.label(), qkv_bias=True)
        given = {ours: config[theirs] for ours, theirs in _CONFIG_NAMES.items() if theirs in config}
        defaults = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072, "patch": 16, "eps": 1e-12}
        return cls.from_dict({**defaults, **given})

    def to_hf_config(self, shape: ImageShape) -> dict[str, Any]:
        """Return config.json's content without what depends on a head. Raises HeadstartError for the readout `mean`."""
        if self.readout != "class":
            raise HeadstartError(
                f"backbone {self.name}: readout={self.readout} has no counterpart in transformers, whose ViT has a "
                "class token; export works for readout=class, headstart itself serves this one as it is"
            )
        own = {"patch": self.side(shape), "act": self.act, "eps": self.eps, **self.sizes}
        return {
            "model_type": self.hf_model_type,
            "num_channels": shape.channels,
            **{theirs: own[ours] for ours, theirs in _CONFIG_NAMES.items()},
            "image_size": [shape.height, shape.width],
            "qkv_bias": True,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }


class ViT(Backbone):
    """Patches + positions -> blocks -> norm. Pixels to the right and below the last whole patch are not read."""

    def __init__(self, spec: ViTSpec, shape: ImageShape) -> None:
        super().__init__()
        width, depth, heads, inner = spec.sizes.values()
        self.width, self.depth, self.patch = width, depth, spec.side(shape)
        self.pooling = "cls" if spec.readout == "class" else "mean"
        self.grid = (shape.height // self.patch, shape.width // self.patch)
        self.input = Standardise(shape)
        self.patches = nn.Conv2d(shape.channels, width, self.patch, self.patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width)) if spec.readout == "class" else None
        tokens = self.grid[0] * self.grid[1] + (self.class_token is not None)
        self.positions = nn.Parameter(torch.empty(1, tokens, width).normal_(std=0.02))
        self.blocks = nn.ModuleList(PreNormBlock(width, heads, inner, spec.act, spec.eps) for _ in range(depth))
        self.final_norm = nn.LayerNorm(width, eps=spec.eps)
        for part in self.modules():  # as in the authors' code; a patch is a row of pixels there
            if isinstance(part, nn.Linear | nn.Conv2d):
                nn.init.xavier_uniform_(part.weight.data.flatten(1))
                nn.init.zeros_(part.bias)

    def forward(self, batch: ImageBatch, *, layers: bool = False, attention: bool = False) -> Features:
        """Encode images of any size of at least a patch, or their patches `visible_BV` (`ImageBatch`) alone.

        The class token comes first. pooled_BD: as `readout` says. Raises HeadstartError: images too small.
        """
        pixels_BCHW = self.input(batch)
        if min(pixels_BCHW.shape[2:]) < self.patch:
            raise HeadstartError(f"images of {list(pixels_BCHW.shape[2:])} pixels: a patch has {self.patch} a side")
        square_BDhw = self.patches(pixels_BCHW)
        grid = tuple(square_BDhw.shape[2:])
        first, position_1TD = self._positions(grid)
        hidden_BTD = square_BDhw.flatten(2).mT + position_1TD
        if (visible_BV := batch.extra.get("visible_BV")) is not None:
            hidden_BTD = take_patches(hidden_BTD, visible_BV)
        if self.class_token is not None:
            token_BTD = (self.class_token + first).expand(batch.size, -1, -1)
            hidden_BTD = torch.cat([token_BTD.to(hidden_BTD.dtype), hidden_BTD], 1)
        layout, hidden_ND = Layout.even(hidden_BTD), hidden_BTD.flatten(0, 1)
        trace = Trace(layout, layers, attention)
        for block in self.blocks:
            trace.see(hidden_ND)
            hidden_ND, map_BHTT = block(hidden_ND, layout, None, maps=attention)
            trace.note(map_BHTT)
        hidden_ND = self.final_norm(hidden_ND)
        trace.see(hidden_ND)
        features = trace.features(hidden_ND)
        return replace(features, pooled_BD=pool(features, self.pooling), grid=grid if visible_BV is None else None)

    def groups(self) -> list[list[nn.Parameter]]:
        """Patches with class token and positions, then every block; the final norm goes with the last block."""
        alone = [parameter for parameter in (self.class_token, self.positions) if parameter is not None]
        groups = [[*self.patches.parameters(), *alone], *(parameters_of(block) for block in self.blocks)]
        groups[-1].extend(parameters_of(self.final_norm))
        return groups

    def classification_head(self, classes: int) -> LinearOutput:
        """Return one linear layer on the class token, or on the mean, as in ViTForImageClassification."""
        return LinearOutput(self.width, classes, self.pooling)

    def _positions(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the positions of the class token [1, 0 or 1, D] and of a grid of patches [1, h * w, D].

        For another grid than that of training they are interpolated (bicubic, as in transformers).
        """
        rows, columns = self.grid
        first, position_1TD = self.positions.split([self.positions.shape[1] - rows * columns, rows * columns], 1)
        if grid != self.grid:
            square_1Dhw = position_1TD.mT.unflatten(2, self.grid)
            position_1TD = F.interpolate(square_1Dhw, grid, mode="bicubic", align_corners=False).flatten(2).mT
        return first, position_1TD

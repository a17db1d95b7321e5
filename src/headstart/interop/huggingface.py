"""Reads a transformers checkpoint folder: config.json + safetensors only, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headstart.core import registry
from headstart.core.bounded_build import built_without_memory
from headstart.core.contracts import Backbone
from headstart.core.errors import HeadstartError, in_file, unknown
from headstart.core.json_files import read_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.processor import Tokenizer
from headstart.core.shapes import Shape, TokenShape
from headstart.core.spec import BackboneSpec
from headstart.core.spec_base import checked
from headstart.core.tensor_files import load_tensors
from headstart.interop.model_folder import unwrapped
from headstart.interop.names import NameTable, Receipt, check_shapes, fit_rules, read_state, sort_tensors
from headstart.interop.preprocessor import read_preprocessor

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Loaded:
    """spec and backbone; config: config.json; extra: tensors of heads (their names); receipt: what became of each."""

    spec: BackboneSpec
    backbone: Backbone
    config: dict[str, Any]
    extra: dict[str, Tensor]
    receipt: Receipt

    def __iter__(self):
        """Unpack as (spec, backbone, extra, receipt)."""
        return iter((self.spec, self.backbone, self.extra, self.receipt))


def model_types() -> dict[str, type[BackboneSpec]]:
    """Return, by transformers' `model_type`, the spec classes that say they can read it."""
    specs = [registry.load("backbone", name) for name in registry.names("backbone")]
    return {kind: spec for spec in specs if spec.hf_model_type for kind in (spec.hf_model_type, *spec.hf_also_reads)}


def load_backbone(folder: Path) -> Loaded:
    """Load the backbone of a transformers folder in float32, heads' tensors beside it.

    A family without a backbone here is wrapped by the choice `hf` if transformers is installed; the receipt says so.
    Raises HeadstartError (one line) on a missing, damaged or pickled file, an unknown model type or wiring, and on any
    tensor that is missing, extra or of another shape.
    """
    folder = Path(folder)
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise HeadstartError(f"{folder / 'config.json'}: expected a JSON object")
    spec_class, note = _family(config.get("model_type"), folder / "config.json")
    tensors, where = read_tensors(folder), str(folder)
    with in_file(folder / "config.json"):
        spec = spec_class.from_hf_config(config, tensors)
        _check_sizes(spec, config, len(tensors))
        table: NameTable = spec.HF_NAMES
    shape = _shape(spec, config, folder)
    backbone, extra, receipt = restore(spec, table, shape, tensors, where, note)
    return Loaded(spec, backbone, config, extra, receipt)


def restore(
    spec: BackboneSpec, table: NameTable, shape: Shape, tensors: Mapping[str, Tensor], where: str, note: str = ""
) -> tuple[Backbone, dict[str, Tensor], Receipt]:
    """Return (the network of `spec` with their tensors in float32, those of heads, the receipt).

    note: for the receipt; with one, the network is built for real before it is filled. Raises HeadstartError on any
    tensor that is missing, extra or of another shape.
    """
    parts, backbone = sort_tensors(table, tensors, where), empty_backbone(spec, shape, where)
    rules = fit_rules(table.backbone, backbone.state_dict())
    state, own = read_state(rules, parts.backbone, where), [rule.ours for rule in rules if rule.how == "own"]
    check_shapes({k: v for k, v in backbone.state_dict().items() if k not in own}, state, where)
    if note or own:  # it has buffers that are in no file; transformers' own network is tried out when built for real
        with in_file(Path(where)):
            backbone = spec.build(shape)
    fill_module(backbone, {name: backbone.state_dict()[name] for name in own} | state, where)
    receipt = Receipt(restored=tuple(state), extra=tuple(sorted(parts.extra)), dropped=parts.dropped, note=note)
    return backbone, parts.extra, receipt


def _family(kind: object, where: Path) -> tuple[type[BackboneSpec], str]:
    """Return the spec class that reads this model type and what to say about it. Raises HeadstartError."""
    types = model_types()
    if checked(f"{where}: model_type", kind, str) in types:
        return types[kind], ""
    wrapper, error = registry.load("backbone", "hf"), unknown(f"model_type in {where}:", kind, types)
    try:
        known = wrapper.knows(kind)
    except HeadstartError as missing:
        raise HeadstartError(f"{error}; {missing}") from None
    if not known:
        raise error
    return wrapper, f"no backbone here is called {kind}, so transformers' own runs inside backbone hf"


def match_vocabulary(tokenizer: Tokenizer, config: Mapping[str, Any]) -> str:
    """Return in words how the tokenizer's ids fit the rows of the word matrix (config.json's `vocab_size`).

    Raises HeadstartError when there are more ids than rows: the tokenizer is of another model.
    """
    ids, rows = tokenizer.vocabulary, config["vocab_size"]
    if ids > rows:
        raise HeadstartError(
            f"the tokenizer has {ids:,} ids, the word matrix {rows:,} rows: it belongs to another model "
            f"(allowed: at most {rows:,} ids)"
        )
    unused = f"{rows - ids:,} rows are never used" if ids < rows else "equal"
    return f"{ids:,} token ids for {rows:,} rows of the word matrix: {unused}"


def load_head(table: NameTable, head: str, module: nn.Module, extra: Mapping[str, Tensor], where: str) -> Receipt:
    """Fill a head's module from the `extra` tensors of `load_backbone`, or leave it as it was made.

    head: one of the table's (`mlm`, `classify` ...). When the checkpoint has none of the head's tensors, all of it is
    reported as fresh; when it has only some of them HeadstartError is raised. Tensors of other heads are dropped.
    """
    state = module.state_dict()
    rules = fit_rules(table.heads[head], state)
    wanted = {theirs for rule in rules for theirs in rule.theirs}
    # ModernBERT's `head.dense` serves both outputs: a head counts as present when what sets it apart is there.
    others = {t for name, other in table.heads.items() if name != head for rule in other for t in rule.theirs}
    if not (wanted - others) & set(extra):
        return Receipt(fresh=tuple(state), dropped=tuple(sorted(extra)))
    found = read_state(rules, {name: tensor for name, tensor in extra.items() if name in wanted}, where)
    fill_module(module, found, where)
    return Receipt(restored=tuple(found), dropped=tuple(sorted(set(extra) - wanted)))


def fill_module(module: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Give `module` the tensors of `state` in float32. Raises HeadstartError unless names and shapes all agree."""
    check_shapes(module.state_dict(), state, where)
    module.load_state_dict({name: _own(tensor) for name, tensor in state.items()}, assign=True)


def _own(tensor: Tensor) -> Tensor:
    """Return a copy, floating point numbers as float32."""
    return tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Return all tensors of `model.safetensors` or of the shards in its index. Raises HeadstartError, see above."""
    if (folder / WEIGHTS).is_file():
        return unwrapped(load_tensors(folder / WEIGHTS))
    if (folder / INDEX).is_file():
        return unwrapped(_read_shards(folder))
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    if pickled:
        raise HeadstartError(
            f"{folder / pickled[0]}: pickled weights can run code and are never opened; "
            f"ask for or convert to {WEIGHTS} (transformers: save_pretrained does)"
        )
    raise HeadstartError(f"{folder}: no {WEIGHTS} (and no {INDEX}) here")


def _read_shards(folder: Path) -> dict[str, Tensor]:
    index = read_json(folder / INDEX)
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise HeadstartError(f"{folder / INDEX}: expected a 'weight_map' from tensor to file")
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        if Path(name).name != name:
            raise HeadstartError(f"{folder / INDEX}: shard '{name}' lies outside the folder")
        tensors.update(load_tensors(folder / name))
    if lost := sorted(set(places) ^ set(tensors)):
        raise HeadstartError(f"{folder / INDEX}: the shards and the index disagree about '{lost[0]}'")
    return tensors


def _check_sizes(spec: BackboneSpec, config: Mapping[str, Any], tensors: int) -> None:
    """Raise HeadstartError for sizes that no file of so many tensors can have."""
    name = "vocab_size" if spec.batch == "tokens" else "num_channels"
    size = config.get(name)
    if type(size) is not int or size < 1:
        raise HeadstartError(f"{name}={size!r}: expected a whole number above 0")
    if spec.depth > tensors:
        raise HeadstartError(f"it says {spec.depth} layers, the weights hold {tensors} tensors")


def _pad_id(config: Mapping[str, Any]) -> int:
    pad_id = config.get("pad_token_id")
    return pad_id if type(pad_id) is int and 0 <= pad_id < config["vocab_size"] else -1


def _shape(spec: BackboneSpec, config: Mapping[str, Any], folder: Path) -> Shape:
    """Return what the backbone is built for; size and statistics of images are in the file of their processor."""
    if spec.batch == "tokens":
        return TokenShape(config["vocab_size"], _pad_id(config))
    shape = read_preprocessor(folder).shape
    if shape.channels != config["num_channels"]:
        raise HeadstartError(
            f"{folder / PREPROCESSOR}: it has statistics of {shape.channels} channels, and config.json says "
            f"num_channels={config['num_channels']}"
        )
    return shape


def empty_backbone(spec: BackboneSpec, shape: Shape, where: str) -> Backbone:
    """Build the backbone without memory, so that a config with absurd sizes costs nothing before it is refused."""
    return built_without_memory(lambda: spec.build(shape), where)

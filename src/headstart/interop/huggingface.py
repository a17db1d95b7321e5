"""Reads a transformers checkpoint folder: config.json + safetensors only, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from headstart.base import registry
from headstart.base.contracts import Backbone
from headstart.base.errors import HeadstartError, unknown
from headstart.base.files import read_json
from headstart.base.spec import BackboneSpec
from headstart.interop.names import NameTable, Receipt, check_shapes, fit_rules, read_state, sort_tensors

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
    return {spec.hf_model_type: spec for spec in specs if hasattr(spec, "hf_model_type")}


def load_backbone(folder: Path) -> Loaded:
    """Load the backbone of a transformers folder in float32, heads' tensors beside it.

    Raises HeadstartError (one line) on a missing, damaged or pickled file, an unknown model type or wiring, and on any
    tensor that is missing, extra or of another shape.
    """
    folder = Path(folder)
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise HeadstartError(f"{folder / 'config.json'}: expected a JSON object")
    types = model_types()
    kind = config.get("model_type")
    if kind not in types:
        raise unknown(f"model_type in {folder / 'config.json'}:", str(kind), types)
    tensors, where = read_tensors(folder), str(folder)
    spec_class = types[kind]
    try:
        spec = spec_class.from_hf_config(config, tensors)
    except HeadstartError as error:
        raise HeadstartError(f"{folder / 'config.json'}: {error}") from None
    table: NameTable = spec_class.HF_NAMES
    parts = sort_tensors(table, tensors, where)
    backbone = _empty(spec, config, len(tensors), where)
    state = read_state(fit_rules(table.backbone, backbone.state_dict()), parts.backbone, where)
    fill_module(backbone, state, where)
    receipt = Receipt(restored=tuple(state), extra=tuple(sorted(parts.extra)), dropped=parts.dropped)
    return Loaded(spec, backbone, config, parts.extra, receipt)


def load_head(table: NameTable, head: str, module: nn.Module, extra: Mapping[str, Tensor], where: str) -> Receipt:
    """Fill a head's module from the `extra` tensors of `load_backbone`, or leave it as it was made.

    head: `mlm` or `classify`. When the checkpoint has none of the head's tensors, all of it is reported as fresh; when
    it has only some of them HeadstartError is raised.
    """
    state = module.state_dict()
    rules = fit_rules(table.heads[head], state)
    wanted = {theirs for rule in rules for theirs in rule.theirs}
    # ModernBERT's `head.dense` serves both outputs: a head counts as present when what sets it apart is there.
    others = {t for name, other in table.heads.items() if name != head for rule in other for t in rule.theirs}
    if not (wanted - others) & set(extra):
        return Receipt(fresh=tuple(state))
    found = read_state(rules, {name: tensor for name, tensor in extra.items() if name in wanted}, where)
    fill_module(module, found, where)
    return Receipt(restored=tuple(found))


def fill_module(module: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Give `module` the tensors of `state` in float32. Raises HeadstartError unless names and shapes all agree."""
    check_shapes(module.state_dict(), state, where)
    module.load_state_dict({name: tensor.to(torch.float32, copy=True) for name, tensor in state.items()}, assign=True)
    for parameter in module.parameters():
        parameter.requires_grad_(True)


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Return all tensors of `model.safetensors` or of the shards in its index. Raises HeadstartError, see above."""
    if (folder / WEIGHTS).is_file():
        return _read_file(folder / WEIGHTS)
    if (folder / INDEX).is_file():
        return _read_shards(folder)
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
        tensors.update(_read_file(folder / name))
    if lost := sorted(set(places) ^ set(tensors)):
        raise HeadstartError(f"{folder / INDEX}: the shards and the index disagree about '{lost[0]}'")
    return tensors


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise HeadstartError(f"{path}: not a sound safetensors file ({str(error).splitlines()[0]})") from None


def _empty(spec: BackboneSpec, config: Mapping[str, Any], tensors: int, where: str) -> Backbone:
    """Build the backbone without memory, so that a config with absurd sizes costs nothing before it is refused."""
    vocabulary, pad_id = config.get("vocab_size"), config.get("pad_token_id")
    if type(vocabulary) is not int or vocabulary < 1:
        raise HeadstartError(f"{where}: vocab_size={vocabulary!r} in config.json: expected a whole number above 0")
    if spec.depth > tensors:
        raise HeadstartError(f"{where}: config.json says {spec.depth} layers, the weights hold {tensors} tensors")
    pad_id = pad_id if type(pad_id) is int and 0 <= pad_id < vocabulary else -1
    try:
        with torch.device("meta"):
            return spec.build(vocabulary, pad_id)
    except (RuntimeError, OverflowError) as error:
        raise HeadstartError(f"{where}: sizes in config.json do not work ({str(error).splitlines()[0]})") from None

"""Leave for peft: the low-rank updates of route lora as an adapter, beside the base that they belong to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Adapter, Exportable
from headstart.core.files import make_folder
from headstart.core.json_files import write_json
from headstart.core.spec import ExportSpec
from headstart.core.tensor_files import save_tensors
from headstart.exporting.leave import Leaves
from headstart.exporting.verified import Answers
from headstart.exports.hf import name_table, write_network
from headstart.interop.names import NameTable, fit_rules

_BASE, _HEAD = "base", "head.safetensors"
_UPDATED = ("copy", "concat", "transpose")


@dataclass(frozen=True, kw_only=True)
class PeftSpec(Leaves, ExportSpec):
    """base: name or folder of the base for whoever loads the adapter, in the place of the copy in `base/`."""

    package: ClassVar[str] = "peft"
    extra: ClassVar[str] = "peft"
    base: str | None = None

    def fill(self, source: Exportable, folder: Path) -> str:
        """See `Leaves.fill`."""
        if source.adapter is None:
            raise HeadstartError(
                "this model has no low-rank updates, and peft reads nothing else here; make one with "
                "`headstart transfer BASE ... --route lora`, or export --to hf"
            )
        table = name_table(source.backbone_spec)
        make_folder(folder / _BASE)
        write_network(replace(source, backbone=_without(source.backbone, source.adapter)), folder / _BASE)
        parts = adapter_tensors(table, source.backbone, source.adapter)
        save_tensors(parts.tensors, folder / "adapter_model.safetensors", {"format": "pt"})
        write_json(folder / "adapter_config.json", parts.config | {"base_model_name_or_path": self.base or _BASE})
        head = {name: tensor.detach().cpu().contiguous() for name, tensor in source.head.state_dict().items()}
        save_tensors(head, folder / _HEAD, {"format": "pt"})
        return (
            f"load it with PeftModel.from_pretrained(AutoModel.from_pretrained(FOLDER/{_BASE}), FOLDER); the head of "
            f"task {source.task} lies in {_HEAD}, and `export --to hf` gives network and head in one"
        )

    def opened(self, source: Exportable, folder: Path) -> Callable[[Examples], Answers]:
        """See `Leaves.opened`."""
        from peft import PeftModel

        from headstart.exporting.transformers_side import opened

        def adapted(model: Any) -> Any:
            return PeftModel.from_pretrained(model, str(folder)).eval()

        return opened(source, folder / _BASE, "", adapted=adapted)

    def ours(self, source: Exportable) -> Callable[[Examples], Answers]:
        """See `Leaves.ours`: the states of the network."""
        return lambda rows: {}

    def usage(self, source: Exportable) -> str:
        """See `Leaves.usage`."""
        return (
            "from peft import PeftModel\nfrom transformers import AutoModel, AutoTokenizer\n\n"
            f'base = AutoModel.from_pretrained("FOLDER/{_BASE}")\nmodel = PeftModel.from_pretrained(base, "FOLDER")\n'
            f'tokenizer = AutoTokenizer.from_pretrained("FOLDER/{_BASE}")'
        )


@dataclass(frozen=True)
class AdapterParts:
    """tensors, config: adapter_model.safetensors and adapter_config.json."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]


def adapter_tensors(table: NameTable, backbone: nn.Module, adapter: Adapter) -> AdapterParts:
    """Return an adapter in the names of peft. Raises HeadstartError: an updated weight is no matrix of theirs.

    An update of a matrix that is several of theirs, stacked, is one update for each: they share `down`.
    """
    rules = {rule.ours: rule for rule in fit_rules(table.backbone, backbone.state_dict())}
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    for name, (down_RI, up_OR, scale) in adapter.updates.items():
        rule = rules[name]
        if rule.how not in _UPDATED:
            raise HeadstartError(f"the update of {name} belongs to no linear layer of transformers; take --to hf")
        for theirs, part in zip(rule.theirs, up_OR.chunk(len(rule.theirs)), strict=True):
            layer = theirs.removesuffix(".weight")
            place = f"base_model.model.{layer}"
            tensors |= {f"{place}.lora_A.weight": down_RI.clone(), f"{place}.lora_B.weight": part.contiguous()}
            ranks[layer], alphas[layer] = len(down_RI), scale * len(down_RI)
    rank, alpha = max(ranks.values()), max(alphas.values())
    config = {
        "peft_type": "LORA",
        "task_type": "FEATURE_EXTRACTION",
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {layer: own for layer, own in ranks.items() if own != rank},
        "alpha_pattern": {layer: own for layer, own in alphas.items() if own != alpha},
        "target_modules": sorted(ranks),
        "fan_in_fan_out": any(rules[name].how == "transpose" for name in adapter.updates),
        "bias": "none",
        "lora_dropout": 0.0,
        "inference_mode": True,
    }
    return AdapterParts(tensors, config)


@torch.no_grad()
def _without(backbone: nn.Module, adapter: Adapter) -> nn.Module:
    """Return a copy of the network as it was before the updates, to the precision of float32."""
    base = copy.deepcopy(backbone)
    weights = dict(base.named_parameters())
    for name, (down, up, scale) in adapter.updates.items():
        weight = weights[name]
        update = scale * (up.to(weight.device, torch.float64) @ down.to(weight.device, torch.float64))
        weight.copy_((weight.double() - update).float())
    return base

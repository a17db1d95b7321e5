"""Durable checkpoints: safetensors + JSON in one folder with a sha256 manifest; the newest valid one wins."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from headstart.base.errors import HeadstartError
from headstart.base.files import check_folder, disk_error, read_json, write_folder
from headstart.training.loop import TrainState, weights

WEIGHTS = "weights.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_CARRY = "carry.safetensors"
_STATE = "state.json"


class Checkpoints:
    """The checkpoints of one run: `folder/step-000000123/`. Keeps the newest `keep`; prunes once that is durable."""

    def __init__(self, folder: Path, keep: int = 2):
        self.folder, self.keep = folder, keep

    def save(self, state: TrainState) -> None:
        """Write the state whole or not at all. Raises HeadstartError when the disk refuses; the older ones stay."""
        target = self.folder / f"step-{state.step:09d}"

        def fill(folder: Path) -> None:
            (folder / WEIGHTS).write_bytes(save({k: v.contiguous() for k, v in _unshared(weights(state)).items()}))
            (folder / _OPTIMIZER).write_bytes(save(_optimizer_tensors(state.optimizer)))
            if state.carry:
                carry = {f"{place:03d}": tensor.contiguous() for place, tensor in enumerate(state.carry)}
                (folder / _CARRY).write_bytes(save(_unshared(carry)))
            counters = {k: getattr(state, k) for k in ("step", "seconds", "tokens", "samples", "loss")}
            (folder / _STATE).write_text(json.dumps(counters), encoding="utf-8")

        try:
            write_folder(target, fill)
        except OSError as error:
            raise disk_error(target, error) from None
        for old in (*self.steps()[: -self.keep], *self.folder.glob(".step-*.*")):  # the latter: torn by a kill
            shutil.rmtree(old, ignore_errors=True)

    def steps(self) -> list[Path]:
        """Return the checkpoint folders, oldest first, valid or not."""
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if re.fullmatch(r"step-\d{9}", p.name) and p.is_dir())

    def newest(self) -> tuple[Path | None, list[str]]:
        """Return (newest valid checkpoint or None, one line for every damaged one that was passed over)."""
        passed = []
        for folder in reversed(self.steps()):
            fault = check_folder(folder)
            if fault is None:
                return folder, passed
            passed.append(f"checkpoint {folder} is damaged ({fault}); falling back to the previous one")
        return None, passed


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint. Raises HeadstartError: missing or damaged."""
    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise HeadstartError(f"{folder / WEIGHTS}: cannot be read ({error})") from None


def restore(state: TrainState, folder: Path) -> None:
    """Put a checkpoint into a fresh state. Raises HeadstartError: a tensor is missing, extra or misshapen."""
    load_weights(state.backbone, state.objective, read_weights(folder), folder)
    _load_optimizer(state.optimizer, load_file(folder / _OPTIMIZER), folder / _OPTIMIZER)
    for name, value in read_json(folder / _STATE).items():
        setattr(state, name, value)
    if (folder / _CARRY).is_file():
        device = next(state.backbone.parameters()).device
        carry = load_file(folder / _CARRY)
        # Cloned, as above all loaded tensors are: they are views of a file that is pruned one day.
        state.carry = tuple(carry[name].clone().to(device) for name in sorted(carry))


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], source: Path) -> None:
    """Put back what `_optimizer_tensors` wrote; a parameter that never had a gradient has no state, in the file too."""
    # One optimizer may keep other tensors for matrices than for the rest; a set within a larger one is a torn one.
    sets: dict[str, set[str]] = {}
    for name in tensors:
        index, kind = name.split(".", 1)
        sets.setdefault(index, set()).add(kind)
    flat = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    found = {}
    for index, parameter in enumerate(flat):
        own = sets.get(f"{index:05d}", set())
        held = {kind: tensors.pop(f"{index:05d}.{kind}") for kind in sorted(own)}
        if lost := [min(other - own) for other in sets.values() if own and own < other]:
            raise HeadstartError(f"{source}: tensor {index:05d}.{lost[0]} is missing")
        for kind, value in held.items():
            if kind != "step" and value.shape != parameter.shape:
                shapes = f"{list(value.shape)}, the parameter {list(parameter.shape)}"
                raise HeadstartError(f"{source}: tensor {index:05d}.{kind} has shape {shapes}")
        if held:
            # Cloned: the loaded tensors are views of the file, which is pruned one day. A fused optimizer wants `step`
            # where the parameter is, as its own `load_state_dict` does.
            found[parameter] = {kind: value.clone().to(parameter.device) for kind, value in held.items()}
    if tensors:
        raise HeadstartError(f"{source}: holds {len(tensors)} tensors that this run does not have")
    optimizer.state.update(found)


def load_weights(backbone: torch.nn.Module, objective: torch.nn.Module | None, tensors: dict, source: Path) -> None:
    """Load `backbone.*` and `objective.*` strictly: nothing half-loads. Raises HeadstartError with the names."""
    for part, module in (("backbone", backbone), ("objective", objective)):
        if module is None:
            continue
        own = {n.split(".", 1)[1]: t for n, t in tensors.items() if n.startswith(part + ".")}
        try:
            module.load_state_dict(own, strict=True)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise HeadstartError(f"{source}: the {part} does not fit its spec: {reason[:300]}") from None


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that share memory with another; safetensors stores each on its own."""
    seen: set[int] = set()
    out = {}
    for name, tensor in tensors.items():
        out[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return out


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    flat = [p for group in optimizer.param_groups for p in group["params"]]
    return {
        f"{index:05d}.{name}": value.contiguous()
        for index, parameter in enumerate(flat)
        for name, value in optimizer.state.get(parameter, {}).items()
    }

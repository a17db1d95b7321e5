"""Durable checkpoints: safetensors + JSON in one folder with a manifest; the newest sound checkpoint counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headstart.core import migration, ranks
from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.core.files import remove_folder, remove_leftovers, writing
from headstart.core.manifest import faults, write_folder
from headstart.core.migration import FORMAT, read_versioned
from headstart.core.tensor_files import load_tensors, save_tensors
from headstart.training.loop import TrainState, weights
from headstart.training.parallel import Network
from headstart.training.shares import own_rows

WEIGHTS = "weights.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_CARRY = "carry.safetensors"
_STATE = "state.json"
COUNTERS = ("step", "seconds", "units", "samples", "loss")  # of a `TrainState`, as state.json holds them


class Checkpoints:
    """The checkpoints of one run: `folder/step-000000123/`. Keeps the newest `keep`; prunes once that is durable.

    run: the identity of the run, which its checkpoints hold; empty = it has none. patience: carries out a write of the
    disk, and may try again where the disk is full.
    """

    def __init__(
        self,
        folder: Path,
        keep: int = 2,
        run: str = "",
        patience: Callable[[Callable[[], None]], None] | None = None,
    ):
        self.folder, self.keep, self.run, self.patience = folder, keep, run, patience

    def save(self, state: TrainState) -> None:
        """Write the state whole or not at all. Raises HeadstartError when the disk refuses; the older ones stay.

        All ranks give what they hold of it, and the first writes.
        """
        target = self.folder / f"step-{state.step:09d}"
        trained, moments = weights(state), _optimizer_tensors(state.optimizers, state.network)
        carried = [ranks.gathered(tensor).every for tensor in state.carry]
        if not ranks.is_first():
            return

        def fill(folder: Path) -> None:
            # Straight to the file: as bytes, all of it would be in memory once more.
            save_tensors({k: v.contiguous() for k, v in _unshared(trained).items()}, folder / WEIGHTS)
            save_tensors(moments, folder / _OPTIMIZER)
            if carried:
                carry = {f"{place:03d}": tensor.contiguous() for place, tensor in enumerate(carried)}
                save_tensors(_unshared(carry), folder / _CARRY)
            counters = {name: vars(state)[name] for name in COUNTERS}
            told = {"format": FORMAT, **counters} | ({"run": self.run} if self.run else {})
            with writing(folder / _STATE):
                (folder / _STATE).write_text(json.dumps(told), encoding="utf-8")

        def write() -> None:
            with writing(target, need=sum(one.nbytes for one in (*trained.values(), *moments.values(), *carried))):
                write_folder(target, "checkpoint", fill)

        write() if self.patience is None else self.patience(write)
        for old in self.steps()[: -self.keep]:
            with suppress(DiskError):  # it stays for now: what is to be kept is durable
                remove_folder(old)
        remove_leftovers(self.folder)

    def steps(self) -> list[Path]:
        """Return the checkpoint folders, oldest first, valid or not."""
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if re.fullmatch(r"step-\d{9}", p.name) and p.is_dir())

    def newest(
        self, distrusted: Mapping[str, str] | None = None, *, served: bool = False
    ) -> tuple[Path | None, list[str]]:
        """Return (newest sound checkpoint or None, one line for every other that is damaged, foreign or missing).

        distrusted: by the name of a checkpoint, what the manifest of its run says against it. served: see
        `RunFolder.newest`.
        """
        distrusted = dict(distrusted or {})
        newest, passed = None, []
        for folder in reversed(self.steps()):
            unread = None if not served else _all if newest is not None else _only_trained_on
            fault = distrusted.pop(folder.name, None) or next(map(str, faults(folder, "checkpoint", unread)), None)
            fault = fault or self._misplaced(folder)
            if fault is None:
                newest = newest or folder
            elif folder.is_dir():  # otherwise a run at work pruned it meanwhile
                way_out = "; falling back to the previous one" if newest is None else ""
                passed.append(f"checkpoint {folder} is damaged ({fault}){way_out}")
        return newest, passed + [f"checkpoint {self.folder / name} is missing" for name in sorted(distrusted)]

    def _misplaced(self, folder: Path) -> str | None:
        """Return what is wrong where a whole checkpoint has the name of another one, or is another run's."""
        try:
            told = read_versioned(folder / _STATE, migration.state)
        except HeadstartError as error:
            return str(error).removeprefix(f"{folder}/")
        if f"step-{told['step']:09d}" != folder.name:
            return f"{_STATE} is that of step {told['step']:,}"
        if self.run and told.get("run", self.run) != self.run:
            return f"{_STATE} is that of another run"
        return None


def _all(name: str) -> bool:
    return True


def _only_trained_on(name: str) -> bool:
    """Whether a file of a checkpoint is read when training goes on, and then alone."""
    return name in (_OPTIMIZER, _CARRY)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint. Raises HeadstartError: missing or damaged."""
    return load_tensors(folder / WEIGHTS)


def read_counters(folder: Path) -> dict[str, Any]:
    """Return how far a checkpoint is: step, seconds, units, samples, loss. Raises HeadstartError."""
    found = read_versioned(folder / _STATE, migration.state)
    return {name: found[name] for name in COUNTERS}


def restore(state: TrainState, folder: Path) -> None:
    """Put a checkpoint into a fresh state. Raises HeadstartError: a tensor is missing, extra or misshapen."""
    held = {"backbone": state.backbone.state_dict(), "objective": state.objective.state_dict()}
    tensors = {}
    for name, tensor in read_weights(folder).items():
        part, _, own = name.partition(".")
        tensors[name] = state.network.part_like(tensor, held.get(part, {}).get(own, tensor))
    load_weights(state.backbone, state.objective, tensors, folder)
    tensors = load_tensors(folder / _OPTIMIZER)
    for phase, optimizer in state.optimizers.items():
        prefix = _prefix(phase, state.optimizers)
        own = {name.removeprefix(prefix): tensors.pop(name) for name in list(tensors) if name.startswith(prefix)}
        _load_optimizer(optimizer, own, folder / _OPTIMIZER, state.network)
    counters = read_counters(folder)
    state.step, state.seconds, state.loss = counters["step"], counters["seconds"], counters["loss"]
    state.units, state.samples = counters["units"], counters["samples"]
    if (folder / _CARRY).is_file():
        device = next(state.backbone.parameters()).device
        carry = load_tensors(folder / _CARRY)
        state.carry = tuple(_own(carry[name]).to(device) for name in sorted(carry))


def _own(carried: Tensor) -> Tensor:
    """Return a copy of what this rank remembers of all streams: all are as long, so that they are shared out evenly.

    A copy, as of all loaded tensors: they are views of a file that is pruned one day.
    """
    return carried[own_rows(torch.ones(len(carried), dtype=torch.int64), ranks.rank(), ranks.world())]


def _load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], source: Path, network: Network
) -> None:
    """Put back what `_optimizer_tensors` wrote; a parameter that never had a gradient has no state, in the file too."""
    # One optimizer may keep other tensors for matrices than for the rest; a set within a larger one is a torn one.
    sets: dict[str, set[str]] = {}
    for name in tensors:
        index, _, kind = name.partition(".")
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
            # where the parameter is, as its own `load_state_dict` does. The others lie as the parameter does: a step
            # rounds otherwise where their layouts differ.
            found[parameter] = {
                kind: value.clone().to(parameter.device)
                if kind == "step"
                else _laid_like(network.part_like(value, parameter), parameter)
                for kind, value in held.items()
            }
    if tensors:
        raise HeadstartError(f"{source}: holds {len(tensors)} tensors that this run does not have")
    optimizer.state.update(found)


def _laid_like(value: Tensor, parameter: Tensor) -> Tensor:
    out = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
    return out.copy_(value)


def load_weights(backbone: torch.nn.Module, objective: torch.nn.Module | None, tensors: dict, source: Path) -> None:
    """Load `backbone.*` and `objective.*` strictly: nothing half-loads. Raises HeadstartError with the names."""
    parts = {"backbone": backbone} | ({} if objective is None else {"objective": objective})
    for part, module in parts.items():
        own = {n.removeprefix(part + "."): t for n, t in tensors.items() if n.startswith(part + ".")}
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


def _optimizer_tensors(optimizers: Mapping[str, torch.optim.Optimizer], network: Network) -> dict[str, Tensor]:
    """Return every tensor that an optimizer keeps, by the place of its parameter; of several phases, by phase too."""
    return {
        f"{_prefix(phase, optimizers)}{index:05d}.{name}": network.whole(value, to_cpu=True).contiguous()
        for phase, optimizer in optimizers.items()
        for index, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"])
        for name, value in optimizer.state.get(parameter, {}).items()
    }


def _prefix(phase: str, optimizers: Mapping[str, torch.optim.Optimizer]) -> str:
    return "" if len(optimizers) == 1 else f"{phase}."

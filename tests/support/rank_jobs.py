"""What `several_ranks` runs on every process of a job; each returns plain data."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from small_parts import TextBatches, documents, pair, taught
from small_pixels import SmallPixels

from headstart.commands.pretrain import pretrain
from headstart.core import ranks, registry
from headstart.core.contracts import Loss
from headstart.core.errors import HeadstartError
from headstart.training import agreement, loop
from headstart.training.checkpoint import Checkpoints, read_weights, restore
from headstart.training.loop import Stop, fit, start_state
from headstart.training.optimizers.adamw import AdamWSpec
from headstart.training.plan import TrainPlan

torch.set_num_threads(1)


def warm_up() -> None:
    """Import and make what every rank needs; no backward pass, after which a process must not fork."""
    pair("mlm", "bert")
    AdamWSpec().build([{"params": [torch.zeros(1, requires_grad=True)], "lr": 1.0}])
    import_module("headstart.training.sharded")


class Uneven:
    """Batches of many and of few samples, so that some ranks have none; a function of the number."""

    per_epoch = 10

    def __init__(self, source: Any, sizes: tuple[int, ...]) -> None:
        self.source, self.sizes = source, sizes

    def at(self, number: int) -> Any:
        """Return batch `number`."""
        return self.source.at(number).rows(torch.arange(self.sizes[number % len(self.sizes)]))


class Interrupted:
    """The batches of a source; something is done before one of them is read."""

    def __init__(self, source: Any, number: int, act: Callable[[], None]) -> None:
        self.source, self.number, self.act, self.per_epoch = source, number, act, source.per_epoch

    def at(self, number: int) -> Any:
        """Return batch `number`."""
        if number == self.number:
            self.act()
        return self.source.at(number)


class Pictures:
    """Batches of 32 of 64 random images."""

    per_epoch = 2

    def __init__(self) -> None:
        shape = SmallPixels().shape
        size = (64, shape.channels, shape.height, shape.width)
        self.images = np.random.default_rng(0).integers(0, 255, size).astype(np.uint8)

    def at(self, number: int) -> Any:
        """Return batch `number`."""
        epoch, place = divmod(number, self.per_epoch)
        rows = np.arange(32 * place, 32 * place + 32)
        return SmallPixels().collate(list(self.images[rows]), samples=rows, epoch=epoch)


def _nothing_dropped() -> None:
    """Every rank drops others; what is compared drops none."""
    torch.nn.functional.dropout = lambda values, *_, **__: values


def _set_up(objective: str, backbone: str, plan: TrainPlan) -> SimpleNamespace:
    parts = taught(objective, backbone)
    if parts.refusal:
        raise HeadstartError(parts.refusal)
    _nothing_dropped()
    text = parts.spec.batch == "tokens"
    if text:
        source = Uneven(TextBatches(parts.processor, documents(240), 24), (24, 7, 1, 16, 3))
    else:  # a batch norm of a few images makes much of their rounding
        source = Uneven(Pictures(), (24, 13, 9, 16, 32))
    return SimpleNamespace(state=start_state(parts.objective, parts.backbone, plan), source=source)


@contextmanager
def _recorded() -> Iterator[dict[str, list]]:
    """Record of every step its loss and the samples of this rank, as they were read and as they are learned from."""
    kept: dict[str, list] = {"losses": [], "samples": [], "hidden": []}
    plain = loop.accumulate

    def recording(network: Any, phase: str, shares: list, *rest: Any) -> Any:
        found = plain(network, phase, shares, *rest)
        kept["losses"].append(None if found.loss is None else float(found.loss))
        kept["samples"].append([[] if one.idle else one.corrupted.sample_B.tolist() for one in shares])
        ids = [[] if one.idle else _content(one.corrupted) for one in shares]
        kept["hidden"].append(ids)
        return found

    loop.accumulate = recording
    yield kept
    loop.accumulate = plain


def _content(batch: Any) -> list:
    """Return what a rank is shown: ids of tokens, or the random numbers of the views of images."""
    if batch.unit == "tokens":
        return batch.ids_N.tolist()
    return [row for name in sorted(batch.extra) for row in batch.extra[name].reshape(batch.size, -1).tolist()]


def curve(objective: str, backbone: str, steps: int, fault: str = "", **settings: Any) -> dict[str, Any]:
    """Train and return the losses, samples and hidden texts of every step. fault: normalise on each rank alone."""
    plan = TrainPlan(**{"steps": steps, "learning_rate": 3e-3, "dtype": "fp32", "hold": 1.0} | settings)
    with ranks.joined(), _recorded() as kept:
        if fault:
            together = agreement.Agreement.counts
            agreement.Agreement.counts = lambda self, own: (
                together(self, own) and {name: count * ranks.world() for name, count in own.items()}
            )
        set_up = _set_up(objective, backbone, plan)
        result = fit(set_up.state, set_up.source, plan, held_out=[set_up.source.at(3), set_up.source.at(2)])
        held_out = [event.loss for event in result.evaluations]
    return kept | {"held_out": held_out, "units": result.units, "seconds": result.seconds}


def tried(optimizer: str, **settings: Any) -> dict[str, Any]:
    """Return what `curve` does, or what went wrong."""
    try:
        return curve(**settings, optimizer=registry.load("optimizer", optimizer)())
    except HeadstartError as error:
        return {"refused": str(error)}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}


def refusal(objective: str, backbone: str, **settings: Any) -> str:
    """Return what is said of such a run on several processes; "" where it trains."""
    plan = TrainPlan(steps=1, dtype="fp32", **settings)
    try:
        with ranks.joined():
            _set_up(objective, backbone, plan)
    except HeadstartError as error:
        return str(error)
    return ""


def go_on(folder: str, steps: int, objective: str, backbone: str, stateful: bool = False, **settings: Any) -> dict:
    """Go on from the newest checkpoint up to so many steps of 12, save, and return the losses."""
    plan = TrainPlan(steps=12, learning_rate=3e-3, dtype="fp32", hold=1.0, **settings)
    kept, stop = Checkpoints(Path(folder)), Stop()
    with ranks.joined(), _recorded() as told:
        set_up = _set_up(objective, backbone, plan)
        source = _streams() if stateful else set_up.source
        newest, _ = kept.newest()
        if newest is not None:
            restore(set_up.state, newest)
        if ranks.rank() == ranks.world() - 1 and steps < plan.steps:  # the request of one rank stops all

            def asked() -> None:
                stop.requested = True

            source = Interrupted(source, steps - 1, asked)
        result = fit(set_up.state, source, plan, saver=kept, stop=stop)
    return {"losses": told["losses"], "step": result.step, "stopped": result.stopped}


def _streams() -> Any:
    from headstart.data.stateful_batches import StatefulBatches

    parts = pair("causal", "lstm")
    encoded = [np.asarray(ids) for ids in parts.processor.encode(documents(60))]
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in encoded])])
    sizes = {"max_length": 9, "streams": 6, "seed": 1, "add_special_tokens": True}
    return StatefulBatches(np.concatenate(encoded), offsets, np.arange(60), parts.processor, **sizes)


def apart(first: str, second: str) -> float:
    """Return how far the newest weights of two folders are apart, as a share of the largest weight."""
    one, two = (read_weights(Checkpoints(Path(folder)).newest()[0]) for folder in (first, second))
    assert one.keys() == two.keys()
    return max(float((one[name] - two[name]).abs().max() / (one[name].abs().max() + 1e-12)) for name in one)


def dying(rank: int, step: int) -> dict[str, Any] | None:
    """Train until one rank ends without a word; return what the others are told, and after how many seconds."""
    plan = TrainPlan(steps=50, dtype="fp32")
    begun = time.monotonic()
    try:
        with ranks.joined():
            set_up = _set_up("mlm", "bert", plan)
            ends = step if ranks.rank() == rank else -1
            fit(set_up.state, Interrupted(set_up.source, ends, lambda: os._exit(9)), plan)
    except HeadstartError as error:
        return {"told": str(error), "seconds": time.monotonic() - begun}
    return None


def poisoned(step: int, **settings: Any) -> dict[str, Any]:
    """Train with a loss of the last rank that is no number in one step."""
    plan = TrainPlan(steps=8, dtype="fp32", **settings)
    with ranks.joined():
        set_up = _set_up("mlm", "bert", plan)
        plain, last, calls = set_up.state.objective.forward, ranks.rank() == ranks.world() - 1, []

        def forward(backbone: Any, batch: Any) -> Loss:
            calls.append(1)
            found = plain(backbone, batch)
            if last and len(calls) == step:
                found = dataclasses.replace(
                    found, terms={n: t._replace(total=t.total * float("nan")) for n, t in found.terms.items()}
                )
            return found

        set_up.state.objective.forward = forward
        result = fit(set_up.state, set_up.source, plan)
        state = set_up.state
        total = sum(float(state.network.whole(p.detach()).double().abs().sum()) for p in state.backbone.parameters())
    return {"skipped": result.skipped, "weights": total, "finite": bool(np.isfinite(total))}


def broken(**settings: Any) -> str:
    """Train with a weight that is no number on the last rank; return what is told."""
    plan = TrainPlan(steps=8, dtype="fp32", **settings)
    try:
        with ranks.joined():
            set_up = _set_up("mlm", "bert", plan)
            weight = set_up.state.backbone.get_parameter("blocks.0.mlp.up.weight").detach()
            own = weight.to_local() if "parallel" in settings else weight
            if ranks.rank() == ranks.world() - 1:
                own[0, 0] = float("nan")
            fit(set_up.state, set_up.source, plan)
    except HeadstartError as error:
        return str(error)
    return ""


def clocks() -> dict[str, Any]:
    """Train by seconds where all clocks but the first one's run a hundred times as fast."""
    plan = TrainPlan(seconds=0.3, dtype="fp32")
    with ranks.joined():
        if ranks.rank():
            agreement.time = SimpleNamespace(monotonic=lambda: 100 * time.monotonic())
        set_up = _set_up("mlm", "bert", plan)
        result = fit(set_up.state, set_up.source, plan)
    return {"step": result.step, "seconds": result.seconds, "stopped": result.stopped}


def failing() -> str:
    """Return what the others are told when the first rank cannot prepare."""
    try:
        with ranks.joined(), ranks.in_turn():
            if ranks.is_first():
                raise HeadstartError("no corpus there")
    except HeadstartError as error:
        return str(error)
    return ""


def command(corpus: str, out: str, **options: Any) -> dict[str, Any]:
    """Carry out the command."""
    small = ["backbone.width=32", "backbone.depth=1", "backbone.heads=2", "batches.tokens=256", "training.dtype=fp32"]
    made = pretrain(
        [corpus], out=Path(out), objective="mlm", settings=[*small, *options.pop("settings", [])], **options
    )
    return {"steps": made.steps, "loss": made.loss, "exit_code": made.exit_code}


_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    curve, tried, refusal, go_on, apart, dying, poisoned, broken, clocks, failing, command,
)  # fmt: skip
JOBS = {function.__name__: function for function in _FUNCTIONS}

"""NaN and infinity planted in a loss, a gradient, an activation, a batch, a weight: the step leaves nothing behind."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from small_parts import TextBatches, documents, pair
from small_pixels import SmallPixels, images
from torch import Tensor

from headstart.core.errors import HeadstartError
from headstart.training import loop
from headstart.training.events import Event
from headstart.training.kept_buffers import KeptBuffers
from headstart.training.loop import TrainState, fit, start_state
from headstart.training.metrics_file import METRICS, MetricsFile, read_metrics
from headstart.training.plan import TrainPlan

STEPS, AT = 4, 2  # steps in all, and before the one with the fault
TEXT, PIXELS = ("nsp", "bert"), ("denoise", "small_resnet")
# By pair: a weight in the middle, and a float of what is made of a batch.
PLACES = {
    TEXT: ("blocks.0.mlp.up", "real_B"),
    PIXELS: ("stages.1.0.conv", "view.gain_BC"),
    ("distil_vectors", "small_resnet"): ("stages.1.0.conv", "one.gain_BC"),
    ("skipgram", "word_vectors"): ("embedding", ""),
}
# Each fault with both networks, NaN in one and infinity in the other; the other way round only with --full.
FAULTS = ("loss", "gradient", "activation", "batch", "weight")
CASES = [(TEXT, fault, math.nan) for fault in FAULTS] + [(PIXELS, fault, math.inf) for fault in FAULTS]
CASES += [(("distil_vectors", "small_resnet"), "batch", math.nan), (("skipgram", "word_vectors"), "loss", math.nan)]
OTHERS = [(TEXT, fault, math.inf) for fault in FAULTS] + [(PIXELS, fault, math.nan) for fault in FAULTS]
CASES += [pytest.param(*case, marks=pytest.mark.full) for case in OTHERS]


class Pictures:
    """Batches of 8 images."""

    def at(self, number: int):
        """Return batch `number`."""
        return SmallPixels().collate(images(8, seed=number), samples=range(8 * number, 8 * number + 8))


def struck(tensor: Tensor, value: float) -> Tensor:
    """Return the tensor with one number of it replaced."""
    flat = tensor.clone().flatten()
    flat[len(flat) // 2] = value
    return flat.view_as(tensor)


def plant(state: TrainState, one: tuple[str, str], fault: str, value: float) -> Callable[[Event], None]:
    """Put the fault into the step behind AT; return a listener that must hear of every step."""
    place, name = PLACES[one]
    module, objective = state.backbone.get_submodule(place), state.objective

    def due() -> bool:
        return state.step == AT

    if fault == "loss":
        forward = objective.forward

        def spoilt(*given):
            loss = forward(*given)
            terms = {key: term._replace(total=term.total * value) for key, term in loss.terms.items()}
            return dataclasses.replace(loss, terms=terms) if due() else loss

        objective.forward = spoilt
    elif fault == "gradient":
        module.weight.register_hook(lambda gradient: struck(gradient, value) if due() else None)
    elif fault == "activation":
        module.register_forward_hook(lambda _, given, output: struck(output, value) if due() else None)
    elif fault == "batch":
        corrupt = objective.corrupt

        def spoiling(*given, **named):
            batch = corrupt(*given, **named)
            extra = batch.extra | {name: struck(batch.extra[name], value)}
            return dataclasses.replace(batch, extra=extra) if due() else batch

        objective.corrupt = spoiling

    def strike(event: Event) -> None:
        if fault == "weight" and event.kind == "step" and event.step == AT:
            module.weight.data.copy_(struck(module.weight.data, value))

    return strike


def held(state: TrainState) -> dict[str, Tensor]:
    """Return a copy of every weight, buffer and number of the optimizer."""
    found = {}
    for part, module in (("backbone", state.backbone), ("objective", state.objective)):
        found |= {f"{part}.{name}": tensor for name, tensor in module.named_parameters()}
        found |= {f"{part}.{name}": tensor for name, tensor in module.named_buffers()}
    for number, kept in enumerate(state.optimizers["main"].state.values()):
        found |= {f"optimizer.{number}.{name}": tensor for name, tensor in kept.items()}
    return {name: tensor.detach().clone() for name, tensor in found.items()}


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Return the names of the tensors that are not the same in both."""
    assert one.keys() == other.keys()
    return [
        name for name, tensor in one.items() if not torch.equal(tensor.nan_to_num(7e7), other[name].nan_to_num(7e7))
    ]


def strict(line: str) -> dict:
    """Return a line of JSON, which has no NaN and no Infinity."""
    return json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def check_nothing_is_left(one: tuple[str, str], fault: str, value: float, folder: Path) -> None:
    parts = pair(*one)
    source = Pictures() if parts.spec.batch == "pixels" else TextBatches(parts.processor, documents(64), 16)
    plan = TrainPlan(steps=STEPS, learning_rate=1e-3, dtype="fp32")
    state = start_state(parts.objective, parts.backbone, plan)
    strike, seen, warnings = plant(state, one, fault, value), {}, []

    def watch(event: Event) -> None:
        if event.kind == "step":
            seen[event.step] = held(state)
        elif event.kind == "warning":
            warnings.append(event)

    with contextlib.closing(MetricsFile(folder / METRICS)) as metrics:
        if fault == "weight":
            weight = f"backbone.{PLACES[one][0]}.weight"
            with pytest.raises(HeadstartError, match=rf"step {AT + 1}: the weight {weight} holds a number that is not"):
                fit(state, source, plan, [strike, watch, metrics])
        else:
            result = fit(state, source, plan, [strike, watch, metrics])
            assert (result.step, result.skipped) == (STEPS, 1)
            assert any(name.startswith("backbone.") for name in differing(seen[AT + 1], seen[STEPS]))
            assert all(tensor.isfinite().all() for tensor in seen[STEPS].values())
    assert differing(seen[AT], seen[AT + 1]) == []
    (warning,) = warnings
    samples = source.at(AT).sample_B[:8].tolist()
    assert warning.step == AT + 1
    assert warning.message == f"step {AT + 1}: loss or gradient is not finite; no update; samples {samples}"
    for line in (folder / METRICS).read_text().splitlines():
        strict(line)
    losses = {line["step"]: line["loss"] for line in read_metrics(folder / METRICS) if line["kind"] == "step"}
    assert list(losses) == list(seen)
    assert [step for step, loss in losses.items() if not math.isfinite(loss)] == [AT + 1]
    assert math.isnan(losses[AT + 1])


@pytest.mark.parametrize(("one", "fault", "value"), CASES)
def test_a_step_that_is_not_finite_leaves_nothing_behind(one, fault, value, tmp_path):
    check_nothing_is_left(one, fault, value, tmp_path)


@pytest.mark.parametrize("fault", ["loss", "gradient", "activation", "batch"])
def test_a_check_that_lets_it_through_is_found(fault, monkeypatch, tmp_path):
    monkeypatch.setattr(loop, "math", SimpleNamespace(isfinite=lambda value: True, nan=math.nan, inf=math.inf))
    with pytest.raises(AssertionError):
        check_nothing_is_left(PIXELS, fault, math.nan, tmp_path)


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (PIXELS, "activation"),
        (("distil_vectors", "small_resnet"), "batch"),
        (("skipgram", "word_vectors"), "loss"),
    ],
)
def test_buffers_that_are_not_put_back_are_found(one, fault, monkeypatch, tmp_path):
    monkeypatch.setattr(KeptBuffers, "put_back", lambda self: None)
    with pytest.raises(AssertionError):
        check_nothing_is_left(one, fault, math.nan, tmp_path)

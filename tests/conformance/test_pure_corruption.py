"""Every objective: corruption is a pure function, a prefetching loop changes nothing, accumulation is exact."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_parts import TextBatches, batch_of, documents, pair

from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.seeds import KeyedRandom
from headstart.training.loop import fit, start_state, weights
from headstart.training.plan import TrainPlan

# The kind of network that each objective is made for.
PARTNER = {
    "bidirectional": "bert",
    "causal": "gpt2",
    "two_causal": "elmo",
    "encoder_decoder": "t5",
    "token": "word_vectors",
    "document": "ngram_bag",
}
OBJECTIVES = registry.fitting("objective", batch="tokens")


def parts_of(objective: str):
    spec = registry.load("objective", objective)
    parts = pair(objective, PARTNER[spec.reads[0]])
    if spec.teacher:
        teacher = pair("mlm", PARTNER[spec.reads[0]])
        teacher.objective.load_state_dict({name: 1.1 * t for name, t in teacher.objective.state_dict().items()})
        parts.objective.learn_from(teacher.backbone, teacher.objective, teacher.processor)
    return parts


def values(batch: TokenBatch | None) -> dict[str, object]:
    """Return everything that a batch holds, by name, as plain data."""
    if batch is None:
        return {}
    found = {}
    for field in dataclasses.fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, TokenBatch):
            value = values(value)
        if isinstance(value, dict):
            value = {name: part.tolist() if isinstance(part, torch.Tensor) else part for name, part in value.items()}
        found[field.name] = value.tolist() if isinstance(value, torch.Tensor) else value
    return found


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**31), progress=st.floats(0, 1), training=st.booleans(), rows=st.integers(2, 12))
def test_corruption_depends_on_its_arguments_alone(objective, seed, progress, training, rows):
    parts = parts_of(objective)
    batch = batch_of(parts.processor, documents(rows, seed=seed % 97), list(range(0, 3 * rows, 3)), epoch=1)
    other = batch_of(parts.processor, documents(9, seed=5), list(range(9)))

    def corrupted() -> dict[str, object]:
        keys = {"progress": progress, "training": training}
        return values(parts.objective.corrupt(batch, KeyedRandom(seed, 1), **keys))

    before, first = values(batch), corrupted()
    assert values(batch) == before  # the batch itself stays as it was
    assert corrupted() == first
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(corrupted).result() == first
    for mode in (True, False):  # whatever is done with other batches, in either mode, training steps included
        parts.objective.train(mode)
        seen = parts.objective.corrupt(other, KeyedRandom(3), progress=0.7, training=mode)
        parts.objective(parts.backbone, seen)
        parts.objective.after_step(parts.backbone)
        assert corrupted() == first


def test_an_impure_corruption_is_found():
    parts = parts_of("mlm")
    batch = batch_of(parts.processor, documents(6), list(range(6)))
    plain, calls = parts.objective.corrupt, []

    def impure(given_batch, random, **keys):
        calls.append(1)
        return plain(given_batch, KeyedRandom(random.seed + len(calls), random.epoch), **keys)

    parts.objective.corrupt = impure
    first = values(parts.objective.corrupt(batch, KeyedRandom(0)))
    assert values(parts.objective.corrupt(batch, KeyedRandom(0))) != first


def trained(objective: str, **settings_of_plan) -> dict[str, torch.Tensor]:
    parts = parts_of(objective)
    plan = TrainPlan(steps=4, learning_rate=5e-3, dtype="fp32", clip=1e9, **settings_of_plan)
    size = 32 // plan.accumulate
    state = start_state(parts.objective, parts.backbone, plan)
    fit(state, TextBatches(parts.processor, documents(), size), plan)
    return weights(state)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_prefetching_loop_gives_the_same_weights(objective):
    plain, ahead = trained(objective, prefetch=0), trained(objective, prefetch=3)
    assert all(torch.equal(plain[name], ahead[name]) for name in plain)


def gradients(objective: str, accumulate: int, *, exact: bool = True) -> list[np.ndarray]:
    """Return the gradients of one step over 32 documents, in so many batches; not exact: an average of means."""
    parts = parts_of(objective)
    plan = TrainPlan(steps=1, accumulate=accumulate, learning_rate=1e-3, dtype="fp32", clip=1e9)
    state, found = start_state(parts.objective, parts.backbone, plan), []
    if not exact:
        plain = parts.objective.forward

        def averaged(backbone, batch):
            loss = plain(backbone, batch)
            terms = {
                name: term._replace(total=term.total / max(term.count, 1), count=1) for name, term in loss.terms.items()
            }
            return dataclasses.replace(loss, terms=terms)

        parts.objective.forward = averaged
    parameters = [p for group in state.optimizers["main"].param_groups for p in group["params"]]
    state.optimizers["main"].step = lambda: found.extend(
        np.zeros(p.shape) if p.grad is None else p.grad.double().numpy().copy() for p in parameters
    )
    fit(state, TextBatches(parts.processor, documents(), 32 // accumulate), plan)
    return found


def apart(one: list[np.ndarray], two: list[np.ndarray]) -> float:
    """Return the largest difference of two gradients in units of the largest entry of the first."""
    largest = max(float(np.abs(a).max(initial=0.0)) for a in one)
    return max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(one, two, strict=True)) / largest


@pytest.mark.parametrize(
    "objective", [name for name in OBJECTIVES if parts_of(name).objective.alone and name != "halves"]
)
@pytest.mark.parametrize("batches", [2, 4])
def test_accumulation_equals_the_large_batch(objective, batches):
    parts_of(objective).backbone.eval()
    assert apart(gradients(objective, 1), gradients(objective, batches)) <= 1e-6


@pytest.mark.parametrize("objective", ["mlm", "hybrid", "rtd"])
def test_an_average_of_means_is_found(objective):
    assert apart(gradients(objective, 1), gradients(objective, 4, exact=False)) > 1e-4

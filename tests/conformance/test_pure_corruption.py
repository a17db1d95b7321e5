"""Every objective of texts: corruption is a pure function, and a prefetching loop changes nothing."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pairings import partner
from small_parts import TextBatches, batch_of, documents, taught

from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.seeds import KeyedRandom
from headstart.training.loop import fit, start_state, weights
from headstart.training.plan import TrainPlan

OBJECTIVES = registry.fitting("objective", batch="tokens")


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
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**31), progress=st.floats(0, 1), training=st.booleans(), rows=st.integers(2, 12))
def test_corruption_depends_on_its_arguments_alone(objective, seed, progress, training, rows):
    parts = taught(objective, partner(objective))
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
    parts = taught("mlm", "bert")
    batch = batch_of(parts.processor, documents(6), list(range(6)))
    plain, calls = parts.objective.corrupt, []

    def impure(given_batch, random, **keys):
        calls.append(1)
        return plain(given_batch, KeyedRandom(random.seed + len(calls), random.epoch), **keys)

    parts.objective.corrupt = impure
    first = values(parts.objective.corrupt(batch, KeyedRandom(0)))
    assert values(parts.objective.corrupt(batch, KeyedRandom(0))) != first


def trained(objective: str, **settings_of_plan) -> dict[str, torch.Tensor]:
    parts = taught(objective, partner(objective))
    plan = TrainPlan(steps=4, learning_rate=5e-3, dtype="fp32", clip=1e9, **settings_of_plan)
    state = start_state(parts.objective, parts.backbone, plan)
    fit(state, TextBatches(parts.processor, documents()), plan)
    return weights(state)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_prefetching_loop_gives_the_same_weights(objective):
    plain, ahead = trained(objective, prefetch=0), trained(objective, prefetch=3)
    assert all(torch.equal(plain[name], ahead[name]) for name in plain)

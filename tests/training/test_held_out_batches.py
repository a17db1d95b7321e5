"""training/batching: what is scored of a large held-out side."""

from __future__ import annotations

from headstart.core import registry
from headstart.data.batch_settings import BatchSpec
from headstart.data.store import memory_store, split_documents
from headstart.training import batching
from headstart.training.batching import make_batches


def made(reviews, tokens: int):
    processor = registry.load("processor", "char")().train(iter(reviews))
    store = memory_store(processor, processor.encode(reviews))
    told: list[str] = []
    wanted = BatchSpec(tokens=tokens, max_length=32)
    _, held_out = make_batches(wanted, processor, store, split_documents(len(store), 0.5, 0), 0, told.append)
    return held_out, told


def test_of_many_held_out_batches_the_first_are_scored_and_this_is_said(reviews):
    held_out, told = made(reviews, tokens=64)
    again, _ = made(reviews, tokens=64)
    assert len(held_out) == batching._SCORED
    assert all(one.sample_B.tolist() == two.sample_B.tolist() for one, two in zip(held_out, again, strict=True))
    (line,) = [line for line in told if line.startswith("held-out data: ")]
    assert line.startswith(f"held-out data: {batching._SCORED} of ")


def test_few_held_out_batches_are_all_scored(reviews):
    held_out, told = made(reviews, tokens=4_096)
    assert 0 < len(held_out) < batching._SCORED
    assert not any(line.startswith("held-out data: ") for line in told)

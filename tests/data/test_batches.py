"""Batches: every token once an epoch, a pure function of (seed, number), framed and bucketed as promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data import batches
from headstart.data.batches import DocumentBatches, make_samples


class Tokens:
    cls_id, sep_id = 2, 3


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 17))
@settings(max_examples=100)
def test_windows_hold_every_token_once(lengths, window):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    samples = make_samples(offsets, np.arange(len(lengths)), window)
    covered = np.concatenate([np.arange(b, b + n) for b, n in zip(samples.begin, samples.length)] or [np.zeros(0)])
    assert np.array_equal(np.sort(covered), np.arange(offsets[-1]))
    assert (samples.length <= window).all()
    assert (samples.length > 0).all()


def _source(bucket, add_special_tokens, seed=0, documents=500):
    random = np.random.default_rng(1)
    lengths = random.integers(1, 60, documents)
    ids = np.arange(10, 10 + lengths.sum()).astype(np.uint32)
    samples = make_samples(np.concatenate([[0], np.cumsum(lengths)]), np.arange(documents), 32)
    return ids, DocumentBatches(
        ids, samples, Tokens(), tokens=256, seed=seed, bucket=bucket, add_special_tokens=add_special_tokens
    )


@pytest.mark.parametrize("bucket", [True, False])
@pytest.mark.parametrize("add_special_tokens", [True, False])
def test_an_epoch_holds_every_token_once(bucket, add_special_tokens):
    ids, source = _source(bucket, add_special_tokens)
    for epoch in (0, 1):
        batches = [source.at(epoch * source.per_epoch + i) for i in range(source.per_epoch)]
        flat = np.concatenate([b.ids_N.numpy() for b in batches])
        assert np.array_equal(np.sort(flat[flat >= 10]), ids)
        assert all(b.epoch == epoch and int(b.lengths_B.sum()) == b.units for b in batches)
        if add_special_tokens:
            for b in batches:
                ends = b.lengths_B.cumsum(0)
                assert (b.ids_N[ends - 1] == 3).all()
                assert (b.ids_N[ends - b.lengths_B] == 2).all()


def test_a_pure_function_of_seed_and_number():
    _, one = _source(True, True)
    _, two = _source(True, True)
    _, other = _source(True, True, seed=9)
    numbers = [7, 0, 3 * one.per_epoch + 1]
    assert all(one.at(n).ids_N.equal(two.at(n).ids_N) for n in reversed(numbers))
    assert not one.at(0).ids_N.equal(other.at(0).ids_N)
    assert not one.at(0).ids_N.equal(one.at(one.per_epoch).ids_N)


def test_buckets_waste_little():
    def waste(source):
        batches = [source.at(i) for i in range(source.per_epoch)]
        return 1 - sum(b.units for b in batches) / sum(b.size * int(b.lengths_B.max()) for b in batches)

    assert waste(_source(True, True)[1]) < 0.1 < waste(_source(False, True)[1])


def test_windows_are_the_same_however_many_documents_are_cut_together(monkeypatch):
    random = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(random.integers(0, 40, 300))])
    documents = random.permutation(300)[:250]
    whole = batches.make_samples(offsets, documents, 7)
    monkeypatch.setattr(batches, "_DOCUMENTS", 9)
    parts = batches.make_samples(offsets, documents, 7)
    for name in ("begin", "length", "document"):
        one, other = (getattr(samples, name) for samples in (whole, parts))
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
    assert len(batches.make_samples(offsets, documents[:0], 7)) == 0

"""Running text: every token once an epoch and in order, streams that go on, another cut in every epoch."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.stateful_batches import StatefulBatches

CLS, SEP = 2, 3


def source(lengths, *, max_length=7, streams=3, seed=0, add_special_tokens=True, marks=(CLS, SEP)) -> StatefulBatches:
    """Return batches of documents whose tokens are 10, 11, 12 ... over the whole corpus."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.arange(10, 10 + offsets[-1]).astype(np.uint32)
    tokenizer = SimpleNamespace(cls_id=marks[0], sep_id=marks[1])
    sizes = {"max_length": max_length, "streams": streams}
    return StatefulBatches(
        ids, offsets, np.arange(len(lengths)), tokenizer, **sizes, seed=seed, add_special_tokens=add_special_tokens
    )


def streams(batches: StatefulBatches, epoch: int) -> np.ndarray:
    """Return [streams, tokens]: what each stream reads in an epoch."""
    parts = [batches.at(epoch * batches.per_epoch + index) for index in range(batches.per_epoch)]
    return np.concatenate([part.ids_N.numpy().reshape(batches.streams, -1) for part in parts], 1)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(1, 12), st.integers(1, 6), st.booleans())
@settings(max_examples=60)
def test_an_epoch_is_the_documents_in_order_but_for_a_rest(lengths, window, number, add_special_tokens):
    batches = source(lengths, max_length=window, streams=number, add_special_tokens=add_special_tokens)
    for epoch in (0, 2):
        read = streams(batches, epoch).ravel()
        assert batches.units_per_epoch == len(read)
        words = read[read >= 10]
        assert len(set(words.tolist())) == len(words)
        marks = 2 * len(lengths) if add_special_tokens else 0
        assert sum(lengths) + marks - len(read) < batches.streams
        offsets = np.concatenate([[0], np.cumsum(lengths)]) + 10
        for one, two in pairwise(read):  # what follows a token is the next of its document or a border
            inside = one >= 10 and one + 1 not in offsets
            begins = two in (offsets[:-1] if not add_special_tokens or one == CLS else [CLS])
            assert (two == one + 1) if inside else (begins or two == SEP)


def test_batches_go_on_and_the_next_token_is_known():
    batches = source([40, 55, 31, 28], max_length=8, streams=4)
    assert batches.per_epoch > 3
    for number in range(2 * batches.per_epoch):
        batch, after = batches.at(number), batches.at(number + 1)
        assert batch.continues == (number % batches.per_epoch > 0)
        assert batch.epoch == number // batches.per_epoch
        assert batch.carry == ()
        assert batch.size == 4
        assert (batch.lengths_B == batch.lengths_B[0]).all()
        if after.continues:
            assert batch.extra["next_B"].equal(after.ids_N.view(4, -1)[:, 0])
    last = batches.at(batches.per_epoch - 1).extra["next_B"]
    assert last[:-1].equal(batches.at(0).ids_N.view(4, -1)[1:, 0])  # a stream ends where the next one begins


def test_a_pure_function_of_seed_and_number():
    lengths = [5, 90, 17, 40]
    one, two, other = source(lengths), source(lengths), source(lengths, seed=9)
    numbers = [7, 0, 3 * one.per_epoch + 1]
    assert all(one.at(n).ids_N.equal(two.at(n).ids_N) for n in reversed(numbers))
    assert not one.at(0).ids_N.equal(other.at(0).ids_N)
    ids = [one.at(n).sample_B for n in range(2 * one.per_epoch)]
    assert len(np.unique(np.concatenate(ids))) == sum(len(part) for part in ids)


def test_one_long_document_is_cut_elsewhere_in_every_epoch():
    batches = source([1000], max_length=10, streams=2)
    borders = [set(batches.at(epoch * batches.per_epoch + 1).ids_N.view(2, -1)[:, 0].tolist()) for epoch in range(6)]
    assert len(set.union(*borders)) > 6
    assert borders != [borders[0]] * 6


@pytest.mark.parametrize("marks", [(-1, SEP), (CLS, -1), (-1, -1)])
def test_tokenizers_without_marks(marks):
    read = streams(source([4, 6, 5], streams=1, marks=marks), 0)
    assert sorted(read[read < 10].tolist()) == sorted(mark for mark in marks if mark >= 0) * 3
    assert sorted(read[read >= 10].tolist()) == list(range(10, 25))


def test_a_tiny_text_has_fewer_streams():
    batches = source([1, 2], streams=50, add_special_tokens=False)
    assert (batches.streams, batches.per_epoch) == (1, 1)
    assert sorted(batches.at(0).ids_N.tolist()) == [10, 11, 12]

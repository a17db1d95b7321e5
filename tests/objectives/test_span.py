"""Span corruption: what is hidden can be put back exactly, shares are as asked, runs are a function of their keys."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.backbones.modernbert import ModernBertSpec
from headstart.backbones.seq2seq import Seq2SeqSpec
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.span import Span, SpanSpec

VOCABULARY = 90
SENTINELS = 20
FIRST = 5 + SENTINELS
BEGIN, END = 2, 3


def toy(**changes) -> SimpleNamespace:
    given = {"pad_id": 0, "unk_id": 1, "cls_id": BEGIN, "sep_id": END, "mask_id": 4}
    specials = {"special_ids": frozenset(range(FIRST)), "sentinel_ids": tuple(range(5, FIRST))}
    return SimpleNamespace(kind="toy", vocabulary=VOCABULARY, **{**given, **specials, **changes})


def span(tokenizer=None, **settings) -> Span:
    torch.manual_seed(0)
    return SpanSpec(**settings).build(
        Seq2SeqSpec(width=16, depth=1).build(TokenShape(VOCABULARY, 0)), tokenizer or toy()
    )


def texts(lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [np.concatenate([[BEGIN], random.integers(FIRST, VOCABULARY, n), [END]]) for n in lengths]


def rows(batch: TokenBatch, values=None) -> list[list[int]]:
    return [part.tolist() for part in (batch.ids_N if values is None else values).split(batch.lengths_B.tolist())]


@settings(max_examples=150)
@given(
    samples=st.lists(st.lists(st.integers(0, VOCABULARY - 1).filter(lambda i: not 5 <= i < FIRST), max_size=60)),
    mask_ratio=st.floats(0.01, 0.99),
    mean_span=st.floats(1.0, 9.0),
    seed=st.integers(0, 2**63),
    end=st.booleans(),
    sentinels=st.sampled_from([1, 3, SENTINELS]),
)
def test_what_was_hidden_can_be_put_back(samples, mask_ratio, mean_span, seed, end, sentinels):
    tokenizer = toy(sentinel_ids=tuple(range(5, 5 + sentinels)), sep_id=END if end else -1)
    objective = span(tokenizer, mask_ratio=mask_ratio, mean_span=mean_span)
    check_put_back(objective, samples, KeyedRandom(seed, 1), end)


def test_dense_batches_can_be_put_back():
    """Samples without marks at their ends, hidden runs at both of them, specials inside runs, too few sentinels."""
    random = np.random.default_rng(0)
    samples = [np.where(random.random(n) < 0.1, 1, random.integers(FIRST, VOCABULARY, n)) for n in [6, 9, 40] * 60]
    for sentinels in (1, 4, SENTINELS):
        objective = span(toy(sentinel_ids=tuple(range(5, 5 + sentinels))), mask_ratio=0.5, mean_span=2.0)
        check_put_back(objective, [list(map(int, sample)) for sample in samples], KeyedRandom(3), True)


def check_put_back(objective: Span, samples: list[list[int]], random: KeyedRandom, end: bool) -> None:
    batch = make_batch(samples, samples=[3 * i for i in range(len(samples))])
    corrupted = objective.corrupt(batch, random)
    assert torch.equal(objective.invert(corrupted), batch.ids_N)
    assert corrupted.size == corrupted.target.size == batch.size
    for before, shown, written in zip(
        rows(batch), rows(corrupted), rows(corrupted.target, corrupted.target.extra["target_id"]), strict=True
    ):
        marks = [i for i in shown if 5 <= i < FIRST]
        assert marks == list(range(5, 5 + len(marks)))  # the first sentinels, in order, on both sides
        assert [i for i in written if 5 <= i < FIRST] == marks
        assert [i for i in shown if i < 5] == [i for i in before if i < 5]  # special tokens stay
        ordinary = sum(i >= FIRST for i in before)
        hidden = sum(i >= FIRST for i in written)
        assert hidden == 0 if ordinary < 2 else 1 <= hidden < ordinary
        assert len(written) == (hidden + len(marks) + end if hidden else 0)


def test_a_decoder_reads_what_it_wrote():
    corrupted = span().corrupt(make_batch(texts([30, 1, 50])), KeyedRandom(0))
    target = corrupted.target
    assert target.causal
    for read, written in zip(rows(target), rows(target, target.extra["target_id"]), strict=True):
        assert read == ([BEGIN, *written[:-1]] if written else [])
        assert not written or written[-1] == END
    without = span(toy(cls_id=-1)).corrupt(make_batch(texts([30])), KeyedRandom(0)).target
    assert without.ids_N[0] == 0  # padding, as in T5


def test_shares_are_as_asked_over_a_million_tokens():
    """Expectations are exact, so the mean over independent samples is within 3 standard errors of them."""
    objective = span(mask_ratio=0.15, mean_span=3.0)
    lengths = np.random.default_rng(1).integers(7, 80, 24_000)  # at least 7: below, the one hidden token is more
    hidden, runs, last = [], [], []
    for part in np.array_split(lengths, 8):
        corrupted = objective.corrupt(make_batch(texts(part.tolist())), KeyedRandom(len(hidden)))
        written, row = corrupted.target.extra["target_id"].numpy(), corrupted.target.row_N().numpy()
        hidden.append(np.bincount(row[written >= FIRST], minlength=len(part)))
        runs.append(np.bincount(row[(written >= 5) & (written < FIRST)], minlength=len(part)))
        ends = corrupted.lengths_B.cumsum(0).numpy() - 2
        last.append((corrupted.ids_N.numpy()[ends] < FIRST).mean())
    assert lengths.sum() > 1_000_000
    hidden, runs = np.concatenate(hidden), np.concatenate(runs)
    wrong = hidden - 0.15 * lengths
    assert abs(wrong.mean()) < 3 * wrong.std() / len(wrong) ** 0.5
    assert abs(hidden.sum() / lengths.sum() - 0.15) < 1e-3
    long = lengths >= 40  # with fewer tokens the one run that there must be is shorter than three
    wrong = runs[long] - 0.15 * lengths[long] / 3
    assert abs(wrong.mean()) < 3 * wrong.std() / len(wrong) ** 0.5
    assert 0.01 < np.mean(last) < 0.35  # a sample may end hidden, and need not


def test_runs_are_a_function_of_seed_epoch_and_sample():
    objective = span()
    parts = texts([40, 12, 60, 25])
    batch, other = make_batch(parts, samples=[4, 5, 6, 7]), make_batch(parts[1:3], samples=[5, 6])
    found = objective.corrupt(batch, KeyedRandom(3, 2))
    alone = objective.corrupt(other, KeyedRandom(3, 2))
    assert rows(found)[1:3] == rows(alone)
    assert rows(found.target)[1:3] == rows(alone.target)
    assert rows(found) != rows(objective.corrupt(batch, KeyedRandom(4, 2)))
    assert rows(found) != rows(objective.corrupt(batch, KeyedRandom(3, 3)))
    twins = objective.corrupt(make_batch([parts[0]] * 2, samples=[1, 2]), KeyedRandom(3, 2))
    assert rows(twins)[0] != rows(twins)[1]


def test_segments_stay_with_their_tokens():
    batch = make_batch(texts([40, 12]))
    paired = TokenBatch(
        ids_N=batch.ids_N,
        lengths_B=batch.lengths_B,
        sample_B=batch.sample_B,
        segment_ids_N=(batch.position_N() > 9).long(),
    )
    corrupted = span().corrupt(paired, KeyedRandom(0))
    assert corrupted.segment_ids_N.shape == corrupted.ids_N.shape
    for types in rows(corrupted, corrupted.segment_ids_N):
        assert types == sorted(types)


def test_refusals_say_what_to_do():
    with pytest.raises(HeadstartError, match=r"processor\.sentinels=100.*recipe t5"):
        span(toy(sentinel_ids=()))
    with pytest.raises(HeadstartError, match="neither a begin mark nor padding"):
        span(toy(cls_id=-1, pad_id=-1))
    encoder = ModernBertSpec(width=16, depth=1, heads=2).build(TokenShape(VOCABULARY, 0))
    with pytest.raises(HeadstartError, match="objective span needs a backbone that encodes and decodes"):
        build_objective(SpanSpec(), encoder, toy())
    for wrong in ({"mask_ratio": 0.0}, {"mask_ratio": 1.0}, {"mean_span": 0.5}):
        with pytest.raises(HeadstartError, match="expected"):
            SpanSpec(**wrong)
    assert span().usable(make_batch(texts([0, 1, 2, 30]))) == 2

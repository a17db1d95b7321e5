"""Decoding: greedy and beams find what an exhaustive search finds, draws have the right frequencies and keys."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from headstart.core.errors import HeadstartError
from headstart.nn.decoding import Draw, beam_search, greedy, write

VOCABULARY, END = 4, 3


def table(seed: int = 0) -> torch.Tensor:
    """Log probabilities of the next token given the two before it, [V, V, V]."""
    generator = torch.Generator().manual_seed(seed)
    return (2.5 * torch.randn(VOCABULARY, VOCABULARY, VOCABULARY, generator=generator)).log_softmax(-1)


def step_of(logits_VVV: torch.Tensor, calls: list[int] | None = None):
    """A network whose carry is the token before the last."""

    def step(ids_B, carry):
        if calls is not None:
            calls.append(len(ids_B))
        return logits_VVV[carry[0], ids_B], (ids_B,)

    return step


def start(logits_VVV, first_B):
    first_B = torch.tensor(first_B)
    return logits_VVV[0, first_B], (first_B,)


def brute_force(logits_VVV, first: int, most: int, penalty: float):
    """Return (score, ids) of every possible continuation, the best first."""
    found = []
    for length in range(1, most + 1):
        for ids in itertools.product(range(VOCABULARY), repeat=length):
            if END in ids[:-1] or (ids[-1] != END and length < most):
                continue
            before, last, total = 0, first, 0.0
            for token in ids:
                total += float(logits_VVV[before, last, token])
                before, last = last, token
            found.append((total / length**penalty, [i for i in ids if i != END]))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_wide_beams_find_the_best_of_all(seed, penalty):
    logits = table(seed)
    found = beam_search(
        step_of(logits), *start(logits, [0, 1, 2]), most=4, end_id=END, beams=200, length_penalty=penalty
    )
    for first, beams in enumerate(found):
        expected = brute_force(logits, first, 4, penalty)
        assert beams[0].ids == expected[0][1]
        for beam, (score, _) in zip(beams, expected):
            assert abs(beam.score - score) < 1e-4


def test_one_beam_is_greedy_and_more_are_no_worse():
    logits = table(5)
    chosen = write(step_of(logits), *start(logits, [0, 1, 2]), most=9, end_id=END)
    one = beam_search(step_of(logits), *start(logits, [0, 1, 2]), most=9, end_id=END, beams=1, length_penalty=0.0)
    many = beam_search(step_of(logits), *start(logits, [0, 1, 2]), most=9, end_id=END, beams=9, length_penalty=0.0)
    for a, b, c in zip(chosen, one, many, strict=True):
        assert a.ids == b[0].ids
        assert a.ended == b[0].ended
        assert abs(a.score - b[0].score) < 1e-5
        assert c[0].score >= a.score - 1e-6


def test_texts_that_end_leave():
    logits, calls = torch.full((4, 4, 4), -5.0), []
    logits[:, 0, END] = logits[:, 1, 1] = 5.0  # after 0 the end, after 1 another 1
    found = write(step_of(logits, calls), *start(logits, [0, 1, 0]), most=5, end_id=END)
    assert [one.ids for one in found] == [[], [1] * 5, []]
    assert [one.ended for one in found] == [True, False, True]
    assert calls == [1] * 4
    assert not write(step_of(logits), *start(logits, [0]), most=3, end_id=-1)[0].ended


def test_draws_have_the_right_frequencies():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    many = logits.expand(40_000, -1)
    rows = torch.arange(40_000)
    for settings in ({}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.7}, {"temperature": 2.0, "top_p": 0.8}):
        draw = Draw(seed=1, **settings)
        expected = draw.probabilities(logits)[0].numpy()
        found = np.bincount(draw(many, rows, 0).numpy(), minlength=4) / 40_000
        assert np.abs(found - expected).max() < 0.01
        assert (found[expected == 0] == 0).all()
    plain = logits.softmax(-1)[0]
    assert torch.allclose(Draw().probabilities(logits)[0], plain)
    assert torch.allclose(Draw(top_k=2).probabilities(logits)[0, :2], plain[:2] / plain[:2].sum())
    assert (Draw(top_p=0.7).probabilities(logits)[0] > 0).tolist() == [True, True, False, False]  # .64 alone is too few
    assert (Draw(top_p=0.1).probabilities(logits)[0] > 0).tolist() == [True, False, False, False]


def test_cuts_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    logits = torch.randn(7, 30, generator=torch.Generator().manual_seed(0)) * 3
    warpers = transformers.LogitsProcessorList(
        [
            transformers.TemperatureLogitsWarper(0.7),
            transformers.TopKLogitsWarper(12),
            transformers.TopPLogitsWarper(0.8),
        ]
    )
    expected = warpers(None, logits.clone()).softmax(-1)
    assert torch.allclose(Draw(temperature=0.7, top_k=12, top_p=0.8).probabilities(logits), expected, atol=1e-6)


def test_a_draw_is_a_function_of_seed_sample_and_position():
    logits = torch.zeros(6, 50)
    draw, rows = Draw(seed=3), torch.arange(6)
    ids = draw(logits, rows, 4)
    assert torch.equal(ids[2:4], draw(logits[:2], rows[2:4], 4))
    assert not torch.equal(ids, draw(logits, rows, 5))
    assert not torch.equal(ids, Draw(seed=4)(logits, rows, 4))
    assert torch.equal(Draw(seed=3, samples=[9, 2, 1])(logits[:3], rows[:3], 4)[1], ids[2])
    settings = {"most": 6, "end_id": END, "choose": Draw(seed=2)}
    table_VVV = table()
    whole = write(step_of(table_VVV), *start(table_VVV, [0, 1, 2, 1]), **settings)
    assert len({tuple(one.ids) for one in whole}) > 1
    first = write(step_of(table_VVV), *start(table_VVV, [0, 1]), **settings)
    assert [one.ids for one in first] == [one.ids for one in whole[:2]]


def test_settings_out_of_range_are_refused():
    for wrong in ({"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}):
        with pytest.raises(HeadstartError, match=str(next(iter(wrong.values())))):
            Draw(**wrong)
    with pytest.raises(HeadstartError, match="beams 0"):
        beam_search(step_of(table()), *start(table(), [0]), most=2, beams=0)
    assert greedy(torch.tensor([[0.0, 2.0, 1.0]]), torch.tensor([0]), 0).tolist() == [1]

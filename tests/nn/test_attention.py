"""Attention with a past, onto a source, in groups and causal: all of it is what one plain softmax says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from headstart.core.batch import make_batch
from headstart.nn import attention
from headstart.nn.attention import CrossAttention, GroupedAttention, KeyValues, SelfAttention, attend, explicit
from headstart.nn.position import Rotary
from headstart.nn.ragged import Layout, memory_bias, take_rows


def parts(heads: int = 4, length: int = 9, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    torch.manual_seed(length)
    return [torch.randn(2, heads, length, 8, dtype=dtype) for _ in range(3)]


def later(length: int) -> torch.Tensor:
    return torch.full((length, length), float("-inf"), dtype=torch.float64).triu_(1)


@pytest.mark.parametrize("length", [1, 5, 16, 37])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_causal_kernels_agree(length, scale, monkeypatch):
    monkeypatch.setattr(attention, "_ROWS", 16)
    given = [part.requires_grad_() for part in parts(length=length)]
    slope = torch.randn(2, 4, length, 8, dtype=torch.float64)
    found = []
    for wins in (False, True, None):  # the fused kernel, the explicit one in pieces, and what both should be
        if wins is None:
            out = explicit(*given, later(length), scale).output
        else:
            monkeypatch.setattr(attention, "explicit_wins", lambda query, wins=wins: wins)
            out = attend(*given, None, scale=scale, causal=True).output
        found.append([out, *torch.autograd.grad(out, given, slope)])
    for one in found[:2]:
        assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(one, found[2], strict=True))
    with_map = attend(*given, None, scale=scale, causal=True, maps=True)
    assert torch.allclose(with_map.output, found[2][0])
    assert (with_map.map_BHTT.triu(1) == 0).all()


def test_groups_share_keys_in_a_row():
    query, *_ = parts(heads=6)
    _, key, value = parts(heads=2)
    found = attend(query, key, value, None).output
    for head in range(6):
        one = [part[:, n : n + 1] for part, n in ((query, head), (key, head // 3), (value, head // 3))]
        assert torch.allclose(found[:, head : head + 1], explicit(*one, None).output)


def cut(hidden: torch.Tensor, lengths: list[int], at: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first `at` tokens of each sample, ragged, and the rest."""
    samples = hidden.split(lengths)
    first = torch.cat([s[:n] for s, n in zip(samples, at)])
    return first, torch.cat([s[n:] for s, n in zip(samples, at)])


@pytest.mark.parametrize("make", [
    lambda: SelfAttention(16, 4, bias=True), lambda: SelfAttention(16, 4, bias=False, inner=24, scale=1.0),
    lambda: GroupedAttention(16, 4, 2, 6),
])  # fmt: skip
@torch.no_grad()
def test_with_a_past_it_is_as_if_read_at_once(make):
    torch.manual_seed(0)
    module, lengths, at = make().double(), [7, 4, 5], [3, 1, 4]
    size = 6 if isinstance(module, GroupedAttention) or module.qkv.out_features == 72 else 4
    hidden = torch.randn(sum(lengths), 16, dtype=torch.float64)
    batch = make_batch([range(n) for n in lengths])

    def rotary(layout):
        return Rotary(layout.longest, size, 100.0, hidden.device, layout.past_B)

    layout = Layout(batch, causal=True)
    whole = module(hidden, layout, None, rotary(layout)).output
    explicitly = module(hidden, layout, layout.bias(torch.float64), rotary(layout)).output
    assert torch.allclose(whole, explicitly)
    found, carry = [], ()
    for part, sizes in zip(cut(hidden, lengths, at), (at, [a - b for a, b in zip(lengths, at)]), strict=True):
        past = KeyValues(carry)
        layout = Layout(make_batch([range(n) for n in sizes]), causal=True, past_BS=carry[0] if carry else None)
        out = module(part, layout, layout.bias(torch.float64), rotary(layout), past=past).output
        found.append(out.split(sizes))
        carry = past.carry(layout)
    joined = torch.cat([torch.cat(pair) for pair in zip(*found, strict=True)])
    assert torch.allclose(joined, whole, atol=1e-6)
    assert carry[0].sum(1).tolist() == lengths
    assert [len(tensor) for tensor in carry] == [3, 3, 3]


@torch.no_grad()
def test_a_source_is_read_once_and_only_where_it_has_tokens():
    torch.manual_seed(0)
    module = CrossAttention(16, 4, bias=True, inner=8).double()
    memory = torch.randn(2, 5, 16, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    layout = Layout(make_batch([range(3), range(2)]))
    hidden = torch.randn(5, 16, dtype=torch.float64)
    bias = memory_bias(mask, torch.float64)
    found = module(hidden, layout, memory, bias, maps=True)
    assert found.map_BHTT.shape == (2, 4, 3, 5)
    assert (found.map_BHTT[1, :, :, 2:] == 0).all()
    alone = module(hidden[3:], Layout(make_batch([range(2)])), memory[1:, :2], None).output
    assert torch.allclose(found.output[3:], alone)
    past = KeyValues(())
    assert torch.allclose(module(hidden, layout, memory, bias, past=past).output, found.output)
    again = KeyValues(past.carry(layout))
    assert torch.allclose(module(hidden, layout, memory * 0, bias, past=again).output, found.output)
    assert memory_bias(mask[:1], torch.float64) is None
    assert (memory_bias(~mask, torch.float64)[0] == 0).all()  # of nothing, everything is seen


def test_offsets_count_positions_not_columns():
    past_BS = torch.tensor([[True, True, True], [True, False, False]])
    layout = Layout(make_batch([[0, 0], [0]]), causal=True, past_BS=past_BS)
    assert layout.position_N.tolist() == [3, 4, 1]
    offset = layout.offset_BTS()
    assert offset[0].tolist() == [[-3, -2, -1, 0, 1], [-4, -3, -2, -1, 0]]
    assert offset[1, 0, [0, 3]].tolist() == [-1, 0]
    bias = layout.bias(torch.float32)[:, 0]
    assert (bias[0, 0] == 0).tolist() == [True, True, True, True, False]
    assert (bias[1, 0] == 0).tolist() == [True, False, False, True, False]
    plain = Layout(make_batch([[0, 0, 0]]))
    assert plain.offset_BTS()[0].tolist() == [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]
    assert Layout(replace(make_batch([[0, 0]]), causal=True)).causal


def test_taken_rows_have_the_gradient_of_an_index():
    values = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([4, 0, 2])
    assert torch.equal(take_rows(values, index), values[index])
    assert torch.autograd.gradcheck(lambda v: take_rows(v, index), values)

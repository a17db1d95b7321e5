"""Masked tokens: rates, purity, keys, targets of short samples, logits only at targets, refusals, filling."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.backbones.bert import BertSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.mlm import MaskedLMSpec

V = 61
CLS, SEP, MASK = 2, 3, 4


def tokenizer(**changes):
    fields = {
        "kind": "toy",
        "vocabulary": V,
        "pad_id": 0,
        "unk_id": 1,
        "cls_id": CLS,
        "sep_id": SEP,
        "mask_id": MASK,
        "special_ids": frozenset(range(5)),
    }
    return SimpleNamespace(**{**fields, **changes})


def objective(spec=None, backbone=None):
    backbone = backbone or ModernBertSpec(width=16, depth=2, heads=2, mlp_width=24, max_tokens=10**6).build(
        TokenShape(V, 0)
    )
    return MaskedLMSpec.build(spec or MaskedLMSpec(), backbone, tokenizer())


def framed(lengths, seed=0) -> TokenBatch:
    random = np.random.default_rng(seed)
    return make_batch([np.r_[CLS, random.integers(5, V, size), SEP] for size in lengths])


def within_3_sigma(hits: int, total: int, share: float) -> bool:
    return abs(hits - total * share) <= 3 * np.sqrt(total * share * (1 - share))


@pytest.mark.parametrize("mask_ratio", [0.15, 0.4])
def test_rates_are_within_three_sigma_over_a_million_tokens(mask_ratio):
    batch = framed([498] * 2010)
    out = objective(MaskedLMSpec(mask_ratio=mask_ratio)).corrupt(batch, KeyedRandom(7, 1))
    ids, position = batch.ids_N.numpy(), out.extra["target_position"].numpy()
    ordinary = ids >= 5
    assert ordinary.sum() > 1_000_000
    assert within_3_sigma(len(position), int(ordinary.sum()), mask_ratio)
    shown, original = out.ids_N.numpy()[position], ids[position]
    assert (original >= 5).all()
    assert np.array_equal(original, out.extra["target_id"].numpy())
    n = len(position)
    assert within_3_sigma(int((shown == MASK).sum()), n, 0.8)
    # A random draw hits the original token once in (V - 5) times.
    assert within_3_sigma(int(((shown != MASK) & (shown != original)).sum()), n, 0.1 * (1 - 1 / (V - 5)))
    drawn = shown[(shown != MASK) & (shown != original)]
    assert (drawn >= 5).all()
    counts = np.bincount(drawn, minlength=V)[5:]
    assert counts.min() > 0.8 * counts.mean()
    untouched = np.ones(len(ids), bool)
    untouched[position] = False
    assert np.array_equal(out.ids_N.numpy()[untouched], ids[untouched])
    # Positions must not favour any place in a sample.
    place = np.bincount(batch.position_N().numpy()[position], minlength=500)[1:-1]
    assert abs(place / 2010 - mask_ratio).max() < 5 * np.sqrt(mask_ratio * (1 - mask_ratio) / 2010)


def test_equal_keys_give_equal_masks_and_other_keys_do_not():
    batch, mlm = framed([40, 7, 90]), objective()
    first = mlm.corrupt(batch, KeyedRandom(1, 2))
    assert torch.equal(first.ids_N, mlm.corrupt(batch, KeyedRandom(1, 2)).ids_N)
    assert not torch.equal(first.ids_N, mlm.corrupt(batch, KeyedRandom(1, 3)).ids_N)
    assert not torch.equal(first.ids_N, mlm.corrupt(batch, KeyedRandom(2, 2)).ids_N)
    assert batch.extra == {}


@settings(max_examples=40)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(0, 2**40))
def test_masks_do_not_depend_on_the_batch(lengths, shuffler, seed):
    random = np.random.default_rng(0)
    documents = [np.r_[CLS, random.integers(5, V, size), SEP] for size in lengths]
    keys = [17 * number + 5 for number in range(len(documents))]
    mlm = objective_cached()
    whole = mlm.corrupt(make_batch(documents, samples=keys), KeyedRandom(seed))
    rows = dict(zip(keys, whole.ids_N.split(whole.lengths_B.tolist()), strict=True))
    order = list(range(len(documents)))
    shuffler.shuffle(order)
    for some in (order, order[:1], order[: len(order) // 2 + 1]):
        part = mlm.corrupt(make_batch([documents[i] for i in some], samples=[keys[i] for i in some]), KeyedRandom(seed))
        for i, row in zip(some, part.ids_N.split(part.lengths_B.tolist()), strict=True):
            assert torch.equal(row, rows[keys[i]])
    found = np.bincount(whole.row_N()[whole.extra["target_position"]].numpy(), minlength=len(lengths))
    assert all(count >= 1 for count, size in zip(found, lengths, strict=True) if size >= 2)
    assert all(count == 0 for count, size in zip(found, lengths, strict=True) if size == 0)


_CACHE: list = []


def objective_cached():
    if not _CACHE:
        _CACHE.append(objective())
    return _CACHE[0]


def test_the_rate_follows_the_progress():
    mlm = objective(MaskedLMSpec(mask_ratio=0.3, mask_ratio_end=0.1))
    batch, counts = framed([500] * 40), []
    for progress, mask_ratio in ((0.0, 0.3), (0.5, 0.2), (1.0, 0.1)):
        assert mlm.mask_ratio(progress, True) == pytest.approx(mask_ratio)
        counts.append(mlm.corrupt(batch, KeyedRandom(0), progress=progress).extra["target_id"].numel())
        assert within_3_sigma(counts[-1], 20_000, mask_ratio)


@pytest.mark.parametrize(
    "spec", [ModernBertSpec(width=16, depth=2, heads=2, mlp_width=24), BertSpec(width=16, depth=2, heads=2)]
)
def test_logits_only_at_targets_equal_the_dense_path(spec):
    torch.manual_seed(0)
    backbone = spec.build(TokenShape(V, 0))
    mlm = objective(backbone=backbone)
    batch = mlm.corrupt(framed([9, 3, 30, 12]), KeyedRandom(0))
    loss = mlm(backbone, batch)
    dense = mlm.head(backbone(batch).last_BTD, backbone.words_VD)[batch.mask_BT()]
    position, target = batch.extra["target_position"], batch.extra["target_id"]
    expected = torch.nn.functional.cross_entropy(dense[position], target, reduction="sum")
    assert loss.count == len(target)
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss.parts["accuracy"] == pytest.approx((dense[position].argmax(-1) == target).float().mean().item())


def test_a_batch_without_targets_has_a_loss_of_zero():
    mlm = objective()
    backbone = ModernBertSpec(width=16, depth=2, heads=2, mlp_width=24).build(TokenShape(V, 0))
    loss = mlm(backbone, mlm.corrupt(framed([0, 0]), KeyedRandom(0)))
    assert (loss.count, loss.total.item()) == (0, 0.0)
    loss.total.backward()


def test_filling_returns_the_likeliest_tokens():
    backbone = ModernBertSpec(width=16, depth=2, heads=2, mlp_width=24).build(TokenShape(V, 0))
    mlm = objective(backbone=backbone)
    batch = make_batch([[CLS, 9, MASK, 11, SEP], [CLS, MASK, SEP]])
    filled = mlm.fill(backbone, batch, top=3)
    assert filled.position_M.tolist() == [2, 6]
    assert filled.ids_MK.shape == filled.probability_MK.shape == (2, 3)
    dense = mlm.head(backbone(batch).last_BTD, backbone.words_VD)[batch.mask_BT()][filled.position_M].softmax(-1)
    assert torch.equal(filled.ids_MK[:, 0], dense.argmax(-1))
    with pytest.raises(HeadstartError, match="no mask token"):
        mlm.fill(backbone, make_batch([[CLS, 9, SEP]]))


def test_refusals_say_what_fits():
    backbone = ModernBertSpec(width=16, depth=2, heads=2, mlp_width=24).build(TokenShape(V, 0))
    with pytest.raises(HeadstartError, match="needs a tokenizer with a mask token"):
        MaskedLMSpec().build(backbone, tokenizer(mask_id=-1))
    with pytest.raises(
        HeadstartError, match=r"needs a backbone whose token outputs see the whole sample \(modernbert, bert"
    ):
        build_objective(MaskedLMSpec(), SimpleNamespace(reads="document"), tokenizer())
    with pytest.raises(HeadstartError, match=r"mask_ratio=1\.5"):
        MaskedLMSpec(mask_ratio=1.5)
    with pytest.raises(HeadstartError, match="together at most 1"):
        MaskedLMSpec(mask_share=0.9, random_share=0.2)

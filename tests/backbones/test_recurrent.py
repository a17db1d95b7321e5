"""Recurrent backbones: what a token has seen, the carry, what AWD-LSTM hides, one set of weights in a checkpoint."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

from headstart.core import registry
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.contracts import Backbone, Features, Loss
from headstart.core.device import compute
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.nn.recurrent import Recurrent, locked_dropout, reversed_in_time, word_dropout

LEFT = ("rnn", "lstm", "gru", "awd_lstm")
VOCABULARY, WIDTH = 50, 16


def build(name: str, **settings) -> Backbone:
    torch.manual_seed(5)
    return registry.load("backbone", name)(width=WIDTH, depth=2, **settings).build(TokenShape(VOCABULARY, 0))


def ids(*lengths: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def changed(documents: list[torch.Tensor], place: int) -> list[torch.Tensor]:
    """Return the documents with another token at `place` of the first."""
    first = documents[0].clone()
    first[place] = first[place] % (VOCABULARY - 1) + 1
    return [first, *documents[1:]]


@pytest.mark.parametrize("name", [*LEFT, "elmo"])
@torch.no_grad()
def test_nothing_is_seen_from_the_wrong_side(name):
    backbone, documents, place = build(name).eval(), ids(12, 7), 5
    before = backbone(make_batch(documents)).last_BTD[0]
    after = backbone(make_batch(changed(documents, place))).last_BTD[0]
    moved_TD = (before - after).abs()
    left = moved_TD if name != "elmo" else moved_TD[:, : WIDTH // 2]
    assert left[:place].max() == 0
    assert left[place:].amax(1).min() > 0
    if name == "elmo":
        assert moved_TD[place + 1 :, WIDTH // 2 :].max() == 0
        assert moved_TD[: place + 1, WIDTH // 2 :].amax(1).min() > 0


@pytest.mark.parametrize("name", [*LEFT, "elmo"])
@torch.no_grad()
def test_the_carry_makes_two_parts_one(name):
    """Samples of unlike length, one of them empty in the first part, one in the second."""
    backbone = build(name).eval()
    first, second = ids(9, 4, 0, 6), ids(5, 11, 3, 0, seed=1)
    whole = backbone(make_batch([torch.cat(pair) for pair in zip(first, second)]), carry=True)
    start = backbone(make_batch(first), carry=True)
    rest = backbone(dataclasses.replace(make_batch(second), carry=start.carry), carry=True)
    seen = WIDTH if name != "elmo" else WIDTH // 2
    for row, (one, two) in enumerate(zip(first, second)):
        parts = torch.cat([start.last_BTD[row, : len(one)], rest.last_BTD[row, : len(two)]])
        assert (parts - whole.last_BTD[row, : len(one) + len(two)])[:, :seen].abs().max() <= 1e-5
    assert len(rest.carry) == len(whole.carry) == (2 if name in ("rnn", "gru") else 4)
    for one, two in zip(rest.carry, whole.carry):
        assert (one - two).abs().max() <= 1e-5
        assert len(one) == 4
    assert backbone(make_batch(second)).carry == ()
    forgot = backbone(make_batch(second)).last_BTD
    assert (forgot - rest.last_BTD)[0].abs().max() > 1e-3


@pytest.mark.parametrize("name", LEFT)
@torch.no_grad()
def test_one_token_at_a_time_in_either_number_format(name):
    backbone, (document,) = build(name).eval(), ids(8)
    for dtype, close in ((torch.float32, 1e-5), (torch.bfloat16, 3e-2)):
        with compute(dtype):
            whole, carry = backbone(make_batch([document])).last_BTD[0], ()
            for place, token in enumerate(document):
                step = backbone(dataclasses.replace(make_batch([token[None]]), carry=carry), carry=True)
                carry = step.carry
                assert (step.last_BTD[0, 0] - whole[place]).abs().max() <= close


def test_samples_of_no_token():
    layer = Recurrent("lstm", 3, 4)
    state = (torch.ones(2, 4), torch.ones(2, 4))
    out, after = layer(torch.zeros(2, 0, 3), state)
    assert out.shape == (2, 0, 4)
    assert all(torch.equal(one, two) for one, two in zip(after, state, strict=True))


def test_reversal_is_per_sample():
    hidden_BTD = torch.arange(10.0).view(2, 5, 1)
    turned = reversed_in_time(hidden_BTD, torch.tensor([3, 5]))
    assert turned[:, :, 0].tolist() == [[2, 1, 0, 3, 4], [9, 8, 7, 6, 5]]


def test_locked_dropout_hides_the_same_features_at_every_step():
    torch.manual_seed(0)
    hidden = locked_dropout(torch.ones(6, 9, 200), 0.3, True)
    assert (hidden == hidden[:, :1]).all()
    assert not (hidden[0] == hidden[1]).all()
    assert hidden.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert (hidden == 0).float().mean() == pytest.approx(0.3, abs=0.05)
    assert torch.equal(locked_dropout(torch.ones(2, 3, 4), 0.3, False), torch.ones(2, 3, 4))


def test_word_dropout_hides_a_word_wherever_it_stands():
    words, places = torch.nn.Embedding(400, 3), torch.arange(400).repeat(2)
    torch.manual_seed(0)
    hidden_ND = word_dropout(words, places, 0.25, True)
    hidden = (hidden_ND == 0).all(1).view(2, 400)
    assert torch.equal(hidden[0], hidden[1])
    assert hidden[0].float().mean() == pytest.approx(0.25, abs=0.06)
    shown = hidden_ND[:400][~hidden[0]]
    assert torch.allclose(shown, words.weight[~hidden[0]] / 0.75)


HEAVY = {"word_drop": 0.2, "input_drop": 0.2, "hidden_drop": 0.2, "output_drop": 0.2, "weight_drop": 0.5}
NONE = dict.fromkeys(HEAVY, 0.0)


@pytest.mark.parametrize("drop", list(HEAVY))
def test_each_share_hides_in_training_and_not_in_evaluation(drop):
    plain, dropped = build("awd_lstm", **NONE), build("awd_lstm", **(NONE | {drop: 0.5}))
    batch = make_batch(ids(9, 4))
    torch.manual_seed(1)
    one = dropped(batch).last_BTD
    assert not torch.equal(one, plain(batch).last_BTD)
    torch.manual_seed(1)
    assert torch.equal(one, dropped(batch).last_BTD)  # a function of torch's generator alone
    torch.manual_seed(2)
    assert not torch.equal(one, dropped(batch).last_BTD)
    assert torch.equal(plain.eval()(batch).last_BTD, dropped.eval()(batch).last_BTD)


def test_weight_drop_hides_one_matrix_for_the_whole_batch():
    """Against a layer whose matrix is thinned by hand; what is hidden gets no gradient."""
    torch.manual_seed(0)
    layer, hidden = Recurrent("lstm", 5, 6, weight_drop=0.5), torch.randn(3, 7, 5)
    own = layer.cell.weight_hh_l0
    torch.manual_seed(4)
    out, _ = layer(hidden)
    torch.manual_seed(4)
    mask = torch.nn.functional.dropout(torch.ones_like(own), 0.5)
    twin = copy.deepcopy(layer).eval()
    with torch.no_grad():
        twin.cell.weight_hh_l0.mul_(mask)
    assert torch.allclose(out, twin(hidden)[0], atol=1e-6)
    out.square().sum().backward()
    assert (own.grad[mask == 0] == 0).all()
    assert (own.grad[mask != 0] != 0).float().mean() > 0.9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_set_of_weights_that_copies_trains_and_loads(dtype):
    backbone = build("awd_lstm", **HEAVY)
    names = {"words.weight"} | {
        f"stack.layers.{layer}.cell.{kind}_l0"
        for layer in (0, 1)
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    assert set(backbone.state_dict()) == names
    batch = make_batch(ids(9, 4))
    other = copy.deepcopy(backbone)
    fresh = build("awd_lstm", **HEAVY)
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=0.05)
    for _ in range(3):
        with compute(dtype):
            loss = backbone(batch).last_BTD.float().square().sum()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in backbone.parameters())
        optimizer.step()
        optimizer.zero_grad()
    assert set(backbone.state_dict()) == names
    with torch.no_grad():
        trained = backbone.eval()(batch).last_BTD
        assert not torch.allclose(other.eval()(batch).last_BTD, trained)
        fresh.load_state_dict(backbone.state_dict())
        assert torch.equal(fresh.eval()(batch).last_BTD, trained)


def test_a_frozen_network_still_hides():
    """What the first steps of fine-tuning do: the network is frozen, only a head learns."""
    backbone = build("awd_lstm", **HEAVY).requires_grad_(False)
    assert backbone(make_batch(ids(5, 3))).last_BTD.isfinite().all()
    backbone.requires_grad_(True)
    backbone(make_batch(ids(5, 3))).last_BTD.sum().backward()
    assert all(p.grad is not None for p in backbone.parameters())


def growth(backbone, hidden_BTD, mask_BT):
    """Return what the penalties add to the mean loss."""
    return Loss(backbone.penalties(Features(last_BTD=hidden_BTD, mask_BT=mask_BT))).mean()


def test_penalties_are_those_of_the_paper():
    backbone = build("awd_lstm", activation=2.0, slowness=3.0)
    hidden_BTD = torch.randn(3, 6, WIDTH)
    mask_BT = torch.arange(6)[None, :] < torch.tensor([6, 2, 0])[:, None]
    found = growth(backbone, hidden_BTD, mask_BT)
    real = [hidden_BTD[0], hidden_BTD[1, :2]]
    square = torch.cat(real).square().mean()
    change = torch.cat([part[1:] - part[:-1] for part in real]).square().mean()
    assert found == pytest.approx(float(2 * square + 3 * (1 - 0.1) * change), rel=1e-5)
    assert growth(backbone, hidden_BTD[:, :0], mask_BT[:, :0]) == 0


def test_the_slowness_of_masked_states_is_on_average_that_of_whole_ones():
    torch.manual_seed(0)
    hidden, mask_BT = torch.randn(400, 5, WIDTH), torch.ones(400, 5, dtype=torch.bool)
    whole = growth(build("awd_lstm", output_drop=0.0, activation=0.0), hidden, mask_BT)
    masked = locked_dropout(hidden, 0.4, True)
    found = growth(build("awd_lstm", output_drop=0.4, activation=0.0), masked, mask_BT)
    assert found == pytest.approx(float(whole), rel=0.05)


def test_elmo_layers_are_as_in_the_paper():
    backbone, batch = build("elmo").eval(), make_batch(ids(6, 3))
    words, middle, last = backbone(batch, layers=True).layers
    half = WIDTH // 2
    assert torch.equal(words[..., :half], words[..., half:])
    assert torch.equal(words[0, :, :half], backbone.words(batch.ids_N[:6]))
    step, _ = backbone.forwards.layers[1](middle[..., :half])
    assert torch.allclose(last[..., :half], step + middle[..., :half], atol=1e-6)  # residual above the first layer


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("lstm", {"width": 0}, "backbone lstm.width=0: expected at least 1"),
        ("gru", {"depth": 0}, "backbone gru.depth=0"),
        ("awd_lstm", {"inner": 0}, "at least 1"),
        ("awd_lstm", {"weight_drop": 1.0}, "weight_drop=1.0: expected at least 0 and below 1"),
        ("awd_lstm", {"slowness": -1.0}, "slowness=-1.0"),
        ("elmo", {"width": 33}, "must be even"),
        ("elmo", {"dropout": -0.1}, "dropout=-0.1"),
    ],
)
def test_wrong_settings_teach(name, settings, words):
    with pytest.raises(HeadstartError, match=words):
        registry.load("backbone", name)(**settings)


@pytest.mark.parametrize("name", LEFT)
def test_the_output_is_tied_to_the_words(name):
    backbone = build(name)
    head = backbone.prediction_head()
    assert [label for label, _ in head.named_parameters()] == ["bias"]
    batch: TokenBatch = make_batch(ids(4))
    logits = head(backbone.eval()(batch).last_BTD[0], backbone.words_VD)
    assert logits.shape == (4, VOCABULARY)

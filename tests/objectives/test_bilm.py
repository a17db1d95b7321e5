"""Both directions: which token each half predicts, that none is seen before, that running text goes on."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from headstart.backbones.elmo import ElmoSpec
from headstart.backbones.lstm import LstmSpec
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.bilm import BiLM, BiLMSpec

VOCABULARY = 40


def parts(width: int = 24) -> tuple[torch.nn.Module, BiLM]:
    torch.manual_seed(2)
    backbone = ElmoSpec(width=width).build(TokenShape(VOCABULARY, 0))
    return backbone.eval(), BiLMSpec().build(backbone, None).eval()


def documents(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def logits(backbone, objective, batch: TokenBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits [B, T, V] of both directions."""
    return tuple(objective.head(half, backbone.words_VD) for half in backbone(batch).last_BTD.chunk(2, -1))


def test_targets():
    batch = make_batch([[5, 6, 7], [], [8], [9, 4]])
    assert batch.next_ids_N().tolist() == [6, 7, -1, -1, 4, -1]
    assert batch.previous_ids_N().tolist() == [-1, 5, 6, -1, -1, 9]
    running = dataclasses.replace(batch, extra={"next_B": torch.tensor([1, 2, 3, -1])})
    assert running.next_ids_N().tolist() == [6, 7, 1, 3, 4, -1]
    assert batch.ids_N.tolist() == [5, 6, 7, 8, 9, 4]
    assert make_batch([[]]).next_ids_N().tolist() == make_batch([[]]).previous_ids_N().tolist() == []


@torch.no_grad()
def test_the_loss_is_that_of_two_language_models():
    backbone, objective = parts()
    one, two = documents(7, 3)
    loss = objective(backbone, make_batch([one, two]))
    expected = 0.0
    for document in (one, two):
        forward, backward = (part[0] for part in logits(backbone, objective, make_batch([document])))
        expected += F.cross_entropy(forward[:-1], document[1:], reduction="sum")
        expected += F.cross_entropy(backward[1:], document[:-1], reduction="sum")
    assert loss.count == 2 * (6 + 2)
    assert float(loss.total) == pytest.approx(float(expected), rel=1e-5)
    assert loss.carry == ()


@torch.no_grad()
@pytest.mark.parametrize("place", [0, 3, 8])
def test_no_logit_has_seen_its_target(place):
    backbone, objective = parts()
    (document,) = documents(9)
    other = document.clone()
    other[place] = other[place] % (VOCABULARY - 1) + 1
    before = logits(backbone, objective, make_batch([document]))
    after = logits(backbone, objective, make_batch([other]))
    forward, backward = ((one - two)[0].abs().amax(-1) for one, two in zip(before, after))
    assert (forward[:place] == 0).all()  # among them the one that predicts it
    assert (backward[place + 1 :] == 0).all()
    assert (forward[place:] > 0).all()  # the check can see a change
    assert (backward[: place + 1] > 0).all()


def test_it_learns_both_directions():
    """Tokens count up: each has one successor and one predecessor."""
    backbone, objective = parts()
    optimizer = torch.optim.AdamW([*backbone.parameters(), *objective.parameters()], lr=0.02)
    texts = [torch.arange(start, start + 9) for start in range(1, 30)]
    for _ in range(100):
        loss = objective(backbone, objective.corrupt(make_batch(texts), KeyedRandom(0)))
        (loss.total / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.parts["accuracy"] > 0.95
    forward, backward = logits(backbone, objective, make_batch([texts[3]]))
    assert forward[0, 2:-1].argmax(-1).tolist() == texts[3][3:].tolist()
    assert backward[0, 1:-2].argmax(-1).tolist() == texts[3][:-3].tolist()


@torch.no_grad()
def test_running_text_carries_the_forward_half_on():
    backbone, objective = parts()
    (document,) = documents(12)
    first = dataclasses.replace(make_batch([document[:7]]), extra={"next_B": document[7:8]})
    second = dataclasses.replace(make_batch([document[7:]]), extra={"next_B": torch.tensor([-1])}, continues=True)
    start = objective(backbone, first)
    assert len(start.carry) == 4
    rest = objective(backbone, dataclasses.replace(second, carry=start.carry))
    assert start.count + rest.count == 11 + 10  # the backward half does not know what was before its window
    whole, _ = logits(backbone, objective, make_batch([document]))
    parted, _ = logits(backbone, objective, dataclasses.replace(second, carry=start.carry))
    assert (whole[0, 7:] - parted[0]).abs().max() <= 1e-5


def test_what_it_can_use_and_what_it_refuses():
    _, objective = parts()
    assert objective.usable(make_batch([[1], [1, 2], [], [1, 2, 3]])) == 2
    loss = objective(parts()[0], make_batch([[1], []]))
    assert (loss.count, loss.total.item(), loss.parts) == (0, 0.0, {})
    with pytest.raises(HeadstartError, match="objective bilm needs a backbone that reads in each direction apart"):
        build_objective(BiLMSpec(), LstmSpec(width=8).build(TokenShape(VOCABULARY, 0)), None)

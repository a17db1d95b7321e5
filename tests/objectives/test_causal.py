"""Causal and hybrid language models: nothing leaks from the right, targets and their share of the loss are exact."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from pairings import reads
from torch.nn import functional as F

from headstart.core import registry
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.compatibility import build_objective
from headstart.core.contracts import Term
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.causal import CausalSpec
from headstart.objectives.hybrid import HybridSpec
from headstart.processors.byte import Bytes

TOKENIZER = Bytes().train([])
VOCABULARY = TOKENIZER.vocabulary


def small(name: str, **settings):
    spec = registry.load("backbone", name)()
    sizes = {"width": 32, "depth": 2, "heads": 4, "mlp_width": 40, "max_tokens": 48, **settings}
    torch.manual_seed(1)
    known = {field.name for field in fields(spec)}
    return replace(spec, **{key: value for key, value in sizes.items() if key in known}).build(
        TokenShape(VOCABULARY, TOKENIZER.pad_id)
    )


LEFT = [name for name in registry.fitting("backbone", batch="tokens") if reads(name) == "causal"]


def texts(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(5, VOCABULARY, (length,), generator=generator) for length in lengths]


def loud(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module with weights that make every leak visible."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval()


@pytest.mark.parametrize("name", LEFT)
@torch.no_grad()
def test_no_token_sees_a_later_one(name):
    backbone = loud(small(name))
    objective = loud(CausalSpec().build(backbone, TOKENIZER))
    parts = texts(30, 17)
    where = torch.arange(47)
    before = objective.logits(backbone, make_batch(parts), where).split([30, 17])
    for changed in (0, 11, 28):
        other = [parts[0].clone(), parts[1]]
        other[0][changed] = 5 + (other[0][changed] - 4) % (VOCABULARY - 5)
        after = objective.logits(backbone, make_batch(other), where).split([30, 17])
        assert torch.equal(after[1], before[1])
        assert (after[0][:changed] - before[0][:changed]).abs().max() <= 1e-5 if changed else True
        assert (after[0][changed] - before[0][changed]).abs().max() > 1e-3


@pytest.mark.parametrize("name", LEFT)
@torch.no_grad()
def test_what_is_carried_on_is_what_was_read(name):
    """Ragged parts with carry give the states of the whole; beams may change places."""
    backbone = loud(small(name))
    whole = texts(12, 5, 9)
    full = backbone(make_batch(whole))
    first = backbone(make_batch([text[:cut] for text, cut in zip(whole, (7, 1, 3))]), carry=True)
    assert all(len(tensor) == 3 for tensor in first.carry)
    order = torch.tensor([2, 0, 1])
    rest = [text[cut:] for text, cut in zip(whole, (7, 1, 3))]
    batch = make_batch([rest[row] for row in order.tolist()])
    second = backbone(replace(batch, carry=tuple(tensor[order] for tensor in first.carry)), carry=True)
    for place, row in enumerate(order.tolist()):
        expected = full.last_BTD[row][: len(whole[row])]
        found = torch.cat([
            first.last_BTD[row][first.mask_BT[row]], second.last_BTD[place][second.mask_BT[place]]
        ])  # fmt: skip
        assert (found - expected).abs().max() <= 1e-5
    third = make_batch([[7], [8], [9]])
    last = backbone(replace(third, carry=second.carry)).last_BTD[:, 0]
    alone = backbone(make_batch([torch.cat([whole[2], torch.tensor([7])])])).last_BTD[0, -1]
    assert (last[0] - alone).abs().max() <= 1e-5


def test_the_loss_is_the_mean_over_all_next_tokens():
    backbone = small("gpt2")
    objective = CausalSpec().build(backbone, TOKENIZER)
    begin, end = TOKENIZER.cls_id, TOKENIZER.sep_id
    batch = make_batch([[begin, 10, 11, end], [12], [13, end, begin, 14]])
    logits = objective.logits(backbone, batch, torch.arange(9))
    loss = objective(backbone, batch)
    pairs = [(0, 10), (1, 11), (2, end), (5, end), (7, 14)]  # the begin mark in running text is never predicted
    expected = F.cross_entropy(
        logits[[at for at, _ in pairs]], torch.tensor([token for _, token in pairs]), reduction="sum"
    )
    assert loss.count == 5
    assert abs((loss.total - expected).item()) <= 1e-4
    assert objective.usable(batch) == 2
    running = replace(batch, extra={"next_B": torch.tensor([-1, 15, begin])})
    assert objective(backbone, running).count == 6
    assert objective.usable(running) == 3
    assert objective.corrupt(batch, KeyedRandom(0)) is batch
    assert objective(backbone, make_batch([[3]])).count == 0


def test_running_text_is_carried_where_there_is_no_longest_sample():
    batch = replace(make_batch(texts(6, 6)), extra={"next_B": torch.tensor([7, -1])})
    for name in LEFT:
        backbone = small(name)
        objective = CausalSpec().build(backbone, TOKENIZER)
        assert bool(objective(backbone, batch).carry) == (backbone.max_tokens is None)
        assert not objective(backbone, replace(batch, extra={})).carry


def test_a_penalty_counts_in_training_only():
    backbone = small("gpt2").eval()
    objective = CausalSpec().build(backbone, TOKENIZER).eval()
    batch = make_batch(texts(6, 9))
    plain = objective(backbone, batch)
    backbone.penalties = lambda features: {"large": Term(6.0 * features.last_BTD.new_ones(()), 3)}
    assert torch.equal(objective(backbone, batch).mean(), plain.mean())
    found = objective.train()(backbone, batch)
    assert torch.equal(found.total, plain.total)
    assert abs((found.mean() - plain.mean()).item() - 2.0) <= 1e-5
    assert found.parts["large"] == 2.0


def test_refusals_say_what_would_do():
    with pytest.raises(HeadstartError, match=r"causal.*left to right"):
        build_objective(CausalSpec(), small("bert"), TOKENIZER)
    with pytest.raises(HeadstartError, match="hybrid"):
        build_objective(HybridSpec(), small("gpt2"), TOKENIZER)
    with pytest.raises(HeadstartError, match="causal_share=1"):
        HybridSpec(causal_share=1.0)


def hybrid(share: float = 0.5, name: str = "modernbert"):
    backbone = loud(small(name))
    return backbone, HybridSpec(causal_share=share).build(backbone, TOKENIZER).train()


def framed(count: int, length: int = 20) -> TokenBatch:
    begin, end = torch.tensor([TOKENIZER.cls_id]), torch.tensor([TOKENIZER.sep_id])
    return make_batch([torch.cat([begin, text, end]) for text in texts(*[length] * count)])


def test_hybrid_deals_samples_and_predicts_from_the_token_before():
    _, objective = hybrid()
    batch = framed(400)
    done = objective.corrupt(batch, KeyedRandom(0))
    row, ids = batch.row_N(), batch.ids_N
    causal = set(row[done.extra["causal_position"]].tolist())
    masked = set(row[done.extra["masked_position"]].tolist())
    assert not causal & masked
    assert causal | masked == set(range(400))
    assert 160 < len(causal) < 240
    for kind in ("masked", "causal"):
        assert torch.equal(ids[done.extra[f"{kind}_position"] + 1], done.extra[f"{kind}_id"])
    changed = (done.ids_N != ids).nonzero()[:, 0]
    assert set(row[changed].tolist()) <= masked
    assert set((changed - 1).tolist()) <= set(done.extra["masked_position"].tolist())
    assert len(done.extra["causal_id"]) == 21 * len(causal)
    again = objective.corrupt(batch, KeyedRandom(0, 1))
    assert set(row[again.extra["causal_position"]].tolist()) != causal


def test_hybrid_reads_causal_samples_from_the_left_only():
    backbone, objective = hybrid()
    done = objective.corrupt(framed(8), KeyedRandom(1))
    position, target = done.extra["causal_position"], done.extra["causal_id"]
    row = int(done.row_N()[position[0]])
    own = done.row_N()[position] == row
    sample = done.ids_N[done.row_N() == row]
    with torch.no_grad():
        found = backbone(replace(make_batch([sample]), causal=True)).last_BTD[0]
        prefix = backbone(replace(make_batch([sample[:5]]), causal=True)).last_BTD[0]
        assert (found[:5] - prefix).abs().max() <= 1e-5
        assert (backbone(make_batch([sample])).last_BTD[0][:5] - prefix).abs().max() > 1e-3
        only = replace(
            done, extra={"causal_position": position[own], "causal_id": target[own], "masked_position": position[:0],
                         "masked_id": target[:0]},
        )  # fmt: skip
        loss = objective(backbone, only)
        logits = objective.head(found[:-1], backbone.words_VD)
    assert loss.count == 21
    wanted = objective.spec.causal_share * F.cross_entropy(logits, sample[1:], reduction="sum")
    assert abs((loss.total - wanted).item()) <= 1e-2


def test_hybrid_reads_masked_samples_from_both_sides():
    backbone, objective = hybrid()
    done = objective.corrupt(framed(8), KeyedRandom(1))
    none = done.ids_N[:0]
    only = replace(done, extra={**done.extra, "causal_position": none, "causal_id": none})
    with torch.no_grad():
        hidden = backbone(replace(done, extra={})).last_BTD.flatten(0, 1)  # all samples are equally long
        logits = objective.head(hidden[done.extra["masked_position"]], backbone.words_VD)
        wanted = F.cross_entropy(logits, done.extra["masked_id"], reduction="sum")
        share = 1.0 - objective.spec.causal_share
        assert abs((objective(backbone, only).total - share * wanted).item()) <= 1e-2


def test_each_kind_counts_by_its_share_whatever_the_number_of_targets():
    backbone, objective = hybrid()
    done = objective.corrupt(framed(12), KeyedRandom(2))
    nothing = {"masked_position": done.ids_N[:0], "masked_id": done.ids_N[:0]}
    nothing |= {"causal_position": done.ids_N[:0], "causal_id": done.ids_N[:0]}
    with torch.no_grad():
        both = objective(backbone, done)
        parts = []
        for kind in ("masked", "causal"):
            extra = nothing | {key: value for key, value in done.extra.items() if key.startswith(kind)}
            parts.append(objective(backbone, replace(done, extra=extra)).mean().item())
        empty = objective(backbone, replace(done, extra=nothing))
    assert set(both.terms) == {"masked", "causal"}
    assert abs(both.mean().item() - sum(parts)) <= 1e-4
    assert empty.count == 0

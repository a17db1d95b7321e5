"""Every encoder-decoder: no look ahead, samples apart, the source matters in order, step by step is all at once."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from headstart.backbones.seq2seq import Seq2SeqSpec
from headstart.backbones.seq2seq_attention import AttentiveSeq2SeqSpec
from headstart.backbones.t5 import T5Spec
from headstart.backbones.transformer import TransformerSpec
from headstart.core import registry
from headstart.core.batch import TokenBatch, make_batch
from headstart.core.contracts import EncoderDecoder, Features
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.networks.writer import begin_writing, dictation, score_dictation
from headstart.nn.decoding import beam_search, write
from headstart.nn.outputs import WordOutput
from headstart.nn.position import sinusoids

VOCABULARY, BEGIN, END = 47, 2, 3
SMALL = {"width": 32, "depth": 2}
SPECS = {
    "transformer": TransformerSpec(**SMALL, heads=2, mlp_width=48),
    "t5": T5Spec(**SMALL, heads=2, mlp_width=48),
    "t5 v1.1": T5Spec(**SMALL, decoder_depth=1, heads=2, mlp_width=48, act="gelu_new", gated=True, tied=False),
    "seq2seq": Seq2SeqSpec(**SMALL),
    "seq2seq_attention": AttentiveSeq2SeqSpec(**SMALL),
}
SOURCES, TARGETS = (7, 1, 19, 4), (5, 8, 2, 1)


@pytest.fixture(params=SPECS)
def network(request) -> EncoderDecoder:
    torch.manual_seed(2)
    built = SPECS[request.param].build(TokenShape(VOCABULARY, 0)).eval()
    for parameter in built.parameters():  # far from a start at which nothing matters yet
        torch.nn.init.normal_(parameter, std=0.3)
    return built


def ids(lengths, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(4, VOCABULARY, (length,), generator=generator) for length in lengths]


def aim(sources: TokenBatch, parts: list[torch.Tensor]) -> TokenBatch:
    wanted = make_batch(parts)
    return dictation(sources, wanted.ids_N, wanted.lengths_B, BEGIN)


def states(network, sources, targets, **asked) -> Features:
    batch = make_batch(sources)
    return network.decode(aim(batch, targets), network(batch), **asked)


def test_all_of_them_are_here():
    writing = {name for name in registry.fitting("backbone", batch="tokens") if "Writer" in (registry_bases(name))}
    assert writing == {name.split()[0] for name in SPECS}


def registry_bases(name: str) -> set[str]:
    module = __import__(f"headstart.backbones.{name}", fromlist=["_"])
    own = (value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__)
    return {base.__name__ for value in own for base in value.__mro__}


@torch.no_grad()
def test_a_state_sees_no_later_token(network):
    sources, targets = ids(SOURCES, 0), ids(TARGETS, 1)
    before = states(network, sources, targets).last_BTD
    for place in range(5):
        changed = [targets[0].clone(), *targets[1:]]
        changed[0][place] = 4 + (changed[0][place] - 3) % (VOCABULARY - 4)
        after = states(network, sources, changed).last_BTD
        # It reads the token at `place` one step later.
        assert (after - before)[0, : place + 1].abs().max() <= 1e-6
        if place < 4:
            assert (after - before)[0, place + 1].abs().max() > 1e-4


@torch.no_grad()
def test_the_source_matters_and_so_does_its_order(network):
    sources, targets = ids(SOURCES, 0), ids(TARGETS, 1)
    before = states(network, sources, targets).last_BTD
    turned = states(network, [sources[0].flip(0), *sources[1:]], targets).last_BTD
    assert (turned - before)[0, 0].abs().max() > 1e-3
    assert (turned - before)[1:].abs().max() <= 1e-5
    lost = states(network, [sources[0][:-1], *sources[1:]], targets).last_BTD
    assert (lost - before)[0, 0].abs().max() > 1e-4


@torch.no_grad()
def test_a_sample_does_not_depend_on_its_batch(network):
    sources, targets = ids(SOURCES, 0), ids(TARGETS, 1)
    together = states(network, sources, targets)
    turned = states(network, sources[::-1], targets[::-1])
    for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
        alone = states(network, [source], [target]).last_BTD[0]
        assert (together.last_BTD[row, : len(target)] - alone).abs().max() <= 1e-5
        assert (turned.last_BTD[3 - row, : len(target)] - alone).abs().max() <= 1e-5
    assert together.mask_BT.sum(1).tolist() == list(TARGETS)


@torch.no_grad()
def test_step_by_step_is_all_at_once(network):
    sources, targets = make_batch(ids(SOURCES, 0)), ids((6, 6, 6, 6), 1)
    memory = network(sources)
    whole = network.decode(aim(sources, targets), memory).last_BTD
    read = torch.stack([torch.cat([torch.tensor([BEGIN]), part[:-1]]) for part in targets])
    carry: tuple = ()
    for low, high in ((0, 1), (1, 2), (2, 5), (5, 6)):
        part = make_batch(list(read[:, low:high]))
        part = TokenBatch(ids_N=part.ids_N, lengths_B=part.lengths_B, sample_B=part.sample_B, causal=True, carry=carry)
        found = network.decode(part, memory, carry=True)
        assert (found.last_BTD - whole[:, low:high]).abs().max() <= 1e-5
        carry = found.carry
        assert all(len(tensor) == 4 for tensor in carry)
    assert network.decode(aim(sources, targets), memory).carry == ()


@torch.no_grad()
def test_ragged_parts_go_on_where_each_sample_ended(network):
    sources, targets = make_batch(ids(SOURCES, 0)), ids((6, 6, 6, 6), 1)
    memory = network(sources)
    whole = network.decode(aim(sources, targets), memory).last_BTD
    read = [torch.cat([torch.tensor([BEGIN]), part[:-1]]) for part in targets]
    cuts = (2, 5, 1, 3)
    carry: tuple = ()
    for parts in (
        [one[:cut] for one, cut in zip(read, cuts, strict=True)],
        [one[cut:] for one, cut in zip(read, cuts)],
    ):
        batch = make_batch(parts)
        batch = TokenBatch(
            ids_N=batch.ids_N, lengths_B=batch.lengths_B, sample_B=batch.sample_B, causal=True, carry=carry
        )
        found = network.decode(batch, memory, carry=True)
        carry = found.carry
    for row, cut in enumerate(cuts):
        assert (found.last_BTD[row, : 6 - cut] - whole[row, cut:]).abs().max() <= 1e-5


@torch.no_grad()
def test_maps_show_the_source(network):
    sources, targets = ids(SOURCES, 0), ids(TARGETS, 1)
    plain, full = states(network, sources, targets), states(network, sources, targets, attention=True)
    assert plain.attention == ()
    assert (plain.last_BTD - full.last_BTD)[full.mask_BT].abs().max() <= 1e-5
    seen_BS = make_batch(sources).mask_BT()
    assert bool(full.attention) != (type(network).__name__ == "Seq2Seq")
    for map_BHTS in full.attention:
        assert map_BHTS.shape[2:] == (max(TARGETS), max(SOURCES))
        assert (map_BHTS.sum(-1).transpose(1, 2)[full.mask_BT] - 1).abs().max() <= 1e-5
        assert (map_BHTS * ~seen_BS[:, None, None]).abs().max() <= 1e-6


def test_every_weight_takes_part(network):
    batch = make_batch(ids(SOURCES, 0))
    output = network.prediction_head()
    wanted = make_batch(ids(TARGETS, 1))
    target = dictation(batch, wanted.ids_N, wanted.lengths_B, BEGIN)
    batch = TokenBatch(ids_N=batch.ids_N, lengths_B=batch.lengths_B, sample_B=batch.sample_B, target=target)
    loss = score_dictation(network, output, batch)
    assert loss.count == sum(TARGETS)
    loss.total.backward()
    unused = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unused == []
    grouped = [id(parameter) for group in network.groups() for parameter in group]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    assert all(p.grad is not None for p in output.parameters())


def test_empty_sources_and_targets_do_no_harm(network):
    empty = torch.zeros(0, dtype=torch.int64)
    batch = make_batch([empty, torch.tensor([5, 6]), empty])
    for parts in ([torch.tensor([7, 8]), empty, torch.tensor([9])], [empty] * 3):
        found = network.decode(aim(batch, parts), network(batch))
        assert found.last_BTD[found.mask_BT].isfinite().all()
        total = found.last_BTD[found.mask_BT].sum()
        if total.requires_grad:  # nothing was computed where all is empty
            total.backward()
    parts = [torch.tensor([7, 8]), empty, torch.tensor([9])]
    together = network.decode(aim(batch, parts), network(batch)).last_BTD[0]
    bare = make_batch([empty])
    alone = network.decode(aim(bare, parts[:1]), network(bare)).last_BTD[0]
    assert (together - alone).abs().max() <= 1e-5
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_saved_weights_write_the_same(network):
    torch.manual_seed(9)
    spec = next(spec for spec in SPECS.values() if type(spec.build(TokenShape(5, 0))) is type(network))
    if isinstance(spec, T5Spec):
        spec = network.spec
    again = registry.build_spec("backbone", spec.to_dict()).build(TokenShape(VOCABULARY, 0)).eval()
    again.load_state_dict(network.state_dict())
    output, other = network.prediction_head(), again.prediction_head()
    other.load_state_dict(output.state_dict())
    batch = make_batch(ids(SOURCES, 0))
    found = [
        beam_search(*begin_writing(one, head, batch, BEGIN), most=6, end_id=END, beams=2)
        for one, head in ((network, output), (again, other))
    ]
    assert found[0] == found[1]


def test_writing_alone_is_writing_together(network):
    output, sources = network.prediction_head(), ids((7, 3, 19, 4, 11, 2), 5)
    with torch.no_grad():
        together = write(*begin_writing(network, output, make_batch(sources), BEGIN), most=8, end_id=END)
        for source, expected in zip(sources, together, strict=True):
            found = write(*begin_writing(network, output, make_batch([source]), BEGIN), most=8, end_id=END)[0]
            assert found.ids == expected.ids
            assert found.score == pytest.approx(expected.score, abs=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothing_is_that_of_torch(smoothing):
    torch.manual_seed(0)
    hidden, words, target = torch.randn(9, 8), torch.randn(VOCABULARY, 8), torch.randint(VOCABULARY, (9,))
    for output in (WordOutput(8, VOCABULARY, tied=True, scale=0.7), WordOutput(8, VOCABULARY, tied=False)):
        one, other = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
        found = output.score(one, words, target, smoothing)
        logits = output(other, words)
        expected = F.cross_entropy(logits, target, reduction="sum", label_smoothing=smoothing)
        assert float(found.total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
        assert int(found.right) == int((logits.argmax(-1) == target).sum())
        found.total.backward()
        expected.backward()
        assert (one.grad - other.grad).abs().max() <= 1e-5


def test_sinusoids_are_those_of_the_paper():
    table = sinusoids(torch.arange(50), 16)
    for position, column in ((0, 0), (3, 4), (49, 15), (17, 8), (20, 1)):
        angle = position / 10_000 ** (column // 2 * 2 / 16)
        expected = math.cos(angle) if column % 2 else math.sin(angle)
        assert float(table[position, column]) == pytest.approx(expected, abs=1e-5)


def test_refusals():
    for wrong in (
        lambda: TransformerSpec(width=30, heads=4),
        lambda: TransformerSpec(dropout=1.0),
        lambda: T5Spec(buckets=6),
        lambda: T5Spec(buckets=32, distance=16),
        lambda: Seq2SeqSpec(depth=0),
        lambda: AttentiveSeq2SeqSpec(width=31),
    ):
        with pytest.raises(HeadstartError):
            wrong()

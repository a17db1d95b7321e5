"""Skip-gram and CBOW: pairs, thinning and noise are what the paper says, and topics are found."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from headstart.backbones.modernbert import ModernBertSpec
from headstart.backbones.word_vectors import WordVectorsSpec
from headstart.core.batch import make_batch
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.cbow import CBOWSpec
from headstart.objectives.skipgram import SkipGramSpec
from headstart.processors.word import Words
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan

SPECS = [SkipGramSpec, CBOWSpec]
TOKENIZER = SimpleNamespace(vocabulary=40, special_ids=frozenset(range(5)), kind="made")


def build(spec, **settings):
    torch.manual_seed(0)
    backbone = WordVectorsSpec(width=6).build(TokenShape(40, 0))
    objective = spec(**settings).build(backbone, TOKENIZER)
    torch.nn.init.normal_(backbone.embedding.weight)
    torch.nn.init.normal_(objective.context.weight)
    return backbone, objective


def samples(lengths=(7, 1, 0, 12), seed=0):
    random = np.random.default_rng(seed)
    return make_batch([random.integers(0, 40, length) for length in lengths])


@pytest.mark.parametrize("spec", SPECS)
@torch.no_grad()
def test_the_loss_is_the_sum_over_pairs_written_out(spec):
    backbone, objective = build(spec, window=3, negatives=4, drawn=7)
    batch = objective.corrupt(samples(), KeyedRandom(1))
    words = objective.thinned(batch)
    v, u = backbone.embedding.weight, objective.context.weight
    total, count, begin = torch.zeros(()), 0, 0
    for sample, length in enumerate(words.lengths_B.tolist()):
        ids, reach = (part[begin : begin + length].tolist() for part in (words.ids_N, words.extra["reach_N"]))
        noise, begin = words.extra["noise_BK"][sample], begin + length
        for i in range(length):
            around = [ids[j] for j in range(length) if j != i and abs(i - j) <= reach[i]]
            if not around:
                continue
            pairs = [(v[ids[i]], word) for word in around] if spec is SkipGramSpec else [(v[around].mean(0), ids[i])]
            for guess, word in pairs:
                total = total - F.logsigmoid(guess @ u[word]) - 4 / 7 * F.logsigmoid(-(u[noise] @ guess)).sum()
                count += 1
    loss = objective(backbone, batch)
    assert loss.count == count > 10
    assert float(loss.total) == pytest.approx(float(total), rel=1e-5)


def test_thinning_and_noise_follow_the_counts():
    _, objective = build(SkipGramSpec, subsample=0.02, drawn=50, window=4)
    objective.count_V[5:] = torch.arange(1, 36) ** 2
    share = objective.count_V / objective.count_V.sum()
    batch = make_batch([torch.arange(40)] * 2000)
    thinned = objective.thinned(objective.corrupt(batch, KeyedRandom(0)))
    kept = torch.bincount(thinned.ids_N, minlength=40) / 2000
    assert kept[:5].sum() == 0  # special tokens are no words
    assert (kept[5:] - (0.02 / share[5:]).sqrt().clamp(max=1)).abs().max() < 0.05
    drawn = np.bincount(thinned.extra["noise_BK"].numpy().ravel(), minlength=40) / (2000 * 50)
    wanted = (objective.count_V.double().numpy()[5:] + 1) ** 0.75
    assert drawn[:5].sum() == 0
    assert np.abs(drawn[5:] - wanted / wanted.sum()).max() < 0.004
    reach = np.bincount(thinned.extra["reach_N"].numpy()) / thinned.units
    assert np.abs(reach[1:] - 0.25).max() < 0.02
    assert len(thinned.extra["reach_N"]) == thinned.units == int(thinned.lengths_B.sum())


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_drawn_depends_on_the_sample_alone(spec):
    _, objective = build(spec, subsample=0.02)
    objective.count_V += 7
    batch = samples((9, 4, 14))
    whole = objective.corrupt(batch, KeyedRandom(3, 1))
    parts = batch.ids_N.split(batch.lengths_B.tolist())
    alone = objective.corrupt(make_batch([parts[2]], samples=[2], epoch=0), KeyedRandom(3, 1))
    end = int(alone.lengths_B)
    assert torch.equal(whole.ids_N[-end:], alone.ids_N)
    assert torch.equal(whole.extra["reach_N"][-end:], alone.extra["reach_N"])
    assert torch.equal(whole.extra["noise_BK"][2], alone.extra["noise_BK"][0])
    for other in (KeyedRandom(4, 1), KeyedRandom(3, 2)):
        assert not torch.equal(objective.corrupt(batch, other).extra["noise_BK"], whole.extra["noise_BK"])


def test_words_are_counted_in_training_only_and_saved():
    backbone, objective = build(SkipGramSpec)
    batch = objective.corrupt(samples(), KeyedRandom(0))
    objective.eval()
    objective(backbone, batch)
    objective.after_step(backbone)
    assert objective.count_V.sum() == 0
    objective.train()
    objective(backbone, batch)
    assert objective.count_V.sum() == 0  # the counts of a step are taken in at its end
    objective.after_step(backbone)
    words = samples().ids_N
    assert torch.equal(objective.count_V, torch.bincount(words[words >= 5], minlength=40))
    assert "count_V" in objective.state_dict()


@pytest.mark.parametrize("spec", SPECS)
def test_topics_are_found_and_the_loss_is_below_what_counts_alone_give(spec, reviews):
    tokenizer = Words(least=2).train(iter(reviews))
    torch.manual_seed(0)
    backbone = WordVectorsSpec(width=16).build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    objective = spec(subsample=1.0).build(backbone, tokenizer)
    encoded = tokenizer.encode(reviews)

    class Batches:
        def at(self, number):
            rows = [(number * 100 + row) % 500 for row in range(100)]
            return make_batch([encoded[row] for row in rows], samples=rows, epoch=number)

    plan = TrainPlan(steps=80, learning_rate=0.03, dtype="fp32")
    fit(start_state(objective, backbone, plan), Batches(), plan)
    objective.eval()
    unseen = objective.corrupt(make_batch(encoded[500:]), KeyedRandom(9))
    with torch.no_grad():
        loss = objective(backbone, unseen)
    word_V = np.bincount(np.concatenate(encoded[500:]), minlength=tokenizer.vocabulary)
    noise_V, true_V = objective.noise_V(), word_V / word_V.sum()
    some = (true_V > 0) & (noise_V > 0)
    odds = true_V[some] / (5 * noise_V[some])  # the best score of a word that knows nothing of the other
    by_counts = (true_V[some] * np.log1p(1 / odds)).sum() + 5 * (noise_V[some] * np.log1p(odds)).sum()
    assert float(loss.total) / loss.count < by_counts - 0.2
    table = F.normalize(backbone.embedding.weight.detach(), dim=1)
    for words in (
        ("film", "actor", "감동", "bread"),
        ("soup", "저녁", "salt", "버스"),
        ("boss", "게임", "map", "요리"),
    ):
        ids = [int(tokenizer.encode([word])[0][0]) for word in words]
        assert int((table[ids] @ table[ids].T).sum(1).argmin()) == 3, words


@pytest.mark.parametrize("spec", SPECS)
def test_refusals(spec):
    contextual = ModernBertSpec(width=32, depth=1, heads=2).build(TokenShape(40, 0))
    with pytest.raises(HeadstartError, match="static word vectors"):
        build_objective(spec(), contextual, TOKENIZER)
    for field, value in (("window", 0), ("negatives", 0), ("drawn", 0), ("subsample", 0.0)):
        with pytest.raises(HeadstartError, match=field):
            spec(**{field: value})
    objective = build(spec)[1]
    assert objective.usable(make_batch([[7, 8], [7], [0, 1, 7], [], [9, 3, 9]])) == 2


def test_start_is_that_of_the_authors():
    table = WordVectorsSpec(width=8).build(TokenShape(1000, 0)).embedding.weight.detach()
    assert float(table.abs().max()) <= 0.5 / 8
    assert float(table.std()) == pytest.approx(1 / 8 / math.sqrt(12), rel=0.05)

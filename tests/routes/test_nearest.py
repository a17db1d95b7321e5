"""Cosine of frozen vectors and of TF-IDF: which text is nearest, how alike two are; and the head that trains for it."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_bases import BASES, NOUNS, corpus, token_base

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.shapes import TokenShape
from headstart.data.encode_examples import encode_examples
from headstart.data.matching import Match
from headstart.fitting.supervised import LabelledPieces
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.heads.retrieve import RetrieveSpec
from headstart.routes.nearest import Nearest
from headstart.routes.scratch import Scratch
from headstart.routes.tfidf_cosine import TfidfCosine
from headstart.vectors.transform import unit_rows


def near(count: int, seed: int) -> Examples:
    """Return pairs of texts that share most of their words; no second text is there twice."""
    source = random.Random(seed)
    first = [" ".join(source.choices(corpus(), k=2)) + f" {n * 37}" for n in range(count)]
    second = [" ".join(text.split()[1:]) for text in first]
    return Examples(first, second, task="retrieve", targets=[Match(text, 1.0, 1) for text in second])


def numbers(count: int, seed: int) -> Examples:
    """Return pairs with three times the share of the words that they have in common, plus one."""
    source = random.Random(seed)
    pairs = [(source.sample(NOUNS, 4), source.sample(NOUNS, 4)) for _ in range(count)]
    targets = [1 + 3 * len({*one} & {*other}) / 4 for one, other in pairs]
    return Examples(
        [" ".join(one) for one, _ in pairs], [" ".join(other) for _, other in pairs], task="regress", targets=targets
    )


@pytest.mark.parametrize("route", [Nearest(), TfidfCosine()])
@pytest.mark.parametrize("base", BASES)
def test_what_is_near_is_found_and_numbers_follow(route, base, tmp_path):
    workspace = Workspace(BASES[base](), corpus)
    model, unseen = route.run(near(30, 1), workspace, seed=0), near(25, 2)
    assert model.task == "retrieve"
    said = model.predict(unseen)
    assert np.mean([match.rank == 1 for match in said]) > 0.8
    assert all((match.text == own) == (match.rank == 1) for match, own in zip(said, unseen.second))
    assert registry.load("task", "retrieve")().predictions_json(model, unseen)[0].keys() == {"match", "score", "rank"}
    save_task(model, tmp_path / "match", route, {})
    assert load_task(tmp_path / "match").predict(unseen) == said
    assert model.predict(unseen.take(np.array([], np.int64))) == []

    model, unseen = route.run(numbers(60, 1), workspace, seed=0), numbers(40, 2)
    assert model.task == "regress"
    said = np.array(model.predict(unseen))
    assert np.corrcoef(said, unseen.targets)[0, 1] > 0.6
    assert said.min() >= 1
    assert said.max() <= 4
    low = numbers(60, 1).take(np.flatnonzero(np.array(numbers(60, 1).targets) < 3))
    same = Examples(low.items, low.items, task="regress", targets=low.targets)
    assert max(route.run(low, workspace, seed=0).predict(same)) <= max(low.targets)
    save_task(model, tmp_path / "number", route, {})
    assert load_task(tmp_path / "number").predict(unseen) == pytest.approx(said.tolist())


def test_nearest_is_the_cosine_of_the_vectors_as_they_are():
    base = token_base()
    rows = near(8, 3)
    said = Nearest().run(rows, Workspace(base), seed=0).predict(rows)
    cosine_NN = unit_rows(base.embed(rows.items)) @ unit_rows(base.embed(rows.second)).T
    assert [match.rank for match in said] == [int((row >= row[own]).sum()) for own, row in enumerate(cosine_NN)]
    assert [match.score for match in said] == pytest.approx(cosine_NN.max(axis=1).tolist(), abs=1e-5)


def test_refusals():
    workspace = Workspace(token_base(), corpus)
    alone = Examples(["a", "b"], task="regress", targets=[1.0, 2.0])
    for route in (Nearest(), TfidfCosine()):
        assert "second text" in route.refuses(alone, workspace)
        with pytest.raises(HeadstartError, match="second text"):
            route.run(alone, workspace, seed=0)
        with pytest.raises(HeadstartError, match="not classify"):
            route.run(Examples(["a"], ["b"], np.array([0]), ("x", "y")), workspace, seed=0)
    with pytest.raises(HeadstartError, match="layer"):
        Nearest(layer=9).run(near(4, 1), workspace, seed=0)
    assert "base" in Nearest().refuses(near(4, 1), Workspace())


def opposites(count: int, seed: int) -> Examples:
    """Return pairs that share no word: each word of the first has its own partner in the second."""
    source = random.Random(seed)
    partner = dict(zip(NOUNS, ["우유", "나무", "구름", "기차", "바다", "신발", "연필", "의자"]))
    chosen = [source.sample(NOUNS, 3) for _ in range(count)]
    second = [" ".join(partner[word] for word in words) for words in chosen]
    targets = [Match(text, 1.0, 1) for text in second]
    return Examples([" ".join(words) for words in chosen], second, task="retrieve", targets=targets)


def test_a_network_learns_what_belongs_together(tmp_path):
    base = BASES["bag"]()
    base.processor = registry.load("processor", "ngram")().train([*opposites(200, 1).items, *opposites(200, 1).second])
    base.backbone = base.backbone_spec.build(TokenShape(base.processor.vocabulary, base.processor.pad_id))
    unseen = opposites(25, 2)
    before = np.mean([1 / match.rank for match in Nearest().run(unseen, Workspace(base), seed=0).predict(unseen)])
    route = Scratch(choose_learning_rate=False, learning_rate=1e-2, epochs=12, batch=32)
    model = route.run(opposites(250, 1), Workspace(base), seed=0)
    said = model.predict(unseen)
    after = np.mean([1 / match.rank for match in said])
    assert before < 0.5
    assert after > 0.8
    save_task(model, tmp_path / "task", route, {})
    assert load_task(tmp_path / "task").predict(unseen) == said


def test_the_head_encodes_each_text_as_it_is_embedded():
    base = token_base()
    base.backbone.eval()
    head = RetrieveSpec().build(base.backbone, base.processor, ())
    rows = Examples(["film story", "actor", "music"], ["ending scene", "script", "script"], task="retrieve", targets=[])
    framed = encode_examples(base.processor, rows, longest=base.backbone.max_tokens)
    batch = LabelledPieces(framed, head.targets(rows, framed), base.processor).batch(np.arange(3))
    with torch.no_grad():
        both_N2D = np.stack(head.outputs(base.backbone, batch))
        loss = head.score(base.backbone, batch)
    first, second = unit_rows(base.embed(rows.items)), unit_rows(base.embed(rows.second))
    np.testing.assert_allclose(both_N2D[:, 0], first, atol=1e-5)
    np.testing.assert_allclose(both_N2D[:, 1], second, atol=1e-5)
    scores = first.astype(np.float64) @ second.T / 0.05
    scores[1, 2] = scores[2, 1] = -np.inf  # the same text is no wrong answer
    expected = -(np.diag(scores) - np.log(np.exp(scores).sum(axis=1))).sum()
    assert float(loss.total) == pytest.approx(expected, rel=1e-3)
    with pytest.raises(HeadstartError, match="temperature"):
        RetrieveSpec(temperature=0.0).build(base.backbone, base.processor, ())
    with pytest.raises(HeadstartError, match="pairs"):
        head.targets(Examples(["a"]), framed)


@pytest.mark.parametrize(("sign", "signal"), [(1, 0.2), (-1, 1.0)])
def test_few_noisy_numbers_rarely_turn_the_line_upside_down(sign, signal):
    """A correlation of .2 with 16 rows; a clear one of the other sign is followed all the same."""
    random_, pairs, ways = np.random.default_rng(0), numbers(400, 5), []
    shared = np.array(pairs.targets)
    clear = (shared - shared.mean()) / shared.std()
    told = sign * signal * clear + random_.normal(scale=1.0 if sign > 0 else 0.5, size=400)
    for _ in range(100):
        rows = random_.permutation(400)[:16]
        asked = pairs.take(rows)
        model = TfidfCosine().run(replace(asked, targets=told[rows].tolist()), Workspace(), seed=0)
        ways.append(np.sign(model.line[0]))
    assert np.mean(np.array(ways) == sign) >= 0.92

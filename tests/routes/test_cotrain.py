"""Co-training: n-grams learn from the probe's answers, both answer together, and what cannot be said stays unsaid."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows, stripes_base
from tiny_images import striped_images, striped_rows

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.cotrain import Cotrain
from headstart.routes.probe import Probe
from headstart.vectors.char_tfidf import CharVectors
from headstart.vectors.hog import HogVectors


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), lambda: corpus(400))


def test_what_the_probe_cannot_see_is_learned_from_the_documents(workspace):
    """`mood` words that no labelled row holds are told by the company that the probe judged."""
    train, test = rows(24), rows(200, seed=9)
    alone = (Probe().run(train, workspace, seed=0).predict_proba(test).argmax(1) == test.labels).mean()
    both = (Cotrain().run(train, workspace, seed=0).predict_proba(test).argmax(1) == test.labels).mean()
    assert both > alone


def test_it_is_the_mean_of_both_views(workspace):
    train, new = rows(24), rows(20, seed=3)
    model = Cotrain().run(train, workspace, seed=0)
    probe = np.log(model.probe.predict_proba(new))
    view = model.linear.logits(model.vectors.embed(new.items))
    logits = (probe - probe.mean(1, keepdims=True) + view) / 2
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(model.predict_proba(new), expected, atol=1e-6)
    assert model.notes["documents"] == 400


def test_the_n_grams_count_as_far_as_they_agree_with_the_probe(workspace):
    model = Cotrain().run(rows(24), workspace, seed=0)
    texts = corpus(400)
    probe = np.log(model.probe.predict_proba(Examples(texts)))
    spread = (probe - probe.mean(1, keepdims=True)).std()
    agreement = model.notes["agreement"]
    assert 0.3 < agreement <= 1
    assert model.linear.logits(model.vectors.embed(texts)).std() == pytest.approx(agreement * spread, rel=0.4)
    few = Cotrain(documents=20).run(rows(24), Workspace(bag_base(), lambda: corpus(400)), seed=0)
    assert few.notes["agreement"] < agreement


def test_phrases_across_words_have_a_column():
    names = CharVectors.train(["안 좋다", "안 좋아", "잘 좋다"] * 2).parts()[0]["ngrams"]
    assert "안 좋" in names


def test_refusals(workspace):
    assert "base" in Cotrain().refuses(rows(4), Workspace())
    assert "corpus" in Cotrain().refuses(rows(4), Workspace(bag_base()))
    assert "no pairs" in Cotrain().refuses(rows(4, pairs=True), workspace)
    with pytest.raises(HeadstartError, match="no character"):
        CharVectors.train([""])


def test_images_are_answered_by_vectors_and_gradients(tmp_path):
    pool = striped_images(60, 200)
    route, new = Cotrain(), striped_rows(30, 500)
    model = route.run(striped_rows(8), Workspace(stripes_base(pool), lambda: iter(pool)), seed=0, seconds=20.0)
    assert model.notes["documents"] == 60
    assert isinstance(model.vectors.images.learned.vectoriser, HogVectors)
    scores_NC = model.predict_proba(new)
    assert (scores_NC.argmax(1) == new.labels).mean() > 0.8
    probe_NC = model.probe.predict_proba(new)
    assert not np.allclose(scores_NC, probe_NC, atol=1e-3)
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict_proba(new), scores_NC, atol=1e-5)

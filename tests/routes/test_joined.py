"""Joined columns: both kinds of column are used, weighted, saved; wrong settings are named."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, pixel_base, rows
from tiny_images import striped_images, striped_rows

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.time_budget import Clock
from headstart.fitting.workspace import Workspace
from headstart.routes.joined import WEIGHTS, Joined
from headstart.vectors.transform import unit_rows


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), corpus)


@pytest.mark.parametrize("columns", [("tfidf",), ("ppmi",), ("tfidf", "ppmi")])
@pytest.mark.parametrize("pairs", [False, True])
def test_blocks_are_saved_and_opened(columns, pairs, workspace, tmp_path):
    route, new = Joined(columns=columns), rows(8, pairs=pairs, seed=5)
    model = route.run(rows(20, pairs=pairs), workspace, seed=0)
    save_task(model, tmp_path / "task", route, {})
    again = load_task(tmp_path / "task")
    assert list(again.blocks) == list(columns)
    assert np.allclose(again.predict_proba(new), model.predict_proba(new), atol=1e-6)


def test_a_tiny_weight_is_the_probe_and_a_large_one_reads_the_words(workspace):
    train, new = rows(40), rows(40, seed=9)
    probe = registry.load("route", "probe")().run(train, workspace, seed=0).predict_proba(new)
    assert np.allclose(Joined(weight=1e-4).run(train, workspace, seed=0).predict_proba(new), probe, atol=2e-3)
    heavy = Joined(weight=10.0).run(train, workspace, seed=0).predict_proba(new)
    assert not np.allclose(heavy, probe, atol=0.05)


def test_what_the_vectors_do_not_see_comes_from_the_columns(workspace):
    blind = Workspace(bag_base(), corpus)
    blind.base.backbone.embedding.weight.data.zero_()
    texts, test = rows(60), rows(60, seed=9)
    right = [
        (
            registry.load("route", name)().run(texts, blind, seed=0).predict_proba(test).argmax(axis=1) == test.labels
        ).mean()
        for name in ("probe", "joined")
    ]
    assert right[0] < 0.7
    assert right[1] > 0.9


def test_wrong_settings_are_named():
    with pytest.raises(HeadstartError, match="did you mean 'tfidf'"):
        Joined().with_settings([("columns", "tf_idf")])
    with pytest.raises(HeadstartError, match="nothing is joined"):
        Joined(columns=())
    with pytest.raises(HeadstartError, match="nothing is joined"):
        Joined(weight=0.0)


def test_ppmi_without_a_corpus_is_a_refusal():
    bare = Workspace(bag_base())
    assert "corpus" in Joined(columns=("ppmi",)).refuses(rows(4), bare)
    assert Joined().refuses(rows(4), bare) is None
    model = Joined().run(Examples(["a", "b"], labels=np.array([0, 1]), classes=("x", "y")), bare, seed=0)
    assert np.isfinite(model.predict_proba(rows(4))).all()


@pytest.fixture(scope="module")
def pictures() -> Workspace:
    images = striped_images(40, 100)
    return Workspace(pixel_base(images), lambda: iter(images))


@pytest.mark.parametrize("columns", [("auto",), ("hog", "pixels")])
def test_images_have_columns_of_their_own(columns, pictures, tmp_path):
    route, new = Joined(columns=columns), striped_rows(8, first=60)
    model = route.run(striped_rows(20), pictures, seed=0)
    assert list(model.blocks) == list(columns if columns != ("auto",) else ("hog", "kmeans_patches"))
    assert model.notes["weight"] in WEIGHTS
    assert model.notes["weight_folds"] == 5
    save_task(model, tmp_path / "task", route, {})
    again = load_task(tmp_path / "task")
    assert np.allclose(again.predict_proba(new), model.predict_proba(new), atol=1e-5)
    assert Joined(columns=columns, weight=2.0).run(striped_rows(20), pictures, seed=0).notes["weight"] == 2.0


def test_the_weight_follows_what_the_labels_say():
    """Noise beside columns that tell the classes: the noise gets as little weight as there is."""
    train, random = striped_rows(60), np.random.default_rng(0)
    noise_ND = unit_rows(random.normal(size=(60, 40)))
    telling_ND = unit_rows(np.where(train.labels[:, None] == 1, 0.3, -0.3) + 0.5 * random.normal(size=(60, 8)))
    for parts, weight in (([4 * noise_ND, telling_ND], 2.0), ([telling_ND, 8 * noise_ND], 0.0)):
        assert Joined(default=1.0)._weight(parts, train, 0, Clock(None)) == (weight, 5)


def test_columns_of_the_other_kind_are_a_refusal(workspace, pictures):
    assert "of such rows there are tfidf and ppmi" in Joined(columns=("hog",)).refuses(rows(4), workspace)
    assert "of such rows there are hog" in Joined(columns=("tfidf",)).refuses(striped_rows(4), pictures)
    assert Joined().refuses(striped_rows(4), pictures) is None

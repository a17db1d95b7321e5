"""A model that serves from a long-lived process: no request leaves anything behind, threads get their own answers.

Run by name for every route and for thousands of requests: pytest tests/full/test_thousands_of_requests.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pickles import fitted, word_base
from served import left_behind, mixed_up, request
from tiny_bases import bag_base, pixel_base, rows, token_base
from tiny_images import striped_images, striped_rows

import headstart as hs
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.task_model import TaskModel
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace

WARM, REQUESTS = 5, 30


def network_model() -> NetworkModel:
    """Return an untrained classifier on a network."""
    base = token_base(max_tokens=16)
    head = registry.load("head", "classify")().build(base.backbone, base.processor, ("bad", "good"))
    return NetworkModel(base, head, ("bad", "good"), False, {})


def probe(folder: Path) -> TaskModel:
    """Return a probe that was saved and opened."""
    route = registry.load("route", "probe")()
    save_task(route.run(rows(), Workspace(bag_base()), seed=0), folder, route, {})
    return load_task(folder)


MADE = {
    "network": lambda folder: network_model(),
    "opened probe": probe,
    "probe": lambda folder: fitted("probe")[0].model_,
    "zero_shot": lambda folder: fitted("zero_shot")[0].model_,
    "vote": lambda folder: fitted("vote")[0].model_,
    "tfidf_logreg": lambda folder: fitted("tfidf_logreg")[0].model_,
}


QUICK = ("network", "opened probe", "zero_shot")


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in QUICK else pytest.mark.full) for one in MADE])
def test_a_task_model(name, tmp_path):
    model = MADE[name](tmp_path / "task")
    notes = dict(model.notes)
    assert left_behind(model.predict_proba, model, warm=WARM, requests=REQUESTS) == {}
    assert mixed_up(model.predict_proba, [request(number) for number in range(20)]) == 0
    assert model.notes == notes


@pytest.mark.parametrize("make", [bag_base, word_base], ids=["n-grams", "pieces"])
def test_a_base(make):
    base = make()
    large = [[text for part in range(60) for text in request(60 * number + part, 5)] for number in range(4)]
    assert left_behind(base.embed, base, warm=WARM, requests=REQUESTS) == {}
    assert left_behind(lambda texts: base.embed(large[len(texts[0]) % 4]), base, warm=1, requests=6) == {}
    assert mixed_up(base.embed, [*(request(number) for number in range(20)), *large]) == 0


def test_images_leave_when_their_request_ends():
    base, first = pixel_base(striped_images(2)), iter(range(0, 10_000, 2))
    assert left_behind(lambda _: base.embed(striped_images(2, next(first))), base, warm=3, requests=10) == {}
    held = striped_images(6)
    base.embed(held)
    assert len(base.processor._kept) == 6  # while somebody holds the rows they are read once
    several = [striped_images(3, 3 * number) for number in range(12)]
    assert mixed_up(base.embed, several) == 0
    model = fitted_on_images()
    assert left_behind(lambda _: model.predict_proba(striped_images(2, next(first))), model, warm=3, requests=10) == {}


def fitted_on_images() -> TaskModel:
    model = registry.build_spec("route", {"name": "pca_logreg", "side": 16, "components": 4})
    workspace = Workspace()
    made = model.run(striped_rows(12), workspace, seed=0)
    workspace.keep_nothing()
    return made


def test_predict_as_a_function_leaves_no_file(tmp_path):
    probe(tmp_path / "task")
    cache = Path(os.environ["HEADSTART_CACHE"])

    def ask(texts: list[str]) -> list[str]:
        return hs.predict(tmp_path / "task", texts).labels

    grown = left_behind(ask, warm=4, requests=8)
    assert grown.keys() <= {"headstart.core.manifest._hashed"}  # by file of the model, once nobody touched it for 2 s
    assert not [path for path in cache.rglob("*") if path.is_file()]
    assert mixed_up(ask, [request(number) for number in range(6)]) == 0


def test_the_gate_catches_a_workspace_that_keeps(monkeypatch, tmp_path):
    monkeypatch.setattr(Workspace, "keep_nothing", lambda self: None)
    grown = left_behind(fitted("probe")[0].model_.predict_proba, warm=WARM, requests=REQUESTS)
    assert not grown  # what no root leads to is not seen
    model = fitted("probe")[0].model_
    grown = left_behind(model.predict_proba, model, warm=WARM, requests=REQUESTS)
    assert any("_vectors" in name for name in grown)
    vectors = model.frozen.transform
    opened = FrozenVectors(Workspace(model.frozen.base), model.frozen.base, -1, "auto", vectors, False)
    assert left_behind(lambda texts: opened.features(Examples(texts)), opened, warm=WARM, requests=REQUESTS)


def test_the_gate_catches_words_that_are_kept(monkeypatch):
    base = bag_base()
    monkeypatch.setattr(base.processor, "encode", lambda texts: list(base.processor._encode(texts, keep=True)))
    grown = left_behind(base.embed, base, warm=WARM, requests=REQUESTS)
    assert any("_cache" in name for name in grown)


def test_the_gate_catches_a_note_that_threads_share():
    class Forgetful(TaskModel):
        """Answers what it noted, which another thread may have written."""

        classes, notes = ("bad", "good"), {}

        def predict_proba(self, examples):
            self.notes["length"] = len(examples.items[0])
            for _ in range(10_000):
                pass
            return np.full((len(examples), 2), self.notes["length"])

        def save(self, folder):
            """Nothing is saved."""

    asked = [["a" * number] for number in range(1, 60)]
    assert mixed_up(Forgetful().predict_proba, asked, rounds=3) > 0


def test_any_list_of_texts_is_taken():
    model = network_model()
    texts = ["good film", "bad story"]
    expected = model.predict_proba(Examples(texts))
    for given in (
        texts,
        tuple(texts),
        iter(texts),
        np.array(texts),
        np.array(texts, object),
        dict.fromkeys(texts).keys(),
    ):
        assert np.array_equal(model.predict_proba(given), expected)
    assert model.predict(texts) == model.predict(Examples(texts))
    assert model.predict([]) == []
    assert np.array_equal(bag_base().embed(iter(texts)), bag_base().embed(texts))
    pairs = fitted("nearest")[0].model_
    first = pairs.predict([("good film", "bad film")])
    assert first == pairs.predict(Examples(["good film"], ["bad film"]))
    assert first == pairs.predict([["good film", "bad film"]]) == pairs.predict(np.array([["good film", "bad film"]]))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("good film", r"str is no list of texts or images; give one: \[TEXT\]"),
        ({"text": ["good film"]}, "dict is no list"),
        (3, "int is no list"),
        (None, "NoneType is no list"),
        (["good", None], "row 2 holds NoneType, expected a text"),
        (["good", 3.5], "row 2 holds float"),
        ([("a", "b", "c")], "row 1 is no pair"),
        ([("a", "b"), "c"], "row 2 is no pair"),
        ([("a", None)], "row 1 holds NoneType"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_in_a_line(given, told):
    with pytest.raises(HeadstartError, match=told) as raised:
        network_model().predict(given)
    assert "\n" not in str(raised.value)
    if not isinstance(given, list):
        with pytest.raises(HeadstartError, match=told):
            bag_base().embed(given)


def test_a_frame_is_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["good film"]})
    with pytest.raises(HeadstartError, match="DataFrame is no list of texts"):
        network_model().predict(frame)
    assert len(network_model().predict(frame["text"])) == 1

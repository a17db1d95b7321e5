"""Routes of images without a network: learn, give probabilities, save, predict the same in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tiny_images import encoded, flat

from headstart.core import registry
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef
from headstart.fitting.checks import other_task, why_not
from headstart.fitting.task_model_files import load_task, read_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.images.decode import UnusableImage
from headstart.vectors.image_vectoriser import ImageVectoriser

pytestmark = pytest.mark.usefixtures("few_strengths")

KINDS = {name: registry.load("route", name) for name in registry.names("route")}
NAMES = [name for name, kind in KINDS.items() if kind.classical and kind().takes == ("image",)]
SHAPES = [name for name in NAMES if name != "colour_histogram_logreg"]
SIDE = 16
SMALL = {"kmeans_patches_logreg": {"centres": 32}, "pca_logreg": {"components": 16}}


def bars(count: int, seed: int, *, colour: bool = False) -> list[ImageRef]:
    """Images with one bar: upright, lying, slanting in turns, with noise, a place and a size of their own."""
    random = np.random.default_rng(seed)
    out = []
    for number in range(count):
        y, x = np.mgrid[:SIDE, :SIDE]
        across = (x, y, (x + y) / 1.4)[number % 3]
        level = random.normal(40, 10, (SIDE, SIDE)) + 150 * (np.abs(across - random.integers(6, 11)) < 2)
        pixels = np.clip(level, 0, 255).astype(np.uint8)
        out.append(ImageRef.from_bytes(encoded(np.stack([pixels] * 3, 2) if colour else pixels)))
    return out


def rows(count: int, seed: int = 0, *, pairs: bool = False, **how) -> Examples:
    second = bars(count, seed + 100) if pairs else None
    return Examples(bars(count, seed, **how), second, np.arange(count, dtype=np.int64) % 3, ("up", "flat", "slant"))


def numbers(count: int, seed: int = 0) -> Examples:
    return Examples(bars(count, seed), task="regress", targets=[10.0 + 2.5 * (row % 3) for row in range(count)])


def route_of(name: str, **settings):
    few = {"default": 0.3} if name == "hog_svm" else {}  # of the strengths that `few_strengths` leaves
    return registry.build_spec("route", {"name": name, "side": SIDE, **few, **SMALL.get(name, {}), **settings})


@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_of_itself(name):
    spec = route_of(name)
    assert (spec.takes, spec.needs, spec.classical) == (("image",), "nothing", True)
    assert "reads images, not texts" in why_not(spec, Examples(["a text"]), Workspace())
    assert why_not(spec, rows(3), Workspace()) is None
    for task in registry.names("task"):
        assert (other_task(spec, task) is None) == (task in spec.tasks)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_run_save_load(name, pairs, tmp_path):
    route, train, new = route_of(name), rows(24, pairs=pairs), rows(9, seed=7, pairs=pairs)
    model = route.run(train, Workspace(), seed=3)
    scores_NC = model.predict_proba(new)
    assert scores_NC.shape == (9, 3)
    assert np.allclose(scores_NC.sum(axis=1), 1)
    save_task(model, tmp_path / "task", route, {"winner": "by a test"})
    again = load_task(tmp_path / "task")
    assert np.allclose(again.predict_proba(new), scores_NC, atol=1e-6)
    assert (again.classes, again.notes) == (model.classes, model.notes)
    assert read_task(tmp_path / "task")["route"]["name"] == name
    assert again.predict_proba(new.take(np.array([], np.int64))).shape == (0, 3)
    for row in range(len(new)):
        assert np.allclose(again.predict_proba(new.take(np.array([row])))[0], scores_NC[row], atol=1e-5)
    with pytest.raises(HeadstartError, match="trained on"):
        model.predict_proba(rows(3, pairs=not pairs))


@pytest.mark.parametrize("name", SHAPES)
def test_learns_shapes(name):
    test = rows(60, seed=9)
    model = route_of(name).run(rows(60), Workspace(), seed=0)
    assert (model.predict_proba(test).argmax(axis=1) == test.labels).mean() > 0.9


def test_learns_colours():
    """Red and blue dots at random places: a histogram sees them, gradients of grey levels do not."""

    def dots(count: int, seed: int) -> Examples:
        random, images = np.random.default_rng(seed), []
        for number in range(count):
            pixels = np.full((SIDE, SIDE, 3), 90, np.uint8)
            pixels[random.integers(0, SIDE, 12), random.integers(0, SIDE, 12)] = ((220, 30, 30), (30, 90, 220))[
                number % 2
            ]
            images.append(ImageRef.from_bytes(encoded(pixels)))
        return Examples(images, labels=np.arange(count) % 2, classes=("red", "blue"))

    test = dots(40, 9)
    right = {
        name: (route_of(name).run(dots(40, 0), Workspace(), seed=0).predict_proba(test).argmax(axis=1) == test.labels)
        for name in ("colour_histogram_logreg", "hog_svm")
    }
    assert right["colour_histogram_logreg"].all()
    assert right["hog_svm"].mean() < 0.8


def test_numbers_are_learnt_saved_and_opened(tmp_path):
    route, test = route_of("pixels_logreg"), numbers(30, seed=9)
    model = route.run(numbers(60), Workspace(), seed=0)
    assert np.corrcoef(model.predict(test), test.targets)[0, 1] > 0.9
    save_task(model, tmp_path / "task", route, {})
    assert np.allclose(load_task(tmp_path / "task").predict(test), model.predict(test), atol=1e-6)
    assert model.predict(test.take(np.array([], np.int64))) == []
    with pytest.raises(HeadstartError, match="does classify, not regress"):
        route_of("hog_svm").run(numbers(6), Workspace(), seed=0)


_FRESH = """
import sys, numpy as np
from pathlib import Path
from headstart.core.examples import Examples, ImageRef
from headstart.fitting.task_model_files import load_task
new = Examples([ImageRef.from_file(path) for path in sorted(Path(sys.argv[1]).glob("*.png"))])
for folder in map(Path, sys.argv[2:]):
    np.save(folder.with_suffix(".npy"), load_task(folder).predict_proba(new))
"""


@pytest.mark.full
def test_same_in_a_fresh_process(tmp_path):
    new = rows(6, seed=7)
    for number, image in enumerate(new.items):
        (tmp_path / f"{number}.png").write_bytes(image.data)
    expected = {}
    for name in NAMES:
        model = route_of(name).run(rows(12), Workspace(), seed=0)
        save_task(model, tmp_path / name, route_of(name), {})
        expected[name] = model.predict_proba(new)
    command = [sys.executable, "-c", _FRESH, str(tmp_path), *(str(tmp_path / name) for name in NAMES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, scores_NC in expected.items():
        assert np.allclose(np.load(tmp_path / f"{name}.npy"), scores_NC, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_vectors_are_made_once_and_kept_between_comparisons(name, monkeypatch, tmp_path):
    decoded, pool = [], bars(20, seed=50)
    real = ImageVectoriser.embed
    monkeypatch.setattr(ImageVectoriser, "embed", lambda self, images: decoded.extend(images) or real(self, images))
    test, cache, scores = rows(9, seed=9), DiskCache(tmp_path), []
    for _ in range(2):  # the second comparison finds all on disk
        workspace = Workspace(corpus=lambda: iter(pool), cache=cache)
        route_of(name).prepare(rows(12), workspace)
        scores += [route_of(name).run(rows(12), workspace, seed=seed).predict_proba(test) for seed in (0, 1)]
        workspace.flush()
        assert len(decoded) == len(set(decoded)) == 21
    assert np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("name", NAMES)
def test_statistics_are_those_of_the_unlabelled_images(name):
    broken = ImageRef.from_bytes(b"no image")
    pool = [*bars(30, seed=50), broken]
    train = rows(6)
    model = route_of(name).run(train, Workspace(corpus=lambda: iter(pool)), seed=0)
    alone = route_of(name).run(train, Workspace(), seed=0)
    assert (model.notes["statistics"], alone.notes["statistics"]) == ("corpus", "training rows")
    assert np.allclose(model.vectors.learned.center_D, model.vectors.plain(pool[:-1]).mean(axis=0), atol=1e-4)
    assert np.allclose(alone.vectors.learned.center_D, alone.vectors.plain(train.items).mean(axis=0), atol=1e-4)
    texts = route_of(name).run(train, Workspace(corpus=lambda: iter(["a text"])), seed=0)
    assert texts.notes["statistics"] == "training rows"


def test_a_column_without_spread_does_not_explode():
    dark = [ImageRef.from_bytes(encoded(np.pad(np.full((8, 8), 20 * row, np.uint8), 4))) for row in range(6)]
    model = route_of("pixels_logreg").run(
        Examples(dark, labels=np.arange(6) % 2, classes=("a", "b")), Workspace(), seed=0
    )
    assert model.vectors.learned.scale_D.min() > 0.3 * model.vectors.learned.scale_D.max()


@pytest.mark.parametrize(("sides", "taken"), [((8, 16, 90), 32), ((64, 70, 9), 64), ((300, 105, 96), 96)])
def test_the_side_is_that_of_the_images(sides, taken):
    images = [ImageRef.from_bytes(flat(50, side)) for side in sides]
    train = Examples(images, labels=np.array([0, 1, 0]), classes=("a", "b"))
    model = registry.build_spec("route", {"name": "hog_svm", "default": 0.3}).run(train, Workspace(), seed=0)
    assert model.vectors.learned.vectoriser.side == taken


def test_colour_counts_where_training_images_have_it():
    grey, colour = (route_of("pixels_logreg").run(rows(6, colour=c), Workspace(), seed=0) for c in (False, True))
    assert (grey.vectors.learned.vectoriser.grey, colour.vectors.learned.vectoriser.grey) == (True, False)
    assert len(colour.vectors.learned.center_D) == 3 * len(grey.vectors.learned.center_D)
    assert grey.predict_proba(rows(3, colour=True)).shape == (3, 3)


@pytest.mark.parametrize("name", NAMES)
def test_awkward_labels(name):
    odd = Examples(bars(5, 0), labels=np.array([2, 2, 0, 0, 3]), classes=("a", "b", "c", "d"))  # b unseen, d once
    scores_NC = route_of(name).run(odd, Workspace(), seed=0).predict_proba(odd)
    assert scores_NC.shape == (5, 4)
    assert (scores_NC[:, 1] == 0).all()
    same = Examples([bars(1, 0)[0]] * 4, labels=np.array([0, 1, 0, 1]), classes=("a", "b"))
    assert np.isfinite(route_of(name).run(same, Workspace(), seed=0).predict_proba(odd)).all()
    one = Examples(bars(3, 0), labels=np.zeros(3, np.int64), classes=("a", "b"))
    assert (route_of(name).run(one, Workspace(), seed=0).predict_proba(one).argmax(axis=1) == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_errors(name):
    with pytest.raises(HeadstartError, match="no labels"):
        route_of(name).run(Examples(bars(2, 0), classes=("x", "y")), Workspace(), seed=0)
    wrong = Examples(bars(2, 0), labels=np.array([0, 5]), classes=("x", "y"))
    with pytest.raises(HeadstartError, match="row 1: label 5"):
        route_of(name).run(wrong, Workspace(), seed=0)
    broken = Examples([*bars(1, 0), ImageRef.from_bytes(b"x")], labels=np.array([0, 1]), classes=("x", "y"))
    with pytest.raises(UnusableImage):
        route_of(name).run(broken, Workspace(), seed=0)

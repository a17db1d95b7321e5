"""Weights of rows in every route: what counts more decides, weight 0 is as if left out, and the other routes refuse."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from tiny_bases import BASES, corpus, pixel_base

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.memory_files import image_of
from headstart.estimators.classifier import HeadstartClassifier
from headstart.estimators.regressor import HeadstartRegressor
from headstart.fitting.checks import routes_for, why_not
from headstart.fitting.workspace import Workspace

TEXTS = [f"{('lovely', 'awful')[row % 2]} film {row % 5} {('story', 'actor', 'scene')[row % 3]}" for row in range(30)]
QUICK = {"choose_learning_rate": False, "epochs": 2, "least_steps": 30}
SETTINGS = dict.fromkeys(("finetune", "scratch", "lora", "unfreeze", "prompt"), QUICK)
ON_TOKENS = ("lora", "unfreeze", "prompt")
# Two bases, an objective to go on with, a network with attention, and what differs from another one in its columns
# alone: what they share with the others is tested with these.
SKIPPED = {("joined_bases", "text"), ("joined_bases", "image"), ("lora", "image"), ("unfreeze", "image")}
SKIPPED |= {("continued", "text"), ("continued", "image"), ("scratch", "image"), ("scattering_logreg", "image")}
SKIPPED |= {("pca_logreg", "image"), ("colour_histogram_logreg", "image"), ("kmeans_patches_logreg", "image")}


@cache
def base_of(name: str, takes: str):
    if takes == "image":
        return pixel_base([image_of(one) for one in pictures()])
    return BASES["tokens" if name in ON_TOKENS else "bag"]()


@cache
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 60, (12, 12), np.uint8) + np.uint8(150 * (row % 2)) for row in range(30)]


def weighing(task: str, takes: str) -> list[str]:
    kinds = ((name, registry.load("route", name)) for name in routes_for(task, takes))
    return [name for name, kind in kinds if kind.weighs is None or task in kind.weighs]


def fitted(kind, name: str, takes: str, X, y, weights):
    unlabelled = pictures() if takes == "image" else corpus(60)
    made = kind(base_of(name, takes), name, settings=SETTINGS.get(name), corpus=unlabelled)
    return made.fit(X, y, sample_weight=weights)


def cases(task: str) -> list[tuple[str, str]]:
    both = [(name, takes) for takes in ("text", "image") for name in weighing(task, takes)]
    return [case for case in both if case not in SKIPPED]


@pytest.mark.parametrize(("name", "takes"), cases("classify"))
def test_the_heavier_of_two_answers_to_the_same_rows_wins(name, takes):
    items = pictures()[:12] if takes == "image" else TEXTS[:12]
    y = np.array([0] * 12 + [1] * 12)
    model = fitted(HeadstartClassifier, name, takes, [*items, *items], y, np.where(y == 0, 3.0, 0.5))
    assert (model.predict_proba(items)[:, 0] > 0.6).all()


@pytest.mark.parametrize(("name", "takes"), cases("regress"))
def test_the_heavier_of_two_numbers_is_nearer(name, takes):
    items = pictures()[:12] if takes == "image" else TEXTS[:12]
    y = np.array([0.0] * 12 + [10.0] * 12)
    found = fitted(HeadstartRegressor, name, takes, [*items, *items], y, np.where(y == 0, 3.0, 0.5)).predict(items)
    assert abs(found.mean() - 10 * 0.5 / 3.5) < 1.5


@pytest.mark.parametrize("name", ["tfidf_logreg", "probe", "finetune"])
def test_the_heavier_of_two_label_sets_wins(name):
    route = registry.build_spec("route", {"name": name, **SETTINGS.get(name, {})})
    targets = [("one",)] * 12 + [("two", "both")] * 12
    for heavy in (0, 1):
        weights = np.where(np.arange(24) // 12 == heavy, 3.0, 0.5)
        asked = Examples(TEXTS[:12] * 2, None, None, ("one", "two", "both"), None, "multilabel", targets, None, weights)
        assert why_not(route, asked, Workspace(base_of(name, "text"))) is None
        model = route.run(asked, Workspace(base_of(name, "text")), seed=0)
        scores = [answer["scores"] for answer in model.predict(Examples(TEXTS[:12]))]
        assert all((one["two"] > 0.6) == (heavy == 1) and (one["one"] > 0.6) == (heavy == 0) for one in scores)


@pytest.mark.parametrize("name", ["tfidf_logreg", "tfidf_nb", "probe", "finetune"])
def test_weight_0_is_as_if_left_out(name):
    y = np.arange(30) % 2
    weights = np.where(np.arange(30) % 3 == 0, 0.0, 1.0)
    wrong = np.where(weights > 0, y, 1 - y)  # rows that would mislead
    without = fitted(HeadstartClassifier, name, "text", TEXTS, wrong, weights)
    kept = [text for text, weight in zip(TEXTS, weights) if weight]
    plain = fitted(HeadstartClassifier, name, "text", kept, wrong[weights > 0], np.ones(len(kept)))
    assert np.array_equal(without.predict_proba(TEXTS), plain.predict_proba(TEXTS))


@pytest.mark.parametrize("name", ["tfidf_logreg", "probe", "finetune"])
def test_equal_weights_change_nothing(name):
    y = np.arange(30) % 2
    plain = fitted(HeadstartClassifier, name, "text", TEXTS, y, None)
    weighted = fitted(HeadstartClassifier, name, "text", TEXTS, y, np.ones(30))
    assert np.allclose(plain.predict_proba(TEXTS), weighted.predict_proba(TEXTS), atol=1e-6)


def test_balanced_classes_count_alike():
    y = np.array([0] * 27 + [1] * 3)
    texts = ["a film"] * 30
    plain = HeadstartClassifier(route="tfidf_logreg").fit(texts, y).predict_proba(["a film"])[0]
    balanced = HeadstartClassifier(route="tfidf_logreg", class_weight="balanced").fit(texts, y)
    assert plain[1] < 0.2
    assert balanced.predict_proba(["a film"])[0] == pytest.approx([0.5, 0.5], abs=0.05)
    turned = HeadstartClassifier(route="majority", class_weight={0: 1.0, 1: 30.0}).fit(texts, y)
    assert turned.predict(["a film"]) == [1]


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_the_other_routes_refuse(task):
    kind = {"classify": HeadstartClassifier, "regress": HeadstartRegressor}[task]
    others = [name for name in routes_for(task) if name not in weighing(task, "text")]
    assert others
    for name in others:
        with pytest.raises(HeadstartError, match=f"route {name} cannot run: all rows count alike in it; .*probe"):
            kind(BASES["bag"](), name).fit(TEXTS, np.arange(30) % 2, sample_weight=np.arange(30.0))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(29), r"sample_weight: .*\(29,\)"),
        (-np.ones(30), "sample_weight: .*[Nn]egative"),
        ([np.nan] * 30, "sample_weight: .*NaN"),
        (np.zeros(30), "sample_weight: .*non-zero"),
        (["a"] * 30, "sample_weight: "),
    ],
)
def test_weights_that_cannot_be(weights, said):
    for kind in (HeadstartClassifier, HeadstartRegressor):
        with pytest.raises(HeadstartError, match=said):
            kind(route="majority").fit(TEXTS, np.arange(30) % 2, sample_weight=weights)
    with pytest.raises(HeadstartError, match="class_weight"):
        HeadstartClassifier(route="majority", class_weight="even").fit(TEXTS, np.arange(30) % 2)

"""Two bases in one model: the weight is chosen from labels alone; entries, control, refusals, saving."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_bases import BASES, corpus, rows

from headstart.comparing.inputs import entries_of, workspaces_of
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.joined_bases import WEIGHTS, JoinedBases, weighted
from headstart.routes.probe import Probe

NUMBERS = [float(len(text)) for text in rows(60).items]


@pytest.fixture(scope="module")
def both() -> Workspace:
    spaces = [Workspace(BASES[name](), corpus) for name in ("bag", "tokens")]
    return spaces[0].beside(spaces[1])


def blocks(signal: int) -> list[np.ndarray]:
    """Vectors of two bases of which one tells the two classes apart; rows of length 1."""
    random, labels_N = np.random.default_rng(0), np.arange(80) % 2
    made = [random.normal(size=(80, 6)) for _ in range(2)]
    made[signal][:, 0] += 8 * (labels_N - 0.5)
    return [one / np.linalg.norm(one, axis=1, keepdims=True) for one in made]


@pytest.mark.parametrize("signal", [0, 1])
def test_the_base_that_tells_the_classes_apart_gets_the_weight(signal):
    examples = Examples(["x"] * 80, labels=np.arange(80, dtype=np.int64) % 2, classes=("a", "b"))
    weight, folds = JoinedBases()._weight(blocks(signal), examples, 0, _no_limit())
    assert folds == 5
    assert (weight >= 0.5) if signal == 0 else (weight <= 0.5)
    quality = {w: _accuracy(weighted(blocks(signal), w)) for w in WEIGHTS}
    assert quality[weight] >= quality[1.0 if signal else 0.0]


def test_without_evidence_both_bases_weigh_the_same():
    labels_N = np.random.default_rng(3).integers(0, 2, 12)
    examples = Examples(["x"] * 12, labels=labels_N, classes=("a", "b"))
    noise = [np.ones((12, 3), np.float32)] * 2
    assert JoinedBases()._weight(noise, examples, 0, _no_limit())[0] == 0.5


def test_a_weight_is_the_share_of_the_first_base_in_the_inner_product():
    first, second = blocks(0)
    joined = weighted([first, second], 0.25)
    assert np.allclose(joined @ joined.T, 0.25 * first @ first.T + 0.75 * second @ second.T, atol=1e-5)
    assert not weighted([first, second], 0.0)[:, :6].any()


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("task", ["classify", "regress"])
def test_it_is_saved_with_both_bases(both, tmp_path, task, pairs):
    examples = rows(60)
    if pairs:
        examples = dataclasses.replace(examples, second=examples.items[::-1])
    if task == "regress":
        examples = dataclasses.replace(examples, task="regress", targets=NUMBERS, labels=None, classes=())
    route = JoinedBases()
    model = route.run(examples, both, seed=1)
    save_task(model, tmp_path / "task", route, {})
    again = load_task(tmp_path / "task")
    assert model.predict(examples) == again.predict(examples)
    assert {path.parent.parent.name for path in (tmp_path / "task").rglob("network.json")} == {"first", "second"}
    assert model.predict(examples.take(np.array([], np.int64))) == []


def test_it_needs_two_bases():
    alone, text = Workspace(BASES["bag"](), corpus), rows(20)
    assert "two" in JoinedBases().refuses(text, alone)
    with pytest.raises(HeadstartError, match="give two"):
        JoinedBases().run(text, alone, seed=0)


def test_there_is_one_entry_for_two_bases_and_the_own_base_comes_first():
    public, own = BASES["bag"](), BASES["tokens"]()
    own = dataclasses.replace(own, corpus={"paths": ["x"]})
    routes = [Probe(), JoinedBases(), registry.load("route", "scratch")()]
    bases = {"public": public, "own": own}
    entries = entries_of(routes, bases)
    (joined,) = [one for one in entries if one.beside]
    assert (joined.name, joined.base, joined.kind) == ("joined_bases · own + public", "own", "pretrained")
    assert not [one for one in entries_of(routes, {"own": own}) if one.route.name == "joined_bases"]
    spaces = workspaces_of(bases, corpus)
    assert spaces[joined.space].base is own
    assert spaces[joined.space].partner is spaces["public"]
    three = entries_of([JoinedBases()], {"a": public, "b": public, "own": own})
    assert [one.name.partition(" · ")[2] for one in three] == ["own + a", "own + b", "a + b"]


def _no_limit():
    from headstart.fitting.time_budget import Clock

    return Clock(None)


def _accuracy(features_ND: np.ndarray) -> float:
    labels_N = np.arange(80) % 2
    centres = [features_ND[labels_N == label].mean(axis=0) for label in (0, 1)]
    distance = [((features_ND - centre) ** 2).sum(axis=1) for centre in centres]
    return float((np.argmin(distance, axis=0) == labels_N).mean())

"""Every route that classifies, on a tiny task: learns, gives probabilities, saves, predicts the same elsewhere."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_bases import BASES, corpus, rows, token_base

from headstart.core import registry
from headstart.core.counted import counting
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.task_model import TaskModel
from headstart.fitting.checks import routes_for
from headstart.fitting.network_fit import NetworkFit
from headstart.fitting.task_model_files import load_task, read_task, save_task
from headstart.fitting.workspace import Workspace

pytestmark = pytest.mark.usefixtures("few_strengths")

_SHORT = {"epochs": 1, "least_steps": 4, "head_steps": 2, "choose_learning_rate": False}
PROMPTED = ("zero_shot", "few_shot", "one_shot")  # they need a base that says words: test_zero_shot, test_few_shot
NAMES = [name for name in routes_for("classify") if name not in PROMPTED]
QUICK = {name: _SHORT for name in NAMES if issubclass(registry.load("route", name), NetworkFit)}
QUICK["continued"] = _SHORT | {"objective": "halves", "passes": 1.0}
QUICK["distill"] = {"teacher": "tfidf_logreg", "passes": 1, "least_steps": 4}
QUICK["seeds"] = {"member": "finetune:epochs=1:least_steps=4:head_steps=2:choose_learning_rate=false", "count": 2}
LINEAR = [name for name in NAMES if name not in QUICK]  # to these, classes without rows are no classes
QUICK["contrastive"] = {"least_steps": 8, "most_steps": 8, "choose_learning_rate": False}
QUICK["bag"] = QUICK["boost"] = {"count": 3}
QUICK["stack"] = {"members": ["probe", "tfidf_nb"]}
HOME = dict.fromkeys(NAMES, "bag") | {"prompt": "tokens"}  # a bag has no place for a prompt
LEARNS = ["tfidf_logreg", "tfidf_svm", "tfidf_nb", "ppmi_logreg", "probe", "knn"]


def route_of(name: str, **settings):
    return registry.build_spec("route", {"name": name, **QUICK.get(name, {}), **settings})


def cases() -> list[tuple[str, str]]:
    needs_base = {name: registry.load("route", name).needs in ("base", "bases") for name in NAMES}
    every = [(name, base) for name in needs_base for base in (BASES if needs_base[name] else ["bag"])]
    return [case for case in every if case != ("prompt", "bag")]


@pytest.fixture(scope="module")
def workspaces() -> dict[str, Workspace]:
    spaces = {name: Workspace(make(), corpus) for name, make in BASES.items()}
    return {name: space.beside(spaces["bag"]) for name, space in spaces.items()}


@pytest.fixture(scope="module")
def saved(workspaces, tmp_path_factory) -> Callable[[str, str], tuple[Path, TaskModel]]:
    """What a route fits to 24 single rows, as (folder, model); each is fitted once, when it is first asked for."""
    home, made = tmp_path_factory.mktemp("saved"), {}

    def get(name: str, base: str) -> tuple[Path, TaskModel]:
        if (name, base) not in made:
            route, folder = route_of(name), home / f"{name}-{base}"
            model = route.run(rows(24), workspaces[base], seed=3, seconds=None)
            save_task(model, folder, route, {"winner": "by a test"})
            made[name, base] = folder, model
        return made[name, base]

    return get


def two_ways() -> list[tuple[str, str, bool]]:
    """Return (route, base, whether rows are pairs) with every two of the three; the others are in tests/full."""
    bases = {name: [base for one, base in cases() if one == name] for name in NAMES}
    paired = [(name, bases[name][place % len(bases[name])], True) for place, name in enumerate(NAMES)]
    return [(*case, False) for case in cases()] + paired


@pytest.mark.parametrize(("name", "base", "pairs"), two_ways())
def test_run_save_load(name, base, pairs, workspaces, saved, tmp_path):
    check_run_save_load(name, base, pairs, workspaces, saved, tmp_path)


def check_run_save_load(name, base, pairs, workspaces, saved, tmp_path) -> None:
    route, train, new = route_of(name), rows(24, pairs=pairs), rows(10, pairs=pairs, seed=7)
    if pairs and name in ("cotrain", "pseudo_labels"):
        assert "no pairs" in route.refuses(train, workspaces[base])
        return
    assert route.refuses(train, workspaces[base]) is None
    if pairs:
        task, model = tmp_path / "task", route.run(train, workspaces[base], seed=3, seconds=None)
        save_task(model, task, route, {"winner": "by a test"})
    else:
        task, model = saved(name, base)
    scores_NC = model.predict_proba(new)
    assert scores_NC.shape == (10, 2)
    assert np.allclose(scores_NC.sum(axis=1), 1)
    assert model.classes == ("bad", "good")
    again = load_task(task)
    assert np.allclose(again.predict_proba(new), scores_NC, atol=1e-6)
    assert again.classes == model.classes
    head = read_task(task)
    assert head["route"]["name"] == name
    assert head["receipt"] == {"winner": "by a test"}
    assert not [p for p in task.rglob("*") if p.suffix in (".pkl", ".pickle", ".joblib", ".pt", ".bin")]


@pytest.mark.parametrize("name", LEARNS)
def test_learns(name, workspaces):
    model = route_of(name).run(rows(60), workspaces["bag"], seed=0, seconds=None)
    test = rows(60, seed=9)
    floor = 0.75 if name == "knn" else 0.9  # its vectors come from a random network here
    assert (model.predict_proba(test).argmax(axis=1) == test.labels).mean() > floor


def test_finetune_learns(workspaces):
    model = route_of("finetune", epochs=10, learning_rate=0.01).run(rows(60), workspaces["bag"], seed=0)
    test = rows(60, seed=9)
    assert (model.predict_proba(test).argmax(axis=1) == test.labels).mean() > 0.9


_FRESH = """
import sys, numpy as np
from pathlib import Path
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task
for folder in map(Path, sys.argv[2:]):
    new = Examples(["a lovely film", "awful music", "", "새 글"])
    np.save(Path(sys.argv[1]) / f"{folder.name}.npy", load_task(folder).predict_proba(new))
"""


def test_same_in_a_fresh_process(saved, tmp_path):
    new = Examples(["a lovely film", "awful music", "", "새 글"])
    made = [saved(name, base) for name, base in cases()]
    expected = {folder.name: model.predict_proba(new) for folder, model in made}
    command = [sys.executable, "-c", _FRESH, str(tmp_path), *(str(folder) for folder, _ in made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(expected) == len(cases())
    for label, scores_NC in expected.items():
        assert np.allclose(np.load(tmp_path / f"{label}.npy"), scores_NC, atol=1e-6), label


@pytest.mark.parametrize("name", LINEAR)
def test_awkward_labels(name, workspaces):
    words = ["lovely film", "great story", "awful film", "cold story", "flat music"]
    odd = Examples(words, labels=np.array([2, 2, 0, 0, 3]), classes=("a", "b", "c", "d"))  # b unseen, d once
    route = route_of(name, **({"choose_learning_rate": True} if name == "contrastive" else {}))
    scores_NC = route.run(odd, workspaces["bag"], seed=0, seconds=None).predict_proba(odd)
    assert scores_NC.shape == (5, 4)
    assert np.allclose(scores_NC.sum(axis=1), 1)
    assert (scores_NC[:, 1] == 0).all()
    one = Examples(words, labels=np.zeros(5, np.int64), classes=("a", "b"))
    assert (route.run(one, workspaces["bag"], seed=0, seconds=None).predict_proba(one).argmax(axis=1) == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_refusals_and_errors(name, workspaces):
    route = route_of(name)
    empty = Workspace()
    if route.needs == "nothing":
        assert route.refuses(rows(4), empty) is None
    else:
        assert "needs" in route.refuses(rows(4), empty)
        with pytest.raises(HeadstartError):
            route.run(rows(4), empty, seed=0, seconds=None)
    with pytest.raises(HeadstartError, match="no labels"):
        route.run(Examples(["a"], classes=("x", "y")), workspaces[HOME[name]], seed=0, seconds=None)
    wrong = Examples(["a", "b"], labels=np.array([0, 5]), classes=("x", "y"))
    with pytest.raises(HeadstartError, match="row 1: label 5"):
        route.run(wrong, workspaces[HOME[name]], seed=0, seconds=None)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "majority"])
def test_kind_of_rows_is_checked(name, workspaces):
    model = route_of(name).run(rows(8), workspaces[HOME[name]], seed=0, seconds=None)
    with pytest.raises(HeadstartError, match="single texts"):
        model.predict_proba(rows(4, pairs=True))


@pytest.mark.parametrize("name", ["tfidf_nb", "probe", "finetune"])
def test_same_seed_same_model(name, workspaces):
    first, second = (route_of(name).run(rows(12), workspaces["tokens"], seed=5, seconds=None) for _ in range(2))
    assert np.array_equal(first.predict_proba(rows(6)), second.predict_proba(rows(6)))


def test_damage_is_one_line(workspaces, tmp_path):
    route = route_of("probe")
    save_task(route.run(rows(8), workspaces["bag"], seed=0), tmp_path / "task", route, {})
    for path in sorted(p for p in (tmp_path / "task").rglob("*") if p.is_file()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(HeadstartError) as caught:
            load_task(tmp_path / "task")
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
    load_task(tmp_path / "task")
    with pytest.raises(HeadstartError, match="not a task model"):
        load_task(tmp_path)


def test_rows_cut_are_counted():
    base = token_base(max_tokens=16)
    long = Examples(["lovely " * 20, "bad film"] * 4, labels=np.array([1, 0] * 4), classes=("n", "y"))
    model = route_of("finetune").run(long, Workspace(base), seed=0, seconds=None)
    assert model.notes["rows_cut"] == 4
    with counting() as counts:
        model.predict_proba(long.take(np.array([0, 1, 2])))
    assert counts == {"rows_cut_in_last_prediction": 2}


def test_scratch_is_finetune_from_random_weights():
    base, train = BASES["tokens"](), rows(16)
    settings = {"learning_rate": 0.01, "choose_learning_rate": True, "least_steps": 2, "head_steps": 1}
    control = route_of("scratch", **settings).run(train, Workspace(base), seed=4, seconds=None)
    tuned = route_of("finetune", **settings).run(train, Workspace(base.fresh(4)), seed=4, seconds=None)
    assert np.array_equal(control.predict_proba(train), tuned.predict_proba(train))
    other = route_of("scratch", **settings).run(train, Workspace(base), seed=5, seconds=None)
    assert not np.array_equal(control.predict_proba(train), other.predict_proba(train))


def test_base_is_never_changed(workspaces):
    before = workspaces["tokens"].base.identity
    route_of("finetune").run(rows(8), workspaces["tokens"], seed=0, seconds=None)
    assert workspaces["tokens"].base.identity == before


def test_seconds_bound_the_fit(workspaces):
    begun = time.monotonic()
    model = route_of("finetune", epochs=100_000, choose_learning_rate=True).run(
        rows(24), workspaces["bag"], seed=0, seconds=1.0
    )
    assert time.monotonic() - begun < 3.0
    assert model.notes["steps"] > 0
    assert model.notes["inner_fits"] == 0  # the first steps told that no fit would have ended

"""Every route: what it says of itself, many classes with few labels, answers that do not depend on other rows.

Fitting, saving, fresh processes and refusals of every route are in tests/routes/test_routes.py. Rows are texts here;
routes that read images alone are in tests/routes/test_image_routes.py.
"""

from __future__ import annotations

import numpy as np
import pytest
import task_rows
import torch
from small_parts import TOPICS, documents, small, small_tokenizer

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.shapes import TokenShape
from headstart.fitting.checks import other_task, routes_for
from headstart.fitting.task_model_files import load_task, read_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel

pytestmark = pytest.mark.usefixtures("few_strengths")

NAMES = registry.names("route")
OF_TEXTS = [name for name in NAMES if "text" in registry.load("route", name).takes]
CLASSIFY = routes_for("classify")
OTHERS = [
    (pairs, task, name)
    for pairs in (False, True)
    for task in registry.names("task")
    if task != "classify" and task_rows.rows(task, 1, pairs=pairs) is not None
    for name in routes_for(task)
]


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    spec, tokenizer = small("backbone", "modernbert"), small_tokenizer("both")
    torch.manual_seed(0)
    backbone, what = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)), small("objective", "mlm")
    base = PretrainedModel(tokenizer, spec, backbone, what.build(backbone, tokenizer), what)
    return Workspace(base, lambda: iter(documents())).beside(Workspace(base, lambda: iter(documents())))


def refused(route, task: Examples, workspace: Workspace) -> bool:
    """Return whether the route says that it cannot run here, having checked that it does not."""
    if (refusal := route.refuses(task, workspace)) is None:
        return False
    assert len(refusal) > 10
    with pytest.raises(HeadstartError):
        route.run(task, workspace, seed=1)
    return True


def many_classes() -> Examples:
    """36 rows of a task with 77 classes: 41 classes have no row, none has two."""
    texts = documents(36)
    return Examples(texts, None, np.arange(36, dtype=np.int64) * 2, tuple(f"intent {i:02d}" for i in range(77)))


@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_of_itself(name):
    spec = registry.load("route", name)()
    assert spec.needs in ("nothing", "corpus", "base", "bases")
    assert isinstance(spec.classical, bool)
    assert spec.tasks is None or (spec.tasks and set(spec.tasks) <= set(registry.names("task")))
    assert registry.build_spec("route", spec.to_dict()) == spec
    assert len(registry.describe("route", name)) > 20


@pytest.mark.parametrize("name", CLASSIFY)
def test_fewer_labels_than_classes(name, workspace):
    route, task = small("route", name), many_classes()
    if refused(route, task, workspace):
        return
    model = route.run(task, workspace, seed=1, seconds=5.0)
    scores_NC = model.predict_proba(Examples(documents(9, seed=4)))
    assert scores_NC.shape == (9, 77)
    assert np.isfinite(scores_NC).all()
    assert (scores_NC >= 0).all()
    assert np.allclose(scores_NC.sum(axis=1), 1, atol=1e-6)


# Members and a teacher that are fitted at once; those that are the default are fitted in the test above.
QUICK = {"stack": {"members": ("probe", "tfidf_nb")}, "distill": {"teacher": "tfidf_logreg", "passes": 1}}


@pytest.mark.parametrize("name", CLASSIFY)
@pytest.mark.parametrize("pairs", [False, True])
def test_a_row_is_scored_alike_alone_and_among_others(name, pairs, workspace):
    texts = documents(30)
    second = [TOPICS[i % 3][i % 8] for i in range(30)] if pairs else None
    task = Examples(texts, second, np.arange(30, dtype=np.int64) % 3, ("a", "b", "c"))
    route = small("route", name, **QUICK.get(name, {}))
    if refused(route, task, workspace):
        return
    model = route.run(task, workspace, seed=1, seconds=5.0)
    new = Examples(
        [*documents(6, seed=8), "", "뷁 🙂", " ".join(documents(30))], ["정말"] * 8 + ["영화 " * 200] if pairs else None
    )
    together = model.predict_proba(new)
    assert model.predict(new) == [task.classes[number] for number in together.argmax(axis=1)]
    for row in range(len(new)):
        alone = model.predict_proba(new.take(np.array([row])))
        assert np.allclose(alone[0], together[row], atol=1e-5)
    turned = model.predict_proba(new.take(np.arange(len(new))[::-1]))[::-1]
    assert np.allclose(turned, together, atol=1e-5)
    assert model.predict_proba(new.take(np.array([], np.int64))).shape == (0, 3)


@pytest.mark.parametrize("name", CLASSIFY)
def test_a_wrong_setting_names_the_right_ones(name):
    with pytest.raises(HeadstartError, match=f"setting of route {name} 'nonsense'"):
        registry.load("route", name)().with_settings([("nonsense", "1")])


@pytest.mark.parametrize(("pairs", "task", "name"), OTHERS)
def test_other_tasks_are_answered_saved_and_opened(pairs, task, name, workspace, tmp_path):
    train, new = (task_rows.rows(task, count, pairs=pairs, seed=seed) for count, seed in ((30, 5), (9, 8)))
    route = small("route", name)
    if refused(route, train, workspace):
        return
    model = route.run(train, workspace, seed=1, seconds=5.0)
    assert (model.task, model.classes) == (task, train.classes)
    answers = model.predict(new)
    assert np.isfinite(registry.load("task", task)().quality(answers, new)).all()
    save_task(model, tmp_path / "task", route, {})
    assert read_task(tmp_path / "task")["task"] == task
    again = load_task(tmp_path / "task")
    assert again.task == task
    predictions = registry.load("task", task)().predictions_json
    assert predictions(again, new) == predictions(model, new)
    odd = Examples(["", "뷁 🙂", new.items[0], " ".join(new.items * 9)], ["x"] * 4 if pairs else None)
    together = model.predict(odd)
    for row in range(4):
        alone = model.predict(odd.take(np.array([row])))[0]
        if task == "multilabel":
            assert alone["labels"] == together[row]["labels"]
            assert alone["scores"] == pytest.approx(together[row]["scores"], abs=1e-4)
        else:
            assert alone == (together[row] if task != "regress" else pytest.approx(together[row], abs=1e-4))
    assert model.predict(odd.take(np.array([], np.int64))) == []
    with pytest.raises(HeadstartError, match="no class probabilities"):
        model.predict_proba(new)


@pytest.mark.parametrize("name", OF_TEXTS)
def test_a_task_it_does_not_do_is_refused_in_one_line(name, workspace):
    spec = small("route", name)
    for task in registry.names("task"):
        if name in routes_for(task):
            assert other_task(spec, task) is None
            continue
        refusal = other_task(spec, task)
        assert f"not {task}; " in refusal
        assert all(able in refusal for able in routes_for(task))
        rows = task_rows.rows(task) or Examples(["a"], task=task, targets=["b"])
        with pytest.raises(HeadstartError, match=f"not {task}") as caught:
            spec.run(rows, workspace, seed=0)
        assert "\n" not in str(caught.value)

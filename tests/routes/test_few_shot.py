"""Few-shot prompts: words found on labelled rows, demonstrations by draw, orders averaged, their spread told."""

from __future__ import annotations

import numpy as np
import pytest
from prompted_bases import TEMPLATE, numbered, prompted_base, unsaid
from tiny_bases import rows

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.workspace import Workspace
from headstart.routes.few_shot import FewShot
from headstart.routes.one_shot import OneShot
from headstart.routes.zero_shot import ZeroShot

KINDS = ["mlm", "causal"]


@pytest.fixture(params=KINDS)
def workspace(request) -> Workspace:
    return Workspace(prompted_base(request.param), unsaid)


@pytest.mark.parametrize("shots", [0, 2])
def test_planted_patterns_are_found_without_class_names(workspace, shots):
    if shots and workspace.base.backbone.reads == "bidirectional":
        shots = None  # it has never read two texts at once
    test = numbered(80, seed=9)
    model = FewShot(template=TEMPLATE, shots=shots, orders=2).run(numbered(16), workspace, seed=0)
    scores_NC = model.predict_proba(test)
    assert np.allclose(scores_NC.sum(1), 1)
    assert (scores_NC.argmax(1) == test.labels).mean() > 0.85
    assert "good" in model.notes["words"]["1"]
    assert model.notes["shown"] == (shots or 0)


def test_the_answer_is_the_mean_over_orders(workspace):
    model = FewShot(template=TEMPLATE, shots=2, orders=3).run(rows(12), workspace, seed=1)
    each_ONC = model.each(rows(9, seed=5))
    assert np.ptp(each_ONC, axis=0).max() > 1e-6  # the demonstrations matter
    assert np.array_equal(model.predict_proba(rows(9, seed=5)), each_ONC.mean(0))
    assert {len(prompt.demonstrations) for prompt in model.prompts} == {2}
    assert all({label for _, _, label in prompt.demonstrations} == {0, 1} for prompt in model.prompts)
    assert 0 <= model.notes["order_sd"] <= 1
    assert 0 <= model.notes["order_changes"] <= 1
    shown = {text for prompt in model.prompts for text, _, _ in prompt.demonstrations}
    assert model.notes["order_rows"] == len([text for text in rows(12).items if text not in shown])


def test_no_demonstration_is_zero_shot(workspace):
    settings = {"template": TEMPLATE, "calibrate": "none", "verbalizer": "bad:bad;good:good"}
    few = FewShot(shots=0, **settings).run(rows(12), workspace, seed=1)
    zero = ZeroShot(**settings).run(rows(12), workspace, seed=1)
    assert np.array_equal(few.predict_proba(rows(9)), zero.predict_proba(rows(9)))


def test_one_shot_shows_one(workspace):
    model = OneShot(template=TEMPLATE, orders=2).run(rows(12), workspace, seed=1)
    assert model.notes["shown"] == 1


def test_same_seed_same_model_other_seed_other_demonstrations(workspace):
    route = FewShot(template=TEMPLATE, shots=2, orders=2)
    one, same, other = (route.run(rows(20), workspace, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(one.predict_proba(rows(6)), same.predict_proba(rows(6)))
    assert [p.demonstrations for p in one.prompts] == [p.demonstrations for p in same.prompts]
    assert [p.demonstrations for p in one.prompts] != [p.demonstrations for p in other.prompts]


def test_awkward_labels(workspace):
    words = ["lovely film", "great story", "awful film", "cold story", "flat music"]
    odd = Examples(words, labels=np.array([2, 2, 0, 0, 3]), classes=("0", "1", "2", "3"))  # 1 unseen, 3 once
    scores_NC = FewShot(template=TEMPLATE).run(odd, workspace, seed=0).predict_proba(odd)
    assert np.allclose(scores_NC.sum(1), 1)
    assert (scores_NC[:, 1] == 0).all()
    one = Examples(words, labels=np.zeros(5, np.int64), classes=("0", "1"))
    assert (FewShot(template=TEMPLATE).run(one, workspace, seed=0).predict_proba(one).argmax(1) == 0).all()
    pairs = rows(12, pairs=True)
    assert FewShot().run(pairs, workspace, seed=0).predict_proba(pairs).shape == (12, 2)


def test_seconds_leave_orders_out(workspace):
    model = FewShot(template=TEMPLATE, shots=1, orders=50).run(rows(12), workspace, seed=0, seconds=1e-9)
    assert model.notes["orders"] == 1
    assert "order_sd" not in model.notes


def test_wrong_settings():
    for wrong in ({"shots": -1}, {"orders": 0}):
        with pytest.raises(HeadstartError, match="expected at least"):
            FewShot(**wrong)
    with pytest.raises(HeadstartError, match="comes after the text"):
        FewShot(template="{label} {text}").run(numbered(8), Workspace(prompted_base("causal"), unsaid), seed=0)

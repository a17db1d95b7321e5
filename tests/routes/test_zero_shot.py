"""Zero-shot prompts: a planted corpus is answered, labels unseen, fresh processes agree, refusals give a reason."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from prompted_bases import TEMPLATE, TWO_LONG, numbered, prompted_base, unsaid
from tiny_bases import bag_base, rows

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.model_parts import plain
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.few_shot import FewShot
from headstart.routes.one_shot import OneShot
from headstart.routes.zero_shot import ZeroShot

ROUTE = ZeroShot(template=TEMPLATE)
KINDS = ["mlm", "causal"]


def workspace(kind: str) -> Workspace:
    return Workspace(prompted_base(kind), unsaid)


# Without calibration, words of different lengths are not alike in how likely they are anywhere.
CASES = [("", "prior"), ("", "content_free"), ("", "none"), (TWO_LONG, "prior")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("verbalizer", "calibrate"), CASES)
def test_planted_patterns_are_found(kind, verbalizer, calibrate):
    route = ZeroShot(template=TEMPLATE, calibrate=calibrate, verbalizer=verbalizer)
    test = rows(80, seed=9)
    scores_NC = route.run(rows(4), workspace(kind), seed=0).predict_proba(test)
    assert np.allclose(scores_NC.sum(1), 1)
    assert (scores_NC.argmax(1) == test.labels).mean() > 0.85


@pytest.mark.parametrize("kind", KINDS)
def test_without_pretraining_it_is_chance(kind):
    base = prompted_base(kind)
    fresh = base.fresh(3)
    fresh.objective_spec = base.objective_spec
    fresh.objective = base.objective_spec.build(fresh.backbone, fresh.processor).eval()
    test = rows(200, seed=9)
    scores_NC = ROUTE.run(rows(4), Workspace(fresh, unsaid), seed=0).predict_proba(test)
    assert (scores_NC.argmax(1) == test.labels).mean() < 0.8


def test_a_label_before_the_text_is_a_noisy_channel():
    route = ZeroShot(template="it was {label} . {text}", calibrate="none")
    model = route.run(rows(4), workspace("causal"), seed=0)
    assert np.allclose(model.predict_proba(rows(6)).sum(1), 1)


def test_labels_and_their_order_change_nothing():
    train = rows(12)
    turned = Examples(train.items[::-1], None, 1 - train.labels, train.classes)
    one, two = (ROUTE.run(task, workspace("mlm"), seed=seed) for seed, task in enumerate((train, turned)))
    unknown = ROUTE.run(Examples(train.items, None, None, train.classes), workspace("mlm"), seed=0)
    for other in (two, unknown):
        assert np.array_equal(one.predict_proba(rows(9)), other.predict_proba(rows(9)))


def test_each_text_is_asked_once_for_all_draws(monkeypatch):
    from headstart.prompting.word_slot import MaskSlot

    asked = []
    plain = MaskSlot.likelihoods

    def counted(self, shared, before, after, words):
        asked.append(len(before))
        return plain(self, shared, before, after, words)

    monkeypatch.setattr(MaskSlot, "likelihoods", counted)
    shared, test = workspace("mlm"), rows(50, seed=3)
    for seed in range(3):
        ROUTE.run(rows(6, seed=seed), shared, seed=seed).predict_proba(test)
    assert len(asked) <= 2


_FRESH = """
import sys, numpy as np
from pathlib import Path
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task
for folder in sorted(Path(sys.argv[1]).iterdir()):
    new = Examples(["a lovely film", "awful music", "", "새 글"])
    np.save(folder.with_suffix(".npy"), load_task(folder).predict_proba(new))
"""


@pytest.mark.full
def test_same_in_a_fresh_process(tmp_path):
    new, expected = Examples(["a lovely film", "awful music", "", "새 글"]), {}
    for kind in KINDS:
        for route in (ROUTE, FewShot(template=TEMPLATE, shots=2, orders=2), OneShot(template=TEMPLATE, orders=1)):
            task = rows(12) if route is ROUTE else numbered(12)
            model = route.run(task, workspace(kind), seed=3)
            folder = tmp_path / f"{kind}-{route.name}"
            save_task(model, folder, route, {})
            expected[folder.name] = model.predict_proba(new)
            assert load_task(folder).notes == plain(model.notes)
    done = subprocess.run([sys.executable, "-c", _FRESH, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, scores_NC in expected.items():
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), scores_NC), name


def test_refusals_teach():
    assert "predicts words" in ROUTE.refuses(rows(4), Workspace(bag_base()))
    assert "pre-trained base" in ROUTE.refuses(rows(4), Workspace())
    why = ROUTE.refuses(numbered(4), workspace("mlm"))
    assert "add 'route.verbalizer=0:word" in why
    for task, shared in ((numbered(4), workspace("mlm")), (rows(4), Workspace(bag_base()))):
        with pytest.raises(HeadstartError, match="this route cannot run: ") as caught:
            ROUTE.run(task, shared, seed=0)
        assert "\n" not in str(caught.value)
    model = ROUTE.run(rows(4), workspace("mlm"), seed=0)
    with pytest.raises(HeadstartError, match="single texts"):
        model.predict_proba(rows(4, pairs=True))


def test_pairs():
    route = ZeroShot(template="{text}? it was {label} . {text2}")
    model = route.run(rows(8, pairs=True), workspace("mlm"), seed=0)
    assert np.allclose(model.predict_proba(rows(6, pairs=True)).sum(1), 1)
    assert model.notes["calibrated_on"] == "training rows"

"""Voting, and what every ensemble does with members: names, settings, refusals, sharing, time, saving."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.ensemble import Resampler, pooled
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.probe import Probe
from headstart.routes.seeds import Seeds
from headstart.routes.stack import Stacking
from headstart.routes.vote import Vote

pytestmark = pytest.mark.usefixtures("few_strengths")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(bag_base(), corpus)


def test_average_is_the_mean_of_the_members(workspace):
    train, new = rows(24), rows(10, seed=7)
    names = ("probe", "tfidf_nb", "tfidf_svm")
    alone = [registry.load("route", name)().run(train, workspace, seed=3).predict_proba(new) for name in names]
    assert np.allclose(Vote(members=names).run(train, workspace, seed=3).predict_proba(new), np.mean(alone, axis=0))


def test_majority_counts_votes_and_breaks_ties_by_the_mean():
    sure, unsure, third = (np.array([[p, 1 - p]]) for p in (0.99, 0.4, 0.45))
    assert pooled([sure, unsure, third], np.ones(3), "average").argmax() == 0
    assert pooled([sure, unsure, third], np.ones(3), "majority").argmax() == 1
    tie = pooled([sure, unsure], np.ones(2), "majority")
    assert tie.argmax() == 0
    assert np.allclose(tie.sum(axis=1), 1)


def test_log_pool_multiplies_and_keeps_what_all_exclude():
    one, two = np.array([[0.8, 0.2, 0.0]]), np.array([[0.5, 0.5, 0.0]])
    assert np.allclose(pooled([one, two], np.ones(2), "log"), [[0.8, 0.2, 0.0]])
    assert np.allclose(pooled([one, two], np.array([2.0, 0.0]), "log"), [[0.64 / 0.68, 0.04 / 0.68, 0.0]])


def test_needs_and_kind_follow_the_members():
    assert (Vote().needs, Vote().classical) == ("base", False)
    classical = Vote(members=("tfidf_nb", "tfidf_svm"))
    assert (classical.needs, classical.classical) == ("nothing", True)
    assert Vote(members=("tfidf_nb", "ppmi_logreg")).needs == "corpus"
    assert dataclasses.replace(classical, members=("tfidf_nb", "probe")).classical is False
    assert registry.load("route", "vote").needs == "base"


def test_members_from_command_line_text():
    vote = Vote().with_settings([("members", "tfidf_svm,probe:layer=0:pooling=mean")])
    assert vote.specs()[1] == Probe(layer=0, pooling="mean")
    assert registry.build_spec("route", vote.to_dict()) == vote
    assert registry.load("route", "bag")().with_settings([("member", "tfidf_nb")]).classical


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (("tfidf_svn",), "did you mean 'tfidf_svm'"),
        (("probe:leyer=1",), "did you mean 'layer'"),
        (("probe:layer",), "write probe:setting=value"),
        (("window_tagger",), "routes that classify"),
        ((), "no member"),
    ],
)
def test_wrong_members_are_named(members, said):
    with pytest.raises(HeadstartError, match=said):
        Vote(members=members)


def test_a_named_member_that_cannot_run_is_a_refusal_and_a_classical_default_is_left_out():
    train, bare = rows(12), Workspace(bag_base())
    assert "ppmi_logreg cannot run" in Vote(members=("ppmi_logreg", "probe")).refuses(train, bare)
    with pytest.raises(HeadstartError, match="ppmi_logreg cannot run"):
        Vote(members=("ppmi_logreg", "probe")).run(train, bare, seed=0)
    assert "base" in Vote().refuses(train, Workspace(None, corpus))
    notes = Stacking().run(train, bare, seed=0).notes
    assert [name for name, _ in notes["weights"]] == ["probe", "tfidf_svm"]
    assert "corpus" in notes["left_out"][0]
    assert "needs 2 members that can run here, got probe" in Vote().refuses(train, bare)
    assert "got probe" in Vote(members=("probe",)).refuses(train, bare)


def test_ensembles_share_what_members_learn_on_the_same_rows(monkeypatch):
    fitted = []
    run = Probe.run
    monkeypatch.setattr(Probe, "run", lambda self, examples, *a, **k: fitted.append(1) or run(self, examples, *a, **k))
    own, train = Workspace(bag_base(), corpus), rows(20)
    two = {"members": ["probe", "majority"]}
    choices = {"vote": two, "stack": two, "boost": {"count": 1}, "seeds": {"member": "probe", "count": 1}}
    ensembles = [registry.build_spec("route", {"name": name, **settings}) for name, settings in choices.items()]
    for route in ensembles:
        route.run(train.take(np.arange(20)), own, seed=1)
    assert len(fitted) == 1 + 5  # once on all rows, once for each fold
    ensembles[0].run(train, own, seed=2)
    ensembles[0].run(train.take(np.arange(19)), own, seed=1)
    assert len(fitted) == 8


def test_resamples_keep_classes_and_groups():
    labels = np.array([0] * 20 + [1] + [2] * 9)
    examples = Examples([str(n) for n in range(30)], labels=labels, classes=("a", "b", "c"))
    groups = [str(n // 3) for n in range(30)]
    for whole in (examples, dataclasses.replace(examples, groups=groups)):
        resampler = Resampler(whole)
        for number in range(5):
            bag, out_N = resampler.draw(np.ones(resampler.units), 0, "test", number)
            assert set(bag.labels) == {0, 1, 2}
            inside = {int(text) for text in bag.items}
            assert not inside & set(np.flatnonzero(out_N).tolist())
            own = dict(zip(bag.items, bag.groups))
            assert len(set(own.values())) == (len(own) if whole.groups is None else len({groups[n] for n in inside}))
            if whole.groups is not None:
                assert not {groups[n] for n in inside} & {groups[n] for n in np.flatnonzero(out_N)}
    heavy = np.ones(30)
    heavy[3] = 1000.0
    bag, _ = Resampler(examples).draw(heavy, 0, "test")
    assert bag.items.count("3") > 20


def test_equal_files_are_kept_once_and_texts_embedded_once(workspace, tmp_path):
    model = Seeds(member="probe", count=3).run(rows(20), workspace, seed=0)
    save_task(model, tmp_path / "task", Seeds(member="probe"), {})
    weights = sorted((tmp_path / "task").rglob("member_*/base/*.safetensors"))
    assert len(weights) == 3
    assert len({path.stat().st_ino for path in weights}) == 1
    opened = load_task(tmp_path / "task")
    first, *others = [member.frozen for _, member in opened.members]
    assert all(vectors.workspace is first.workspace for vectors in others)
    assert np.array_equal(opened.predict_proba(rows(6)), model.predict_proba(rows(6)))
    (tmp_path / "task" / "member_1" / "model.json").unlink()
    with pytest.raises(HeadstartError, match=r"member_1.*missing"):
        load_task(tmp_path / "task")


def test_an_ensemble_may_be_a_member(workspace, tmp_path):
    route = Vote(members=("bag:member=tfidf_nb:count=2", "tfidf_svm"))
    model = route.run(rows(16), workspace, seed=0)
    save_task(model, tmp_path / "task", route, {})
    assert np.array_equal(load_task(tmp_path / "task").predict_proba(rows(6)), model.predict_proba(rows(6)))
    assert route.classical

"""ablate: one change at a time on the same draws, through the comparison's own engine and report."""

from __future__ import annotations

import json

import pytest

from headstart.commands.ablate import DEFAULT, changes
from headstart.core import registry
from headstart.core.errors import HeadstartError

QUICK = ("finetune.epochs=1", "finetune.least_steps=4", "finetune.head_steps=2", "finetune.choose_learning_rate=false")
GIVEN = ("--data", "train.tsv", "--test", "test.tsv", "--labels", "16", "--draws", "3", "--audit", "skip")


def test_each_change_is_an_entry_on_the_same_draws(program, tmp_path):
    out = tmp_path / "report"
    asked = ("--vary", "mixup=0.5", "--vary", "optimizer=sgd,muon")
    done = program("ablate", "halves", *GIVEN, "--minutes", "1", "--out", out, *asked, *QUICK, "--language", "en")
    assert done.code == 0, done.err
    assert "Against finetune · halves as it is" in done.out
    assert "16 labels: " in done.out
    report = json.loads((out / "report.json").read_text())
    names = [one["name"] for one in report["entries"]]
    plain = "finetune · halves"
    assert names == [plain, *(f"{plain} [{c}]" for c in ("mixup=0.5", "optimizer=sgd", "optimizer=muon"))]
    settings = [one["settings"] for one in report["entries"]]
    assert [one["optimizer"]["name"] for one in settings] == ["adamw", "adamw", "sgd", "muon"]
    assert [one["mixup"] for one in settings] == [0.0, 0.5, 0.0, 0.0]
    assert {one["epochs"] for one in settings} == {1}
    assert len(report["cells"]) == 12
    kept = report["facts"]["ablation"]
    assert kept["unchanged"] == plain
    assert [one["change"] for one in kept["effects"]] == ["mixup=0.5", "optimizer=sgd", "optimizer=muon"]
    assert all(one["low"] <= one["value"] <= one["high"] for one in kept["effects"])
    assert kept["sentences"]["en"] in done.out
    assert (out / "report.html").is_file()
    again = program("ablate", "halves", *GIVEN, "--minutes", "1", "--out", out, *asked, *QUICK, "--language", "ko")
    assert again.code == 0, again.err
    assert "앞서 끝났으므로" in again.err
    assert "한 번에 하나씩" in again.out


def test_a_setting_of_an_optimizer_can_be_varied(program, tmp_path):
    asked = ("--vary", "optimizer.momentum=0.5", "finetune.optimizer=momentum", *QUICK)
    done = program("ablate", "halves", *GIVEN[:-4], "--draws", "1", "--audit", "skip", "--out", tmp_path / "r", *asked)
    assert done.code == 0, done.err
    entries = json.loads((tmp_path / "r/report.json").read_text())["entries"]
    assert [one["settings"]["optimizer"] for one in entries] == [
        {"name": "momentum", "momentum": 0.9},
        {"name": "momentum", "momentum": 0.5},
    ]


def test_without_vary_the_usual_changes_of_the_route():
    plain = registry.load("route", "finetune")()
    found = changes(plain, None)
    assert [*found] == [*DEFAULT[:-1], "optimizer=momentum", "optimizer=muon"]
    assert found["patience=3"].patience == 3
    assert all(spec != plain for spec in found.values())
    some = registry.load("route", "finetune")(dropout=0.1)
    assert "dropout=0.1" not in changes(some, None)


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        (["mixup=0"], "mixup=0: changes nothing, finetune is so already"),
        (["mixup"], "write a setting and its value"),
        (["mixup=0.1,0.1"], "is given twice"),
        (["mixpu=0.1"], "did you mean 'mixup'"),
        (["optimizer=sgdd"], "did you mean 'sgd'"),
        (["mixup=much"], "expected a number"),
        (["dropout=1.5"], "must be at least 0 and below 1"),
    ],
)
def test_changes_that_make_no_sense_are_refused(vary, words):
    with pytest.raises(HeadstartError, match=words):
        changes(registry.load("route", "finetune")(), vary)


def test_a_route_without_the_usual_settings_asks_for_some(program, tmp_path):
    with pytest.raises(HeadstartError, match="route tfidf_nb has none of the usual settings"):
        changes(registry.load("route", "tfidf_nb")(), None)
    done = program("ablate", "none", *GIVEN, "--route", "finetune", "--out", tmp_path / "r")
    assert done.code == 2
    assert "needs a pre-trained base" in done.complaint
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["sgd", "muon"])
def test_pretrain_takes_stores_and_resumes_with_an_optimizer(program, tmp_path, name):
    tiny = ("backbone.width=32", "backbone.mlp_width=32", "training.save_steps=3", f"training.optimizer={name}")
    made = program("pretrain", "corpus.txt", "--out", tmp_path / "run", "--steps", 6, *tiny)
    assert made.code == 0, made.err
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["spec"]["training"]["optimizer"]["name"] == name
    more = program("pretrain", "corpus.txt", "--out", tmp_path / "run", "--steps", 9, "--resume", *tiny)
    assert more.code == 0, more.err
    other = program("pretrain", "corpus.txt", "--out", tmp_path / "run", "--resume", "training.optimizer=adam")
    assert other.code == 2
    assert "was started with other settings" in other.complaint
    wrong = program("pretrain", "corpus.txt", "--out", tmp_path / "no", "training.optimizer=moun")
    assert wrong.code == 2
    assert "did you mean 'muon'" in wrong.complaint

"""Format 1: old artefacts open, answer as before, go on, verify; nothing is rewritten where it is only read.

The artefacts were made by the program of commit 70dc567, see tests/data/format_1/make.py.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from old_artefacts import HOME, agree, contents, copy_of, headstart
from safetensors.numpy import load_file

from headstart.comparing.cells import CellStore
from headstart.core import migration
from headstart.core.errors import HeadstartError
from headstart.core.manifest import MANIFEST, faults
from headstart.core.migration import FORMAT, cell_key, part, read_versioned, upgraded
from headstart.data.token_store import TokenStore
from headstart.fitting.task_model_files import load_task, read_task
from headstart.reporting.report import read_report
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import RunFolder

RUNS, TASKS = ("halves", "mlm"), ("probe", "finetune", "seeds")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the data, where names without a path are found."""
    for name in ("text.txt", "train.tsv", "test.tsv"):
        shutil.copy(HOME / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", RUNS)
def test_a_run_gives_the_vectors_it_gave(place, name):
    run = copy_of(name, place)
    before = contents(run)
    headstart("embed", run, "text.txt", "--out", "v.npy")
    assert agree(np.load("v.npy"), np.load(HOME / f"expected/{name}_middle.npy"))
    opened = PretrainedModel.open(run)
    assert opened.receipt["stateful"] is False
    assert opened.receipt["units"] == json.loads((run / "checkpoints/step-000000004/state.json").read_text())["tokens"]
    assert len(list(opened.documents())) == 80
    assert contents(run) == before


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_in_the_new_format(place, name):
    run = copy_of(name, place)
    said = headstart("pretrain", "text.txt", "--out", run, "--resume", "--threads", 1)
    assert "resumed from step-000000004" in said
    found, expected = (load_file(p) for p in (run / "checkpoints/step-000000008/weights.safetensors",
                                              HOME / f"expected/{name}.safetensors"))  # fmt: skip
    assert found.keys() == expected.keys()
    assert all(agree(found[tensor], expected[tensor]) for tensor in expected)
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints", MANIFEST, "metrics.jsonl", "processor", "processor.json", "run.json", "store"
    ]  # fmt: skip
    assert faults(run, "run") == []
    record = json.loads((run / "run.json").read_text())
    assert record["format"] == FORMAT
    assert "rate" not in str(record["spec"]).replace("_rate", "").replace("rate_", "")
    headstart("embed", run, "text.txt", "--out", "v.npy")
    assert agree(np.load("v.npy"), np.load(HOME / f"expected/{name}.npy"))
    assert "trained 8 steps" in headstart("pretrain", "text.txt", "--out", run, "--resume", "--threads", 1)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_model_answers_as_it_did(place, name):
    task = copy_of(name, place)
    before = contents(task)
    headstart("predict", task, "test.tsv", "--out", "p.jsonl")
    found, expected = ([json.loads(line) for line in path.read_text().splitlines()] for path in
                       (place / "p.jsonl", HOME / f"expected/{name}.jsonl"))  # fmt: skip
    assert [row["label"] for row in found] == [row["label"] for row in expected]
    probabilities = [np.array([row["probability"] for row in rows]) for rows in (found, expected)]
    assert np.abs(probabilities[0] - probabilities[1]).max() <= (0 if agree(*probabilities) else 1e-4)
    assert contents(task) == before


def test_the_settings_and_notes_of_a_task_model_have_their_new_names(place):
    task = read_task(copy_of("seeds", place))
    assert task["route"]["member"] == (
        "finetune:epochs=1:least_steps=3:head_steps=2:choose_learning_rate=no:learning_rate=0.01"
    )
    assert read_task(copy_of("probe", place))["notes"]["transform"] == "corpus"
    assert load_task(place / "probe").notes["transform"] == "corpus"
    assert read_task(copy_of("finetune", place))["notes"]["learning_rate"] == 0.01
    assert task["receipt"]["base"]["stateful"] is False


def test_saved_networks_and_exports_open(place):
    network = PretrainedModel.open(copy_of("finetune", place) / "network")
    assert network.embed(["영화 actor"]).shape == (1, 8)
    copy_of("export", place)
    headstart("embed", "export", "text.txt", "--out", "v.npy")
    assert agree(np.load("v.npy"), np.load(HOME / "expected/export.npy"))
    (place / "export/config.json").write_text((place / "export/config.json").read_text().replace("8", "9", 1))
    with pytest.raises(HeadstartError, match=r"damaged export, config\.json was changed"):
        PretrainedModel.open(place / "export")


def test_a_store_opens(place):
    store = TokenStore.open(copy_of("halves", place) / "shards")
    assert len(store) == 80
    assert "processor" in store.facts
    assert part(place / "halves", "store").name == "shards"


@pytest.fixture
def report(place) -> Path:
    """An old report beside the run that it is of."""
    copy_of("halves", place)
    return copy_of("report", place)


def test_an_old_report_verifies(report):
    before = contents(report)
    assert "2 cells made again: 2 identical" in headstart("verify", report, "probe · halves/8/2", "tfidf_nb/8/1")
    assert "4 cells made again: 4 identical" in headstart("verify", report, "all")
    old = json.loads((report / "cells/cells.jsonl").read_text().splitlines()[0])["key"]
    assert "1 cells made again: 1 identical" in headstart("verify", report, old[:10])  # as the old page names it
    assert contents(report) == before


def test_a_rerun_keeps_every_finished_cell(report):
    command = (
        *(
            "compare",
            "halves",
            "--data",
            "train.tsv",
            "--test",
            "test.tsv",
            "--labels",
            8,
            "--routes",
            "probe,tfidf_nb",
        ),
        *("--audit", "skip", "--threads", 1, "--out", report, "probe.default=3.0"),
    )
    assert "4 of 4 cells were finished earlier and are kept" in headstart(*command, "--draws", 2)
    assert faults(report, "report") == []
    assert "4 of 6 cells were finished earlier and are kept" in headstart(*command, "--draws", 3)
    assert "6 cells made again: 6 identical" in headstart("verify", report, "all")
    lines = [json.loads(line) for line in (report / "cells/cells.jsonl").read_text().splitlines()]
    assert [line.get("format", 1) for line in lines] == [1, 1, 1, 1, FORMAT, FORMAT]


def test_an_old_report_is_read(report):
    found = read_report(report)
    assert found["format"] == FORMAT
    settings = {entry["name"]: entry["settings"] for entry in found["entries"]}
    assert settings["probe · halves"]["default"] == 3.0
    assert {entry["entry"] for entry in found["sizes"][0]["entries"]} == settings.keys()
    keys = {json.loads(line)["key"] for line in (report / "cells/cells.jsonl").read_text().splitlines()}
    assert not keys & {cell["receipt"]["cell"] for cell in found["cells"]}
    store = CellStore(report / "cells")
    assert {line["key"] for line in store.lines} == {cell["receipt"]["cell"] for cell in found["cells"]}
    text = json.dumps({**found, "facts": None, "shared": None})
    assert '"row"' not in text
    assert "plain_low" not in text
    assert found["notes"]["probe · halves"]["8"]["transform"] == "corpus"
    assert found["facts"]["bases"]["halves"]["stateful"] is False


class Killed(BaseException):
    """The process ends here."""


def killed_after(count, real):
    """Return `real` that can be called `count[0]` times; `count` may be shared."""

    def call(*arguments, **named):
        if not count[0]:
            raise Killed
        count[0] -= 1
        return real(*arguments, **named)

    return call


def test_an_upgrade_that_is_killed_at_any_step_can_be_opened_and_goes_on(place, monkeypatch):
    """Before each change of the disk the run opens as it did, and the upgrade goes on from there."""
    expected = PretrainedModel.open(copy_of("mlm", place)).identity
    for number in range(20):
        run, left, killed = copy_of("mlm", place / str(number)), [number], False
        home = RunFolder(run)
        (run / "store").mkdir()
        with monkeypatch.context() as patch:
            for owner, name in ((os, "replace"), (Path, "unlink")):
                patch.setattr(owner, name, killed_after(left, getattr(owner, name)))
            try:
                home.begin(home.record())
            except Killed:
                killed = True
        assert PretrainedModel.open(run).identity == expected
        home.begin(home.record())
        assert PretrainedModel.open(run).identity == expected
        assert not (run / "tokenizer").exists()
        assert faults(run, "run") == []
        if not killed:
            break
    assert 7 <= number < 20


FILES = {
    "run": {"spec": {"training": {"rate": 0.1, "rate_embeddings": None, "seed": 3}, "batches": {"continuous": True}}},
    "processor_receipt": {"corpus": "x", "pieces": {}},
    "store_facts": {"tokenizer": "x", "tokens": 3},
    "network": {"objective": {"name": "mlm", "rate": 0.4, "rate_end": None}, "receipt": {"continuous": False}},
    "task": {"route": {"name": "knn", "usual": 5}, "notes": {"frame": "rows"}, "receipt": {"base": None}},
    "model": {"classes": ["a"], "notes": {"teacher_notes": {"frame": "corpus"}, "words": {"rate": 1}}},
    "inputs": {"data": ["a"]},
    "report": {"rows": [{"settings": {"usual": 1}}], "cells": [], "forecast": {"a": [{"row": "b"}]}, "outlook": None},
    "manifest": {"a": {"sha256": "1", "bytes": 1}},
}
NEW = {
    "run": {
        "training": {"learning_rate": 0.1, "learning_rate_embeddings": None, "seed": 3},
        "batches": {"stateful": True},
    },
    "store_facts": "x",
    "network": {"name": "mlm", "mask_ratio": 0.4, "mask_ratio_end": None},
    "task": {"name": "knn", "default": 5},
    "model": {"teacher_notes": {"transform": "corpus"}, "words": {"rate": 1}},
    "report": [{"settings": {"default": 1}}],
}
PART = {"run": "spec", "store_facts": "processor", "network": "objective", "task": "route", "model": "notes",
        "report": "entries"}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_each_file_is_migrated_once_and_its_old_content_stays(kind):
    migrate, before = getattr(migration, kind), json.dumps(FILES[kind])
    new = migrate(FILES[kind])
    assert json.dumps(FILES[kind]) == before
    assert new["format"] == FORMAT
    assert upgraded(new, migrate) is new
    if kind in NEW:
        assert new[PART[kind]] == NEW[kind]


def test_a_cells_key_follows_its_settings():
    receipt = {"data": {}, "split": {}, "seed": 1, "workspace": {}, "versions": {"headstart": "1", "torch": "2"}}
    old = {"key": "0" * 24, "row": "x", "notes": {"rate": 1}, "receipt": receipt | {"route": {"name": "a", "usual": 1}}}
    new = migration.cell(old, lambda route: route | {"added": None})
    assert new["receipt"]["route"] == {"name": "a", "default": 1, "added": None}
    assert new["key"] == new["receipt"]["cell"] == cell_key(receipt | {"route": new["receipt"]["route"]})
    assert new["entry"] == "x"
    assert new["answers"] == f"{'0' * 24}.safetensors"
    assert new["notes"] == {"learning_rate": 1}
    other = receipt | {"versions": {"headstart": "1", "torch": "3"}, "route": new["receipt"]["route"]}
    assert cell_key(other) == new["key"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": 3}', r"run\.json: format 3 is not known to this version of headstart, which reads 1 and 2"),
        ('{"format": "2"}', "format '2' is not known"),
        ("[]", "expected a JSON object, found list"),
        ('{"spec": 3}', r"run\.json: damaged"),
        ("{", "not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, words):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(HeadstartError, match=words) as caught:
        read_versioned(tmp_path / "run.json", migration.run)
    assert "\n" not in str(caught.value)

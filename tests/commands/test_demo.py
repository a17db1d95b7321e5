"""The demo's own part: what it plans, the command it reports, the exit code it passes on."""

from __future__ import annotations

import shlex
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.commands import compare, demo, pretrain
from headstart.commands.app import build, prepare
from headstart.core.examples import Examples
from headstart.data import docstrings
from headstart.data.docstrings import DocstringTask


@pytest.fixture
def told(monkeypatch, tmp_path) -> dict:
    """Take the work out of the demo; holds what the comparison was asked for. `stopped` says how it ends."""
    told = {"stopped": None}
    rows = Examples(items=["a", "b"], labels=np.array([0, 1]), classes=("x", "y"))

    def run_comparison(bases, entries, data, settings, **_):
        told.update(entries=[entry.name for entry in entries], sizes=settings.sizes, command=data.facts["command"])
        return compare.Compared(settings.folder, SimpleNamespace(stopped=told["stopped"]), "verdict", "table")

    monkeypatch.setattr(demo, "_docstrings", lambda home, words: (tmp_path / "corpus", rows, rows, {}))
    monkeypatch.setattr(demo, "open_bases", lambda runs: {run.name: SimpleNamespace(corpus={}) for run in runs})
    monkeypatch.setattr(pretrain, "pretrain", lambda *_, out, **__: SimpleNamespace(exit_code=0, folder=out))
    monkeypatch.setattr(compare, "run_comparison", run_comparison)
    seen = compare.Compared(tmp_path / "pictures", SimpleNamespace(stopped=None), "answer\nmore", "")
    monkeypatch.setattr(demo, "_pictures", lambda *_: seen)
    return told


def test_the_plan_is_said_first_and_the_command_is_whole(program, told, tmp_path):
    given = ("--labels", "8,32", "--draws", 3, "--minutes", 0.5, "--language", "en")
    shown = program("demo", "--out", tmp_path / "d", *given)
    assert shown.code == 0
    assert shown.err.startswith("planned: 0.5 min of training and comparing in all")
    assert told["command"] == "headstart demo --data docstrings --minutes 0.5 --labels 8,32 --draws 3"
    assert told["sizes"] == (8, 32)
    assert "Pictures (handwritten digits): answer" in shown.out
    assert {
        "finetune · mlm",
        "scratch · mlm",
        "probe · halves",
        "probe · mlm",
        "scratch · halves",
        "ppmi_logreg",
        "majority",
    } <= set(told["entries"])
    build().parse_args(prepare(shlex.split(told["command"])[1:]), exit_on_error=False, print_error=False)


def test_an_interrupted_comparison_is_not_success(program, told, tmp_path):
    told["stopped"] = "interrupted"
    shown = program("demo", "--out", tmp_path / "d", "--language", "ko")
    assert shown.code == 130
    assert "7.6분" in shown.err.splitlines()[0]
    assert "verdict" in shown.out
    assert "answer" not in shown.out  # the pictures are not begun


def test_files_only_writes_what_a_user_would_have(program, monkeypatch, tmp_path):
    rows = [('a "quoted" text, with commas', "numpy"), ("Return it; or not.", "pandas"), ("it's\tso", "numpy")]
    task = DocstringTask(["first text", '"second", text'], rows, rows[:2], ["numpy", "pandas"])
    monkeypatch.setattr(docstrings, "docstring_task", lambda: task)
    shown = program("demo", "--files-only", "--out", tmp_path / "play", "--language", "en")
    assert shown.code == 0, shown.err
    assert f"rows with labels: {tmp_path}/play/train.csv, {tmp_path}/play/test.csv" in shown.out
    assert (tmp_path / "play" / "texts.txt").read_text().splitlines() == task.corpus
    assert len(list((tmp_path / "play" / "digits" / "test").rglob("*.png"))) > 700
    corpus, train, test, ledger = demo._docstrings(tmp_path / "again", "en")
    assert corpus.name == "texts.txt"
    assert [(text, train.classes[label]) for text, label in zip(train.items, train.labels)] == rows
    assert (len(test), test.classes) == (1, train.classes)  # every second test row is kept
    assert ledger["training"]["used"] == 3

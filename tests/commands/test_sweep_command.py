"""sweep: the planted best setting is found, on labelled rows or by held-out loss; the command it ends with runs."""

from __future__ import annotations

import json
import shlex
import sys

import pytest
from conftest import TINY_MLM

import headstart as hs

pytest.importorskip("optuna")
# With these learning rates nothing is learned, or what was known is lost, but for one of them.
RATES = "learning_rate=1e-12,1e-11,1e-10,1e-9,1e-2,1e3,1e4,1e5"
ROUTE = ("--data", "train.tsv", "--route", "finetune", "epochs=3", "least_steps=30", "head_steps=0")


def test_eight_trials_find_the_one_learning_rate_that_works(program, tmp_path):
    out = tmp_path / "sweep"
    made = program("sweep", "mlm", *ROUTE, "--vary", RATES, "--trials", 8, "--out", out)
    assert made.code == 0, made.err
    assert "best of 8 scores" in made.out
    assert "optimistic" in made.out
    line = made.out.splitlines()[1].split()
    assert line[2] == "1e-2", made.out
    assert float(line[1]) > 0.9
    next_line = made.out.splitlines()[-1].removeprefix("next: ")
    assert "learning_rate=1e-2" in next_line
    trained = program(*shlex.split(next_line)[1:])
    assert trained.code == 0, trained.err
    assert hs.evaluate(tmp_path / "sweep-best", "test.tsv").scores["accuracy"][0] > 0.9
    before = {path: path.stat().st_mtime_ns for path in (out / "trials").iterdir()}
    again = program("sweep", "mlm", *ROUTE, "--vary", RATES, "--trials", 8, "--out", out)
    assert again.out == made.out
    assert {path: path.stat().st_mtime_ns for path in (out / "trials").iterdir()} == before


def test_trials_of_pre_training_are_runs_judged_on_held_out_loss(program, tmp_path):
    out = tmp_path / "sweep"
    vary = ("--vary", "training.learning_rate=1e-9,1e-2,30")
    command = ("sweep", "corpus.txt", "--objective", "mlm", "--steps", 30, *TINY_MLM[2:], *vary, "--out", out)
    made = program(*command, "--trials", 2, "--log", "csv")
    assert made.code == 0, made.err
    assert (out / "runs" / "trial-0001" / "log" / "curves.csv").is_file()
    made = program(*command, "--trials", 3)
    assert made.code == 0, made.err
    first = made.out.splitlines()[1].split()
    assert first[2] == "1e-2"
    run = json.loads((out / "runs" / f"trial-{int(first[0]):04d}" / "run.json").read_text())
    assert float(first[1]) == pytest.approx(run["result"]["held_out"][-1]["loss"], abs=1e-4)
    assert "headstart pretrain" in made.out


def test_python_gets_a_frame_with_a_row_per_trial(tmp_path):
    settings = {"epochs": 1, "least_steps": 2, "head_steps": 0}
    found = hs.sweep(
        "mlm", data="train.tsv", vary=["batch=8,16"], trials=2, out=tmp_path / "sweep", settings=settings, log="csv"
    )
    assert set(found.to_frame()["batch"]) == {"8", "16"}
    assert "trial-1" in (tmp_path / "sweep" / "log" / "curves.csv").read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--vary", "learning_raet=1..2", *ROUTE), "did you mean"),
        (("--vary", "batch=8,many", *ROUTE), "expected a whole number"),
        (("--vary", "batch=8", *ROUTE), "one value is no choice"),
        ((*ROUTE,), "--vary"),
        (("--vary", "batch=8,16", *ROUTE, "--trials", 0), "must be larger than 0"),
        (("--vary", "objective.mask_ratio=0.1,0.2", "--objective", "mlm", "--steps", 2), "another quantity"),
        (("halves", "--vary", "batch=8,16", *ROUTE), "one base"),
    ],
)
def test_mistakes_teach(program, tmp_path, more, words):
    source = "mlm" if "--data" in more else "corpus.txt"
    made = program("sweep", source, *more, "--out", tmp_path / "sweep")
    assert made.code == 2, made.err
    assert words in made.complaint
    assert not (tmp_path / "sweep").exists()


def test_a_missing_package_is_one_line(program, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    made = program("sweep", "mlm", *ROUTE, "--vary", "batch=8,16", "--out", tmp_path / "sweep")
    assert "pip install 'headstart[sweep]'" in made.complaint


def test_a_foreign_folder_is_refused(program, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    made = program("sweep", "mlm", *ROUTE, "--vary", "batch=8,16", "--out", tmp_path)
    assert "is not empty" in made.complaint

"""--seeds: a run or task model per seed, their spread, and the same command makes what is missing and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import TINY, TINY_MLM
from safetensors.numpy import load_file
from scipy import stats

import headstart as hs
from headstart.core import registry
from headstart.statistics.pooled import pooled_score

FINETUNE = ("--route", "finetune", "epochs=1", "least_steps=4", "head_steps=0", "choose_learning_rate=false")
PACED = """
import time
from headstart.training import loop
tick = loop._Run.tick
loop._Run.tick = lambda run: (time.sleep(0.03), tick(run))
from headstart.commands.app import main
main()
"""


def weights(folder) -> dict[str, np.ndarray]:
    (path,) = sorted(folder.glob("checkpoints/step-*/weights.safetensors"))[-1:]
    return load_file(path)


def changed_at(folder) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_runs_of_several_seeds_and_what_they_have_in_common(program, tmp_path):
    out = tmp_path / "runs"
    command = ("pretrain", "corpus.txt", "--out", out, "--steps", 4, *TINY_MLM)
    first = program(*command, "--seeds", "0,2")
    assert first.code == 0, first.err
    alone = program("pretrain", "corpus.txt", "--out", tmp_path / "alone", "--steps", 4, "--seed", 2, *TINY_MLM)
    assert alone.code == 0
    one, other = weights(out / "seed-2"), weights(tmp_path / "alone")
    assert all(np.array_equal(one[name], other[name]) for name in one)
    zero = weights(out / "seed-0")
    assert any(not np.array_equal(one[name], zero[name]) for name in one)
    before = changed_at(out / "seed-0") | changed_at(out / "seed-2")
    more = program(*command, "--seeds", "0,1,2")
    assert more.code == 0, more.err
    assert (changed_at(out / "seed-0") | changed_at(out / "seed-2")) == before
    found = json.loads((out / "seeds.json").read_text())
    losses = []
    for seed in (0, 1, 2):
        record = json.loads((out / f"seed-{seed}" / "run.json").read_text())
        losses.append(record["result"]["held_out"][-1]["loss"])
    (pooled,) = found["pooled"]
    assert pooled["mean"] == pytest.approx(np.mean(losses))
    assert (pooled["least"], pooled["most"]) == (min(losses), max(losses))
    assert f"mean {np.mean(losses):.4f} over 3 seeds, range {min(losses):.4f} to {max(losses):.4f}" in more.out
    longer = program(*command[:4], "--steps", 6, *TINY_MLM, "--seeds", "0,1")
    assert longer.code == 0, longer.err
    assert json.loads((out / "seed-1" / "run.json").read_text())["result"]["step"] == 6


def test_ctrl_c_keeps_finished_seeds_and_the_same_command_goes_on(program, tmp_path, place):
    out = tmp_path / "runs"
    command = ["pretrain", str(place / "corpus.txt"), "--out", str(out), "--steps", "20", "--seeds", "0,1,2", *TINY]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", PACED, *command], stderr=subprocess.PIPE, env=environment)
    limit = time.monotonic() + 100
    while not (out / "seed-1" / "metrics.jsonl").is_file() and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130, said.decode()
    assert json.loads((out / "seed-0" / "run.json").read_text())["status"] == "finished"
    assert json.loads((out / "seeds.json").read_text())["missing"] == [1, 2]
    done = changed_at(out / "seed-0")
    again = program(*command)
    assert again.code == 0, again.err
    assert changed_at(out / "seed-0") == done
    found = json.loads((out / "seeds.json").read_text())
    assert (len(found["seeds"]), found["missing"]) == (3, [])


def test_task_models_are_scored_together(program, tmp_path):
    out = tmp_path / "tasks"
    command = ("transfer", "mlm", "--data", "train.tsv", "--out", out, *FINETUNE, "--test", "test.tsv")
    made = program(*command, "--seeds", "0,1,2")
    assert made.code == 0, made.err
    before = changed_at(out / "seed-1")
    (out / "seed-2").rename(tmp_path / "away")
    again = program(*command, "--seeds", "0,1,2")
    assert again.code == 0, again.err
    assert changed_at(out / "seed-1") == before
    assert again.out == made.out  # what was missing is the same again
    rows = json.loads((out / "seeds.json").read_text())
    accuracy = next(row for row in rows["pooled"] if row["figure"] == "accuracy")
    single = [hs.evaluate(out / f"seed-{seed}", "test.tsv").scores["accuracy"][0] for seed in range(3)]
    assert [row["accuracy"] for row in rows["seeds"]] == pytest.approx(single)
    assert accuracy["mean"] == pytest.approx(np.mean(single))
    assert 0 <= accuracy["low"] < accuracy["mean"] <= accuracy["high"] <= 1
    other = program(*command, "--seeds", "0,1,2", "batch=4")
    assert other.code == 2
    assert "another route or other settings" in other.complaint


def test_two_seeds_have_no_interval_and_python_gets_a_frame(tmp_path):
    found = hs.transfer("mlm", data="train.tsv", out=tmp_path / "tasks", route="probe", seeds=[0, 1], test="test.tsv")
    assert list(found.to_frame()["seed"]) == [0, 1]
    assert found.pooled[0]["remark"] == "an interval needs 3 seeds"
    assert "low" not in found.pooled[0]


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Seeds that differ and 200 test rows: 95 % intervals of the mean over seeds hold it in at least 90 % of trials."""
    metric, random, hits, trials = registry.load("metric", "accuracy")(), np.random.default_rng(0), 0, 300
    for _ in range(trials):
        truth = np.zeros(200, np.int64)
        easy_N = random.normal(0, 0.5, 200)
        skill_D = random.normal(0.7, 0.2, 4)
        answers = [(random.random(200) > stats.norm.cdf(skill + easy_N)).astype(np.int64) for skill in skill_D]
        expected = stats.norm.cdf(0.7 / np.sqrt(1 + 0.2**2 + 0.5**2))
        low, high = pooled_score(metric, truth, answers).interval()
        hits += low <= expected <= high
    assert hits / trials > 0.9


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--seeds", "0,x"), "expected whole numbers"),
        (("--seeds", ","), "expected whole numbers"),
        (("--seeds", "0,1", "--seed", 3), "give one of them"),
    ],
)
def test_wrong_seeds_teach(program, tmp_path, more, words):
    for verb in (("pretrain", "corpus.txt", "--steps", 2), ("transfer", "halves", "--data", "train.tsv")):
        made = program(*verb, "--out", tmp_path / "out", *more)
        assert made.code == 2
        assert words in made.complaint
        assert not (tmp_path / "out").exists()


def test_other_mistakes_teach(program, tmp_path):
    out = tmp_path / "out"
    made = program("transfer", "halves", "--data", "train.tsv", "--out", out, "--test", "test.tsv")
    assert "headstart evaluate" in made.complaint
    assert "once per seed" in program("pretrain", "-", "--out", out, "--seeds", "0,1", stdin=b"a text").complaint
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    made = program("pretrain", "corpus.txt", "--out", out, "--seeds", "0,1", "--steps", 2)
    assert "mine.txt, which no --seeds made" in made.complaint

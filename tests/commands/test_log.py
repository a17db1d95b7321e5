"""--log: the curves of pretrain and transfer lie in the folder that is made, and disturb nothing."""

from __future__ import annotations

import json
from pathlib import Path

import curves_read
import pytest
from conftest import TINY_MLM

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FINETUNE = ("--route", "finetune", "epochs=1", "least_steps=4", "head_steps=0")


def test_tensorboard_reads_what_metrics_jsonl_holds(program, tmp_path):
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    made = program("pretrain", "corpus.txt", "--out", out, "--steps", 6, *TINY_MLM, "--log", "tensorboard, csv")
    assert made.code == 0, made.err
    told = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for logger in ("tensorboard", "csv"):
        found = {point[1:3]: point[3] for point in curves_read.points(logger, out / "log")}
        for event in told:
            if event["kind"] == "step":
                assert found["loss", event["step"]] == pytest.approx(event["loss"], abs=1e-5)
                assert found["learning_rate", event["step"]] == pytest.approx(event["learning_rate"], abs=1e-6)
            elif event["kind"] == "evaluation":
                assert found["held_out/loss", event["step"]] == pytest.approx(event["loss"], abs=1e-5)
        assert sum(scalar == "loss" for scalar, _ in found) == 6
    again = program("pretrain", "--out", out, "--resume", "--steps", 8, "--log", "csv")
    assert again.code == 0, again.err
    losses = [point for point in curves_read.points("csv", out / "log") if point[1] == "loss"]
    assert [step for _, _, step, _ in losses] == list(range(1, 9))
    with open(out / "log" / "curves.csv", "a") as stream:  # curves are no part of what is certified
        stream.write("changed")
    assert program("embed", out, "corpus.txt", "--out", tmp_path / "vectors.npy").code == 0


def test_a_fine_tuned_model_keeps_its_curves_beside_it(program, tmp_path):
    out = tmp_path / "task"
    made = program("transfer", "mlm", "--data", "train.tsv", "--out", out, *FINETUNE, "--log", "csv")
    assert made.code == 0, made.err
    curves = {name for name, *_ in curves_read.points("csv", out / "log")}
    assert "network" in curves
    assert any(name.startswith("choice/rate-") for name in curves)
    assert program("evaluate", out, "test.tsv").code == 0


def test_a_route_without_a_loop_says_so(program, tmp_path):
    made = program("transfer", "mlm", "--data", "train.tsv", "--out", tmp_path / "task", "--log", "csv")
    assert made.code == 0
    assert "no curves" in made.err
    assert not (tmp_path / "task" / "log").exists()


def test_a_transfer_that_fails_leaves_no_curves_in_the_way(program, tmp_path):
    out = tmp_path / "task"
    wrong = (*FINETUNE, "learning_rate=1e30", "choose_learning_rate=false", "least_steps=200")
    failed = program("transfer", "mlm", "--data", "train.tsv", "--out", out, *wrong, "--log", "csv")
    assert failed.code == 2, failed.err
    assert "not finite" in failed.complaint
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [("tensorbord", "did you mean 'tensorboard'"), (",", "name at least one of csv, tensorboard, wandb")],
)
def test_a_wrong_name_teaches(program, tmp_path, given, words):
    made = program("pretrain", "corpus.txt", "--out", tmp_path / "run", "--steps", 2, "--log", given)
    assert made.code == 2
    assert words in made.complaint
    assert not Path(tmp_path / "run").exists()

"""SIGKILL before any single change of the disk: runs go on bit for bit, task models are whole or absent, reports go on.

Here a sample of the places; all of them in tests/full.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from killing import killed_before, program
from old_artefacts import HOME, copy_of, headstart
from safetensors.numpy import load_file

from headstart.commands.session import holds_anything
from headstart.core.errors import HeadstartError
from headstart.core.manifest import faults
from headstart.fitting.task_model_files import load_task
from headstart.reporting.report import read_report
from headstart.training.pretrained_model import PretrainedModel

SETTINGS = ("backbone.width=8", "backbone.mlp_width=8", "batches.tokens=256", "training.dtype=fp32", "--threads", 1)
RUN = ("pretrain", HOME / "text.txt", "--objective", "halves", "--vocabulary", 60, "training.save_steps=2", *SETTINGS)
MORE = (*RUN, "--resume", "--steps", 9)
LABELLED = ("--data", HOME / "train.tsv", "--threads", 1)
REPORT = ("--test", HOME / "test.tsv", "--labels", "8", "--draws", 2, "--routes", "tfidf_nb,probe", "--audit", "skip")
FEW, VERY_FEW = 11, 40  # one of so many changes of the disk is tried


def final(run: Path) -> dict[str, bytes]:
    newest = sorted((run / "checkpoints").iterdir())[-1]
    tensors = load_file(newest / "weights.safetensors") | load_file(newest / "optimizer.safetensors")
    return {newest.name: b""} | {name: tensor.tobytes() for name, tensor in tensors.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run of 6 steps, one of 9, and a task model, so that forked processes find everything imported."""
    home = tmp_path_factory.mktemp("made")
    headstart(*RUN, "--out", home / "run", "--steps", 6)
    shutil.copytree(home / "run", home / "longer")
    headstart(*MORE, "--out", home / "longer")
    headstart("transfer", home / "run", *LABELLED, "--out", home / "task")
    return home


def told_in_order(run: Path) -> bool:
    """Whether metrics.jsonl has whole lines alone, whose steps never go back and of which every one was told."""
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    return steps == sorted(steps) and {0, *steps} == {*range(steps[-1] + 1)}


def opens_or_says_why(run: Path) -> bool:
    """Whether the run opens; otherwise it must be one that never had a checkpoint."""
    try:
        warnings = PretrainedModel.open(run).warnings
    except HeadstartError as error:
        if not any(word in str(error) for word in ("no checkpoint yet", "no such directory", "neither a run")):
            raise
        return False
    assert warnings == []
    return True


def places(every: int):
    """Yield the number of the change that is not made any more, until the command comes to its end."""
    return range(every // 2, 10_000, every)


def new_run_is_killed(made: Path, tmp_path: Path, every: int) -> None:
    opened: list[bool] = []
    for number in places(every):
        out = tmp_path / str(number)
        killed = killed_before(number, program(*RUN, "--out", out, "--steps", 6))
        opened.append(opens_or_says_why(out))
        headstart(*RUN, "--out", out, "--steps", 6, "--resume")
        assert final(out) == final(made / "run")
        assert faults(out, "run") == []
        assert told_in_order(out)
        assert not list(out.rglob(".*"))
        if not killed:
            break
    assert opened == sorted(opened)  # once there is a checkpoint, no kill takes the model away
    assert len(opened) > 60 / every


def resumed_run_is_killed(made: Path, tmp_path: Path, every: int) -> None:
    for number in places(every):
        out = Path(shutil.copytree(made / "run", tmp_path / str(number)))
        killed = killed_before(number, program(*MORE, "--out", out))
        assert opens_or_says_why(out)
        headstart(*MORE, "--out", out)
        assert final(out) == final(made / "longer")
        assert faults(out, "run") == []
        assert told_in_order(out)
        if not killed:
            break
    assert number > 20


def old_run_is_killed(tmp_path: Path, every: int) -> None:
    expected = None
    for number in places(every):
        out = copy_of("halves", tmp_path / str(number))
        command = ("pretrain", "text.txt", "--out", out, "--resume", "--threads", 1)
        killed = killed_before(number, program(*command))
        assert opens_or_says_why(out)
        headstart(*command)
        assert final(out) == (expected := expected or final(out))
        assert faults(out, "run") == []
        if not killed:
            break
    assert number > 20


def transfer_is_killed(made: Path, tmp_path: Path, every: int) -> None:
    for number in places(every):
        task = tmp_path / str(number)
        command = ("transfer", made / "run", *LABELLED, "--route", "bag", "route.count=2", "--out", task)
        killed = killed_before(number, program(*command))
        if holds_anything(task):
            load_task(task)
        else:
            headstart(*command)
        assert [path.name for path in tmp_path.iterdir() if str(number) in path.name] == [task.name]
        assert faults(task, "task") == []
        if not killed:
            break
    assert number > 20


def comparison_is_killed(made: Path, tmp_path: Path, every: int) -> None:
    for number in places(every):
        out = tmp_path / str(number)
        command = ("compare", made / "run", *LABELLED, *REPORT, "--out", out)
        killed = killed_before(number, program(*command))
        if (out / "manifest.json").is_file():
            assert faults(out, "report") == []
        headstart(*command)
        assert len(read_report(out)["cells"]) == 4
        if not killed:
            break
    assert number > 20
    assert "4 identical" in headstart("verify", out, "all")


def test_a_new_run(made, tmp_path):
    new_run_is_killed(made, tmp_path, FEW)


@pytest.mark.full
def test_a_resumed_run(made, tmp_path):
    resumed_run_is_killed(made, tmp_path, FEW)


@pytest.mark.full
def test_an_old_run_that_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(HOME)
    old_run_is_killed(tmp_path, FEW)


def test_a_transfer(made, tmp_path):
    transfer_is_killed(made, tmp_path, VERY_FEW)


def test_a_comparison(made, tmp_path):
    comparison_is_killed(made, tmp_path, VERY_FEW)

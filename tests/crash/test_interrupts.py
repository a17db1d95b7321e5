"""Signals and kills in mid-training, then --resume: nothing lost, final weights bit for bit those of an uninterrupted run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

STEPS = 60
ENV = os.environ | {"OMP_NUM_THREADS": "1"}


def command(text: Path, out: Path, objective: str, *more: str) -> list[str]:
    small = (
        ("backbone.width=64",)
        if objective == "halves"
        else ("backbone.width=32", "backbone.depth=1", "backbone.heads=2")
    )
    settings = (*small, "training.save_steps=10", "training.dtype=fp32", "batches.tokens=2048")
    return [
        sys.executable,
        "-m",
        "headstart",
        "pretrain",
        str(text),
        "--out",
        str(out),
        "--objective",
        objective,
        "--steps",
        str(STEPS),
        *settings,
        *more,
    ]


def resume(text: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "headstart", "pretrain", str(text), "--out", str(out), "--resume"]


def final(out: Path) -> dict:
    checkpoint = out / "checkpoints" / f"step-{STEPS:09d}"
    files = [load_file(checkpoint / f"{name}.safetensors") for name in ("weights", "optimizer")]
    return {k: v.clone() for file in files for k, v in file.items()}  # the files are mapped; one is damaged below


def same(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(one[k].equal(two[k]) for k in one)


@pytest.fixture
def text(tmp_path, reviews) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(reviews * 4))
    return path


def wait_for_step(out: Path, step: int, process: subprocess.Popen) -> None:
    for _ in range(3000):
        found = list((out / "checkpoints").glob("step-*"))
        if any(int(p.name[5:]) >= step for p in found) or process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("the run never got there")


@pytest.mark.parametrize("objective", ["halves", "mlm"])
def test_signals_save_and_resume_is_bit_identical(tmp_path, text, objective):
    whole = subprocess.run(command(text, tmp_path / "whole", objective), capture_output=True, text=True, env=ENV)
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "cut"
    process = subprocess.Popen(command(text, out, objective), stderr=subprocess.PIPE, text=True, env=ENV)
    wait_for_step(out, 10, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode != 0:  # a run that was quicker than the signal proves nothing, and is seen below
        assert process.returncode == 130, said
        assert "Traceback" not in said
        process = subprocess.Popen(resume(text, out), stderr=subprocess.PIPE, text=True, env=ENV)
        time.sleep(3)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    for _ in range(3):
        if json.loads((out / "run.json").read_text())["status"] == "finished":
            break
        subprocess.run(resume(text, out), capture_output=True, check=True, env=ENV)
    assert same(final(tmp_path / "whole"), final(out))


def test_kills_at_random_moments(tmp_path, text):
    """SIGKILL again and again, also inside saves: no manual step, the same final bits."""
    subprocess.run(command(text, tmp_path / "whole", "halves"), capture_output=True, check=True, env=ENV)
    out, random_source, killed = tmp_path / "cut", random.Random(3), 0
    process = subprocess.Popen(
        command(text, out, "halves", "training.save_steps=2"), stderr=subprocess.DEVNULL, env=ENV
    )
    while killed < 4:
        wait_for_step(out, 2 + 10 * killed, process)
        time.sleep(random_source.random() * 0.1)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        killed += 1
        process = subprocess.Popen(resume(text, out), stderr=subprocess.DEVNULL, env=ENV)
    assert process.wait(timeout=60) == 0
    assert killed >= 2
    assert same(final(tmp_path / "whole"), final(out))


def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path, text):
    out = tmp_path / "run"
    subprocess.run(command(text, out, "halves"), capture_output=True, check=True, env=ENV)
    whole = final(out)
    newest = out / "checkpoints" / f"step-{STEPS:09d}" / "weights.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    again = subprocess.run(resume(text, out), capture_output=True, text=True, env=ENV)
    assert again.returncode == 0, again.stderr
    assert "falling back to the previous one" in again.stderr
    assert same(whole, final(out))

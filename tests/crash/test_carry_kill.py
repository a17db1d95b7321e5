"""SIGKILL in the middle of an epoch of running text, then --resume: the same weights, optimizer and carried state."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from headstart.commands.app import main

STEPS = 24
SETTINGS = (
    *("--recipe", "ulmfit", "--steps", str(STEPS), "--unit", "line"),
    *("backbone.width=24", "backbone.inner=32", "batches.tokens=256", "batches.max_length=32"),
    *("training.dtype=fp32", "training.save_steps=3"),
)
# The program with a pause in every step, so that the kill finds it at work.
PACED = """
import time
from headstart.training import loop
tick = loop._Run.tick
loop._Run.tick = lambda run: (time.sleep(0.05), tick(run))
from headstart.commands.app import main
main()
"""


def start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", PACED, "pretrain", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def finished(*arguments: object) -> None:
    """Pre-train to the end in this process: resuming in a process of its own is in test_interrupts.py."""
    with pytest.raises(SystemExit) as done:
        main(["pretrain", *map(str, arguments)])
    assert done.value.code == 0


def final(out: Path) -> dict:
    folder = out / "checkpoints" / f"step-{STEPS:09d}"
    files = {name: load_file(folder / f"{name}.safetensors") for name in ("weights", "optimizer", "carry")}
    return {f"{name}.{key}": tensor for name, file in files.items() for key, tensor in file.items()}


def test_a_killed_run_goes_on_in_mid_epoch_bit_for_bit(tmp_path, capsys):
    text, source = tmp_path / "text.txt", random.Random(5)
    words = ("film", "actor", "scene", "story", "bread", "soup", "taste", "train", "road", "영화", "배우", "음식")
    text.write_text("".join(" ".join(source.choices(words, k=source.randint(5, 14))) + "\n" for _ in range(400)))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    finished(text, "--out", whole, *SETTINGS)

    process, checkpoint = start(text, "--out", cut, *SETTINGS), cut / "checkpoints" / "step-000000006"
    end = time.monotonic() + 60
    while not checkpoint.is_dir() and process.poll() is None:
        assert time.monotonic() < end, "the run never got there"
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    finished(text, "--out", cut, "--resume")
    assert "resumed from step-" in capsys.readouterr().err

    one, two = final(whole), final(cut)
    assert one.keys() == two.keys()
    assert sum(name.startswith("carry.") for name in one) == 6  # three layers of h and c: the end is in mid-epoch too
    for name, tensor in one.items():
        assert tensor.equal(two[name]), name

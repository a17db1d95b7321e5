"""Signals and kills in mid-training, then --resume: nothing is lost, and the final bits are those of an unhurt run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from headstart.commands.app import main

STEPS = 50
SETTINGS = {
    "halves": ("--objective", "halves", "backbone.width=64", "backbone.mlp_width=64"),
    "mlm": ("--objective", "mlm", "backbone.width=32", "backbone.depth=1", "backbone.heads=2"),
}
# The program with a pause in every step: the signals find it at work on a fast and on a busy machine alike.
PACED = """
import time
from headstart.training import loop
tick = loop._Run.tick
loop._Run.tick = lambda run: (time.sleep(0.03), tick(run))
from headstart.commands.app import main
main()
"""


def start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", PACED, "pretrain", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def unhurt(*arguments: object) -> str:
    """Pre-train to the end without a process of its own, for runs that nothing happens to; return what was said."""
    said = io.StringIO()
    with (
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
        pytest.raises(SystemExit) as done,
    ):
        main(["pretrain", *map(str, arguments)])
    assert done.value.code == 0, said.getvalue()
    return said.getvalue()


def asked(text: Path, out: Path, objective: str, *more: str) -> tuple:
    settings = (*SETTINGS[objective], "training.dtype=fp32", "batches.tokens=2048")
    return (text, "--out", out, "--steps", STEPS, *settings, *more)


def new(*given: object) -> subprocess.Popen:
    return start(*asked(*given))


def ended(process: subprocess.Popen, code: int) -> str:
    """Wait, check the exit status and that there is no traceback, and return what was said."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return said


def final(out: Path) -> dict:
    checkpoint = out / "checkpoints" / f"step-{STEPS:09d}"
    files = [load_file(checkpoint / f"{name}.safetensors") for name in ("weights", "optimizer")]
    return {k: v.clone() for file in files for k, v in file.items()}  # the files are mapped; one is damaged below


def same(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(one[k].equal(two[k]) for k in one)


def wait(process: subprocess.Popen, seen: Callable[[], bool], pause: float = 0.01) -> None:
    """Return as soon as `seen`, looked for every `pause` seconds, or when the process has ended."""
    end = time.monotonic() + 60
    while not seen() and process.poll() is None:
        assert time.monotonic() < end, "the run never got there"
        time.sleep(pause)


def saved(out: Path, step: int) -> Callable[[], bool]:
    return lambda: any(int(path.name[5:]) >= step for path in (out / "checkpoints").glob("step-*"))


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("crash") / "text.txt"
    words = [
        "film",
        "actor",
        "scene",
        "story",
        "bread",
        "soup",
        "taste",
        "train",
        "road",
        "영화",
        "배우",
        "음식",
        "기차",
    ]
    source = random.Random(5)
    path.write_text("".join(" ".join(source.choices(words, k=source.randint(5, 14))) + "\n" for _ in range(1500)))
    return path


@pytest.fixture(scope="module")
def whole(text, tmp_path_factory) -> Callable[[str], Path]:
    """The folder of an uninterrupted run, by objective."""
    home = tmp_path_factory.mktemp("whole")

    def get(objective: str) -> Path:
        if not (home / objective).exists():
            unhurt(*asked(text, home / objective, objective, "training.save_steps=20"))
        return home / objective

    return get


@pytest.mark.parametrize(
    ("objective", "sent", "code"),
    [("halves", signal.SIGTERM, 143), pytest.param("mlm", signal.SIGINT, 130, marks=pytest.mark.full)],
)
def test_signals_save_and_resume_is_bit_identical(tmp_path, text, whole, objective, sent, code):
    out = tmp_path / "cut"
    process = new(text, out, objective, "training.save_steps=5")
    wait(process, saved(out, 15))
    process.send_signal(sent)
    assert f"{sent.name}: saving, then stopping" in ended(process, code)
    assert json.loads((out / "run.json").read_text())["status"] == "stopped"
    assert "resumed from step-" in unhurt(text, "--out", out, "--resume")
    assert json.loads((out / "run.json").read_text())["status"] == "finished"
    assert same(final(whole(objective)), final(out))


def test_a_signal_before_training_stops_at_once(tmp_path, text):
    """There is nothing to save yet; --resume carries on from what is there."""
    out = tmp_path / "early"
    process = new(text, out, "halves")
    wait(process, lambda: (out / "run.json").is_file())
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "Traceback" not in said
    unhurt(text, "--out", out, "--steps", STEPS, "--resume")


def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path, text, whole):
    out = Path(shutil.copytree(whole("halves"), tmp_path / "run"))
    newest = out / "checkpoints" / f"step-{STEPS:09d}" / "weights.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    said = unhurt(text, "--out", out, "--resume")
    assert "falling back to the previous one" in said
    assert "resumed from step-000000040" in said
    assert same(final(whole("halves")), final(out))

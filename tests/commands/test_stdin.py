"""Text from standard input: read once, kept in the run directory, read again by every pass and by --resume."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TINY = ("backbone.width=32", "backbone.mlp_width=32", "training.save_steps=2")


@pytest.mark.parametrize("kind", ["text", "gzip", "jsonl"])
def test_stdin_is_kept_and_resumed(program, place, tmp_path, kind):
    text = (place / "corpus.txt").read_text()
    if kind == "jsonl":
        piped = "".join(json.dumps({"text": line}) + "\n" for line in text.splitlines()).encode()
    else:
        piped = gzip.compress(text.encode()) if kind == "gzip" else text.encode()
    out = tmp_path / "run"
    made = program("pretrain", "-", "--out", out, "--steps", 2, *TINY, stdin=piped)
    assert made.code == 0, made.err
    assert "300 rows read, 300 used" in made.err
    assert (out / "stdin").read_bytes() == piped
    assert json.loads((out / "run.json").read_text())["spec"]["corpus"]["paths"] == [str((out / "stdin").resolve())]
    more = program("pretrain", "-", "--out", out, "--steps", 4, "--resume")  # nothing comes in this time
    assert more.code == 0, more.err
    assert "resumed from step-000000002" in more.err
    compared = program(  # closed-form vectors read the text once more
        *("compare", out, "--data", "train.tsv", "--test", "test.tsv", "--out", tmp_path / "c"),
        *("--labels", 8, "--draws", 2, "--routes", "ppmi_logreg"),
    )
    assert compared.code == 0, compared.err
    assert "could not run" not in compared.err


def test_a_real_pipe(place, tmp_path):
    out = tmp_path / "run"
    shell = f"cat corpus.txt | {sys.executable} -m headstart pretrain - --out {out} --steps 2 {' '.join(TINY)}"
    made = subprocess.run(["bash", "-c", shell], cwd=place, capture_output=True, text=True, env=dict(os.environ))
    assert made.returncode == 0, made.stderr
    assert (out / "stdin").read_bytes() == Path("corpus.txt").read_bytes()


def test_a_refused_pipe_leaves_nothing(program, place, tmp_path):
    found = program("pretrain", "-", "--out", tmp_path / "run", stdin=(place / "noise.bin").read_bytes())
    assert found.code == 2
    assert "binary" in found.complaint
    assert not (tmp_path / "run").exists()


def test_stopped_while_reading_a_pipe(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "headstart", "pretrain", "-", "--out", str(out), "--steps", "2", *TINY]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not list(out.glob(".stdin.*.tmp")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "headstart: interrupted" in said.decode()
    assert not out.exists()

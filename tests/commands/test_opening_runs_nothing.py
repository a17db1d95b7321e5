"""No verb runs, imports or unpickles what lies in an artefact, starts a program or connects: seen by an audit hook."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Forked
from program import headstart

STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile")
SHORTEST = 12  # characters; annotations like `int` and `str` are compiled and stand in any text
LEAVES = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
VERBS = {
    "predict": "predict task test.tsv --out {tmp}/answers.csv",
    "evaluate": "evaluate task test.tsv",
    "embed": "embed mlm corpus.txt --out {tmp}/vectors.npy",
    "fill": "fill mlm [MASK]",
    "resume": "pretrain corpus.txt --out halves --resume --steps 8",
    "transfer": "transfer mlm --data train.tsv --out {tmp}/task",
}


def watch(folder: Path, found: list[str]) -> None:
    """Add to `found` whatever this process does from now on that opening the artefacts of a folder must not do."""
    texts = [one.read_text(encoding="utf-8") for one in folder.rglob("*.json")]

    def hook(event: str, values: tuple) -> None:
        if event.startswith((*STARTS, *LEAVES)) or event == "pickle.find_class":
            found.append(f"{event} {values!r}")
        elif event == "compile" and isinstance(values[0], str | bytes):
            source = values[0] if isinstance(values[0], str) else values[0].decode(errors="replace")
            own = len(source) >= SHORTEST and any(source in text for text in texts)
            if own or str(values[1]).startswith(str(folder)):
                found.append(f"compile {source!r}")
        elif event == "exec" and values[0].co_filename.startswith(str(folder)):
            found.append(f"exec {values[0].co_filename}")

    sys.addaudithook(hook)


def done_by(place: Path, tmp_path: Path, verb: str, before=lambda: None) -> list[str]:
    """What a verb does on copies of the artefacts, in a process of its own."""
    home = tmp_path / "place"
    shutil.copytree(place, home)

    def run() -> None:
        os.chdir(home)
        found: list[str] = []
        before()
        watch(home, found)
        ended = headstart(*VERBS[verb].format(tmp=tmp_path).split())
        (tmp_path / "found.json").write_text(json.dumps([ended.code, ended.err, found]))

    Forked(run).wait(120)
    code, said, found = json.loads((tmp_path / "found.json").read_text())
    assert code == 0, said
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_opening_runs_nothing(place, tmp_path, verb):
    assert done_by(place, tmp_path, verb) == []


PLANTED = {
    "compile": lambda text: compile(text, "<string>", "eval"),
    "pickle.find_class": lambda text: pickle.loads(pickle.dumps(Path())),
    "subprocess.Popen": lambda text: subprocess.run(["true"]),
    "socket.getaddrinfo": lambda text: socket.getaddrinfo("localhost", 1),
}


@pytest.mark.parametrize("event", PLANTED)
def test_what_runs_something_is_found(place, tmp_path, event):
    """The twin: whoever reads JSON does a little more."""

    def plant() -> None:
        real = json.loads
        json.loads = lambda text, **how: (PLANTED[event](text), real(text, **how))[1]

    assert any(line.startswith(event) for line in done_by(place, tmp_path, "evaluate", plant))

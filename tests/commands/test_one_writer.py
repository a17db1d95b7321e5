"""Every verb that writes a folder is its only writer: a second one is refused, and nothing of it stays."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from headstart.commands.app import VERBS
from headstart.core import sole_writer
from headstart.core.claims import claim
from headstart.core.files import WRITER
from headstart.core.holder import Holder
from headstart.core.manifest import faults
from headstart.training import loop, prepare
from headstart.training.pretrained_model import PretrainedModel

ROWS = ("--data", "train.tsv", "--threads", "1")
TINY = ("backbone.width=32", "backbone.mlp_width=32", "--steps", 2)
WRITERS = {
    "pretrain": ("corpus.txt", *TINY),
    "pretrain --resume": ("--resume",),
    "pretrain --seeds": ("corpus.txt", "--seeds", "0,1", *TINY),
    "transfer": ("halves", *ROWS),
    "transfer --seeds": ("none", *ROWS, "--route", "tfidf_nb", "--seeds", "0,1"),
    "sweep": ("none", *ROWS, "--route", "tfidf_logreg", "--vary", "default=0.1,2"),
    "compare": ("none", *ROWS, "--routes", "tfidf_nb"),
    "ablate": ("none", *ROWS, "--route", "tfidf_logreg", "--vary", "default=0.1"),
    "cross": ("none", "--data", "a=train.tsv", "b=test.tsv", "--routes", "tfidf_nb", "--labels", "8"),
    "audit": ("train.tsv",),
    "convert": ("halves",),
    "export": ("halves",),
}
ALONE = {"demo": "it writes into a new folder, with verbs of this table", "next": "it writes a file, at once"}


def claimed(folder: Path, holder: Holder) -> Path:
    """Let a process write into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / WRITER).write_text(json.dumps(asdict(replace(holder, since="2026-11-28 20:00:00 +0000"))))
    return folder


def asked(verb: str, out: Path) -> tuple:
    return (verb.split()[0], *WRITERS[verb], "--out", out)


def test_every_verb_with_a_folder_to_write_is_in_the_table():
    found = set()
    for verb in VERBS:
        module = importlib.import_module(f"headstart.commands.{verb}")
        out = inspect.signature(vars(module).get(verb, len)).parameters.get("out")
        if out is not None and ("folder" in str(out.annotation) or "director" in str(out.annotation)):
            found.add(verb)
    assert found <= {verb.split()[0] for verb in WRITERS} | ALONE.keys()
    assert {"pretrain", "compare", "demo"} <= found


@pytest.mark.parametrize("verb", WRITERS)
def test_where_another_process_writes_a_verb_is_refused_before_it_reads(program, tmp_path, verb):
    out = claimed(tmp_path / "out", Holder.of(os.getppid()))
    done = program(*asked(verb, out))
    assert done.code == 2
    assert f"{out}: process {os.getppid()} on " in done.complaint
    assert "writes there, since 2026-11-28 20:00:00 +0000; wait for its end, end it" in done.complaint
    assert [path.name for path in out.iterdir()] == [WRITER]


@pytest.mark.parametrize("verb", ["pretrain", "pretrain --seeds", "transfer", "sweep", "compare", "ablate", "cross"])
def test_a_verb_claims_what_it_writes(program, tmp_path, verb):
    """What came between the first look and the first file is seen too; the claim is of this process here."""
    out = tmp_path / "out"
    out.mkdir()
    assert claim(out / WRITER)
    done = program(*asked(verb, out))
    assert done.code == 2
    assert f"process {os.getpid()} on " in done.complaint
    assert [path.name for path in out.iterdir()] == [WRITER]


def test_the_gate_fails_where_nothing_is_claimed(program, tmp_path, monkeypatch):
    """The fault planted: a claim that everybody gets."""
    monkeypatch.setattr(sole_writer, "take", lambda *given: None)
    out = tmp_path / "out"
    out.mkdir()
    assert claim(out / WRITER)
    assert program(*asked("transfer --seeds", out)).code == 0


def test_a_lost_run_goes_on_and_says_whose_place_it_takes(program, place, tmp_path):
    run = claimed(Path(shutil.copytree(place / "halves", tmp_path / "run")), replace(Holder.here(), began="1"))
    half = run / f"checkpoints/.step-000000009.{replace(Holder.here(), began='1').mark}-0a1b2c.tmp"
    half.mkdir()
    done = program("pretrain", "--resume", "--steps", 7, "--out", run)
    assert done.code == 0, done.err
    assert f"{run}: process {os.getpid()} on {os.uname().nodename} wrote there until it was lost" in done.err
    assert not half.exists()
    assert not (run / WRITER).exists()
    assert faults(run, "run") == []


@pytest.mark.parametrize("begun", [True, False])
def test_a_run_that_stood_still_ends_in_one_line(program, place, tmp_path, monkeypatch, begun):
    """Before training too: the first files of the one that took its place are not taken away."""
    run = tmp_path / "run"
    if begun:
        shutil.copytree(place / "halves", run)
    module, name = (loop._Run, "step") if begun else (prepare, "check_usable")
    real = getattr(module, name)

    def still(*given):
        claimed(run, replace(Holder.here(), host="elsewhere", name="elsewhere"))
        return real(*given)

    monkeypatch.setattr(module, name, still)
    command = ("--resume", "--steps", 9) if begun else ("corpus.txt", *TINY)
    done = program("pretrain", *command, "--out", run)
    assert done.code == 2
    assert "this command stood still, and process" in done.complaint
    assert json.loads((run / WRITER).read_text())["name"] == "elsewhere"
    assert (run / "run.json").is_file()


def test_readers_are_not_hindered_and_need_no_right_to_write(program, place, tmp_path):
    run = claimed(Path(shutil.copytree(place / "halves", tmp_path / "run")), Holder.of(os.getppid()))
    before = sorted(run.rglob("*"))
    for folder in (run, run / "checkpoints"):
        folder.chmod(0o555)
    try:
        assert PretrainedModel.open(run).warnings == []
        done = program("embed", run, "test.tsv", "--text", "document", "--out", tmp_path / "vectors.npy")
        assert done.code == 0, done.err
        assert sorted(run.rglob("*")) == before
    finally:
        for folder in (run, run / "checkpoints"):
            folder.chmod(0o755)

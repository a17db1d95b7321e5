"""Manifests: whole folders or none, every damage named, growing artefacts, replacements that a kill cannot part."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest

from headstart.core import manifest
from headstart.core.errors import HeadstartError
from headstart.core.files import write_bytes
from headstart.core.json_files import read_json
from headstart.core.manifest import MANIFEST, faults, hash_of, is_listed, need_intact, seal, write_folder

STEP = "checkpoints/step-000000004"


def fill(text):
    def into(folder):
        (folder / "one.bin").write_bytes(text)
        (folder / "two.bin").write_bytes(text[::-1])
        (folder / "processor").mkdir()
        (folder / "processor/words.json").write_text("{}")

    return into


def said(folder, kind="network"):
    return [str(fault) for fault in faults(folder, kind)]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("able", [True, False])
def test_a_failing_call_leaves_the_old_folder_or_the_new_one(tmp_path, monkeypatch, call, number, able):
    if not able:
        monkeypatch.setattr("headstart.core.files._exchange", lambda one, two: False)
    write_folder(tmp_path / "f", "network", fill(b"old" * 100))
    real, count = getattr(os, call), [0]

    def failing(*arguments):
        count[0] += 1
        if count[0] == number + 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        try:
            write_folder(tmp_path / "f", "network", fill(b"new" * 100))
            failed = False
        except OSError:
            failed = True
    assert said(tmp_path / "f") == []
    held = (tmp_path / "f/one.bin").read_bytes()
    assert held in ((b"old" * 100, b"new" * 100) if failed else (b"new" * 100,))
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edited(folder, files):
    data = read_json(folder / MANIFEST)
    data["files"] = {name: one for name, one in (data["files"] | files).items() if one is not None}
    (folder / MANIFEST).write_text(json.dumps(data))


def relinked(folder):
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere")


DAMAGES = {
    "flip": (lambda f: flip(f / "one.bin"), "one.bin was changed"),
    "cut": (lambda f: (f / "one.bin").write_bytes(b"abc"), "one.bin was changed"),
    "empty": (lambda f: (f / "one.bin").write_bytes(b""), "one.bin was changed"),
    "delete": (lambda f: (f / "one.bin").unlink(), "one.bin is missing"),
    "swap": (lambda f: shutil.copy(f / "two.bin", f / "one.bin"), "one.bin was changed"),
    "deep": (lambda f: flip(f / "processor/words.json"), "processor/words.json was changed"),
    "foreign": (lambda f: (f / "x.txt").write_text(""), "x.txt is not listed"),
    "foreign below": (lambda f: (f / "processor/x.txt").write_text(""), "processor/x.txt is not listed"),
    "foreign manifest": (lambda f: (f / "processor" / MANIFEST).write_text("{}"), "processor/manifest.json is not"),
    "folder": (lambda f: shutil.copytree(f / "processor", f / "more"), "more/words.json is not listed"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), "manifest.json is missing"),
    "no list": (lambda f: (f / MANIFEST).write_text("[]"), "manifest.json cannot be used"),
    "empty list": (lambda f: (f / MANIFEST).write_text("{}"), "manifest.json cannot be used"),
    "outside": (lambda f: edited(f, {"../x": {"sha256": "0", "bytes": 1}}), "manifest.json cannot be used"),
    "negative": (lambda f: edited(f, {"one.bin": {"sha256": "0", "bytes": -1}}), "manifest.json cannot be used"),
    "part of a list": (lambda f: edited(f, {"one.bin": None}), "one.bin is not listed"),
    "left behind": (lambda f: (f / ".one.bin.6703.tmp").write_text("x"), ".one.bin.6703.tmp was left behind"),
    "linked": (lambda f: (f / "more").symlink_to(f / "processor"), "more is a link to a folder"),
    "linked below": (lambda f: relinked(f / "processor"), "processor is a link to a folder"),
    "cut manifest": (lambda f: (f / MANIFEST).write_bytes((f / MANIFEST).read_bytes()[:-9]), "manifest.json cannot"),
}


@pytest.mark.parametrize("fault", DAMAGES)
def test_every_damage_is_named_in_one_line(tmp_path, fault):
    folder = tmp_path / "f"
    write_folder(folder, "network", fill(b"abcdefg"))
    need_intact(folder, "network")
    damage, words = DAMAGES[fault]
    damage(folder)
    assert any(line.startswith(words) for line in said(folder))
    with pytest.raises(HeadstartError, match=r"damaged network, .*; copy it again or make it again") as caught:
        need_intact(folder, "network")
    assert "\n" not in str(caught.value)


def test_every_byte_of_a_manifest_counts(tmp_path):
    folder = tmp_path / "f"
    write_folder(folder, "network", lambda home: (home / "a").write_bytes(b"a"))
    whole = (folder / MANIFEST).read_bytes()
    for place in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        (folder / MANIFEST).write_bytes(spoilt)
        assert is_listed(folder)
        assert said(folder) or read_json(folder / MANIFEST) == json.loads(whole), place


def test_of_what_nobody_reads_the_size_is_compared(tmp_path):
    folder = tmp_path / "f"
    write_folder(folder, "network", fill(b"abcdefg"))
    flip(folder / "one.bin")
    assert faults(folder, "network", lambda name: name == "one.bin") == []
    assert said(folder) == ["one.bin was changed, its SHA-256 is not the listed one"]
    (folder / "one.bin").write_bytes(b"abc")
    assert len(faults(folder, "network", lambda name: name == "one.bin")) == 1


def test_a_newer_format_and_another_kind_are_said(tmp_path):
    folder = tmp_path / "f"
    write_folder(folder, "network", fill(b"abc"))
    assert said(folder, "task") == ["manifest.json is the manifest of a network"]
    data = read_json(folder / MANIFEST)
    (folder / MANIFEST).write_text(json.dumps(data | {"format": 3}))
    assert "format 3 is not known to this version" in said(folder)[0]


def test_a_manifest_of_format_1_is_read(tmp_path):
    folder = tmp_path / "f"
    write_folder(folder, "network", fill(b"abc"))
    (folder / MANIFEST).write_text(json.dumps(read_json(folder / MANIFEST)["files"]))
    assert is_listed(folder)
    assert said(folder) == []
    (folder / "x").write_text("")
    assert said(folder)[0].startswith("x is not listed")


def test_what_systems_leave_in_folders_is_passed_over(tmp_path):
    folder = tmp_path / "f"
    write_folder(folder, "export", fill(b"abc"))
    for name in (".DS_Store", "processor/.DS_Store", ".git/config", "README.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    assert said(folder, "export") == []
    (folder / "processor/README.md").write_text("x")
    assert len(said(folder, "export")) == 1


def test_an_artefact_inside_another_is_hashed_once(tmp_path, monkeypatch):
    def outer(home):
        write_folder(home / "network", "network", fill(b"inner"))
        (home / "task.json").write_text("{}")

    write_folder(tmp_path / "f", "task", outer)
    assert set(read_json(tmp_path / "f" / MANIFEST)["files"]) == {"network/manifest.json", "task.json"}
    hashed = []
    real = manifest.sha256
    monkeypatch.setattr(manifest, "_SETTLED", -(10**18))  # all time stamps are trusted
    monkeypatch.setattr(manifest, "sha256", lambda path: (hashed.append(path.name), real(path))[1])
    need_intact(tmp_path / "f", "task")
    need_intact(tmp_path / "f/network", "network")
    assert sorted(hashed) == ["manifest.json", "one.bin", "task.json", "two.bin", "words.json"]
    flip(tmp_path / "f/network/one.bin")
    assert said(tmp_path / "f", "task")[0].startswith("network/one.bin was changed")
    assert said(tmp_path / "f/network")[0].startswith("one.bin was changed")
    (tmp_path / "f/network/new").write_text("")
    assert said(tmp_path / "f", "task")[1].startswith("network/new is not listed")


def test_a_file_that_was_just_written_is_never_taken_for_known(tmp_path):
    path = tmp_path / "a"
    for number in range(50):
        path.write_bytes(b"%d" % number)
        assert hash_of(path) == manifest.sha256(path)


def test_manifests_of_other_libraries_are_none(tmp_path):
    assert not is_listed(tmp_path)
    for text in ('{"name": "x", "version": 2}', "[]", '{"icons": [{"src": "a"}]}', '{"a": {"b": 1}}', "{}"):
        (tmp_path / MANIFEST).write_text(text)
        assert not is_listed(tmp_path)
    for text in ('{"files": 3}', "{", '{"kind": "export"}', '{"a": {"sha256": "1", "bytes": 1}}'):
        (tmp_path / MANIFEST).write_text(text)
        assert is_listed(tmp_path)


@pytest.fixture
def run(tmp_path):
    """A made-up run that is being trained."""
    (tmp_path / "run.json").write_text("one")
    (tmp_path / "metrics.jsonl").write_text("line\n")
    seal(tmp_path, "run", growing=True)
    write_folder(tmp_path / STEP, "checkpoint", fill(b"weights"))
    return tmp_path


def test_a_growing_run_may_be_killed_at_any_moment(run):
    assert said(run, "run") == []
    with open(run / "metrics.jsonl", "a") as stream:
        stream.write("another li")
    assert said(run, "run") == []
    (run / "metrics.jsonl").write_text("lime\nanother line\n")
    assert said(run, "run")[0].startswith("metrics.jsonl was changed")
    (run / "metrics.jsonl").write_text("lin")
    assert said(run, "run")[0].startswith("metrics.jsonl was changed")
    (run / "metrics.jsonl").write_text("line\n")
    (run / "checkpoints/notes.txt").write_text("")
    assert said(run, "run")[0].startswith("checkpoints/notes.txt is not listed")


def test_an_ended_run_is_exact(run):
    seal(run, "run")
    assert said(run, "run") == []
    with open(run / "metrics.jsonl", "a") as stream:
        stream.write("more\n")
    assert said(run, "run")[0].startswith("metrics.jsonl was changed")
    (run / "metrics.jsonl").write_text("line\n")
    flip(run / STEP / "one.bin")
    assert said(run, "run")[0].startswith(f"{STEP}/one.bin was changed")
    shutil.rmtree(run / STEP)
    write_folder(run / STEP, "checkpoint", fill(b"of another run"))
    assert said(run, "run")[0].startswith(f"{STEP}/manifest.json was changed")
    shutil.rmtree(run / STEP)
    assert said(run, "run")[0].startswith(f"{STEP}/manifest.json is missing")
    seal(run, "run", growing=True)
    assert said(run, "run") == []  # from here on checkpoints come and go


@pytest.mark.parametrize("growing", [True, False])
@pytest.mark.parametrize("stop", range(9))
def test_a_replacement_that_is_killed_at_any_write_is_right_before_and_after(run, monkeypatch, growing, stop):
    """Each write is durable as a whole; the kill comes before the write of that number."""

    class Killed(BaseException):
        pass

    left = [stop]

    def write(path, data):
        if not left[0]:
            raise Killed
        left[0] -= 1
        write_bytes(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write_bytes", write)
        patch.setattr(manifest, "write_json", lambda path, data: write(path, json.dumps(data).encode()))
        try:
            seal(run, "run", growing=growing, changed={"run.json": b"two", "processor.json": b"new"})
            seal(run, "run", growing=not growing, changed={"run.json": b"three"})
        except Killed:
            pass
    assert said(run, "run") == []
    flip(run / "run.json")
    assert said(run, "run")[0].startswith("run.json was changed")
    (run / "run.json").write_bytes(b"three")
    seal(run, "run", changed={"run.json": b"four"})  # the next writer clears up
    assert said(run, "run") == []
    assert read_json(run / MANIFEST)["files"]["run.json"]["bytes"] == 4


def test_damage_that_comes_during_a_command_is_not_taken_up(run):
    (run / "processor.json").write_text("right")
    seal(run, "run", growing=True)
    flip(run / "processor.json")
    seal(run, "run", changed={"run.json": b"two"})
    assert said(run, "run")[0].startswith("processor.json was changed")


def test_a_report_lists_its_own_files_only(tmp_path):
    (tmp_path / "thesis.txt").write_text("the folder was in use before")
    seal(tmp_path, "report", changed={"report.json": b"{}"})
    assert set(read_json(tmp_path / MANIFEST)["files"]) == {"report.json"}
    assert said(tmp_path, "report")[0].startswith("thesis.txt is not listed")

"""Manifests entry by entry: what an entry may be, what is listed anew, what is passed over, what is remembered."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from headstart.core import manifest
from headstart.core.errors import HeadstartError
from headstart.core.holder import Holder
from headstart.core.json_files import read_json
from headstart.core.manifest import (
    MANIFEST,
    damage,
    faults,
    hash_of,
    is_listed,
    need_intact,
    read_manifest,
    seal,
    write_folder,
)

KNOWN = {"sha256": hashlib.sha256(b"a").hexdigest(), "bytes": 1}
STEP = "checkpoints/step-000000004"


def said(folder: Path, kind: str | None = "network", unread=None) -> list[str]:
    return [str(fault) for fault in faults(folder, kind, unread)]


def put(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def listing(folder: Path) -> dict[str, dict]:
    return read_json(folder / MANIFEST)["files"]


def write_list(folder: Path, files: dict, growing: bool = False) -> Path:
    data = {"format": 2, "kind": "run", "growing": growing, "files": files}
    (folder / MANIFEST).write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize(
    ("name", "inside"),
    [("a", True), ("a/b.c", True), ("..a", True), ("a/...", True), ("", False), (".", False), ("..", False)]
    + [("a/../b", False), ("../a", False), ("a/..", False), ("/a", False), ("a//b", False), ("a/", False)]
    + [("a/./b", False), ("a\\b", False), ("a\0b", False)],
)
def test_a_listed_name_is_that_of_a_file_below(name, inside, tmp_path):
    write_list(tmp_path, {"a": KNOWN, name: KNOWN})
    if inside:
        assert set(read_manifest(tmp_path)["files"]) == {"a", name}
    else:
        with pytest.raises(HeadstartError, match=r"manifest\.json: damaged, it lists .*, which lies outside"):
            read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("entry", "sound"),
    [
        (KNOWN, True),
        ({"next": KNOWN}, True),
        (KNOWN | {"next": KNOWN}, True),
        ({}, False),
        ({"bytes": 1}, False),
        ({"sha256": "0"}, False),
        ({"sha256": "", "bytes": 1}, False),
        ({"sha256": "0", "bytes": True}, False),
        ({"sha256": "0", "bytes": 1.0}, False),
        ({"next": {}}, False),
        ({"next": 3}, False),
        (KNOWN | {"next": {"bytes": 1}}, False),
        ({"bytes": 1, "next": KNOWN}, False),
        ([], False),
        (None, False),
        ("0", False),
    ],
)
def test_what_an_entry_may_be(entry, sound, tmp_path):
    write_list(tmp_path, {"a": entry, "b": KNOWN})
    if sound:
        assert read_manifest(tmp_path)["files"]["a"] == entry
    else:
        with pytest.raises(HeadstartError, match=r"manifest\.json"):
            read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps({"a": entry, "version": 3}))  # of format 1, or of another library
    assert is_listed(tmp_path) is sound


def test_a_list_of_nothing_is_one_only_while_the_artefact_grows(tmp_path):
    assert read_manifest(write_list(tmp_path, {}, growing=True))["files"] == {}
    assert said(tmp_path, "run") == []
    with pytest.raises(HeadstartError, match="damaged, it lists no file"):
        read_manifest(write_list(tmp_path, {}))


def test_how_many_more_faults_there_are_is_said(tmp_path):
    write_folder(tmp_path / "f", "network", lambda home: put(home, a="a", b="b", c="c"))
    messages = []
    for name in "abc":
        (tmp_path / "f" / name).write_text("spoilt")
        with pytest.raises(HeadstartError) as caught:
            need_intact(tmp_path / "f")
        messages.append(str(caught.value).split(" one")[1])
    assert messages == [
        "; copy it again or make it again",
        " (and 1 more); copy it again or make it again",
        " (and 2 more); copy it again or make it again",
    ]
    assert "damaged run, " in str(damage(tmp_path, "run", faults(tmp_path / "f", None)))


def test_a_name_that_no_disk_takes_is_a_damaged_manifest(tmp_path):
    (fault,) = said(write_list(tmp_path, {"x" * 300: KNOWN}), "run")
    assert fault.startswith("manifest.json cannot be used (")


@pytest.mark.parametrize("mended", [True, False])
def test_a_manifest_that_a_writer_replaced_meanwhile_is_compared_again(mended, tmp_path, monkeypatch):
    write_folder(tmp_path / "f", "network", lambda home: put(home, a="a", b="b"))
    (tmp_path / "f/a").write_text("changed")
    real, looks = manifest._faults, []

    def look(*given):
        found = list(real(*given))
        looks.append(found)
        if len(looks) == 1 and mended:  # a writer at work ends now
            (tmp_path / "f" / MANIFEST).unlink()
            seal(tmp_path / "f", "network")
        return iter(found)

    monkeypatch.setattr(manifest, "_faults", look)
    assert [line.split()[0] for line in said(tmp_path / "f")] == ([] if mended else ["a"])
    assert len(looks) == 1 + mended


def outer(home: Path) -> None:
    put(home, a__x="1", z__x="1", task_json="{}")
    write_folder(home / "network", "network", lambda inner: put(inner, one_bin="1", words__list="2"))


def test_of_what_nobody_reads_inside_an_artefact_inside_the_size_counts(tmp_path):
    write_folder(tmp_path / "f", "task", outer)
    (tmp_path / "f/network/one.bin").write_text("9")
    assert said(tmp_path / "f", "task", lambda name: name == "network/one.bin") == []
    assert len(said(tmp_path / "f", "task", lambda name: name == "one.bin")) == 1
    assert len(said(tmp_path / "f", None)) == 1


def test_an_artefact_inside_is_listed_by_its_manifest_alone_wherever_it_stands(tmp_path):
    write_folder(tmp_path / "f", "task", outer)
    assert set(listing(tmp_path / "f")) == {"a/x", "z/x", "task.json", "network/manifest.json"}
    assert said(tmp_path / "f", "task") == []
    for name in ("network/more", "network/words/more", "z/more"):
        put(tmp_path / "f", **{name.replace("/", "__"): "x"})
    assert sorted(line.split()[0] for line in said(tmp_path / "f", "task")) == [
        "network/more", "network/words/more", "z/more"
    ]  # fmt: skip


def test_links_are_told_behind_every_artefact_inside_and_left_to_a_checkpoint_within_it(tmp_path):
    put(tmp_path, run_json="1", elsewhere__x="1")
    (tmp_path / "elsewhere").rename(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    seal(tmp_path, "run", growing=True)
    write_folder(tmp_path / STEP, "checkpoint", lambda home: put(home, weights="1", below__b="1"))
    for link in (f"{STEP}/link", f"{STEP}/below/link"):
        (tmp_path / link).symlink_to(elsewhere)
    assert said(tmp_path, "run") == []
    assert sorted(line.split()[0] for line in said(tmp_path / STEP, "checkpoint")) == ["below/link", "link"]
    (tmp_path / "store").mkdir()
    (tmp_path / "store/link").symlink_to(elsewhere)
    (tmp_path / "zz").symlink_to(elsewhere)
    assert sorted(line.split()[0] for line in said(tmp_path, "run")) == ["store/link", "zz"]


def test_what_systems_and_curves_have_may_be_linked(tmp_path):
    write_folder(tmp_path / "f", "task", lambda home: put(home, task_json="{}"))
    for name in ("log/linked", ".git/linked"):
        (tmp_path / "f" / name).parent.mkdir()
        (tmp_path / "f" / name).symlink_to(tmp_path)
    (tmp_path / "f/log/.a.12.tmp").write_text("")
    assert said(tmp_path / "f", "task") == []


@pytest.mark.parametrize(("kind", "told"), [("network", 2), ("run", 0)])
def test_leftovers_are_damage_in_what_is_made_whole(kind, told, tmp_path):
    put(tmp_path, run_json="1", below__b="1")
    seal(tmp_path, kind)
    for name in (".a.12.tmp", "below/.b.13.old"):
        (tmp_path / name).write_text("")
    found = said(tmp_path, kind)
    assert len(found) == told
    assert all("was left behind by a writer that was killed" in line for line in found)


def test_a_growing_report_may_replace_what_says_itself_that_it_is_whole(tmp_path):
    seal(tmp_path, "report", growing=True, changed={"audit.json": b"1", "inputs.json": b"1"})
    put(tmp_path, audit_json="2")
    put(tmp_path, **{"cells__cells_jsonl": "line\n"})
    assert said(tmp_path, "report") == []
    put(tmp_path, inputs_json="2")
    assert [line.split()[0] for line in said(tmp_path, "report")] == ["inputs.json"]
    put(tmp_path, inputs_json="1")
    seal(tmp_path, "report", changed={"report.json": b"{}"})
    assert set(listing(tmp_path)) == {"audit.json", "inputs.json", "cells/cells.jsonl", "report.json"}
    put(tmp_path, audit_json="3")
    assert [line.split()[0] for line in said(tmp_path, "report")] == ["audit.json"]


def test_what_is_listed_keeps_its_entry_and_what_grew_is_listed_anew(tmp_path):
    put(tmp_path, a="1", metrics_jsonl="1", gone="1", log__curve="1")
    put(tmp_path / STEP, weights="1")
    seal(tmp_path, "run", growing=True)
    assert set(listing(tmp_path)) == {"a", "gone", "metrics.jsonl"}
    put(tmp_path, a="2", metrics_jsonl="12", z="1")
    (tmp_path / "gone").unlink()
    before = listing(tmp_path)
    seal(tmp_path, "run")
    after = listing(tmp_path)
    assert set(after) == {"a", "gone", "metrics.jsonl", "z", f"{STEP}/weights"}
    assert (after["a"], after["gone"]) == (before["a"], before["gone"])  # damage stays visible
    assert after["metrics.jsonl"]["bytes"] == 2
    assert sorted(said(tmp_path, "run")) == [
        "a was changed, its SHA-256 is not the listed one", "gone is missing"
    ]  # fmt: skip
    (tmp_path / STEP / "weights").unlink()  # pruned
    seal(tmp_path, "run", growing=True)
    seal(tmp_path, "run")
    assert set(listing(tmp_path)) == {"a", "gone", "metrics.jsonl", "z"}


def test_a_manifest_of_another_kind_or_a_damaged_one_is_made_anew(tmp_path):
    put(tmp_path, a="1")
    seal(tmp_path, "network")
    put(tmp_path, a="2")
    seal(tmp_path, "export")
    assert said(tmp_path, "export") == []
    (tmp_path / MANIFEST).write_text("{")
    seal(tmp_path, "export", changed={"b": b"2"})
    assert said(tmp_path, "export") == []


@pytest.mark.parametrize(("begun", "growing"), [(True, False), (False, True), (False, False)])
def test_an_announced_file_says_whether_more_grows(begun, growing, tmp_path, monkeypatch):
    """Between the announcement and the file the artefact is growing where it was, or is going to be."""
    put(tmp_path, a="1", metrics_jsonl="1")
    seal(tmp_path, "run", growing=begun)
    told = []
    monkeypatch.setattr(manifest, "write_bytes", lambda path, data: told.append(read_json(tmp_path / MANIFEST)))
    seal(tmp_path, "run", growing=growing, changed={"b": b"2"})
    assert [one["growing"] for one in told] == [begun or growing]
    assert told[0]["files"]["b"]["next"]["bytes"] == 1
    assert read_json(tmp_path / MANIFEST)["growing"] is growing


def test_a_first_manifest_announces_nothing_that_grows(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(manifest, "write_bytes", lambda path, data: told.append(read_json(tmp_path / MANIFEST)))
    seal(tmp_path, "run", changed={"b": b"2"})
    assert [one["growing"] for one in told] == [False]


def test_who_writes_an_artefact_clears_up_what_others_left_of_it_and_nothing_else(tmp_path):
    gone = Holder("elsewhere", "", 1, "1").mark
    for name in ("f", "g"):
        path = tmp_path / f".{name}.{gone}-0a1b2c.tmp"
        path.write_text("half")
        os.utime(path, (1, 1))
    write_folder(tmp_path / "f", "network", lambda home: put(home, a="1"))
    assert sorted(path.name.split(".")[1] if path.name[0] == "." else path.name for path in tmp_path.iterdir()) == [
        "f",
        "g",
    ]
    put(tmp_path / "f", below__b="1")
    left = tmp_path / f"f/below/.b.{gone}-0a1b2c.tmp"
    left.write_text("half")
    os.utime(left, (1, 1))
    seal(tmp_path / "f", "network")
    assert not left.exists()


def test_the_reason_why_nothing_was_made_is_told_and_nothing_stays(tmp_path):
    def vanish(home: Path) -> None:
        put(home, a="1")
        (home / "a").unlink()
        home.rmdir()
        raise ValueError("the reason")

    def stop(home: Path) -> None:
        put(home, a="1")
        raise KeyboardInterrupt

    with pytest.raises(ValueError, match="the reason"):
        write_folder(tmp_path / "f", "network", vanish)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "f", "network", stop)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def hashed(tmp_path, monkeypatch):
    """A function that hashes a file so many seconds after its last change, and says whether it was read."""
    real, read = manifest.sha256, []
    monkeypatch.setattr(manifest, "_hashed", {})
    monkeypatch.setattr(manifest, "sha256", lambda path: (read.append(path), real(path))[1])

    def known(path: Path, later: float) -> bool:
        read.clear()
        changed = path.stat().st_ctime_ns
        monkeypatch.setattr(manifest, "time", SimpleNamespace(time_ns=lambda: changed + int(later * 1e9)))
        assert hash_of(path) == real(path)
        return not read

    return known


@pytest.mark.parametrize(("seconds", "known"), [(0.0, False), (1.5, False), (2.0, False), (2.5, True), (3.5, True)])
def test_a_file_that_nobody_touched_for_two_seconds_is_read_once(seconds, known, hashed, tmp_path):
    path = put(tmp_path, a="1") / "a"
    assert not hashed(path, seconds)
    assert hashed(path, seconds) is known
    path.write_text("2")
    assert not hashed(path, seconds)


def test_a_time_stamp_that_was_set_back_hides_no_change(hashed, tmp_path):
    path = put(tmp_path, a="1") / "a"
    os.utime(path, (1, 1))
    assert not hashed(path, 1.0)
    path.write_text("2")
    os.utime(path, (1, 1))
    assert not hashed(path, 1.0)


def test_the_newest_hashes_are_remembered(hashed, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "_MOST_HASHED", 3)
    paths = [put(tmp_path, **{name: name}) / name for name in "abcde"]
    for path in paths:
        assert not hashed(path, 3.0)
    assert [hashed(path, 3.0) for path in paths[2:]] == [True, True, True]
    assert not hashed(paths[1], 3.0)


def test_what_was_lost_while_it_was_replaced_or_with_all_of_its_folder_stays_listed(tmp_path):
    other = {"sha256": hashlib.sha256(b"b").hexdigest(), "bytes": 1}
    put(tmp_path, b="a")
    write_list(tmp_path, {"a": KNOWN | {"next": other}, "b": KNOWN, "c": {"next": other}})
    seal(tmp_path, "run")
    assert set(listing(tmp_path)) == {"a", "b"}  # the third was announced and never written
    assert said(tmp_path, "run") == ["a is missing"]
    write_folder(tmp_path / "f", "task", outer)
    shutil.rmtree(tmp_path / "f/network")
    seal(tmp_path / "f", "task")
    assert said(tmp_path / "f", "task") == ["network/manifest.json is missing"]

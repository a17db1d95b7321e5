"""Kills and faults of the disk at file operations: what goes on comes out bit for bit, and each fault is one line.

Here a sample of the places; all of them, and the other families, in tests/full/test_at_every_file_operation.py.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import disk_lab
import pytest
from disk_gates import Case, comparing, disturbed, pretraining, transferring, undisturbed
from disk_lab import Change, DiskLab
from disk_order import out_of_order
from disk_verbs import Verbs
from old_artefacts import HOME

TEXT = HOME / "text.txt"
pytestmark = pytest.mark.skipif(bool(disk_lab.why_not()), reason=disk_lab.why_not())


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("disk")


@pytest.fixture(scope="module")
def lab(home):
    """A server that has made a run and compared it, so that its children import nothing."""
    with disk_lab.opened(
        pretraining("halves", TEXT).first(home / "run"), comparing(home / "run").first(home / "report")
    ) as it:
        yield it


@pytest.fixture(scope="module")
def run_alone(lab, home):
    """The result of an undisturbed run and its changes."""
    return undisturbed(lab, pretraining("halves", TEXT), home)


def sampled(changes: list[Change], count: int, within: str = "") -> list[tuple[int, str]]:
    """So many places where a path holds `within`, over the whole command, and a fault for each."""
    places = [number for number, change in enumerate(changes, 1) if within in change.path]
    chosen = sorted(random.Random(count).sample(places, count))
    return list(zip(chosen, itertools.cycle(["before", "ENOSPC", "half way", "EIO", "after", "short", "EACCES"])))


def wrong(lab: DiskLab, case: Case, home: Path, places: list, expected, plant: str = "") -> list[str]:
    """What went wrong at any of these places."""
    found: list[str] = []
    for number, fault in places:
        told = disturbed(lab, case, home, number, fault, expected, plant)
        found += [f"{case.name}, change {number}, {fault}: {one}" for one in told.wrong]
    return found


def test_a_run(lab, home, run_alone):
    expected, changes = run_alone
    places = [*sampled(changes, 7), *sampled(changes, 7, "/checkpoints/.step")]
    assert wrong(lab, pretraining("halves", TEXT), home, places, expected) == []


def test_a_task_model(lab, home):
    case = transferring(home / "run", "--route", "bag", "route.count=2")
    expected, changes = undisturbed(lab, case, home)
    assert wrong(lab, case, home, sampled(changes, 3), expected) == []


def test_a_comparison(lab, home):
    case = comparing(home / "run")
    expected, changes = undisturbed(lab, case, home)
    assert wrong(lab, case, home, sampled(changes, 3), expected) == []


@pytest.mark.parametrize("verb", ["sweep", "audit", "embed", "transfer --seeds"])
def test_a_verb(lab, tmp_path, verb):
    verbs = Verbs(lab, tmp_path)
    changes = verbs.changes(verb)
    number = next(number for number, one in enumerate(changes, 1) if one.kind == "write" and ".writer" not in one.path)
    assert list(verbs.wrong(verb, number, "EIO")) == []


def test_a_save_is_durable_before_it_has_its_name(run_alone):
    assert len(run_alone[1]) > 100
    assert out_of_order(run_alone[1]) == []


# Faults planted into the program, and what the gate says of them.
PLANTED = {
    "files are written in their place": (
        "from headstart.core import files\n"
        "files.publish = lambda temporary, path: (path.write_bytes(temporary.read_bytes()), temporary.unlink())",
        lambda changes: (place(changes, "write", "run.json"), "half way"),
        "run.json: not valid JSON",
    ),
    "moments are forgotten": (
        "from headstart.training import checkpoint\ncheckpoint._load_optimizer = lambda *given: None",
        lambda changes: (place(changes, "fsync", "checkpoints") + 2, "before"),
        "other: optimizer.safetensors",
    ),
    "an error of the library": (
        "import contextlib\nfrom headstart.core import tensor_files as files\n"
        "files._as_os_error = contextlib.nullcontext",
        lambda changes: (place(changes, "write", ".tmp"), "EIO"),
        "internal fault: SafetensorError",
    ),
    "lines are torn": (
        "from headstart.core import files\n"
        "files.AppendedFile.append = lambda self, data: self._stream.write(data) and None",
        lambda changes: (place(changes, "write", "metrics.jsonl"), "short"),
        "torn line",
    ),
}  # fmt: skip


def place(changes: list[Change], kind: str, name: str) -> int:
    """The number of the first change of this kind and name."""
    return next(n for n, one in enumerate(changes, 1) if one.kind == kind and Path(one.path).name.startswith(name))


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_seen(lab, tmp_path, run_alone, name):
    plant, where, words = PLANTED[name]
    case = pretraining("halves", TEXT)
    (tmp_path / "alone").mkdir()
    changes = lab.run(*case.first(tmp_path / "alone/out"), below=tmp_path / "alone", plant=plant).changes
    told = disturbed(lab, case, tmp_path, *where(changes), run_alone[0], plant)
    assert any(words in one for one in told.wrong), told.wrong


@pytest.mark.parametrize("left_out", ["sync_folder = lambda folder", "sync_file = lambda stream"])
def test_a_save_without_fsync_is_seen(lab, tmp_path, left_out):
    plant = f"from headstart.core import files, manifest; files.{left_out}: None; manifest.{left_out}: None"
    ran = lab.run(*pretraining("halves", TEXT).first(tmp_path / "run"), below=tmp_path, plant=plant)
    assert ran.code == 0
    assert any("step-000000002: published before" in one for one in out_of_order(ran.changes))

"""What the durable files promise call by call: synced before the name, the folder after it; refusals name the path."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from durable_disk import Disk, filled, refused

from headstart.core import files
from headstart.core.disk_errors import DiskError, DiskFull, disk_error
from headstart.core.files import (
    AppendedFile,
    as_called,
    as_published,
    asking,
    copy_folder,
    make_folder,
    nearest_beside,
    remove_file,
    remove_folder,
    replace_folder,
    temporary_beside,
    whole_lines,
    write_bytes,
    writing,
)
from headstart.core.manifest import write_folder


def fill(home: Path) -> None:
    (home / "a").write_bytes(b"a" * 9999)
    (home / "below").mkdir()
    (home / "below/b").write_bytes(b"b")


WRITES = {
    "a file": lambda home: write_bytes(home / "f", b"x" * 9999),
    "a file in new folders": lambda home: write_bytes(home / "a/b/f", b"x"),
    "a folder": lambda home: make_folder(home / "a/b"),
    "an artefact": lambda home: write_folder(home / "a/f", "network", fill),
    "an artefact in the place of another": lambda home: write_folder(home / "old", "network", fill),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("write", WRITES)
def test_content_is_durable_before_its_name_and_the_name_afterwards(write, able, tmp_path, monkeypatch):
    filled(tmp_path / "old")
    opened, disk = len(os.listdir("/proc/self/fd")), Disk(monkeypatch)
    if not able:
        monkeypatch.setattr(files, "_exchange", lambda one, two: False)
    WRITES[write](tmp_path)
    assert disk.faults() == []
    assert [kind for kind, _ in disk.done].count("sync") >= 2
    assert len(os.listdir("/proc/self/fd")) <= opened  # fewer where others were closed meanwhile


def test_a_write_that_syncs_nothing_is_found(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    monkeypatch.setattr(files, "sync_file", lambda stream: None)
    write_bytes(tmp_path / "f", b"x")
    assert disk.faults() == [f"{tmp_path / 'f'} was not durable before it had its name"]
    monkeypatch.setattr(files, "sync_folder", lambda folder: None)
    write_bytes(tmp_path / "a/g", b"x")
    assert any(line.startswith("the name ") for line in disk.faults())


@pytest.mark.parametrize(
    ("code", "at", "told"),
    [
        ("EIO", None, "run/file"),  # write() and fsync() do not say of what
        ("EIO", "run/file", "run/file"),
        ("EIO", "run/file/below", "run/file/below"),
        ("EIO", "run", "run/file"),
        ("EIO", "input", None),
        ("ENOSPC", "input", "input"),  # only a write can meet it
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_which_path_a_failed_write_is_told_of(code, at, told, as_bytes, tmp_path):
    path = at and tmp_path / at
    error = refused(getattr(errno, code), os.fsencode(path) if path and as_bytes else path)
    with pytest.raises(OSError) as caught, writing(tmp_path / "run/file"):
        raise error
    if told is None:
        assert caught.value is error
    else:
        assert isinstance(caught.value, DiskError)
        assert caught.value.path == tmp_path / told


def test_an_error_that_was_told_before_keeps_its_path(tmp_path):
    ours = disk_error(tmp_path / "other", refused(errno.EIO, None))
    with pytest.raises(DiskError) as caught, writing(tmp_path / "run"):
        raise ours
    assert caught.value.path == tmp_path / "other"


@pytest.mark.parametrize("need", [None, 3 << 20, lambda: 3 << 20])
def test_what_a_write_needs_may_be_counted_once_it_failed(need, tmp_path):
    with pytest.raises(DiskFull) as caught, writing(tmp_path / "run", need):
        raise refused(errno.ENOSPC, None)
    assert caught.value.need == (need and 3 << 20)


def test_the_guards_are_asked_before_a_name_is_given_and_about_a_refusal(tmp_path):
    class Lost(Exception):
        pass

    def lose(path: Path) -> None:
        raise Lost(path.name)

    file = AppendedFile(tmp_path / "lines")
    writes = {
        "f": lambda: write_bytes(tmp_path / "f", b"x"),
        "lines": lambda: file.append(b"x"),
        "run": lambda: write_folder(tmp_path / "run", "network", fill),
    }
    with asking(lose):
        for write in writes.values():
            with pytest.raises(Lost):
                write()
        with pytest.raises(Lost), writing(tmp_path / "run"):
            raise refused(errno.EIO, None)
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]
    assert (tmp_path / "lines").read_bytes() == b""
    for write in (writes["f"], writes["run"]):  # nobody is asked any more
        write()


@pytest.mark.parametrize("named", ["step-1/weights", "weights", "step-1/.hidden/a.12.json"])
def test_names_are_told_as_they_will_be(named, tmp_path):
    path = tmp_path / named
    assert as_published(temporary_beside(path.parent) / path.name) == path
    assert as_published(temporary_beside(path, "old")) == path
    assert as_published(path) == path


def test_a_folder_that_another_process_makes_meanwhile_is_no_fault(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    real, seen = Path.is_dir, []

    def is_dir(path: Path) -> bool:
        seen.append(path)
        return real(path) and seen.count(path) > 1

    monkeypatch.setattr(Path, "is_dir", is_dir)
    make_folder(tmp_path / "a")


def test_appended_bytes_are_there_at_once_and_one_behind_the_other(tmp_path):
    (tmp_path / "a").write_bytes(b"before\n")
    opened = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    file = AppendedFile(tmp_path / "a")
    for number in range(3):
        file.append(b"%d\n" % number)
        assert whole_lines(tmp_path / "a") == ["before", *map(str, range(number + 1))]
    with open(tmp_path / "a", "ab") as other:  # what a refused write left, and nobody could cut off
        other.write(b"torn")
    file.append(b"3\n")
    file.append(b"4\n")
    file.close()
    assert whole_lines(tmp_path / "a") == ["before", "0", "1", "2", "3", "4"]
    assert not opened or len(os.listdir("/proc/self/fd")) <= opened


def test_a_line_without_its_end_is_none_and_no_file_has_none(tmp_path):
    assert whole_lines(tmp_path / "none") == []
    for text, lines in (("", []), ("a", []), ("a\n", ["a"]), ("a\n\nb\nc", ["a", "", "b"])):
        (tmp_path / "a").write_text(text)
        assert whole_lines(tmp_path / "a") == lines


def test_a_name_is_found_in_either_form_of_its_letters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    composed, apart = (unicodedata.normalize(form, "각.txt") for form in ("NFC", "NFD"))
    assert as_called(composed) == composed
    Path(apart).write_text("")
    assert as_called(composed) == as_called(apart) == apart
    Path(composed).write_text("")
    assert (as_called(composed), as_called(apart)) == (composed, apart)


def test_what_lies_beside_is_proposed(tmp_path):
    (tmp_path / "reviews.csv").write_text("")
    assert "reviews.csv" in nearest_beside(tmp_path / "review.csv")
    assert nearest_beside(tmp_path / "none/review.csv") == ""


def test_a_copied_folder_has_its_files_and_its_links_as_links(tmp_path):
    home = filled(tmp_path / "home")
    (home / "below/deep").mkdir(parents=True)
    (home / "below/deep/b").write_text("2")
    for name, target in (("to file", "file"), ("to folder", "below"), ("to nothing", "none")):
        (home / name).symlink_to(target)
    copy_folder(home, tmp_path / "copy")
    made = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*")}
    assert made == {"file", "below", "below/deep", "below/deep/b", "to file", "to folder", "to nothing"}
    assert (tmp_path / "copy/below/deep/b").read_text() == "2"
    links = {path.name: os.readlink(path) for path in (tmp_path / "copy").iterdir() if path.is_symlink()}
    assert links == {"to file": "file", "to folder": "below", "to nothing": "none"}


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("before", ["absent", "empty", "full"])
def test_what_cannot_be_made_durable_is_taken_back(before, able, tmp_path, monkeypatch):
    if not able:
        monkeypatch.setattr(files, "_exchange", lambda one, two: False)
    new, old = filled(tmp_path / "new", "new"), tmp_path / "old"
    if before != "absent":
        filled(old, "old")
    if before == "empty":
        (old / "file").unlink()

    def refuse(folder: Path) -> None:
        raise refused(errno.EIO, None)

    with monkeypatch.context() as patch:
        patch.setattr(files, "sync_folder", refuse)
        with pytest.raises(DiskError):
            replace_folder(new, old)
    assert (new / "file").read_text() == "new"
    assert old.is_dir() is (before != "absent")
    assert before != "full" or (old / "file").read_text() == "old"
    replace_folder(new, old)
    assert (old / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a call of Linux")
def test_linux_exchanges_two_folders_in_one_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled(Path("new"), "new")
    filled(Path("old"), "old")
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, lambda one, two: pytest.fail("in two steps"))
    replace_folder(Path("new"), Path("old"))
    assert Path("old/file").read_text() == "new"
    assert not Path("new").exists()


def systems() -> Iterator[tuple[str, Callable]]:
    """Yield systems and file systems that cannot exchange names."""
    for error in (AttributeError, OSError, TypeError):

        def raising(*given, error=error, **more):
            raise error

        yield error.__name__, raising
    for code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV, errno.EIO):

        def failing(*given, code=code, **more):
            return SimpleNamespace(renameat2=lambda *names: ctypes.set_errno(code) or -1)

        yield errno.errorcode[code], failing


@pytest.mark.parametrize(("name", "library"), list(systems()))
def test_where_names_cannot_be_exchanged_the_folder_is_replaced_in_two_steps(name, library, tmp_path, monkeypatch):
    filled(tmp_path / "new", "new")
    filled(tmp_path / "old", "old")
    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", library)
        if name == "EIO":  # a fault of the disk is none of the system's
            with pytest.raises(DiskError) as caught:
                replace_folder(tmp_path / "new", tmp_path / "old")
            assert caught.value.errno == errno.EIO
        else:
            replace_folder(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old/file").read_text() == ("old" if name == "EIO" else "new")


def test_what_is_not_there_takes_no_place(tmp_path):
    filled(tmp_path / "old", "old")
    with pytest.raises(DiskError) as caught:
        replace_folder(tmp_path / "none", tmp_path / "old")
    assert caught.value.errno == errno.ENOENT
    assert (tmp_path / "old/file").read_text() == "old"


def test_what_is_removed_may_be_gone_already(tmp_path):
    filled(tmp_path / "f")
    for _ in range(2):
        remove_file(tmp_path / "f/file")
        assert not (tmp_path / "f/file").exists()
    for _ in range(2):
        remove_folder(tmp_path / "f")
        assert list(tmp_path.iterdir()) == []


def test_what_a_refused_write_left_is_cut_off_at_once_where_that_is_possible(tmp_path):
    class Half:
        """A stream on a disk that takes half of the first write."""

        def __init__(self, stream) -> None:
            self.stream, self.truncate, self.wrote = stream, stream.truncate, False

        def write(self, data: bytes) -> int:
            if self.wrote:
                raise refused(errno.ENOSPC, None)
            self.wrote = True
            return self.stream.write(data[: len(data) // 2])

    file = AppendedFile(tmp_path / "a")
    file.append(b"one\n")
    file._stream, whole = Half(file._stream), file._stream
    with pytest.raises(DiskFull) as caught:
        file.append(b"a line of some length\n")
    assert caught.value.need == 22
    assert (tmp_path / "a").read_bytes() == b"one\n"
    whole.close()

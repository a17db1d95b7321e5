"""Each refusal of the disk is one line: the path, why, and what helps; by errno, for reading and for writing."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
import torch

from headstart.core import disk_errors
from headstart.core.disk_errors import DiskError, DiskFull, disk_error, read_error, told_of
from headstart.core.errors import HeadstartError
from headstart.core.files import make_folder, temporary_beside, write_bytes, writing
from headstart.core.tensor_files import load_tensors, save_tensors

CODES = [
    *("ENOSPC", "EDQUOT", "EIO", "EACCES", "EPERM", "EROFS", "EFBIG", "ENAMETOOLONG", "EMFILE", "ENFILE", "ENOENT"),
    *("ESTALE", "ENOTCONN", "ETIMEDOUT", "ENODEV", "ENXIO", "EBUSY", "ETXTBSY", "ELOOP", "EISDIR", "EEXIST"),
    *("ENOTEMPTY", "EINVAL", "EOPNOTSUPP", "EXDEV"),
]
# What helps against one of them helps against no other.
REMEDIES = {
    "ENOSPC": "free some space", "EDQUOT": "quota", "EIO": "have the disk checked", "EACCES": "the right to write",
    "EROFS": "a disk that may be written to", "EFBIG": "ulimit -f", "EMFILE": "ulimit -n", "ENAMETOOLONG": "shorter",
    "ESTALE": "mount it again", "ENODEV": "attach it again", "EBUSY": "end that program",
}  # fmt: skip


def raised(code: str, path: Path | None = None) -> OSError:
    number = getattr(errno, code)
    return OSError(number, os.strerror(number), *([] if path is None else [str(path)]))


@pytest.mark.parametrize("code", CODES)
def test_every_refused_write_names_path_and_remedy(tmp_path, code):
    error = disk_error(tmp_path / "a", raised(code))
    assert isinstance(error, HeadstartError)
    assert isinstance(error, OSError)
    assert error.errno == getattr(errno, code)
    assert str(tmp_path / "a") in str(error)
    assert "\n" not in str(error)
    assert [name for name, helps in REMEDIES.items() if helps in str(error)] in ([], [code], *SAME.get(code, []))
    assert code not in REMEDIES or REMEDIES[code] in str(error)
    assert os.strerror(getattr(errno, code)) not in str(error), "a word of the system in the place of a remedy"


SAME = {
    "EPERM": [["EACCES"]], "ENFILE": [["EMFILE"]], "ENOTCONN": [["ESTALE"]], "ETIMEDOUT": [["ESTALE"]],
    "ENXIO": [["ENODEV"]], "ETXTBSY": [["EBUSY"]],
}  # fmt: skip


@pytest.mark.parametrize("code", [one for one in CODES if one not in ("ENOSPC", "EDQUOT", "EROFS", "EFBIG")])
def test_every_refused_read_names_path_and_no_remedy_of_writes(tmp_path, code):
    said = str(read_error(tmp_path / "a", raised(code)))
    assert said.startswith(f"cannot read {tmp_path / 'a'}: ")
    assert "; " in said
    assert "write" not in said
    assert "run the same command" not in said


def test_an_error_that_nobody_expected_is_told_by_what_it_can_be(tmp_path):
    assert str(told_of(raised("ENOSPC", tmp_path))).startswith("disk full while writing")
    assert str(told_of(raised("EIO", tmp_path))).startswith(f"cannot read {tmp_path}: ")
    ours = disk_error(tmp_path, raised("EIO"))
    assert told_of(ours) is ours


def test_who_knows_how_much_it_takes_says_so(tmp_path):
    said = pytest.raises(DiskFull, match=r"writing .*/a/b .*free about 2,001 MB and run")
    with said as caught, writing(tmp_path, need=lambda: 2000 * 2**20), writing(tmp_path / "a/b", need=7):
        raise raised("ENOSPC")
    assert caught.value.need == 2000 * 2**20


def test_a_full_file_system_without_places_for_files_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_errors, "_without_inodes", lambda folder: True)
    assert "no place for more files (df -i)" in str(disk_error(tmp_path / "a", raised("ENOSPC")))


def test_temporary_names_are_not_told(tmp_path):
    folder = temporary_beside(tmp_path / "step-1")
    with pytest.raises(DiskError) as caught, writing(tmp_path / "step-1"):
        raise raised("EIO", temporary_beside(folder / "weights"))
    assert f"cannot write {tmp_path}/step-1/weights: the disk reports" in str(caught.value)


def test_an_input_that_cannot_be_read_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), writing(tmp_path / "out"):
        (tmp_path / "input").read_bytes()
    with pytest.raises(DiskError), writing(tmp_path / "out"):
        (tmp_path / "out/a/b").write_bytes(b"")


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "f").write_text("")
    for write in (lambda: make_folder(tmp_path / "f"), lambda: write_bytes(tmp_path / "f/a/b", b"")):
        with pytest.raises(DiskError, match=r"a file.*, not a folder"):
            write()


def limited(action, size: int = 1000) -> str:
    """What a child says whose files may have so many bytes: the system refuses in the middle of a write."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            action()
            os.write(write, b"nothing was refused")
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with open(read, "rb") as told:
        return told.read().decode()


def test_the_library_of_tensors_tells_what_the_system_told_it(tmp_path):
    path, tensors = tmp_path / "weights.safetensors", {"a": torch.zeros(9999)}
    for action in (lambda: save_tensors(tensors, path), lambda: write_bytes(path, bytes(9999))):
        assert limited(action).startswith(f"DiskError: cannot write {path}: the file is larger than allowed; ")
        assert list(tmp_path.iterdir()) == [], "something half-written stays"
    with pytest.raises(DiskError, match=r"cannot write .*/none/w: its folder is gone"):
        save_tensors(tensors, tmp_path / "none/w")
    save_tensors(tensors, path)
    assert load_tensors(path)["a"].equal(tensors["a"])

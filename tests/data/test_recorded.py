"""What an artefact names is looked at before it is opened: devices, pipes, standard input, other files, wrong kinds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import recorded
from headstart.data.corpus import Corpus
from headstart.data.read_how import reading
from headstart.data.recorded import contents_of, need_contents, recorded_corpus

TEXT = "one text of five words\nanother text of words\n"


class WaitedError(Exception):
    """Something was opened that does not answer."""


@contextmanager
def at_once(seconds: float = 5.0) -> Iterator[None]:
    """End the block with an error when it takes longer: what waits for a pipe, or reads a device, never ends."""

    def over(*_: object) -> None:
        raise WaitedError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def hostile(folder: Path) -> dict[str, tuple[str, str]]:
    """Names that an artefact of others may hold, and what is said of each."""
    os.mkfifo(folder / "pipe.txt")
    (folder / "link.txt").symlink_to("/dev/zero")
    (folder / "empty.txt").touch()
    return {
        "device": ("/dev/zero", "/dev/zero: no regular file"),
        "device by a link": (str(folder / "link.txt"), "link.txt: no regular file"),
        "pipe": (str(folder / "pipe.txt"), "pipe.txt: no regular file"),
        "standard input": ("-", "it came from standard input, which cannot be read again"),
        "made up while it is read": ("/proc/self/environ", "environ: the file is empty"),
        "gone": (str(folder / "gone.txt"), "gone.txt: no such file"),
        "nothing": (str(folder / "empty.txt"), "empty.txt: the file is empty"),
    }


def test_what_is_no_file_is_not_opened(tmp_path):
    for what, (name, said) in hostile(tmp_path).items():
        for opened in (lambda: recorded_corpus({"paths": [name]}), lambda: need_contents([name], "0" * 64)):  # noqa: B023
            with at_once(), pytest.raises(HeadstartError) as raised:
                opened()
            assert said in str(raised.value), what


def test_the_gate_fails_where_files_are_not_looked_at(tmp_path, monkeypatch):
    """The fault planted: the pipe is waited for."""
    name = hostile(tmp_path)["pipe"][0]
    monkeypatch.setattr(recorded, "need_regular", lambda names: None)
    with pytest.raises(WaitedError), at_once(0.3):
        next(recorded_corpus({"paths": [name]}).documents())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (5, "corpus: damaged, it names no files"),
        ({}, "corpus: damaged, it names no files"),
        ({"paths": 5}, "corpus.paths=5: expected a list"),
        ({"paths": []}, r"corpus.paths=\[\]: expected a list of files"),
        ({"paths": ["a", 5]}, "expected a list of files"),
        ({"paths": ["a\0b"]}, "expected a list of files"),
        ({"paths": ["a"], "path": "b"}, "unknown setting of a corpus 'path'; did you mean 'paths'?"),
        ({"paths": ["a"], "limit": True}, "corpus.limit=True: expected a whole number or none"),
        ({"paths": ["a"], "column": 1}, "corpus.column=1: expected text or none"),
        ({"paths": ["a"], "filters": [{"name": []}]}, "it names no filter"),
        ({"paths": ["TEXT"], "unit": "page"}, "unknown unit 'page'"),
        ({"paths": ["TEXT"], "how": {"delimiter": 5}}, "the settings of the corpus are damaged"),
        ({"paths": ["TEXT"], "filters": [{"name": "length", "fewest": "x"}]}, "fewest='x': expected"),
    ],
)
def test_wrong_kinds_are_told_in_one_line(text, data, said):
    if isinstance(data, dict) and data.get("paths") == ["TEXT"]:
        data = data | {"paths": [str(text)]}
    with pytest.raises(HeadstartError, match=said) as raised:
        recorded_corpus(data)
    assert "\n" not in str(raised.value)


def test_the_same_text_is_read_as_it_was_whatever_is_asked_of_other_files(text, tmp_path):
    data = {"paths": [str(text)], "column": None, "unit": "line"}
    fingerprint = Corpus(**data).fingerprint()
    with reading(delimiter="tab"):
        assert list(recorded_corpus(data, fingerprint).documents()) == TEXT.splitlines()
    os.utime(text, (1, 1))
    recorded_corpus(data, fingerprint)
    moved = text.rename(tmp_path / "moved.txt")
    recorded_corpus(data | {"paths": [str(moved)]}, fingerprint)


def test_a_changed_text_is_named(text, tmp_path):
    data = {"paths": [str(text)]}
    fingerprint = Corpus(**data).fingerprint()
    recorded_corpus(data, fingerprint)
    text.write_text(TEXT.replace("five", "nine"))
    with pytest.raises(HeadstartError, match=r"text.txt: its content is not that of then"):
        recorded_corpus(data, fingerprint)
    recorded_corpus(data)  # nobody knows what it was
    (tmp_path / "all").mkdir()
    for number in range(3):
        (tmp_path / f"all/{number}.txt").write_text(TEXT)
        os.utime(tmp_path / f"all/{number}.txt", (1, 1))
    data = {"paths": [str(tmp_path / "all")]}
    fingerprint = Corpus(**data).fingerprint()
    (tmp_path / "all/1.txt").write_text(TEXT + "more\n")
    with pytest.raises(HeadstartError, match=r"all/1.txt: the last that changed of 3 files"):
        recorded_corpus(data, fingerprint)


def test_contents_of_files(text, tmp_path):
    known = contents_of([str(text)])
    need_contents([str(text)], known)
    need_contents([str(text)], "")
    assert contents_of([str(text), "-"]) == ""
    text.write_text(TEXT + "more\n")
    with pytest.raises(HeadstartError, match="its content is not that of then"):
        need_contents([str(text)], known)
    large = tmp_path / "large.txt"
    large.write_bytes(b"a" * 100_000)
    known = contents_of([str(large)])
    with open(large, "r+b") as stream:
        stream.seek(99_000)
        stream.write(b"b")
    assert contents_of([str(large)]) != known


def test_what_nobody_touched_is_read_once(text, monkeypatch):
    read: list[int] = []
    os.utime(text, (1, 1))
    monkeypatch.setattr(recorded, "_SETTLED", -(1 << 62))
    monkeypatch.setattr(recorded, "_digest", lambda files: read.append(1) or "x")
    assert contents_of([str(text)]) == contents_of([str(text)]) == "x"
    assert len(read) == 1
    text.write_text(TEXT + "more\n")
    contents_of([str(text)])
    assert len(read) == 2

"""What an artefact names is looked at before it is opened: devices, pipes, standard input, other files, wrong kinds."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data import recorded
from headstart.data.corpus import Corpus
from headstart.data.open import expand
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


def test_what_was_touched_lately_is_read_again(text, monkeypatch):
    """Two changes within two seconds may leave the same time stamps, those of the content or those of the file."""
    read: list[int] = []
    monkeypatch.setattr(recorded, "_digest", lambda files: read.append(1) or "x")
    for stamps in ((1, 1), None):
        os.utime(text, stamps)
        newest = max(text.stat().st_mtime_ns, text.stat().st_ctime_ns)
        for later, times in ((0, 2), (1_500_000_000, 2), (2_000_000_000, 2), (3_000_000_000, 1)):
            read.clear()
            monkeypatch.setattr(recorded.time, "time_ns", lambda late=newest + later: late)
            assert contents_of([str(text)]) == contents_of([str(text)]) == "x"
            assert len(read) == times, (stamps, later)


def test_of_what_is_known_the_oldest_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "_SETTLED", -(1 << 62))
    monkeypatch.setattr(recorded, "_MOST_KNOWN", 2)
    monkeypatch.setattr(recorded, "_known", {})
    read: list[str] = []
    monkeypatch.setattr(recorded, "_digest", lambda files: read.append(Path(files[0]).stem) or files[0])
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(name)
    for name in "abcbca":
        assert contents_of([str(tmp_path / f"{name}.txt")]) == str(tmp_path / f"{name}.txt")
    assert read == ["a", "b", "c", "a"]
    assert len(recorded._known) == 2


def bytes_of(size: int) -> bytes:
    return b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]


@pytest.mark.parametrize(
    ("size", "digest"),
    [(10, "bd5075d3c4c6ae1a"), (4_096, "e78bfaa5c242e10a"), (5_000, "105cf427ca62e9c6"), (100_000, "1b7078b6e879e3f2")],
)
def test_contents_are_those_of_earlier_versions(size, digest, tmp_path):
    """Artefacts keep them: a file that stayed is known again."""
    (tmp_path / "a.txt").write_bytes(bytes_of(size))
    assert contents_of([str(tmp_path / "a.txt")])[:16] == digest


def test_contents_are_three_parts_of_a_file(tmp_path):
    path, whole = tmp_path / "a.txt", bytes_of(40_960)
    path.write_bytes(whole)
    known = contents_of([str(path)])
    begins = [0, (40_960 - 4_096) // 2, 40_960 - 4_096]
    for place in range(0, 40_960, 512):
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        looked_at = any(begin <= place < begin + 4_096 for begin in begins)
        assert (contents_of([str(path)]) != known) is looked_at, place


def test_the_file_that_changed_last_is_named(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.txt").write_text(TEXT)
    os.utime(tmp_path / "b.txt", (1, 1))
    both = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert str(recorded.changed(both)).startswith(f"{both[0]}: the last that changed of 2 files, whose content")
    assert str(recorded.changed(both[1:])) == f"{both[1]}: its content is not that of then"


def test_a_changed_archive_is_named_and_not_the_copy_of_what_is_in_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("rows.csv", "text\nwords\n")
    names = [f"{tmp_path}/a.zip/rows.csv"]
    assert str(recorded.changed(names)) == f"{names[0]}: its content is not that of then"


def test_of_a_folder_of_images_the_image_is_named(tmp_path):
    for name in ("cat/1.png", "dog/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(flat(3))
    os.utime(tmp_path / "cat/1.png", (1, 1))
    assert expand(tmp_path) == [str(tmp_path)]
    told = str(recorded.changed([str(tmp_path)]))
    assert told.startswith(f"{tmp_path}/dog/2.png: the last that changed of 2 files")


@pytest.mark.parametrize("paths", [5, "a", (), [], [""], ["a", ""], [5], ["a\0"], [["a"]], {"a": 1}])
def test_names_of_files_are_a_list_of_texts(paths):
    with pytest.raises(HeadstartError, match=r"^there=.*: expected a list of files$"):
        recorded.need_names("there", paths)
    recorded.need_names("there", ["a", "b"])


@pytest.mark.parametrize("one", [5, None, [], {}, {"name": 5}, {"fewest": 9}])
def test_filters_have_names(one):
    with pytest.raises(HeadstartError, match=r"^corpus\.filters=.*: it names no filter$"):
        recorded.need_arguments("", {"paths": ["a"], "filters": [{"name": "length"}, one]})
    with pytest.raises(HeadstartError, match=r"^run\.json: corpus: damaged, it names no files$"):
        recorded.need_arguments("run.json", [])
    recorded.need_arguments("", {"paths": ["a"], "filters": [{"name": "length"}]})


def test_files_that_are_gone_are_told_with_what_helps(text):
    data = {"paths": [str(text)]}
    recorded.need_still_there(data, "the corpus of RUN", "give it with --data")
    text.write_text(TEXT + "more\n")
    recorded.need_still_there(data, "the corpus of RUN", "give it with --data")
    text.unlink()
    with pytest.raises(HeadstartError, match=r"^the corpus of RUN is not where it was \(.*\); give it with --data$"):
        recorded.need_still_there(data, "the corpus of RUN", "give it with --data")

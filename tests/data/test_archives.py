"""Zip archives of tables and texts: read as a folder of the same files is, names put right, nothing harmful kept."""

from __future__ import annotations

import resource
import signal
import struct
import zipfile

import pytest
from forked import Forked
from program import headstart
from workbooks import workbook

from headstart.core.disk_errors import DiskError
from headstart.core.errors import HeadstartError
from headstart.data.archives import archive_of, is_hidden, member_name, names_inside
from headstart.data.corpus import Corpus
from headstart.data.read_request import ReadRequest, read_labelled_rows

ROWS = [("good film", "yes"), ("bad film", "no"), ("영화가 좋다", "yes"), ("별로다", "no")] * 5
CSV = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


def archive(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return path


def rows_of(path):
    examples, ledger = read_labelled_rows(ReadRequest(paths=[str(path)]), lambda line: None)
    return list(zip(examples.items, [examples.classes[number] for number in examples.labels])), ledger


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rows.csv", CSV.encode()),
        ("folder/rows.csv", CSV.encode("cp949")),
        ("rows.tsv", CSV.replace(",", "\t").encode("utf-16")),
        ("deep/er/rows.xlsx", workbook([("text", "label"), *ROWS])),
    ],
)
@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_table_in_an_archive_is_the_table(tmp_path, name, data, packed):
    found, ledger = rows_of(archive(tmp_path / "data.zip", {name: data}, compression=packed))
    assert found == ROWS
    assert ledger["used"] == len(ROWS)


def test_several_files_are_read_like_a_folder_of_them(tmp_path):
    files = {
        "b.csv": CSV,
        "a.csv": CSV,
        "README.txt": "about the data\n",
        "__MACOSX/._a.csv": b"\0\5\26",
        "notes.doc": "x",
    }
    found, ledger = rows_of(archive(tmp_path / "data.zip", files))
    (tmp_path / "folder").mkdir()
    for name in ("a.csv", "b.csv", "README.txt"):
        (tmp_path / "folder" / name).write_text(files[name], encoding="utf-8")
    assert found == rows_of(tmp_path / "folder")[0] == ROWS * 2
    assert any("passed over 2 of unknown format (README.txt, notes.doc)" in note for note in ledger["notes"])


def test_one_file_of_an_archive_can_be_named(tmp_path):
    path = archive(tmp_path / "data.zip", {"train.csv": CSV, "한글/시험.csv": "text,label\na,x\nb,y\n"})
    assert rows_of(path / "train.csv")[0] == ROWS
    assert rows_of(path / "한글" / "시험.csv")[0] == [("a", "x"), ("b", "y")]
    with pytest.raises(HeadstartError, match=r"data\.zip/dev\.csv: no such file in this archive"):
        rows_of(path / "dev.csv")


def test_a_corpus_in_an_archive_is_known_again(tmp_path):
    path = archive(tmp_path / "data.zip", {"one.txt": "a line\nanother\n", "two.jsonl": '{"text": "third"}\n'})
    first, copy = Corpus(path), Corpus(path.rename(tmp_path / "moved.zip"))
    assert list(copy.documents()) == ["a line", "another", "third"]
    assert copy.fingerprint() == Corpus(tmp_path / "moved.zip").fingerprint()
    assert first.files == [f"{path}/one.txt", f"{path}/two.jsonl"]


def test_an_archive_that_was_written_again_is_read_again(tmp_path):
    path = archive(tmp_path / "data.zip", {"one.txt": "old\n"})
    assert list(Corpus(path).documents()) == ["old"]
    archive(path, {"one.txt": "newer\n"})
    assert list(Corpus(path).documents()) == ["newer"]


@pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
def test_names_without_the_mark_of_utf8_are_put_right(encoding):
    raw = "고양이/사진.png".encode(encoding)
    member = zipfile.ZipInfo(raw.decode("cp437"))
    member.flag_bits = 0
    assert member_name(member) == "고양이/사진.png"


def test_names_of_other_programs_stay():
    assert member_name(zipfile.ZipInfo("folder\\rows.csv")) == "folder/rows.csv"
    marked = zipfile.ZipInfo("사진.png")
    marked.flag_bits = 0x800
    assert member_name(marked) == "사진.png"


def damaged(path):
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)


def encrypted(path):
    data = path.read_bytes()
    local, central = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    marked = bytearray(data)
    marked[local + 6] |= 1
    marked[central + 8] |= 1
    path.write_bytes(marked)


@pytest.mark.parametrize(("harm", "told"), [(damaged, "cannot be unpacked"), (encrypted, "encrypted")])
def test_what_cannot_be_unpacked_is_named(tmp_path, harm, told):
    path = archive(tmp_path / "data.zip", {"rows.csv": CSV * 20}, compression=zipfile.ZIP_DEFLATED)
    harm(path)
    done = headstart("transfer", "none", "--data", str(path), "--route", "majority", "--out", str(tmp_path / "task"))
    assert done.code == 2
    assert told in done.complaint
    assert "data.zip/rows.csv" in done.complaint


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    from headstart.data import archives

    monkeypatch.setattr(archives, "_BOMB", 1 << 16)
    path = archive(tmp_path / "bomb.zip", {"rows.csv": b"a" * (1 << 20)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(HeadstartError, match="looks like a bomb"):
        list(Corpus(path).documents())


def test_an_archive_of_nothing_known_says_what_it_holds(tmp_path):
    with pytest.raises(HeadstartError, match=r"no image, table or text in this archive; it holds a\.exe"):
        list(Corpus(archive(tmp_path / "data.zip", {"a.exe": b"MZ"})).documents())
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(HeadstartError, match="not a readable zip archive"):
        list(Corpus(tmp_path / "broken.zip").documents())


def declared(path, size, packed):
    """Let the list at the end of an archive say so many bytes of its only member."""
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\1\2")
    data[place + 20 : place + 28] = struct.pack("<II", packed, size)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("size", "packed", "bomb"),
    [
        (1 << 28, 0, False),
        ((1 << 28) + 1, 0, True),
        ((1 << 28) + 200, (1 << 28) // 200, True),
        (300 << 20, (300 << 20) // 200 + 1, False),
        (300 << 20, (300 << 20) // 200 - 1, True),
    ],
)
def test_a_member_may_unpack_to_256_mebibytes_or_200_times_its_size(tmp_path, size, packed, bomb):
    path = archive(tmp_path / "data.zip", {"a.txt": "some words\n"}, compression=zipfile.ZIP_DEFLATED)
    declared(path, size, packed)
    try:
        told = str(list(Corpus(path).documents()))
    except HeadstartError as error:
        told = str(error)
    assert ("looks like a bomb" in told) is bomb, told


def test_a_member_that_is_longer_than_it_says_is_damaged(tmp_path):
    path = archive(tmp_path / "data.zip", {"a.txt": "some words\n" * 9}, compression=zipfile.ZIP_DEFLATED)
    declared(path, 50, path.stat().st_size)
    with pytest.raises(HeadstartError, match=r"a\.txt: it cannot be unpacked"):
        list(Corpus(path).documents())


@pytest.mark.parametrize("bits", [0, 1, 2, 4, 8])
def test_other_marks_of_a_name_say_nothing_of_its_letters(bits):
    member = zipfile.ZipInfo("고양이.png".encode("cp949").decode("cp437"))
    member.flag_bits = bits
    assert member_name(member) == "고양이.png"
    member.flag_bits = bits | 0x800
    assert member_name(member) == member.filename


@pytest.mark.parametrize(("name", "found"), [("plain.txt", "plain.txt"), ("né.png", "né.png"), ("a\\b.txt", "a/b.txt")])
def test_names_of_western_programs_stay(name, found):
    member = zipfile.ZipInfo("x")
    member.filename, member.flag_bits = name, 0
    assert member_name(member) == found


def test_utf8_is_preferred_where_a_name_is_both():
    """The two bytes of é are a letter of CP949 too."""
    member = zipfile.ZipInfo("é.csv".encode().decode("cp437"))
    member.flag_bits = 0
    assert "é".encode().decode("cp949") != "é"
    assert member_name(member) == "é.csv"


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        (".a.csv", True),
        ("a/.b/c.csv", True),
        ("a/..b.csv", True),
        ("__MACOSX/a.csv", True),
        ("./a.csv", False),
        ("../a.csv", False),
        ("a.b/c.d.csv", False),
        ("x__MACOSX.csv", False),
    ],
)
def test_hidden_members(name, hidden):
    assert is_hidden(name) is hidden


def test_names_inside_are_those_of_files_in_order(tmp_path):
    path = archive(tmp_path / "data.zip", {"b.csv": "", "a/": "", "a/c.csv": "", ".x": "", "a.csv": ""})
    assert names_inside(path) == ["a.csv", "a/c.csv", "b.csv"]
    path.write_bytes(b"no archive")
    assert names_inside(path) == []


def test_which_archive_a_name_lies_in(tmp_path):
    path = archive(tmp_path / "data.ZIP", {"a/b.csv": ""})
    assert archive_of(f"{path}/a/b.csv") == (path, "a/b.csv")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "rows.csv").write_text("text\n")
    for name in (f"{tmp_path}/folder.zip/b.csv", f"{tmp_path}/rows.csv/b.csv", f"{tmp_path}/gone.zip/b.csv", "a.csv"):
        assert archive_of(name) is None


@pytest.mark.parametrize("bits", [0, 2, 6])
def test_members_are_read_whatever_else_their_marks_say(tmp_path, bits):
    """Of these the first alone says that a password is needed; 2 and 6 say how hard it was packed."""
    path = archive(tmp_path / "data.zip", {"a.txt": "some words\n"}, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[6] |= bits
    data[data.index(b"PK\1\2") + 8] |= bits
    path.write_bytes(data)
    assert list(Corpus(path).documents()) == ["some words"]


def test_a_full_disk_is_no_damage_of_the_archive(tmp_path):
    path = archive(tmp_path / "data.zip", {"a.txt": "some words\n" * 9})

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
        with pytest.raises(DiskError, match="larger than allowed"):
            list(Corpus(path).documents())

    assert Forked(full).wait() == 0


def test_large_members_are_copied_whole(tmp_path):
    lines = [f"line {number}" for number in range(300_000)]
    path = archive(tmp_path / "data.zip", {"a.txt": "\n".join(lines)}, compression=zipfile.ZIP_DEFLATED)
    assert list(Corpus(path, unit="line").documents()) == lines

"""Opening: folders, compression, damage, encodings, formats; each refusal is one line that says what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import unicodedata
import zipfile
from pathlib import Path

import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data import open as opening
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows
from headstart.data.read_how import ReadHow, reading
from headstart.data.readers.image_folder import ImageFolder
from headstart.data.readers.txt import Text

LINES = [f"{i}번째 문장은 조금 길어야 압축이 나뉜다 {i * 7919 % 1009}" for i in range(1, 5001)]
TEXT = "\n".join(LINES) + "\n"


def rows(path, ledger=None, **options):
    return [row.value for row in read_rows(str(path), ledger if ledger is not None else Ledger(), **options)]


@pytest.mark.parametrize(
    ("pack", "end"), [(gzip.compress, ".gz"), (lzma.compress, ".xz"), (bz2.compress, ".bz2"), (bytes, "")]
)
def test_compressed_files_read_alike(tmp_path, pack, end):
    path = tmp_path / f"a.txt{end}"
    path.write_bytes(pack(TEXT.encode()))
    assert rows(path) == LINES


def test_compression_is_seen_by_content_not_by_name(tmp_path):
    plain, packed = tmp_path / "plain.txt.gz", tmp_path / "packed.txt"
    plain.write_text(TEXT, encoding="utf-8")
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert rows(plain) == rows(packed) == LINES


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_broken_compressed_file_gives_the_rows_before_the_break(tmp_path, pack):
    data = pack(TEXT.encode())
    path, ledger = tmp_path / "a.txt.gz", Ledger()
    path.write_bytes(data[: len(data) // 2])
    found = rows(path, ledger)
    assert 100 < len(found) < 5000
    assert found == LINES[: len(found)]
    assert sum("damaged compressed file" in complaint for complaint in ledger.complaints) == 1
    path.write_bytes(data[:12])
    with pytest.raises(HeadstartError, match="nothing could be decompressed"):
        rows(path)


def test_wrong_checksum_keeps_the_rows_and_complains(tmp_path):
    data = bytearray(gzip.compress(TEXT.encode()))
    data[-6] ^= 1
    path, ledger = tmp_path / "a.txt.gz", Ledger()
    path.write_bytes(data)
    assert rows(path, ledger) == LINES
    assert "damaged" in ledger.complaints[0]


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("euc-kr", "CP949"),
        ("cp949", "CP949"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a"])
def test_foreign_encodings_are_read_and_noted(tmp_path, encoding, named, name):
    path, ledger = tmp_path / name, Ledger()
    path.write_bytes(TEXT.encode(encoding))
    (tmp_path / "utf8").mkdir()
    (tmp_path / "utf8" / name).write_text(TEXT)
    assert rows(path, ledger) == rows(tmp_path / "utf8" / name)
    assert any(f"read as {named} (" in note for note in ledger.notes)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"PK\x03\x04abc", "zip"),
        (bytes(range(256)) * 4, "binary"),
        (b"%PDF-1.4 ...", "PDF"),
        (bytes(range(128, 256)) * 9, "no encoding recognised"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, data, said):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(HeadstartError, match=said) as caught:
        rows(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_byte_order_mark_and_few_bad_bytes_pass(tmp_path):
    path, ledger = tmp_path / "a.tsv", Ledger()
    path.write_bytes(b"\xef\xbb\xbftext\tlabel\n" + "좋다\t1\n".encode() * 5 + b"\xff\t1\n")
    assert rows(path, ledger) == [{"text": "좋다", "label": "1"}] * 5
    assert ledger.complaints[0].startswith(f"{path}:7: not valid UTF-8")


@pytest.mark.parametrize(
    ("text", "kind"),
    [('{"text": "a"}\n{"text": "b"}\n', "jsonl"), ("a\tb\n1\t2\n3\t4\n", "csv"), ("그냥 글\n두 줄\n", "txt")],
)
def test_format_by_first_bytes(tmp_path, text, kind):
    path, ledger = tmp_path / "noname", Ledger()
    path.write_text(text, encoding="utf-8")
    assert len(rows(path, ledger)) == 2
    assert f"read as {kind}" in ledger.notes[0]


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "reviews.txt").write_text("a")
    with pytest.raises(HeadstartError, match=r"did you mean 'reviews.txt'"):
        expand(tmp_path / "review.txt")
    with pytest.raises(HeadstartError, match="no folder"):
        expand(tmp_path / "nowhere" / "review.txt")
    with pytest.raises(HeadstartError, match="no file given"):
        expand([])


def test_folders_are_searched_in_order(tmp_path):
    for name in ("b.txt.gz", "a.jsonl", "README.md", ".hidden.txt", "sub/c.CSV"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    ledger = Ledger()
    assert [path[len(str(tmp_path)) + 1 :] for path in expand(tmp_path, ledger)] == ["a.jsonl", "b.txt.gz", "sub/c.CSV"]
    assert "README.md" in ledger.notes[0]
    (tmp_path / "void").mkdir()
    with pytest.raises(HeadstartError, match="it is empty"):
        expand(tmp_path / "void")


def test_standard_input_can_be_read_twice(monkeypatch):
    opening._spooled.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("가\n나\n".encode())))
    assert rows("-") == rows("-") == ["가", "나"]
    opening._spooled.cache_clear()


def test_a_file_is_found_in_either_form_of_its_name(tmp_path):
    for there, asked in (("NFD", "NFC"), ("NFC", "NFD")):
        path = tmp_path / unicodedata.normalize(there, f"각 {there}.txt")
        path.write_text("글\n")
        assert rows(expand(tmp_path / unicodedata.normalize(asked, path.name))[0]) == ["글"]


def laid(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text\nsome words\n")
    return folder


def test_what_is_called_like_a_file_and_is_a_folder_is_none(tmp_path):
    laid(tmp_path, "a.csv", "b.csv/c.csv", "d.x/e.y")
    ledger = Ledger()
    assert expand(tmp_path, ledger) == [f"{tmp_path}/a.csv", f"{tmp_path}/b.csv/c.csv"]
    assert ledger.notes == [f"{tmp_path}: passed over 1 of unknown format (e.y)"]


def test_images_beside_tables_are_told_and_not_passed_over(tmp_path):
    laid(tmp_path, "a.csv", "1.PNG", "2.jpg", "b.x")
    ledger = Ledger()
    assert expand(tmp_path, ledger) == expand(tmp_path) == [f"{tmp_path}/a.csv"]
    assert ledger.notes == [
        f"{tmp_path}: 2 images lie in it; those that a table names are read",
        f"{tmp_path}: passed over 1 of unknown format (b.x)",
    ]


def test_a_reader_that_is_asked_for_decides_what_is_read(tmp_path):
    (tmp_path / "images/cat").mkdir(parents=True)
    (tmp_path / "images/cat/1.png").write_bytes(flat(3))
    folder = str(tmp_path / "images")
    assert expand(folder) == expand(folder, reader=ImageFolder()) == [folder]
    laid(tmp_path / "texts", "a.csv")
    assert expand(tmp_path / "texts", reader=ImageFolder()) == [f"{tmp_path}/texts"]
    assert expand(tmp_path / "texts", reader=Text()) == [f"{tmp_path}/texts/a.csv"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "text\nwords\n")
    assert expand(tmp_path / "a.zip") == [f"{tmp_path}/a.zip/a.csv"]
    assert expand(tmp_path / "a.zip", reader=Text()) == [f"{tmp_path}/a.zip"]
    ledger = Ledger()
    assert rows(tmp_path / "texts/a.csv", ledger, reader=Text()) == ["text", "some words"]
    assert not any("read as" in note for note in ledger.notes)
    assert list(Corpus(tmp_path / "texts/a.csv", reader=Text(unit="line")).documents()) == ["text", "some words"]
    assert len(rows(folder)) == len(rows(folder, reader=ImageFolder())) == 1
    with pytest.raises(HeadstartError):
        rows(tmp_path / "texts", reader=ImageFolder())


def test_which_archives_are_looked_into(tmp_path):
    members = {
        "a.zip": ["b.csv", "c.x", "README.txt"],
        "b.dat": ["b.csv"],
        "c.ZIP": ["inner.zip", "a.txt"],
        "d.zip": ["a.csv", "1.png"],
        "e.zip": ["a.x"],
    }
    for name, inside in members.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for one in inside:
                archive.writestr(one, "text\nwords\n")
    wanted = {"a.zip": ["a.zip/b.csv"], "c.ZIP": ["c.ZIP/a.txt"]}
    told = {
        "a.zip": "passed over 2 of unknown format (README.txt, c.x)",
        "c.ZIP": "passed over 1 of unknown format (inner.zip)",
    }
    for name in members:
        ledger = Ledger()
        assert expand(tmp_path / name, ledger) == [f"{tmp_path}/{one}" for one in wanted.get(name, [name])]
        assert ledger.notes == ([f"{tmp_path}/{name}: {told[name]}"] if name in told else [])
    assert expand([tmp_path / "a.zip", f"{tmp_path}/a.zip/b.csv"]) == [f"{tmp_path}/a.zip/b.csv"]
    with pytest.raises(HeadstartError, match="no such file in this archive"):
        rows(tmp_path / "a.zip/gone.csv")


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["data.arrow", "state.json", "dataset_info.json"], ["data.arrow"]),
        (["data.csv", "state.json"], ["data.csv", "state.json"]),
        (["a.csv", "a.csv.gz", "b.csv.bz2", "b.csv.xz"], ["a.csv", "b.csv.bz2", "b.csv.xz"]),
        (["a.txt", "LICENSE.txt", "Changelog.txt", "notice.csv"], ["a.txt"]),
        (["LICENSE.txt", "README.txt"], ["LICENSE.txt", "README.txt"]),
    ],
)
def test_what_lies_beside_data_is_left_out(names, read, tmp_path):
    assert expand(laid(tmp_path, *names)) == [f"{tmp_path}/{name}" for name in read]


@pytest.mark.parametrize(
    ("name", "end", "known"),
    [
        ("a.CSV", ".csv", True),
        ("a.csv.gz", ".csv", True),
        ("a.csv.gz.XZ", ".csv", True),
        ("a.gz", "", False),
        ("folder.csv/a", "", False),
        ("a.png", ".png", True),
        ("a.exe", ".exe", False),
    ],
)
def test_the_ending_of_a_name_is_below_that_of_its_compression(name, end, known):
    assert opening.suffix(name) == end
    assert opening.known_suffix(name) is known


@pytest.mark.parametrize(
    ("name", "shown", "called"),
    [
        ("-", "standard input", "standard input"),
        ("a/b.csv", "a/b.csv", "b.csv"),
        (f"x/{'0a' * 16}/in_memory.csv", "data in memory", "data in memory"),
        (f"x/{'0a' * 16}/other.csv", f"x/{'0a' * 16}/other.csv", "other.csv"),
        ("x/folder/in_memory.csv", "x/folder/in_memory.csv", "in_memory.csv"),
        (f"x/{'0a' * 17}/in_memory.csv", f"x/{'0a' * 17}/in_memory.csv", "in_memory.csv"),
    ],
)
def test_names_for_messages(name, shown, called):
    assert opening.shown(name) == shown
    assert opening.called(name) == called


def test_files_of_a_folder_are_all_that_are_not_hidden(tmp_path):
    laid(tmp_path, "b.png", "a/c.x", ".d/e.png", "a/.f", "g.csv")
    assert opening.files_of(str(tmp_path)) == [tmp_path / "a/c.x", tmp_path / "b.png", tmp_path / "g.csv"]
    assert opening.files_of(str(tmp_path / "b.png")) == [tmp_path / "b.png"]


def test_paths_are_one_or_several():
    assert opening.as_paths("a") == opening.as_paths(Path("a")) == opening.as_paths(["a"]) == ["a"]
    assert opening.as_paths([Path("a"), "b"]) == ["a", "b"]


def test_a_missing_file_is_told_with_its_folder(tmp_path):
    laid(tmp_path, "reviews.txt", "data.zip/a.csv")
    with pytest.raises(HeadstartError, match=r"review\.txt: no such file; did you mean 'reviews\.txt'"):
        expand(tmp_path / "review.txt")
    with pytest.raises(HeadstartError, match=r"gone/a\.txt: no such file, and no folder .*gone$"):
        expand(tmp_path / "gone/a.txt")
    with pytest.raises(HeadstartError, match=r"data\.zip/gone\.csv: no such file"):
        expand(tmp_path / "data.zip/gone.csv")


def test_what_was_recognised_is_noted_and_what_was_not_is_not(tmp_path):
    (tmp_path / "a.txt").write_text("some words\nand more\n")
    (tmp_path / "b.txt").write_text("영화\n" * 9, encoding="cp949")
    (tmp_path / "noname").write_text('{"text": "a"}\n')
    (tmp_path / "c.txt").write_text("__label__a one\n__label__b two\n")
    told = {
        "a.txt": [],
        "b.txt": ["read as CP949 ("],
        "noname": ["read as jsonl (by its first bytes)"],
        "c.txt": ["read as fasttext (by its first bytes)"],
    }
    for name, starts in told.items():
        ledger = Ledger()
        assert rows(tmp_path / name, ledger, unit="line")
        notes = [note for note in ledger.notes if "read as" in note]
        assert [note.startswith(f"{tmp_path}/{name}: {start}") for note, start in zip(notes, starts, strict=True)] == [
            True
        ] * len(starts)
    assert rows(tmp_path / "c.txt") == [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]
    assert rows(tmp_path / "c.txt", tables=False, unit="line") == ["__label__a one", "__label__b two"]
    assert rows(tmp_path / "a.txt", unit="file") == ["some words\nand more"]


def test_settings_hold_where_nothing_else_is_given(tmp_path):
    (tmp_path / "a.csv").write_text("1;one word\n2;more words\n")
    with reading(header=False):
        assert len(rows(tmp_path / "a.csv")) == 2
        assert len(rows(tmp_path / "a.csv", how=ReadHow.of({"header": True}))) == 1

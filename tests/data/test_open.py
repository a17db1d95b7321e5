"""Opening: folders, compression, damage, encodings, formats; each refusal is one line that says what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import unicodedata

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import open as opening
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows

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

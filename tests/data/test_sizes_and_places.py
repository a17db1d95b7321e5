"""Sizes of packed files, counts of held-out documents and places of letters: both sides of every bound."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data import archives, single_bytes, store
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows
from headstart.data.readers import image_zip
from headstart.data.readers.squad import _Context
from headstart.data.store import split_documents

IMAGE = flat(9)


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def rows_of(path: Path | str, ledger: Ledger | None = None) -> list:
    return [row.value for row in read_rows(str(path), ledger or Ledger())]


def test_images_of_an_archive_together(tmp_path, monkeypatch):
    """Refused when they unpack to more than a floor and to more than so many times the archive."""
    path = packed(tmp_path / "a.zip", {"a/1.png": IMAGE + bytes(4000), "b/2.png": IMAGE + bytes(4000)})
    whole, size = 2 * (len(IMAGE) + 4000), path.stat().st_size
    assert 5 * size < whole
    for floor, ratio, refused in [
        (whole, 1, False),
        (whole - 1, 1, True),
        (0, whole / size, False),
        (0, whole / size * 0.99, True),
        (whole - 1, whole / size, False),
    ]:
        monkeypatch.setattr(image_zip, "_BOMBS", floor)
        monkeypatch.setattr(image_zip, "_MOST_RATIO", ratio)
        if refused:
            with pytest.raises(HeadstartError, match="looks like a bomb"):
                rows_of(path)
        else:
            assert len(rows_of(path)) == 2


def test_one_image_of_an_archive(tmp_path, monkeypatch):
    """Passed over when it alone is above the floor and the ratio."""
    path = packed(tmp_path / "a.zip", {"a/1.png": IMAGE + bytes(4000), "b/2.png": IMAGE})
    with zipfile.ZipFile(path) as archive:
        member = archive.infolist()[0]
    ratio = member.file_size / member.compress_size
    monkeypatch.setattr(image_zip, "_BOMBS", 1 << 40)
    for floor, most, kept in [
        (member.file_size - 1, ratio * 0.99, 1),
        (member.file_size, ratio * 0.99, 2),
        (member.file_size - 1, ratio, 2),
    ]:
        monkeypatch.setattr(image_zip, "_BOMB", floor)
        monkeypatch.setattr(image_zip, "_MOST_RATIO", most)
        ledger = Ledger()
        assert len(rows_of(path, ledger)) == kept
        assert ledger.skipped == ({"too large when unpacked": 1} if kept == 1 else {})


def test_a_table_in_an_archive(tmp_path, monkeypatch):
    rows = "text,label\n" + "the same words,x\n" * 300
    path = packed(tmp_path / "a.zip", {"a.csv": rows.encode()})
    with zipfile.ZipFile(path) as archive:
        member = archive.infolist()[0]
    ratio = member.file_size / member.compress_size
    for number, (floor, most, refused) in enumerate(
        [
            (member.file_size - 1, ratio * 0.99, True),
            (member.file_size, ratio * 0.99, False),
            (member.file_size - 1, ratio, False),
        ]
    ):
        monkeypatch.setattr(archives, "_BOMB", floor)
        monkeypatch.setattr(archives, "_MOST_RATIO", most)
        again = tmp_path / f"{number}.zip"
        again.write_bytes(path.read_bytes())
        (name,) = expand(again)
        if refused:
            with pytest.raises(HeadstartError, match="looks like a bomb"):
                rows_of(name)
        else:
            assert len(rows_of(name)) == 300


def test_members_by_other_methods_and_with_a_password(tmp_path):
    (name,) = expand(packed(tmp_path / "a.zip", {"a.csv": b"text\nwords\n"}, zipfile.ZIP_LZMA))
    with pytest.raises(HeadstartError, match="packed by a method that is not read"):
        rows_of(name)
    (name,) = expand(packed(tmp_path / "b.zip", {"a.csv": b"text\nwords\n"}, zipfile.ZIP_STORED))
    assert rows_of(name) == [{"text": "words"}]
    ledger = Ledger()
    assert rows_of(packed(tmp_path / "c.zip", {"a.png": IMAGE}, zipfile.ZIP_LZMA), ledger) == []
    assert ledger.skipped == {"packed by a method that is not read": 1}


@pytest.mark.parametrize("version", range(8))
def test_pickles_are_refused(tmp_path, version):
    (tmp_path / "a.csv").write_bytes(bytes((0x80, version)) + b"}q\x00. some words\n")
    with pytest.raises(HeadstartError) as caught:
        rows_of(tmp_path / "a.csv")
    assert ("a pickle of Python, which could run code" in str(caught.value)) is (2 <= version <= 5)


@pytest.mark.parametrize(
    ("documents", "share", "held"),
    [
        (0, 0.5, 0),
        (1, 0.5, 0),
        (2, 0.0, 0),
        (2, 0.01, 1),
        (2, 0.99, 1),
        (3, 0.99, 2),
        (10, 0.25, 2),
        (10, 0.34, 3),
        (39_000, 0.05, 1950),
        (41_000, 0.05, 2000),
    ],
)
def test_how_many_documents_are_held_out(documents, share, held):
    found = split_documents(documents, share, 3)
    assert len(found[1]) == held
    assert sorted(np.concatenate(list(found)).tolist()) == list(range(documents))
    assert store.HELD_OUT_DOCUMENTS == 2000


@pytest.mark.parametrize("share", [-0.01, 1.0, 1.5])
def test_other_shares_are_refused(share):
    with pytest.raises(HeadstartError, match="expected a share of the documents"):
        split_documents(9, share, 0)


@pytest.mark.parametrize(
    ("text", "answer", "place"),
    [
        ("A b c.", "b", 2),
        ("b c.", "b", 0),
        ("b b.", "b", None),
        ("bb", "b", None),
        ("bbb", "bb", 0),
        ("bbbb", "bb", None),
        ("A c.", "b", None),
    ],
)
def test_an_answer_that_occurs_once(text, answer, place):
    assert _Context(text).only_place(answer) == place


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("plain", 1.0),
        ("café", 1.0),
        ("cafô", 0.0),
        ("éa", 1.0),
        ("Éa", 1.0),
        ("aÉ", 0.0),
        ("éô", 0.5),
        ("it’s", 1.0),
        ("a “b” c", 1.0),
        ("a“b” c", 0.5),
        ("a”b c", 0.0),
        ("“b", 1.0),
        ("b”", 1.0),
    ],
)
def test_letters_beyond_ascii_fit_by_their_places(text, share):
    assert single_bytes._fit(text, {"é"}) == share


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("aéb" * 7 + "éé " * 3, False),
        ("aéb" * 8 + "éé " * 3, True),
        ("plain", False),
        ("é", True),
    ],
)
def test_bytes_that_stand_alone(head, found):
    assert single_bytes.lonely(head.encode("latin-1")) is found

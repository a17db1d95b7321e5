"""Folders of images: which folders are one, which files in them are given, and what is said of the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import MOST_IMAGE_BYTES
from headstart.data.ledger import Ledger
from headstart.data.readers import image_folder
from headstart.data.readers.image_folder import ImageFolder
from headstart.data.row import Source

BOXES = json.dumps({"images": [{"id": 1, "file_name": "1.png"}], "annotations": [], "categories": []}).encode()


def laid(folder: Path, *names: str, data: bytes = b"x") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read(folder: Path) -> tuple[list[tuple[str, str | None, int]], Ledger]:
    """Return (path in the folder, label, line) of the rows."""
    ledger = Ledger()
    rows = list(ImageFolder().read(Source("d", folder=folder), ledger))
    assert all(row.value["image"].path == Path(row.source) for row in rows)
    return [(str(Path(row.source).relative_to(folder)), row.value.get("label"), row.line) for row in rows], ledger


KINDS = {
    "images": (["1.png", "2.JPG"], True),
    "images in folders": (["a/1.png", "b/c/2.png"], True),
    "images and notes": (["1.png", "notes.md"], True),
    "nothing": ([], False),
    "notes": (["notes.md"], False),
    "a table": (["rows.csv"], False),
    "images and a table": (["a/1.png", "a/rows.CSV"], False),
    "images and JSON": (["1.png", "rows.json"], False),
    "images and a hidden table": (["1.png", ".rows.csv", ".hidden/rows.csv", "a/.hidden/rows.csv"], True),
    "hidden images": ([".1.png", ".hidden/2.png", ".hidden/a/3.png"], False),
}


@pytest.mark.parametrize("name", KINDS)
def test_folders_that_are_taken_for_one_of_images(name, tmp_path):
    names, wanted = KINDS[name]
    assert ImageFolder.recognises_folder(laid(tmp_path, *names)) is wanted
    assert ImageFolder.folders


def test_boxes_are_told_from_a_table_by_their_first_bytes(tmp_path):
    laid(tmp_path, "1.png")
    for data, wanted in [
        (BOXES, True),
        (BOXES[:-2], True),
        (b'[{"text": "a"}]', False),
        (b'{"info": {"year": "' + b" " * 50_000 + b'"}, ' + BOXES[1:], True),
        (b'{"info": {"year": "' + b" " * 90_000 + b'"}, ' + BOXES[1:], False),
    ]:
        for name in ("boxes.json", "boxes.JSON"):
            (tmp_path / name).write_bytes(data)
            assert ImageFolder.recognises_folder(tmp_path) is wanted
            (tmp_path / name).unlink()
    (tmp_path / "boxes.jsonl").write_bytes(BOXES)
    assert ImageFolder.recognises_folder(tmp_path) is False


def test_the_first_two_thousand_files_tell(monkeypatch, tmp_path):
    """A file may go while its folder is looked at."""
    for before, wanted in [(1500, False), (3000, True)]:
        paths = [tmp_path / f"{number}.png" for number in range(before)]
        monkeypatch.setattr(image_folder, "_visible", lambda folder, paths=paths: iter([*paths, tmp_path / "a.json"]))
        assert ImageFolder.recognises_folder(tmp_path) is wanted


def test_images_are_given_in_order_with_their_folders_as_labels(tmp_path):
    laid(tmp_path, "b/2.png", "a/1.PNG", "b/1.png", ".hidden/a/3.png", "a/.4.png", data=flat(3))
    laid(tmp_path, "notes.md", "a/labels.xml", ".hidden/notes.md")
    (tmp_path / "a" / "folder.png").mkdir()
    rows, ledger = read(tmp_path)
    assert rows == [("a/1.PNG", "a", 1), ("b/1.png", "b", 1), ("b/2.png", "b", 1)]
    assert ledger.notes[0].startswith("d: passed over 2 that are no images (a/labels.xml, notes.md); boxes")
    assert not ledger.skipped
    rows, ledger = read(laid(tmp_path / "flat", "2.png", "1.png", data=flat(3)))
    assert (rows, ledger.notes) == ([("1.png", None, 1), ("2.png", None, 1)], [])
    rows, ledger = read(laid(tmp_path / "masks", "images/1.png", "masks/1.png", data=flat(3)))
    assert [path for path, _, _ in rows] == ["images/1.png"]
    assert ledger.notes == ["d: passed over 1 masks, which lie beside the images and are none"]
    with pytest.raises(HeadstartError, match=r"^d: no image in this folder \(known: \.png, "):
        read(laid(tmp_path / "notes", "notes.md", "b.csv"))


def test_images_that_cannot_be_read_or_named_are_told(tmp_path):
    laid(tmp_path, "a/1.png", "b/1.png", "c/1.png", data=flat(3))
    with open(tmp_path / "a" / "0.png", "wb") as large:
        large.truncate(MOST_IMAGE_BYTES + 1)
    with open(os.fsencode(tmp_path) + b"/b/\xff.png", "wb"), open(os.fsencode(tmp_path) + b"/b/\x800.png", "wb"):
        rows, ledger = read(tmp_path)
    assert rows == [("a/1.png", "a", 1), ("b/1.png", "b", 1), ("c/1.png", "c", 1)]
    assert dict(ledger.skipped) == {"cannot be read": 1, "file name is not UTF-8": 2}
    assert ledger.complaints[0].startswith(f"{tmp_path}/a/0.png:1: cannot be read (")
    assert all(":1: file name is not UTF-8 (rename it)" in told for told in ledger.complaints[1:])

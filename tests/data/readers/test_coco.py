"""COCO annotations: which images are given, with which label, where they lie, and what is said of the others."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.readers import coco
from headstart.data.readers.coco import Coco
from headstart.data.row import ByteStream, Source

KINDS = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]


def read(path: Path, value: object) -> tuple[list, Ledger]:
    """Return what is read of annotations that are said to lie in a file; it need not be there."""
    ledger = Ledger()
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return list(Coco().read(Source(str(path), ByteStream(io.BytesIO(data))), ledger)), ledger


def image_files(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(flat(number))


def listed(*names: object) -> list[dict]:
    return [{"id": number, "file_name": name} for number, name in enumerate(names)]


def marks(*pairs: tuple[object, object]) -> list[dict]:
    return [{"image_id": image, "category_id": kind} for image, kind in pairs]


def test_labels_are_the_one_category_of_an_image(tmp_path):
    names = [f"{number}.png" for number in range(6)]
    image_files(tmp_path, *names)
    pairs = [(0, 1), (0, 1), (1, 2), (2, 1), (2, 2), (3, 2), (3, 1), (3, 2), (9, 1), (4, 9), (None, 1), (4, None)]
    value = {"images": listed(*names), "annotations": marks(*pairs), "categories": KINDS}
    rows, ledger = read(tmp_path / "a.json", value)
    assert [(row.value["label"], row.line) for row in rows] == [
        ("cat", 1),
        ("dog", 2),
        (None, 3),
        (None, 4),
        (None, 5),
        (None, 6),
    ]
    assert [row.value["image"].path for row in rows] == [tmp_path / name for name in names]
    several = "2 images are of several categories: they have no label; cut their boxes out to folders by class"
    assert [note.removeprefix(f"{tmp_path}/a.json: ") for note in ledger.notes] == [
        "4 annotations name no known image or category",
        several,
    ]
    assert not ledger.skipped


def test_names_of_categories_and_of_images_may_be_anything(tmp_path):
    """What cannot be used is told; what refers to nothing is no fault of the others."""
    image_files(tmp_path, "a.png", "b.png")
    odd = [*listed("a.png", "", 5, None, "\ud800.png", "half\udfff.png"), {"id": 6}, "text", {"file_name": "b.png"}]
    odd += [{"id": [7], "file_name": "a.png"}, {"id": "x", "file_name": "b.png"}]
    kinds = [*KINDS, {"id": 3, "name": " "}, {"id": 4}, {"id": 5, "name": 5}, {"id": 6, "name": "\udfff"}, "text"]
    kinds += [{"id": 7, "name": "half \ud800"}, {"id": [8], "name": "cat"}, {"id": 9, "name": "fox"}]
    pairs = [(0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (0, [8]), ([7], 1), (0, 9), ("x", 2), (None, 1)]
    value = {"images": odd, "annotations": [*marks(*pairs), "text", 5], "categories": kinds}
    rows, ledger = read(tmp_path / "a.json", value)
    assert [(row.value["image"].path.name, row.value["label"], row.line) for row in rows] == [
        ("a.png", "fox", 1),
        ("b.png", None, 9),
        ("a.png", None, 10),
        ("b.png", "dog", 11),
    ]
    assert dict(ledger.skipped) == {"no file_name": 7}
    assert [told.rpartition(": ")[0] for told in ledger.complaints] == [f"{tmp_path}/a.json:{n}" for n in range(2, 9)]
    assert "8 annotations name no known image or category" in ledger.notes[0]
    assert len(ledger.notes) == 1


def test_images_that_are_not_there_are_named(tmp_path):
    image_files(tmp_path, "a.png", "c.png")
    value = {"images": listed("b.png", "a.png", "d" * 300 + ".png", "\0.png", "c.png")}
    rows, ledger = read(tmp_path / "a.json", value)
    assert [(row.value["image"].path.name, row.line) for row in rows] == [("a.png", 2), ("c.png", 5)]
    assert dict(ledger.skipped) == {"no such image": 3}
    assert [told.partition(": ")[0] for told in ledger.complaints] == [f"{tmp_path}/a.json:{n}" for n in (1, 3, 4)]


FOLDERS = ["sub", ".", "images", "sub/images", "val", "sub/val", "images/val", "sub/images/val"]
FOLDERS += ["instances_val", "sub/instances_val", "images/instances_val", "sub/images/instances_val"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_images_are_found_in_the_usual_folders(folder, tmp_path):
    image_files(tmp_path / folder, "1.png")
    path = tmp_path / "sub" / "instances_val.json"
    rows, ledger = read(path, {"images": listed("0.png", "1.png")})
    assert [row.value["image"].path.resolve() for row in rows] == [(tmp_path / folder / "1.png").resolve()]
    assert (ledger.notes == []) == (folder == "sub")
    assert folder == "sub" or "images are read from" in ledger.notes[0]


def test_the_folder_is_told_by_the_first_images(tmp_path):
    """That some are not there hides it as little as names that are none; that all of very many are not, does."""
    image_files(tmp_path / "images", "last.png")
    for before, found in [(15, 1), (35, 0)]:
        names = [None, *(f"{number}.png" for number in range(before - 1)), "last.png"]
        assert len(read(tmp_path / "a.json", {"images": listed(*names)})[0]) == found


REFUSED = [
    (b'{"images": [', r"not valid JSON \(Expecting value in line 1, column 13\); a COCO file is one"),
    (b'{"images": \xff', r"not valid UTF-8 \(byte 0xff at position 12\)"),
    (b'{"images": ' + b"[" * 100_000, r"not readable JSON \(RecursionError\)"),
    (b'{"images": [' + b"9" * 5000, r"not readable JSON \(ValueError\)"),
    ([], "no list called images"),
    ({}, "no list called images"),
    ({"images": {}}, "no list called images"),
]


@pytest.mark.parametrize(("value", "said"), REFUSED)
def test_what_is_no_list_of_images_is_refused(value, said):
    with pytest.raises(HeadstartError, match=f"^f: {said}"):
        read(Path("f"), value)


class Pretended(bytes):
    """Bytes that say that they are very many."""

    size = 0

    def __len__(self) -> int:
        return self.size


def test_a_file_has_a_gibibyte_at_most(monkeypatch):
    data = Pretended(b'{"images": []}')
    monkeypatch.setattr(coco, "read_whole", lambda source, most: data)
    data.size = 1 << 30
    assert read(Path("f"), b"")[0] == []
    data.size += 1
    with pytest.raises(HeadstartError, match="f: larger than 1 GiB; split it"):
        read(Path("f"), b"")


def test_files_that_are_taken_for_annotations():
    for begin in ('{"images": [{"file_name"  :', '\n{ "info": {"year": 2014}, "annotations": [{"image_id":'):
        assert Coco.recognises(begin.encode())
    for begin in ('{"images": ["a.png"]}', '{"file_name": "a.png"}', '[{"images": [{"file_name":', "", "images"):
        assert not Coco.recognises(begin.encode())


def test_nothing_is_left_over_from_one_file_to_the_next(tmp_path, monkeypatch):
    every = [test_labels_are_the_one_category_of_an_image, test_names_of_categories_and_of_images_may_be_anything]
    every += [test_images_that_are_not_there_are_named, test_the_folder_is_told_by_the_first_images]
    for number, check in enumerate([*every, *reversed(every)]):
        (tmp_path / str(number)).mkdir()
        check(tmp_path / str(number))
    for value, said in REFUSED:
        test_what_is_no_list_of_images_is_refused(value, said)
    test_files_that_are_taken_for_annotations()
    test_a_file_has_a_gibibyte_at_most(monkeypatch)

"""Archives of images: which members are given, with which label, and what is not unpacked."""

from __future__ import annotations

import io
import zipfile
from fractions import Fraction

import pytest
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.readers import image_zip
from headstart.data.readers.image_zip import ImageZip
from headstart.data.row import ByteStream, Source

IMAGE = flat(3)
MIB = 1 << 20


def packed(*names: str, data: bytes = IMAGE, method: int = zipfile.ZIP_STORED) -> bytearray:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return bytearray(stream.getvalue())


def entries(data: bytearray) -> list[int]:
    """Return the places of the entries of the directory."""
    places, place = [], data.find(b"PK\x01\x02")
    while place >= 0:
        places.append(place)
        place = data.find(b"PK\x01\x02", place + 1)
    return places


def put(data: bytearray, entry: int, place: int, value: int, size: int = 4) -> None:
    """Let an entry of the directory say something else."""
    at = entries(data)[entry] + place
    data[at : at + size] = value.to_bytes(size, "little")


def read(data: bytes) -> tuple[list, Ledger]:
    ledger = Ledger()
    return list(ImageZip().read(Source("f", ByteStream(io.BytesIO(bytes(data)))), ledger)), ledger


def refused(data: bytes) -> str:
    with pytest.raises(HeadstartError) as caught:
        read(data)
    return str(caught.value)


def test_images_are_given_in_order_with_their_folders_as_labels():
    names = ["b/2.png", "a/1.PNG", "a/", "b/1.png", "__MACOSX/a/1.png", "b/._1.png", ".hidden/1.png", "notes.md"]
    rows, ledger = read(packed(*names))
    assert [(row.value["label"], row.line, row.source) for row in rows] == [("a", 1, "f"), ("b", 2, "f"), ("b", 3, "f")]
    assert {row.value["image"].read() for row in rows} == {IMAGE}
    assert ledger.notes == ["f: passed over 1 that are no images (notes.md)"]
    assert [row.value for row in read(packed("1.png"))[0]] == [{"image": rows[0].value["image"]}]
    rows, ledger = read(packed("masks/1.png", "images/1.png"))
    assert [row.line for row in rows] == [1]
    assert ledger.notes == ["f: passed over 1 masks, which lie beside the images and are none"]


def test_an_archive_without_images_is_refused_with_what_it_holds():
    said = "f: no image, table or text in this archive; it holds "
    assert refused(packed()).startswith(f"{said}nothing (known images: .")
    assert refused(packed("c.bin", "a.bin")).startswith(f"{said}a.bin, c.bin (known")
    assert refused(packed("d.bin", "c.bin", "b.bin", "a.bin", "a/")).startswith(f"{said}a.bin, b.bin, c.bin (known")
    assert refused(b"no archive") == "f: not a readable zip archive (File is not a zip file); get the file again"


def test_an_archive_that_cannot_be_sought_is_refused():
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(HeadstartError, match=r"^f: a zip inside .* cannot be read; give the \.zip itself"):
        list(ImageZip().read(Source("f", ByteStream(Pipe(packed("1.png")))), Ledger()))


def test_members_that_cannot_be_unpacked_are_named_and_the_others_given():
    data = packed(*(f"{number}.png" for number in range(7)))
    put(data, 0, 8, 1, 2)  # encrypted
    put(data, 1, 10, 9, 2)  # packed by another method
    put(data, 2, 24, len(IMAGE) - 1)  # more comes than it says
    put(data, 3, 16, 7)  # another checksum
    put(data, 4, 24, 20 * MIB)
    put(data, 5, 8, 0x802, 2)  # a name in UTF-8, and how well it is packed
    rows, ledger = read(data)
    assert [(row.line, row.value["image"].read()) for row in rows] == [(6, IMAGE), (7, IMAGE)]
    assert ledger.complaints[:3] == [
        "f:1: encrypted (0.png: unpack it with its password, and give the folder)",
        "f:2: packed by a method that is not read (1.png: pack it by deflate, as zip does)",
        ledger.complaints[2],
    ]
    assert ledger.complaints[2].startswith("f:3: cannot be unpacked (2.png: ")
    assert ledger.complaints[3].startswith("f:4: cannot be unpacked (3.png: ")
    assert ledger.complaints[4:] == [
        f"f:5: too large when unpacked (4.png: {20 * MIB / len(IMAGE):.0f} times its packed size)"
    ]
    assert dict(ledger.lost) == dict(ledger.skipped)


SIZES = [  # mebibytes of an image, of what it is packed in, whether it may be unpacked
    (1, 0, True),
    (12, 0, True),
    (16, 0, True),
    (16 + 1 / MIB, 0, False),
    (24, 0, False),
    (100, 0.9, True),
    (100, 0.5, True),
    (100 + 1 / MIB, 0.5, False),
    (100, 0.3, False),
    (200, 200, True),
    (256, 256, True),
    (256 + 1 / MIB, 256, False),
]


def test_the_archive_counts_with_all_of_its_bytes(monkeypatch):
    data = packed("1.png", "2.png")
    monkeypatch.setattr(image_zip, "_BOMBS", 0)
    monkeypatch.setattr(image_zip, "_MOST_RATIO", Fraction(2 * len(IMAGE), len(data)))
    assert len(read(data)[0]) == 2
    monkeypatch.setattr(image_zip, "_MOST_RATIO", Fraction(4 * len(IMAGE) - 1, 2 * len(data)))
    assert "looks like a bomb" in refused(data)


def test_an_image_that_would_be_very_large_is_not_unpacked():
    """256 MiB; 200 times its packed size, from 16 MiB on."""
    for size, stored, allowed in SIZES:
        member = zipfile.ZipInfo("1.png")
        member.file_size, member.compress_size = round(size * MIB), round(stored * MIB)
        fault = image_zip._fault(member)
        assert (fault is None) is allowed, size
        assert allowed or fault[0] == "too large when unpacked"


@pytest.mark.parametrize(
    ("sizes", "size", "allowed"),
    [
        ([80, 80, 80], 0, True),
        ([86, 85, 85], 0, True),
        ([86, 85, 85 + 1 / MIB], 0, False),
        ([100, 100, 100], 0, False),
        ([100, 100, 100], 2, True),
        ([170, 170, 10], 2, True),
        ([170, 170, 62], 2, False),
        ([200, 200, 200], 2, False),
    ],
)
def test_images_that_together_would_be_very_large_are_refused(sizes, size, allowed):
    """200 times the archive, from 256 MiB on; each of them alone is looked at afterwards."""
    data = packed("1.png", "2.png", "3.png", "padding.bin")
    for number, each in enumerate(sizes):
        put(data, number, 24, round(each * MIB))
    data = bytes(size * MIB - len(data)) + data if size else data
    if allowed:
        assert set(read(data)[1].skipped) <= {"too large when unpacked", "cannot be unpacked"}
    else:
        said = f"f: it says it holds {sum(sizes):,.0f} MiB of images, and has {len(data) / MIB:.2f}, which looks like"
        assert refused(data).startswith(said)

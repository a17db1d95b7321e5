"""Arrays of images: their forms, their labels, and what is not unpacked because it says that it is very large."""

from __future__ import annotations

import io
import itertools
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy
from PIL import Image

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.readers import npz
from headstart.data.readers.npz import Npz
from headstart.data.row import ByteStream, Source

GREY = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)


def written(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    npy.write_array(stream, array, version)
    return stream.getvalue()


def packed(**members: np.ndarray | bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data if isinstance(data, bytes) else written(data))
    return stream.getvalue()


def read(data: bytes) -> tuple[list, Ledger]:
    ledger = Ledger()
    return list(Npz().read(Source("f", ByteStream(io.BytesIO(data))), ledger)), ledger


def refused(data: bytes) -> str:
    with pytest.raises(HeadstartError) as caught:
        read(data)
    return str(caught.value)


def pixels(row) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(row.value["image"].read())))


def test_channels_are_last_or_first_one_or_three():
    for shape in itertools.product((1, 2, 3, 4, 5), repeat=3):
        array = np.arange(2 * np.prod(shape), dtype=np.int16).reshape(2, *shape) % 251
        if shape[-1] in (1, 3):
            wanted = array
        elif shape[0] in (1, 3):
            wanted = np.moveaxis(array, 1, -1)
        else:
            assert f"'x' is [2, {shape[0]}, {shape[1]}, {shape[2]}]; expected images" in refused(packed(x=array))
            continue
        found = np.stack([pixels(row) for row in read(packed(x=array))[0]])
        assert np.array_equal(found, wanted[..., 0] if wanted.shape[-1] == 1 else wanted), shape


@pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 4, 3, 1), (2, 3, 0), (2, 0, 3), (2, 0, 3, 3), (2, 3, 0, 1)])
def test_shapes_that_are_none_of_images(shape):
    assert f"'x' is {list(shape)}; expected images" in refused(packed(x=np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("kind", [np.uint8, np.float32, bool, np.int64])
@pytest.mark.parametrize("shape", [(0, 3, 4), (0, 3, 4, 3), (0, 1, 3, 4)])
def test_no_image_is_no_fault(shape, kind):
    assert read(packed(x=np.zeros(shape, kind), y=np.zeros(0)))[0] == []


@pytest.mark.parametrize(
    ("highest", "kind"), [(0, np.uint8), (255, np.uint8), (256, np.uint16), (65_535, np.uint16), (65_536, None)]
)
@pytest.mark.parametrize("given", [np.uint8, np.uint16, np.int32, np.uint64])
def test_whole_numbers_have_eight_or_sixteen_bits(highest, kind, given):
    if highest > np.iinfo(given).max:
        return
    array = (GREY % 2).astype(given) * given(highest)
    if kind is None:
        assert "'x' is" in (said := refused(packed(x=array)))
        assert "from 0 to 65536; expected 8 or 16 bits, or floats from 0 to 1" in said
    else:
        rows = read(packed(x=array))[0]
        assert all(np.array_equal(pixels(row), one) for row, one in zip(rows, array))
        assert rows[0].value["image"].read().startswith(b"P5 4 2 255\n" if kind is np.uint8 else b"P5 4 2 65535\n")


def test_fractions_go_from_none_to_one():
    for low, high in [(0, 1), (0, 0), (1, 1), (0.5, 0.5)]:
        array = np.where(GREY % 2, np.float64(high), low)
        found = np.stack([pixels(row) for row in read(packed(x=array))[0]])
        assert np.array_equal(found, np.rint(array * 255))
    for low, high in [(-0.01, 1), (0, 1.01), (-1, 0), (0, 2), (np.nan, 1), (0, np.inf), (-np.inf, 0)]:
        assert "expected 8 or 16 bits, or floats from 0 to 1" in refused(
            packed(x=np.where(GREY % 2, np.float64(high), low))
        )


def test_labels_one_for_each_image():
    texts = np.array(["cat", "dog", "fox"])
    for given in (texts, texts[:, None], texts.astype("S3")):
        rows, ledger = read(packed(images=GREY, target=given))
        assert [(row.value["label"], row.line, row.source) for row in rows] == [
            ("cat", 1, "f"),
            ("dog", 2, "f"),
            ("fox", 3, "f"),
        ]
        assert ledger.notes == ["f: images in 'images', labels in 'target'"]
    rows, ledger = read(packed(images=GREY, others=texts))
    assert [list(row.value) for row in rows] == [["image"]] * 3
    assert ledger.notes == []
    for shape in [(2,), (4,), (3, 2), (1, 3), (3, 0), (3, 1, 1), ()]:
        said = f"f: 'y' is {list(shape)}; expected one label for each of 3 images in 'images'"
        assert refused(packed(images=GREY, y=np.zeros(shape))) == said


def test_usual_names_come_before_others():
    rows, ledger = read(packed(arr_1=np.zeros(3), arr_0=GREY, labels=np.arange(3), x=GREY[::-1]))
    assert np.array_equal(pixels(rows[0]), GREY[-1])
    assert ledger.notes == ["f: images in 'x', labels in 'labels'"]
    known = "x, images, image, data, pixels, arr_0"
    assert refused(packed()) == f"f: no array of images; it holds nothing, expected one called {known}"
    many = {f"array {letter}": GREY for letter in "hgfedcba"}
    assert "it holds array a, array b, array c, array d, array e, array f, expected" in refused(packed(**many))
    assert "did you mean 'images'?" in refused(packed(imagees=GREY, something_much_longer=GREY))


def test_what_is_no_array_is_named():
    """Arrays of every version of the format are read; of objects none is."""
    for version in ((1, 0), (2, 0), (3, 0)):
        assert len(read(packed(x=written(GREY, version)))[0]) == 3
    whole = written(GREY)
    for left in (1, 23, 24):
        said = f"f: the array x.npy cannot be read (it should have 24 bytes and has {24 - left}); write it again"
        assert refused(packed(x=whole[:-left])) == said
    assert "the array x.npy cannot be read (" in refused(packed(x=b"no array"))
    assert "the array y.npy cannot be read (" in refused(packed(x=GREY, y=b""))
    for objects in (np.array([[["a", 1]]] * 9, object), np.array([None])):
        stream = io.BytesIO()
        np.save(stream, objects, allow_pickle=True)
        said = "f: the array x.npy holds Python objects, which are never loaded; save numbers or text"
        assert refused(packed(x=stream.getvalue())) == said
    assert refused(b"no archive").startswith("f: not a readable npz file (File is not a zip file); write it again")


MIB = 1 << 20
CLAIMS = [  # mebibytes of an array, of what it is packed in, whether it is refused before it is unpacked
    (48, 0, False),
    (64, 0, False),
    (64 + 8 / MIB, 0, True),
    (96, 0, True),
    (100, 0.9, False),
    (100, 0.5, False),
    (100 + 8 / MIB, 0.5, True),
    (100, 0.3, True),
    (6 * 1024, 1024, False),
    (8 * 1024, 1024, False),
    (8 * 1024 + 8 / MIB, 1024, True),
    (12 * 1024, 1024, True),
]


@pytest.mark.parametrize("kind", ["u1", "<f8"])
def test_an_array_that_says_that_it_is_very_large_is_not_unpacked(kind, monkeypatch):
    """200 times its packed size, from 64 MiB on; 8 GiB. What is below is read, as far as it goes."""
    pickles = []
    monkeypatch.setattr(npy, "read_array", lambda stream, allow_pickle: pickles.append(allow_pickle))
    for size, stored, large in CLAIMS:
        items = round(size * MIB) // np.dtype(kind).itemsize
        head = io.BytesIO()
        npy.write_array_header_1_0(head, {"descr": kind, "fortran_order": False, "shape": (items,)})
        with zipfile.ZipFile(io.BytesIO(packed(x=head.getvalue()))) as archive:
            member = archive.getinfo("x.npy")
            member.file_size, member.CRC = 16 << 30, None
            member.compress_size = max(member.compress_size, round(stored * MIB))
            pickles.clear()
            if large:
                with pytest.raises(HeadstartError, match=r"^f: the array x\.npy would unpack to .*a bomb"):
                    npz._array("f", archive, member)
                assert pickles == []
            else:
                npz._array("f", archive, member)
                assert pickles == [False]

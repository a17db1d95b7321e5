"""Damaged and hostile zip archives, npz archives and tables of images, each a function of its number."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
from fuzzed_images import Fuzzed, _cut, _flipped, damaged_image, pattern, sound
from numpy.lib import format as npy
from pyarrow import parquet

Random = np.random.Generator


def _pack(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def _members(random: Random, count: int = 4) -> list[tuple[str, bytes]]:
    """Return sound images and, now and then, a damaged one, in two folders."""
    found = []
    for number in range(count):
        one = damaged_image(int(random.integers(4000))) if random.random() < 0.25 else None
        found.append((f"{'ab'[number % 2]}/{number}.png", one.data if one else sound()[number % len(sound())][1]))
    return found


def _patched(data: bytes, signature: bytes, offset: int, value: bytes, which: int = 0) -> bytes:
    """Return the archive with a field of its `which`-th header of that signature overwritten."""
    place = -1
    for _ in range(which + 1):
        place = data.index(signature, place + 1)
    return data[: place + offset] + value + data[place + offset + len(value) :]


_LOCAL, _CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def _lying_sizes(random: Random) -> bytes:
    """An archive whose directory claims other sizes than the members have; some unpack to very much more."""
    claimed = struct.pack("<I", int(random.choice([0, 1, 50, 5_000, 2**28 + 1, 2**31 - 1, 2**32 - 2])))
    packed = _pack([("a/1.png", bytes(1 << 26)), *_members(random)], zipfile.ZIP_DEFLATED)
    return _patched(packed, _CENTRAL, int(random.choice([20, 24])), claimed)


def _damaged_directory(random: Random) -> bytes:
    packed = _pack(_members(random), zipfile.ZIP_DEFLATED)
    start = packed.index(_CENTRAL)
    return packed[:start] + _flipped("", packed[start:], random)


def _nested(random: Random) -> bytes:
    inner = _pack(_members(random))
    return _pack([("inner.zip", inner), ("more/inner.png", inner)][: random.integers(1, 3)])


def _odd_names(random: Random) -> bytes:
    odd = [
        *("/etc/passwd.png", "../../up.png", "a/../../b/1.png", "C:\\x\\1.png", "a\\b\\2.png", "//double//1.png"),
        *("a/\x1b[31mred\n.png", "a/\u2028.png", ".png", "a/.png", "가/나.png", "x" * 3000 + ".png", "a/1.png/"),
        *("./1.png", "../a/1.png", "\udcff.png".encode("utf-8", "replace").decode(), "a/ /1.png", "~/1.png"),
    ]
    names = random.permutation(odd)[: random.integers(1, 6)]
    image = sound()[0][1]
    return _pack([(str(name), image) for name in names] + _members(random, int(random.integers(0, 3))))


def _encrypted(random: Random) -> bytes:
    packed = _pack(_members(random))
    for which in range(int(random.integers(1, 5))):
        packed = _patched(_patched(packed, _CENTRAL, 8, b"\x01\x00", which), _LOCAL, 6, b"\x01\x00", which)
    return packed


def _same_names(random: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in _members(random):
            archive.writestr(zipfile.ZipInfo(name), data)
            archive.filelist.append(archive.filelist[0])  # the first one is listed once more
    return stream.getvalue()


def _zip64(random: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in _members(random):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    packed = stream.getvalue()
    return _flipped("", packed, random) if random.random() < 0.5 else packed


def _ratio(random: Random) -> bytes:
    """Blanks that shrink to a thousandth: one large one, or many small ones."""
    size, count = ((1 << 25, 1), (1 << 23, 40))[random.integers(2)]
    packed = _pack([("a/0.png", bytes(size))], zipfile.ZIP_DEFLATED)
    if count == 1:
        return packed
    # One member, listed many times: the entries share its bytes.
    start, end = packed.index(_CENTRAL), packed.index(b"PK\x05\x06")
    listed = b"".join(packed[start:end].replace(b"a/0", b"a/%s" % bytes([65 + n])) for n in range(count))
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(listed), start, 0)
    return packed[:start] + listed + tail


def _other_methods(random: Random) -> bytes:
    method = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[random.integers(2)]
    packed = _pack([("a/blank.png", bytes(1 << 25)), *_members(random)], method)
    return _patched(packed, _CENTRAL, 24, struct.pack("<I", 100)) if random.random() < 0.5 else packed


def _around(random: Random) -> bytes:
    packed = _pack(_members(random))
    return random.bytes(50) + packed if random.random() < 0.5 else packed + random.bytes(50)


def _zip_flipped(random: Random) -> bytes:
    return _flipped("", _pack(_members(random), zipfile.ZIP_DEFLATED), random)


def _zip_cut(random: Random) -> bytes:
    return _cut("", _pack(_members(random)), random)


def _npy(head: dict | bytes, data: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    """Return an npy file with that head, whatever it says."""
    text = head if isinstance(head, bytes) else repr(head).encode("latin-1", "replace")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    length = struct.pack("<H", len(text)) if version == (1, 0) else struct.pack("<I", len(text))
    return npy.magic(*version) + length + text + data


def _npz(images: bytes, labels: bytes | None, method: int = zipfile.ZIP_STORED) -> bytes:
    names = [("x.npy", images)] + ([("y.npy", labels)] if labels is not None else [])
    return _pack(names, method)


def _plain(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz_heads(random: Random) -> bytes:
    """An array whose head lies about its kind, shape or order, or is no head."""
    shapes = [(3, 4, 4), (-3, 4, 4), (10**12, 9, 9), (2**62, 8, 8), (3, 0, 4), (), (48,), (3, 4, 4, 5), (3,) * 30]
    kinds = ["|u1", "|O", "<U7", "|S3", "<f4", ">u2", "<c16", "<M8[s]", "|b1", "<i8", "|V9", "nonsense", "", "<f2"]
    shape, kind = shapes[random.integers(len(shapes))], kinds[random.integers(len(kinds))]
    head = {"descr": kind, "fortran_order": bool(random.integers(2)), "shape": shape}
    odd = [
        *(b"", b"{}", b"(" * 2000, b"__import__('os').system('false')", b"\xff" * 70),
        *(b"{'descr': '|u1', 'shape': (3, 4, 4)}", repr(head | {"shape": (3.5, 4)}).encode()),
        repr(head | {"descr": [("a", "<i4", (9_999_999, 99_999_999))]}).encode(),
    ]
    version = [(1, 0), (2, 0), (3, 0), (9, 9)][random.choice(4, p=[0.6, 0.2, 0.15, 0.05])]
    chosen = odd[random.integers(len(odd))] if random.random() < 0.3 else head
    method = zipfile.ZIP_DEFLATED if random.random() < 0.3 else zipfile.ZIP_STORED
    return _npz(_npy(chosen, bytes(range(48)), version), _plain(np.arange(3)), method)


def _npz_arrays(random: Random) -> bytes:
    """Arrays that are whole, but not all of them images with labels."""
    grey = pattern()[None, :, :, 0].repeat(4, 0)
    images = [
        *(grey, pattern()[None].repeat(4, 0), np.moveaxis(pattern(), 2, 0)[None].repeat(4, 0), grey.astype(np.float32)),
        *(grey / 255.0, np.full((4, 3, 3), np.nan), grey.astype(np.int64) - 5, grey > 99, grey.astype(">u2") * 255),
        *(np.asfortranarray(grey), grey[:0], grey[0], grey.astype(complex), np.zeros((4, 2, 2, 2, 2), np.uint8)),
        *(np.array(["a", "b"]), np.zeros(4, [("a", "i4")]), grey.astype(np.uint32) * 99_999),
    ]
    labels = [
        *(np.arange(4), np.arange(3), np.arange(4)[:, None], np.eye(4), np.array(list("abab")), np.array(0)),
        *(np.array([b"a", b"\xff", b"c", b"d"]), np.array([0.5, np.nan, 1, 2]), np.array(["가", "\n", "", "x"])),
    ]
    stream = io.BytesIO()
    names = [("x", "y"), ("images", "labels"), ("foo", "bar"), ("arr_0", "arr_1"), ("data", "what")]
    first, second = names[random.integers(len(names))]
    arrays = {first: images[random.integers(len(images))], second: labels[random.integers(len(labels))]}
    if random.random() < 0.2:
        arrays[second] = np.array([{"code": 1}] * 4, object)
    np.savez_compressed(stream, **dict(list(arrays.items())[: random.integers(1, 3)]), allow_pickle=True)
    return stream.getvalue()


def _npz_bomb(random: Random) -> bytes:
    shape = (1 << 27, 1, 1)
    head = _npy({"descr": "|u1", "fortran_order": False, "shape": shape}, bytes(1 << 27))
    packed = _npz(head, None, zipfile.ZIP_DEFLATED)
    return packed if random.random() < 0.5 else _patched(packed, _CENTRAL, 24, struct.pack("<I", 1000))


def _npz_flipped(random: Random) -> bytes:
    return _flipped("", _npz(_plain(pattern()[None].repeat(3, 0)), _plain(np.arange(3))), random)


def _npz_cut(random: Random) -> bytes:
    return _cut("", _npz(_plain(pattern()[None].repeat(3, 0)), _plain(np.arange(3))), random)


def _parquet(cells: list, random: Random) -> bytes:
    stream = io.BytesIO()
    try:
        table = pa.table({"image": cells, "label": [str(n % 2) for n in range(len(cells))]})
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return b"PAR1"
    parquet.write_table(table, stream)
    data = stream.getvalue()
    return _flipped("", data, random) if random.random() < 0.3 else data


def _table_bytes(random: Random) -> bytes:
    cells = [data for _, data in _members(random, 6)] + [None, b"", b"\x89PNG\r\n\x1a\n"]
    return _parquet([cells[place] for place in random.permutation(len(cells))], random)


def _table_pairs(random: Random) -> bytes:
    paths = [None, "", "gone.png", "/dev/zero", "/dev", "a\0b.png", "x" * 5000, "../..", "/etc/hostname"]
    cells = [{"bytes": data, "path": None} for _, data in _members(random, 3)]
    cells += [{"bytes": None, "path": path} for path in random.permutation(np.array(paths, object))[:4]]
    return _parquet(cells, random)


@cache
def _many_blanks(stored: bool) -> bytes:
    """A parquet file of 320 MiB of images that shrink to nothing; stored: each as a cell, or one cell listed often."""
    stream = io.BytesIO()
    cells = [sound()[0][1] + bytes(1 << 26)] if stored else [sound()[0][1] + bytes(1 << 22)]
    often = pa.array(np.zeros(5 if stored else 80, np.int32))
    images = pa.DictionaryArray.from_arrays(often, pa.array(cells))
    parquet.write_table(
        pa.table({"image": images.dictionary_decode() if stored else images}),
        stream,
        compression="zstd",
        use_dictionary=not stored,
    )
    return stream.getvalue()


def _parquet_bomb(random: Random) -> bytes:
    return _many_blanks(random.random() < 0.5)


def _coco(random: Random) -> bytes:
    """Annotations whose parts are missing, of other kinds, or refer to nothing; `sound.png` lies beside the file."""
    names = [
        "gone.png",
        "/dev/zero",
        5,
        None,
        ["sound.png"],
        "a\0.png",
        "\ud800.png",
        "../../../etc/passwd.png",
        "",
        "/dev",
    ]
    images = [{"id": n, "file_name": "sound.png", "width": 9, "height": 9} for n in range(4)]
    images += [{"id": n, "file_name": names[random.integers(len(names))]} for n in range(4, 7)]
    categories = [
        {"id": 1, "name": "a"},
        {"id": 2, "name": "b"},
        {"id": 3, "name": "\n\x1b[31m"},
        {"id": [4], "name": 4},
    ]
    marks = [{"image_id": n % 6, "category_id": int(random.integers(1, 4)), "bbox": [0, 0, 1, 1]} for n in range(8)]
    odd = [None, 5, "x", [], {}, [[]], {"id": None}, {"image_id": {}, "category_id": []}, 1e400, {"name": "a"}]
    value: dict = {"info": {}, "images": images, "annotations": marks, "categories": categories}
    for part in ("images", "annotations", "categories"):
        chosen = odd[random.integers(len(odd))]
        if random.random() < 0.4:
            value[part] = [*value[part], chosen]
        elif random.random() < 0.1:
            value[part] = chosen
    data = json.dumps(value).encode()
    if random.random() < 0.2:
        return _flipped("", data, random)
    return _cut("", data, random) if random.random() < 0.2 else data


def _coco_deep(random: Random) -> bytes:
    """Brackets in brackets, which a parser that calls itself does not survive."""
    depth = int(random.choice([900, 100_000, 3_000_000]))
    return b'{"images": [{"file_name": "sound.png", "id": ' + b"[" * depth + b"1" + b"]" * depth + b"}]}"


def _table_paths(random: Random) -> bytes:
    """Lines of JSON that name images; `sound.png` lies beside the table."""
    odd = ["gone.png", "/dev/zero", 5, None, ["sound.png"], {"bytes": 5, "path": 7}, "a\0.png", "\ud800.png", True, 1e9]
    odd += ["../../../etc/passwd.png", "x" * 5000 + ".png", "", "sound.png/x.png", {"bytes": "text", "path": None}]
    cells = ["sound.png", *(odd[place] for place in random.permutation(len(odd))[:3]), *["sound.png"] * 3]
    rows = [json.dumps({"image": cell, "label": "ab"[n % 2]}) for n, cell in enumerate(cells)]
    # Beyond the rows that columns are chosen by, anything may come.
    rows[1:1] = [json.dumps({"image": "sound.png", "label": "ab"[n % 2]}) for n in range(int(random.choice([0, 210])))]
    return ("\n".join(rows[-215:]) + "\n").encode()


_KINDS: list[tuple[str, Callable[[Random], bytes]]] = [
    *(("zip", make) for make in (_lying_sizes, _damaged_directory, _nested, _odd_names, _encrypted, _same_names)),
    *(("zip", make) for make in (_zip64, _ratio, _other_methods, _around, _zip_flipped, _zip_cut)),
    *(("npz", make) for make in (_npz_heads, _npz_heads, _npz_heads, _npz_arrays, _npz_arrays, _npz_arrays)),
    *(("npz", make) for make in (_npz_bomb, _npz_flipped, _npz_cut)),
    *((("parquet", _table_bytes), ("parquet", _table_pairs), ("jsonl", _table_paths))),
    *((("parquet", _parquet_bomb), ("json", _coco), ("json", _coco), ("json", _coco_deep))),
]
_BOMBS = {"_ratio", "_npz_bomb", "_parquet_bomb"}


def damaged_archive(number: int) -> Fuzzed:
    """Return the damaged archive or table of that number: kinds in turn, the rest at random."""
    random = np.random.default_rng([11, number])
    suffix, make = _KINDS[number % len(_KINDS)]
    data = make(random)
    if suffix in ("zip", "npz") and random.random() < 0.06:  # a wrong suffix
        suffix = {"zip": "npz", "npz": "zip"}[suffix]
    return Fuzzed(f"{number:05}.{suffix}", data, make.__name__.strip("_"), make.__name__ in _BOMBS)

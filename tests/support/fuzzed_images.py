"""Damaged and hostile images as files, each a function of its number: what a folder of strangers' images may hold."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image

SUFFIXES = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "BMP": "bmp", "WEBP": "webp", "TIFF": "tif", "PPM": "ppm"}
SIZES = [(0, 5), (1, 1), (7, 100_000), (65_500, 65_500), (8_000, 8_000), (20_000, 9_000), (2**31 - 1, 2**31 - 1)]


class Fuzzed(NamedTuple):
    """name: of the file, with a suffix. data: its bytes. kind: what was done to it. bomb: it must be refused."""

    name: str
    data: bytes
    kind: str
    bomb: bool = False


def pattern(height: int = 24, width: int = 32) -> np.ndarray:
    """Return uint8 [height, width, 3] of two gradients and stripes."""
    down, across = np.mgrid[:height, :width]
    return np.stack([down * 9, across * 7, (down + across) * 5], 2).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    """Return an image as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@cache
def sound() -> list[tuple[str, bytes]]:
    """Return (format, bytes) of sound images of every kind that is read."""
    colour = Image.fromarray(pattern())
    grey, clear = colour.convert("L"), colour.copy()
    clear.putalpha(grey)
    deep = Image.fromarray(pattern()[..., 0].astype(np.uint16) * 257)
    real = Image.fromarray(pattern()[..., 0].astype(np.float32) / 7)
    frames = [Image.fromarray(np.roll(pattern(), turn * 9, 0)) for turn in range(3)]
    turned = Image.Exif()
    turned[0x0112], turned[0x010E] = 6, "a camera"
    several = {"save_all": True, "append_images": frames[1:]}
    return [
        *((kind, saved(colour, kind)) for kind in SUFFIXES),
        *(("PNG", saved(image, "PNG")) for image in (grey, grey.convert("1"), clear, clear.convert("LA"), deep)),
        ("PNG", saved(colour.convert("P"), "PNG", transparency=3)),
        ("PNG", saved(frames[0], "PNG", **several)),
        ("PNG", saved(colour, "PNG", exif=turned)),
        ("JPEG", saved(colour.convert("CMYK"), "JPEG")),
        ("JPEG", saved(grey, "JPEG", progressive=True)),
        ("JPEG", saved(colour, "JPEG", exif=turned)),
        ("GIF", saved(frames[0], "GIF", **several)),
        ("WEBP", saved(clear, "WEBP", lossless=True)),
        ("WEBP", saved(frames[0], "WEBP", **several)),
        ("BMP", saved(colour.convert("P"), "BMP")),
        ("TIFF", saved(real, "TIFF")),
        ("TIFF", saved(colour.convert("CMYK"), "TIFF", compression="tiff_lzw")),
        ("TIFF", saved(deep, "TIFF", compression="tiff_deflate")),
        ("TIFF", saved(colour, "TIFF", compression="jpeg")),
        ("TIFF", saved(frames[0], "TIFF", **several)),
        ("PPM", saved(deep, "PPM")),
    ]


def _flipped(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in random.integers(0, len(out), random.integers(1, 9)):
        out[place] = random.integers(0, 256)
    return bytes(out)


def _head_flipped(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    return _flipped(kind, data[:64], random) + data[64:]


def _cut(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    return data[: random.integers(0, len(data))]


def _blanked(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    start, length = random.integers(0, len(data)), random.integers(1, 60)
    return data[:start] + bytes(min(length, len(data) - start)) + data[start + length :]


def _inserted(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    place = random.integers(0, len(data))
    return data[:place] + random.bytes(int(random.integers(1, 40))) + data[place:]


def _deleted(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    place = random.integers(0, len(data))
    return data[:place] + data[place + random.integers(1, 40) :]


def _joined(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    other = sound()[random.integers(len(sound()))][1]
    return data + other if random.random() < 0.5 else data[: random.integers(len(data))] + other


def _chunk_lengths(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    """Return the file with one length of its parts changed, wherever the format keeps one, in 4 or in 2 bytes."""
    place = random.integers(0, max(len(data) - 4, 1))
    if kind == "PNG":
        starts = [start for start in range(8, len(data) - 8) if data[start + 4 : start + 8].isalpha()]
        place = starts[random.integers(len(starts))]
    large = int(random.choice([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))
    order = "<" if kind in ("BMP", "WEBP", "GIF") else ">"
    return data[:place] + struct.pack(order + "I", large) + data[place + 4 :]


def resized(kind: str, data: bytes, width: int, height: int) -> bytes:
    """Return the file with its head claiming another size; checksums are right, everything else is as it was."""
    out = bytearray(data)
    if kind == "PNG":
        out[16:24] = struct.pack(">II", width, height)
        out[29:33] = struct.pack(">I", zlib.crc32(bytes(out[12:29])))
    elif kind == "GIF":
        out[6:10] = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    elif kind == "BMP":
        out[18:26] = struct.pack("<ii", width, height)
    elif kind == "JPEG":
        start = next(i for i in range(len(out) - 9) if out[i] == 0xFF and out[i + 1] in (0xC0, 0xC1, 0xC2))
        out[start + 5 : start + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    elif kind == "PPM":
        first, _, rest = bytes(out).split(b"\n", 2)
        out = bytearray(b"%s\n%d %d\n%s" % (first, width, height, rest))
    elif kind == "WEBP" and out[12:16] == b"VP8X":
        out[24:30] = struct.pack("<I", width - 1 & 0xFFFFFF)[:3] + struct.pack("<I", height - 1 & 0xFFFFFF)[:3]
    elif kind == "WEBP" and out[12:16] == b"VP8 ":
        out[26:30] = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
    elif kind == "TIFF":
        directory = struct.unpack("<I", out[4:8])[0]
        for entry in range(struct.unpack("<H", out[directory : directory + 2])[0]):
            place = directory + 2 + 12 * entry
            tag = struct.unpack("<H", out[place : place + 2])[0]
            if tag in (256, 257):
                size = struct.pack("<I", (width, height)[tag - 256] & 0xFFFFFFFF)
                out[place + 2 : place + 12] = struct.pack("<HI", 4, 1) + size
    return bytes(out)


def _resized(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    return resized(kind, data, *SIZES[random.integers(len(SIZES))])


def _foreign(kind: str, data: bytes, random: np.random.Generator) -> bytes:
    """Return what is no image, or one that a program would be started for."""
    foreign = [
        b"",
        b"\n",
        b"just text\n" * 20,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) print\n%%EOF\n",
        b"GIF89a" + bytes(7),
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"P1\n9 9\n" + b"0 1 " * 20,
        b"P5\n99999999999999999999 9\n255\n",
        b"P6 8 8 255",
        b"P4\n-3 9\n",
        b"PK\x05\x06" + bytes(18),
        b"II*\0\x08\0\0\0\xff\xff",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        random.bytes(400),
    ]
    return foreign[random.integers(len(foreign))]


_CHANGES: list[Callable[[str, bytes, np.random.Generator], bytes]] = [
    *(_flipped, _head_flipped, _cut, _blanked, _inserted, _deleted, _joined, _chunk_lengths, _resized, _foreign),
]


def damaged_image(number: int) -> Fuzzed:
    """Return the damaged image of that number: formats and kinds of damage in turn, places at random."""
    random = np.random.default_rng([7, number])
    kind, data = sound()[number % len(sound())]
    change = _CHANGES[number // len(sound()) % len(_CHANGES)]
    suffix = SUFFIXES[kind]
    if random.random() < 0.15:  # a wrong suffix changes nothing: bytes tell
        suffix = list(SUFFIXES.values())[random.integers(len(SUFFIXES))]
    return Fuzzed(f"{number:05}.{suffix}", change(kind, data, random), f"{kind}{change.__name__}")


@cache
def image_bombs() -> list[Fuzzed]:
    """Return small files that claim or hold more pixels than can be meant."""
    found = []
    for kind, data in sound()[: len(SUFFIXES)]:
        large = (16_383, 16_383) if kind == "WEBP" else (60_000, 60_000)
        found.append(Fuzzed(f"claims.{SUFFIXES[kind]}", resized(kind, data, *large), f"{kind}_claims", True))
    blank = Image.new("1", (12_000, 12_000))
    found.append(Fuzzed("blank.png", saved(blank, "PNG"), "PNG_blank", True))
    found.append(Fuzzed("blank.tif", saved(blank, "TIFF", compression="group4"), "TIFF_blank", True))
    found.append(Fuzzed("blank.gif", saved(blank.convert("L"), "GIF"), "GIF_blank", True))
    text = zlib.compress(bytes(1 << 27))
    chunk = b"zTXtcomment\0\0" + text
    packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    plain = sound()[0][1]
    found.append(Fuzzed("text.png", plain[:33] + packed + plain[33:], "PNG_text", True))
    return found

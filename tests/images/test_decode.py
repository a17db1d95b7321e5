"""Decoding: what every kind of image becomes, what is told of it, and that no file can do harm."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from fuzzed_images import sound
from PIL import Image

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.images import decode as decoding
from headstart.images.decode import UnusableImage, decode, size


def pattern(height=12, width=20, channels=3) -> np.ndarray:
    """A gradient that tells every side and every channel apart."""
    down, across = np.mgrid[:height, :width]
    return np.stack([down * 9, across * 9, (down + across) * 5], 2)[..., :channels].astype(np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options) -> ImageRef:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return ImageRef.from_bytes(stream.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_colour_images_come_back_as_they_were(kind):
    pixels = pattern() if kind != "GIF" else np.repeat(np.repeat(pattern(2, 2), 6, 0), 10, 1)
    found = decode(saved(Image.fromarray(pixels), kind))
    assert np.abs(found.pixels.astype(int) - pixels).max() <= (2 if kind == "GIF" else 0)
    assert found.told == ()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("head", [b"P%c 20 12 255\n", b"P%c\n20 12\n255\n", b"P%c\n# a word of it\n20 12\n255\n"])
def test_netpbm_images_come_back_as_they_were_by_either_way(head, channels):
    pixels = pattern(channels=channels)
    data = head % b"56"[channels // 2] + pixels.tobytes()
    found = decode(ImageRef.from_bytes(data))
    assert np.array_equal(found.pixels, pixels)
    assert found.pixels.flags.writeable
    with pytest.raises(UnusableImage):
        decode(ImageRef.from_bytes(data[:-1]))


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_images_have_one_channel(mode):
    grey = Image.fromarray(pattern(channels=1)[..., 0]).convert(mode)
    found = decode(saved(grey))
    assert found.pixels.shape == (12, 20, 1)
    assert np.array_equal(found.pixels[..., 0], np.asarray(grey.convert("L")))


def test_transparency_lies_on_white():
    clear = np.dstack([pattern(), np.zeros((12, 20), np.uint8)])
    clear[:6, :, 3] = 255
    found = decode(saved(Image.fromarray(clear)))
    assert np.array_equal(found.pixels[:6], pattern()[:6])
    assert (found.pixels[6:] == 255).all()
    assert found.told == ("transparency laid on white",)
    grey = decode(saved(Image.fromarray(clear).convert("LA")))
    assert grey.pixels.shape == (12, 20, 1)
    assert (grey.pixels[6:] == 255).all()


def test_a_palette_with_a_clear_colour_lies_on_white():
    image = Image.fromarray(np.repeat([[0, 1]], 4, 0).astype(np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    found = decode(saved(image, transparency=0))
    assert found.pixels[0, 0].tolist() == [255, 255, 255]
    assert found.pixels[0, 1].tolist() == [200, 100, 50]


def test_deep_images_are_scaled_to_eight_bits():
    deep = (np.arange(240).reshape(12, 20) * 257).astype(np.uint16)
    found = decode(saved(Image.fromarray(deep)))
    assert np.array_equal(found.pixels[..., 0], np.arange(240).reshape(12, 20))
    assert found.told == ("scaled to 8 bits",)
    real = decode(saved(Image.fromarray(np.linspace(-1, 1, 240).reshape(12, 20).astype(np.float32)), "TIFF"))
    assert (real.pixels.min(), real.pixels.max()) == (0, 255)
    odd = np.full((3, 3), np.nan, np.float32)
    assert decode(saved(Image.fromarray(odd), "TIFF")).pixels.max() == 0


def test_cmyk_becomes_rgb():
    found = decode(saved(Image.fromarray(pattern()).convert("CMYK"), "TIFF"))
    assert np.abs(found.pixels.astype(int) - pattern()).max() <= 2
    assert found.told == ("CMYK turned to RGB",)


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    found = decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert found.pixels[0, 0].tolist() == [255, 0, 0]
    assert found.told == ("the first of several frames",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    """The file holds the image as the camera's sensor had it; by the tag every viewer shows the same upright image."""
    upright = Image.fromarray(pattern())
    undo = [None, 0, 3, 1, 5, 2, 6, 4][orientation - 1]  # Transpose that leads from upright to the stored image
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(saved(stored, "PNG", exif=exif))
    assert np.array_equal(found.pixels, pattern())
    assert found.told == (() if orientation == 1 else ("turned upright as EXIF says",))


def test_a_small_side_of_a_jpeg_is_enough():
    large = Image.fromarray(np.kron(pattern(8, 8), np.ones((64, 64, 1), np.uint8)))
    small = decode(saved(large, "JPEG"), side=60).pixels
    assert small.shape == (64, 64, 3)
    assert np.abs(small[4::8, 4::8].astype(int) - pattern(8, 8)).max() < 25
    assert decode(saved(large, "JPEG")).pixels.shape == (512, 512, 3)


def bomb(width: int, height: int) -> ImageRef:
    """A PNG of a few bytes that claims to be of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    return ImageRef.from_bytes(data)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ImageRef.from_bytes(b""), "not an image"),
        (ImageRef.from_bytes(b"just text"), "not an image"),
        (bomb(100_000, 100_000), "too many pixels"),
        (bomb(9_000, 9_000), "too many pixels"),
        (bomb(300, 300), "damaged image"),
        (ImageRef.from_bytes(saved(Image.fromarray(pattern(200, 200)), "JPEG").read()[:900]), "damaged image"),
    ],
)
def test_what_cannot_be_used_says_why(image, reason):
    with pytest.raises(UnusableImage) as caught:
        decode(image)
    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"{image}: {reason}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_damaged_file_is_an_image_or_named(kind):
    whole = bytearray(saved(Image.fromarray(pattern(40, 40)), kind).read())
    random = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in random.integers(0, len(data), random.integers(1, 8)):
            data[place] = random.integers(0, 256)
        data = data[: random.integers(1, len(data) + 1)] if random.random() < 0.3 else data
        try:
            pixels = decode(ImageRef.from_bytes(bytes(data))).pixels
        except HeadstartError:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] in (1, 3)


@pytest.mark.parametrize("number", range(len(sound())))
def test_bands_of_a_large_image_are_changed_as_the_whole(number, monkeypatch):
    image = ImageRef.from_bytes(sound()[number][1])
    whole = decode(image)
    monkeypatch.setattr(decoding, "_LARGE", 100)  # bands of three rows
    parts = decode(image)
    assert np.array_equal(whole.pixels, parts.pixels)
    assert whole.told == parts.told


def test_no_program_is_started_for_a_file():
    """Pillow gives EPS to Ghostscript."""
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    assert Image.open(io.BytesIO(page)).format == "EPS"
    with pytest.raises(UnusableImage, match="not an image"):
        decode(ImageRef.from_bytes(page))


def test_damaged_exif_does_not_cost_the_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(pattern()), "PNG", exif=exif).read()
    start = data.index(b"eXIf") + 4
    body = data[start : start + 8] + b"\xff" * 8
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body
    other = data[: start - 8] + chunk + struct.pack(">I", zlib.crc32(chunk[4:]))
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    found = decode(ImageRef.from_bytes(other + data[start + length + 4 :]))
    assert np.array_equal(found.pixels, pattern())


@pytest.mark.parametrize("orientation", [0, 1, 9, 77])
def test_an_orientation_that_turns_nothing_is_not_told(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(saved(Image.fromarray(pattern()), "PNG", exif=exif)).told == ()


def test_the_size_of_an_upright_image_is_in_its_head():
    image = Image.fromarray(pattern())
    assert size(saved(image)) == (20, 12)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(image, "JPEG", exif=exif)
    assert size(turned) == (12, 20) == decode(turned).pixels.shape[1::-1]
    with pytest.raises(UnusableImage, match="not an image"):
        size(ImageRef.from_bytes(b"no image"))


def test_a_large_photograph_is_decoded_at_a_fraction_of_its_size():
    photograph = saved(Image.fromarray(np.tile(pattern(), (100, 60, 1))), "JPEG")
    assert decode(photograph).pixels.shape == (1_200, 1_200, 3)
    assert decode(photograph, side=140).pixels.shape == (150, 150, 3)
    assert decode(photograph, side=160).pixels.shape == (300, 300, 3)

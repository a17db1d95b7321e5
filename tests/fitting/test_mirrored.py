"""Mirrored views: none where left and right differ, and what a look at images says in one line."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tiny_images import encoded, image_folder

from headstart.core.examples import ImageRef
from headstart.fitting.image_defaults import look_at
from headstart.fitting.mirrored import FEWEST, mirrored


def blobs(count: int, slant: bool, seed: int = 0) -> np.ndarray:
    """Noise with a bar, uint8 [count, 24, 24]; slant: the bar always leans to the right, else to either side."""
    random = np.random.default_rng(seed)
    pixels = random.normal(90, 25, (count, 24, 24))
    for number, image in enumerate(pixels):
        at = np.arange(4, 20)
        across = at if slant or random.random() < 0.5 else 23 - at
        image[23 - at, across] += 120
        pixels[number] = np.roll(image, random.integers(-2, 3), axis=1)
    return pixels.clip(0, 255).astype(np.uint8)


def test_what_leans_one_way_is_not_mirrored():
    found = mirrored(blobs(200, slant=True))
    assert found.told > 0.9
    assert not found.allowed
    assert "left and right differ" in found.reason()


def test_what_leans_either_way_is_mirrored():
    for seed in range(3):
        found = mirrored(blobs(200, slant=False, seed=seed))
        assert 0.35 < found.told < 0.6
        assert found.allowed
        assert "left and right look alike" in found.reason()


def test_images_that_are_their_own_mirror_images_say_nothing():
    half = blobs(150, slant=True)[:, :, :12]
    found = mirrored(np.concatenate([half, half[:, :, ::-1]], axis=2))
    assert found.told == 0.5
    assert found.allowed


def test_few_images_are_not_asked():
    found = mirrored(blobs(FEWEST - 1, slant=True))
    assert np.isnan(found.told)
    assert found.allowed
    assert "fewer than 100 images" in found.reason()


def test_the_look_is_told_in_one_line():
    wide = [Image.fromarray(one).convert("RGB").resize((60, 40)) for one in blobs(120, slant=True)]
    refs = []
    for image in wide:
        stream = io.BytesIO()
        image.save(stream, "PNG")
        refs.append(ImageRef.from_bytes(stream.getvalue()))
    look = look_at([ImageRef.from_bytes(b"no image"), *refs])
    assert (look.images, look.grey, look.width, look.height) == (120, True, 60, 40)
    assert "\n" not in look.line()
    assert "grey, 60 x 40 pixels, of which the middle square is taken; no mirrored views" in look.line()
    red = np.zeros((12, 12, 3), np.uint8)
    red[..., 0] = 200
    look = look_at([ImageRef.from_bytes(encoded(red))])
    assert "1 images looked at: colour, 12 x 12 pixels; mirrored views are drawn" in look.line()
    assert look_at([ImageRef.from_bytes(b"none")]) is None


def test_some_images_of_a_long_stream_are_looked_at():
    dark = [ImageRef.from_bytes(encoded(np.full((4, 4), n % 250, np.uint8))) for n in range(40)]
    colour = ImageRef.from_bytes(encoded(np.full((8, 8, 3), [9, 0, 0], np.uint8)))
    look = look_at(iter([*dark * 50, *[colour] * 2_000]))
    assert look.images == 1_000
    assert not look.grey  # the last images are as likely as the first


@pytest.mark.parametrize(("settings", "flip"), [((), 0.0), (("objective.flip=0.25",), 0.25)])
def test_pre_training_draws_no_mirrored_views_of_them(settings, flip, tmp_path, monkeypatch):
    from headstart.commands.run_options import RunOptions, fresh_run

    folder = image_folder(tmp_path / "none", 2)
    for number, pixels in enumerate(blobs(120, slant=True)):
        (folder / f"{number}.png").write_bytes(encoded(pixels))
    options = RunOptions(paths=[str(folder)], steps=1, settings=list(settings))
    spec = fresh_run(options, tmp_path / "run", False)
    assert spec.objective.flip == flip

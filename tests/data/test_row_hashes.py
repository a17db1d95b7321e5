"""Hashes of single rows: what makes two rows one, and what does not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, ImageRef
from headstart.data.identity import row_hashes


def one(*texts: str) -> list[int]:
    return row_hashes(Examples(items=texts)).tolist()


def picture(pixels: np.ndarray, kind: str) -> ImageRef:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return ImageRef.from_bytes(stream.getvalue())


def test_unicode_form_and_white_space_mean_nothing_and_letters_do():
    assert len(set(one("한 글자", "\u1112\u1161\u11ab 글자", " 한\t글자\n"))) == 1
    assert len(set(one("a b", "ab", "A b", "", "a b \ud800"))) == 5
    hash_N = row_hashes(Examples(items=["a", "b"]))
    assert hash_N.dtype == np.uint64
    assert row_hashes(Examples(items=[])).shape == (0,)


def test_answers_and_places_do_not_count():
    plain = Examples(items=["a", "b"])
    other = Examples(items=["a", "b"], labels=np.array([1, 0]), classes=("x", "y"), places=[("f", 1), ("g", 9)])
    assert np.array_equal(row_hashes(plain), row_hashes(other))


def test_pairs_count_as_a_whole_in_their_order():
    pairs = Examples(items=["a", "b", "a", "ab"], second=["b", "a", "c", ""])
    assert len({*row_hashes(pairs).tolist(), *one("a", "b")}) == 6


def test_images_count_by_their_pixels():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    colour = np.stack([grey, grey.T, grey], axis=-1)
    files = [picture(grey, "PNG"), picture(grey, "BMP"), picture(np.stack([grey] * 3, axis=-1), "PNG")]
    others = [picture(colour, "PNG"), picture(grey.T.copy(), "PNG"), picture(grey.reshape(4, 16), "PNG")]
    hashes = row_hashes(Examples(items=[*files, *others])).tolist()
    assert len(set(hashes[:3])) == 1
    assert len(set(hashes)) == 4
    with pytest.raises(HeadstartError):
        row_hashes(Examples(items=[ImageRef.from_bytes(b"x")]))

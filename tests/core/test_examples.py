"""Examples and their items: what tells items apart, images that are read late."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError, one_line
from headstart.core.examples import Examples, ImageRef, digest


def test_a_text_is_its_own_digest_and_an_image_has_that_of_its_bytes(tmp_path: Path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"cat")
    here, there = ImageRef.from_bytes(b"cat"), ImageRef.from_file(path)
    assert digest("고양이") == "고양이"
    assert digest(here) == digest(there) == hashlib.sha256(b"cat").hexdigest()
    assert here == there
    assert len({here, there, ImageRef.from_bytes(b"dog")}) == 2
    assert here.read() == there.read() == b"cat"
    assert Examples([here, there]).take([1]).items == [there]


def test_an_image_that_is_gone_or_changed_is_named(tmp_path: Path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"cat")
    image = ImageRef.from_file(path)
    path.write_bytes(b"dog")
    with pytest.raises(HeadstartError, match=r"cat\.png: the image was changed after it was first read"):
        image.read()
    path.rename(tmp_path / "cats.png")
    with pytest.raises(HeadstartError, match=r"cat\.png: no such image; did you mean 'cats\.png'"):
        image.read()
    with pytest.raises(HeadstartError, match="neither a file nor bytes are given"):
        ImageRef(None, None, "0" * 64).read()


def test_messages_stay_one_line():
    assert one_line("a\nb\x1b[31m\u2028\udcff 가 é") == "a\\nb\\x1b[31m\\u2028\\udcff 가 é"

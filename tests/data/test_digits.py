"""The demo's pictures: all digits, each once, classes as folders, the same files for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from headstart.data.digits import write_digits


def test_every_digit_is_written_once_with_its_class(tmp_path):
    digits = load_digits()
    train, test = write_digits(tmp_path / "one")
    files = sorted([*train.rglob("*.png"), *test.rglob("*.png")], key=lambda path: path.stem)
    assert [int(path.stem) for path in files] == list(range(len(digits.images)))
    assert [int(path.parent.name) for path in files] == digits.target.tolist()
    pixels = np.stack([np.asarray(Image.open(path)) for path in files])
    assert np.abs(pixels / 255 - digits.images / 16).max() < 0.003
    assert min(Counter(path.parent.name for path in test.rglob("*.png")).values()) > 50


@pytest.mark.full
def test_the_split_is_a_function_of_the_seed(tmp_path):
    first, second, other = (write_digits(tmp_path / name, seed)[1] for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    names = [sorted(path.name for path in folder.rglob("*.png")) for folder in (first, second, other)]
    assert names[0] == names[1] != names[2]

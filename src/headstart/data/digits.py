"""The handwritten digits that scikit-learn brings along (8 x 8 pixels, 10 classes), as folders of PNG files.

Source: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998; the 1,797
images of its test part.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from headstart.core.files import replace_folder, temporary_beside
from headstart.core.seeds import numpy_generator

_TEST_SHARE = 0.4
_LEVELS = 16  # the brightest pixel; 0 is black


def write_digits(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write `train/CLASS/NUMBER.png` and `test/CLASS/NUMBER.png` below `folder`; return the two folders.

    Each of the two is there whole or not at all. The single files are not synchronised with the disk, which would take
    most of the time: the same call makes them again. Raises OSError when the folder cannot be written.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels_NHW = np.round(digits.images * (255 / _LEVELS)).astype(np.uint8)
    order = numpy_generator(seed, "digits").permutation(len(pixels_NHW))
    parts = np.split(order, [int(len(order) * (1 - _TEST_SHARE))])
    places = (folder / "train", folder / "test")
    for place, rows in zip(places, parts):
        unfinished = temporary_beside(place)
        try:
            for name in digits.target_names:
                (unfinished / str(name)).mkdir(parents=True)
            for row in rows:
                Image.fromarray(pixels_NHW[row]).save(unfinished / str(digits.target[row]) / f"{row:04}.png", "PNG")
            replace_folder(unfinished, place)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return places

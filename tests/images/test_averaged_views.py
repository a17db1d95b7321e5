"""Versions of an image for one answer: itself first, mirrored, moved towards the corners with the border repeated."""

from __future__ import annotations

import numpy as np

from headstart.images.averaged_views import versions


def test_versions():
    image = np.arange(2 * 14 * 28, dtype=np.int64).reshape(2, 14, 28)
    assert [one.shape for one in versions(image, "both")] == [image.shape] * 10
    assert [len(versions(image, how)) for how in ("one", "flip", "shifts")] == [1, 2, 5]
    for how in ("one", "flip", "shifts", "both"):
        assert np.array_equal(versions(image, how)[0], image)
    assert np.array_equal(versions(image, "flip")[1], image[:, :, ::-1])
    down_right, *_, up_left = versions(image, "shifts")[1:]
    assert np.array_equal(down_right[:, 1:, 2:], image[:, :-1, :-2])
    assert np.array_equal(down_right[:, 0], down_right[:, 1])
    assert np.array_equal(up_left[:, :-1, :-2], image[:, 1:, 2:])
    assert np.array_equal(versions(image, "both")[9], versions(image, "both")[4][:, :, ::-1])

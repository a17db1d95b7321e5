"""Every objective that dies at every kind of moment, twice, and goes on; see tests/training/test_resume_matrix.py."""

from __future__ import annotations

import pytest
from resumed_runs import MOMENTS, OBJECTIVES, resumed_twice
from tiny_images import image_folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("matrix") / "images", 60)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_run_that_died_twice(objective, moment, tmp_path, images):
    found = resumed_twice(objective, moment, tmp_path, images)
    print(f"\n{objective}, {moment}: died after steps {found.cuts}, {found.carried} carried, other: {found.other}")
    assert found.other == []

"""Runs that die twice and go on: every tensor, moments too, and every step told come out as without a death.

A covering sample: each moment, an objective with carried state, one of images that are changed at random; the product
is in tests/full/test_every_resume.py.
"""

from __future__ import annotations

from unittest import mock

import pytest
from resumed_runs import resumed_twice
from tiny_images import image_folder

from headstart.training import checkpoint, run

SAMPLE = [
    ("halves", "mid-epoch"),
    ("mlm", "mid-accumulation"),
    ("ulmfit", "mid-epoch"),
    ("views", "epoch end"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("matrix") / "images", 60)


@pytest.mark.parametrize(("objective", "moment"), SAMPLE)
def test_a_run_that_died_twice(objective, moment, tmp_path, images):
    found = resumed_twice(objective, moment, tmp_path, images)
    assert found.other == []
    assert (found.carried > 0) == (objective == "ulmfit")


def without_carry():
    real = checkpoint.restore

    def restore(state, folder):
        real(state, folder)
        state.carry = ()

    return mock.patch.object(run, "restore", restore)


def without_moments():
    return mock.patch.object(checkpoint, "_load_optimizer", return_value=None)


def with_other_order():
    """The batches of a resumed run are drawn from the start again."""
    from headstart.training import loop

    real, first = loop._Run._read, {}

    def read(self, step, seconds):
        return real(self, step - first.setdefault(id(self), self.state.step), seconds)

    return mock.patch.object(loop._Run, "_read", read)


PLANTED = [
    ("ulmfit", without_carry, "carry"),
    ("halves", without_moments, "optimizer"),
    ("halves", with_other_order, "steps"),
]


@pytest.mark.parametrize(("objective", "plant", "part"), PLANTED)
def test_what_is_forgotten_is_seen(objective, plant, part, tmp_path, images):
    found = resumed_twice(objective, "mid-epoch", tmp_path, images, plant)
    assert any(name.startswith(part) for name in found.other), found.other

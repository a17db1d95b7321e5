"""Every objective with every backbone that fits: the pairs that tests/conformance leaves out, and real text for longer.

Run it by name: pytest tests/full/test_every_pair.py (about six minutes on one core).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))

import test_every_image_objective as image_pairs
from pairings import fits, rest
from test_every_objective import check_saved_and_opened_in_a_fresh_process, check_the_loss_falls
from test_real_text import check_it_learns_more_than_frequencies


@pytest.mark.parametrize(("objective", "backbone"), rest())
def test_the_loss_falls(objective, backbone):
    check_the_loss_falls(objective, backbone)


def test_saved_and_opened_in_a_fresh_process(tmp_path):
    check_saved_and_opened_in_a_fresh_process(rest(), tmp_path)


@pytest.mark.parametrize(("objective", "backbone"), fits())
def test_learns_more_than_frequencies(objective, backbone):
    check_it_learns_more_than_frequencies(objective, backbone, steps=100)


@pytest.mark.parametrize(("objective", "backbone"), [one for one in image_pairs.FITS if one not in image_pairs.PAIRS])
def test_the_loss_of_images_falls(objective, backbone):
    image_pairs.check_the_loss_falls_and_the_weights_come_back(objective, backbone)

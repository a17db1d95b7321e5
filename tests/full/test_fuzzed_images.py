"""A thousand damaged and hostile images, archives and tables: usable images or one line each; no fault, hang or bomb.

Run it by name: pytest tests/full/test_fuzzed_images.py (about ten minutes on one core). HEADSTART_FUZZED=10000 in the
environment asks for so many inputs.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzzed_archives import damaged_archive
from fuzzed_images import damaged_image, image_bombs
from image_checks import check_line, outcome, placed, within
from PIL import Image
from program import headstart
from tiny_images import image_folder

from headstart.core.examples import ImageRef
from headstart.images.decode import Decoded

ARCHIVES = int(os.environ.get("HEADSTART_FUZZED", "1060")) // 120 * 40  # a third of them, in whole turns
IMAGES = 2 * ARCHIVES
SMALL = ("--steps", 1, "backbone.width=4", "objective.hidden=8", "objective.projection=8", "batches.images=16")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What each image came to in a folder of its own, by its number."""
    folder = tmp_path_factory.mktemp("alone")
    fuzzed = [damaged_image(number) for number in range(IMAGES)]
    return [outcome(one, placed(one, folder)) for one in fuzzed]


def test_every_image_is_usable_or_named(alone):
    assert all(found.total() == 1 for found in alone)
    counts = sum(alone, Counter())
    assert set(counts) <= {"used", "not an image", "damaged image", "too many pixels", "refused"}
    assert min(counts["used"], counts["not an image"], counts["damaged image"]) > IMAGES / 10
    assert counts["too many pixels"] > IMAGES / 100


@pytest.mark.parametrize("start", range(0, ARCHIVES, 40))
def test_every_archive_is_usable_or_named(start, tmp_path):
    for number in range(start, start + 40):
        fuzzed = damaged_archive(number)
        found = outcome(fuzzed, placed(fuzzed, tmp_path))
        assert found.total() >= 1
        if fuzzed.bomb:
            assert set(found) == {"refused"}, fuzzed.kind


@pytest.mark.parametrize("number", range(len(image_bombs())))
def test_bombs_are_refused(number, tmp_path):
    fuzzed = image_bombs()[number]
    with within(fuzzed.name, seconds=1, mebibytes=200):
        found = outcome(fuzzed, placed(fuzzed, tmp_path))
    assert found["used"] == 0, fuzzed.kind


def test_a_decoder_that_lets_faults_through_is_found(tmp_path):
    """The twin: what Pillow does by itself."""

    def naive(image: ImageRef) -> Decoded:
        return Decoded(np.atleast_3d(np.asarray(Image.open(io.BytesIO(image.read())).convert("RGB"))), ())

    faults = Counter()
    for number in range(150):
        fuzzed = damaged_image(number)
        try:
            outcome(fuzzed, placed(fuzzed, tmp_path / "naive"), naive)
        except Exception as error:
            faults[type(error).__name__] += 1
    assert len(faults) >= 3
    assert faults.total() > 50


def test_what_is_slow_or_large_is_found():
    def slow() -> None:
        with within("slow", seconds=0.1):
            begun = time.process_time()
            while time.process_time() < begun + 0.2:
                pass

    def large() -> None:
        with within("large", mebibytes=60):
            held = np.ones(1 << 27, np.uint8)  # held until it is measured
            assert held[-1] == 1

    for work, message in ((slow, r"slow: 0\.[2-9] s"), (large, r"large: \d+ MiB")):
        with pytest.raises(AssertionError, match=message):
            work()


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Path:
    """A probe of two classes of sound images."""
    folder = tmp_path_factory.mktemp("task")
    train = image_folder(folder / "train", 24)
    for made in (
        headstart("pretrain", train, "--out", folder / "run", *SMALL),
        headstart("transfer", folder / "run", "--data", train, "--out", folder / "task"),
    ):
        assert made.code == 0, made.err
    return folder / "task"


def test_a_folder_of_a_thousand_is_one_run_whose_ledger_counts_them(alone, task, tmp_path):
    """Every file is read, and left out for the reason that it was left out for alone."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(1_000):
        fuzzed = damaged_image(number)
        (folder / fuzzed.name).write_bytes(fuzzed.data)
    shown = headstart("pretrain", folder, "--out", tmp_path / "run", *SMALL)
    assert shown.code == 0, shown.err
    ledger = json.loads((tmp_path / "run/run.json").read_text())["ledger"]
    assert ledger["read"] == 1_000 == ledger["used"] + sum(ledger["skipped"].values())
    first = sum((Counter(one) for one in alone[:1_000]), Counter())
    for reason, count in ledger["skipped"].items():
        assert count >= first[reason] > 0
    for line in ledger["complaints"]:
        check_line(line, str(folder))

    shown = headstart("predict", task, folder, "--out", tmp_path / "answers.jsonl")
    assert shown.code == 0, shown.err
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == ledger["used"]
    shown = headstart("audit", folder)
    assert shown.code == 0, shown.err
    assert f"{ledger['used']:,} used" in shown.err + shown.out


@pytest.mark.parametrize("start", range(0, ARCHIVES, 72))
def test_the_commands_answer_in_one_line(start, task, tmp_path):
    """pretrain, audit and predict of every third archive or table: they end well or say in a line what is wrong."""
    for number in range(start, start + 72):
        if number // 24 % 3:
            continue
        fuzzed = damaged_archive(number)
        path = placed(fuzzed, tmp_path)
        for arguments in (
            ("predict", task, path, "--out", tmp_path / f"{number}.jsonl"),
            ("audit", path),
            ("pretrain", path, "--out", tmp_path / f"run{number}", *SMALL, "held_out=0"),
        ):
            with within(f"{arguments[0]} {fuzzed.name} ({fuzzed.kind})", seconds=20):
                shown = headstart(*arguments)
            assert "Traceback" not in shown.err + shown.out
            if shown.code != 0:
                assert shown.code == 2, (fuzzed.name, fuzzed.kind, arguments, shown.err)
                check_line(shown.complaint, "")
            assert not (fuzzed.bomb and shown.code == 0)

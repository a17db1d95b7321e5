"""A file of weights becomes a base, and every command takes that, beside a run of one's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.torch import save_file
from stored_weights import file_of
from tiny_images import image_folder

from headstart.backbones.convnext import ConvNextSpec
from headstart.training.pretrained_model import PretrainedModel

SMALL = ("backbone.width=8", "objective.hidden=32", "objective.projection=16", "batches.images=32")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "atto.safetensors"
    save_file(file_of(ConvNextSpec(), ConvNextSpec().foreign_names["timm"]), path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("pictures") / "train", 64)


@pytest.fixture(scope="module")
def base(weights, tmp_path_factory, program):
    out = tmp_path_factory.mktemp("bases") / "atto32"
    shown = program("convert", weights, "--out", out, "--side", 32)
    assert shown.code == 0, shown.err
    assert "recognised as convnext size=atto by the names of timm" in shown.out
    assert f"next: headstart compare {out} --data LABELLED_FILE" in shown.out
    return out


def test_the_file_itself_is_a_base_too(weights, base, pictures, tmp_path, program):
    for name, source in (("file", weights), ("folder", base)):
        shown = program("embed", source, pictures, "--out", tmp_path / f"{name}.npy")
        assert shown.code == 0, shown.err
        assert "32 x 32" in shown.err or "224 x 224" in shown.err
    file, folder = (np.load(tmp_path / f"{name}.npy") for name in ("file", "folder"))
    assert file.shape == folder.shape == (64, 320)
    assert not np.allclose(file, folder)  # of other sizes of the same images


@pytest.mark.full
def test_it_is_compared_beside_a_run_and_goes_on_from_there(base, pictures, tmp_path, program):
    """What is guessed: that images are learned by views."""
    shown = program("pretrain", pictures, "--base", base, "--out", tmp_path / "on", "--steps", 2, "batches.images=32")
    assert shown.code == 0, shown.err
    assert "objective views: what atto32 was trained by, or is usual for its network" in shown.err
    run = PretrainedModel.open(tmp_path / "on")
    assert run.processor.shape == PretrainedModel.open(base).processor.shape
    shown = program("pretrain", pictures, "--out", tmp_path / "own", "--steps", 2, *SMALL)
    assert shown.code == 0, shown.err
    asked = ("--labels", "8", "--routes", "probe", "--draws", 2, "--deep", "--audit", "skip", "--minutes", 1)
    shown = program(
        "compare",
        tmp_path / "own",
        base,
        tmp_path / "on",
        "--data",
        pictures,
        *asked,
        "--out",
        tmp_path / "r",
        "--no-winner",
    )
    assert shown.code == 0, shown.err
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert [entry["base"] for entry in report["entries"]] == ["own", "atto32", "on"]
    assert len(report["cells"]) == 6


def test_other_channels(base, tmp_path, program):
    shown = program("convert", base, "--out", tmp_path / "grey", "--channels", 1)
    assert shown.code == 0, shown.err
    assert "32 x 32 pixels, grey" in shown.out
    assert PretrainedModel.open(tmp_path / "grey").backbone.stem.conv.weight.shape[1] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--side", 2000), "--side 2000: expected 4 to 1024 pixels"),
        (("--channels", 2), "--channels 2: expected 1 (grey) or 3 (colour)"),
        (("--side", "big"), "--side big: expected a whole number"),
    ],
)
def test_what_cannot_be_is_one_line(arguments, said, base, tmp_path, program):
    shown = program("convert", base, "--out", tmp_path / "out", *arguments)
    assert shown.code == 2
    assert said in shown.err
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(weights, base, program):
    shown = program("convert", weights, "--out", base)
    assert shown.code == 2
    assert "convert never overwrites: choose another --out" in shown.err

"""Checkpoints say of which run and step they are; one under another name, or of another run, is passed over."""

from __future__ import annotations

import json
import shutil

import pytest
from old_artefacts import headstart

from headstart.core.errors import HeadstartError
from headstart.core.manifest import MANIFEST, need_intact
from headstart.training.checkpoint import Checkpoints
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import RunFolder

OLD, NEW = "step-000000002", "step-000000004"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    (home / "text.txt").write_text("".join(f"actor scene film {n} bread soup\n" for n in range(40)))
    tiny = ("--objective", "halves", "--vocabulary", 60, "backbone.width=8", "backbone.mlp_width=8", "--threads", 1)
    for seed in (0, 1):
        budget = ("--steps", 4, "training.save_steps=2", "batches.tokens=256", "--seed", seed)
        headstart("pretrain", home / "text.txt", *tiny, *budget, "--out", home / str(seed))
    return home


@pytest.fixture
def growing(runs, tmp_path):
    """Return a run whose training was killed: its manifest lists no checkpoint yet."""
    folder = shutil.copytree(runs / "0", tmp_path / "run")
    data = json.loads((folder / MANIFEST).read_text())
    files = {name: one for name, one in data["files"].items() if not name.startswith("checkpoints/")}
    (folder / MANIFEST).write_text(json.dumps(data | {"growing": True, "files": files}))
    assert PretrainedModel.open(folder).warnings == []
    return folder


def test_equal_commands_make_runs_of_one_identity(runs):
    one, two = (RunFolder(runs / name).record()["identity"] for name in "01")
    assert one != two
    assert json.loads((runs / "0/checkpoints" / NEW / "state.json").read_text())["run"] == one


def test_a_renamed_step_is_passed_over(growing):
    (growing / "checkpoints" / NEW).rename(growing / "checkpoints/step-000000009")
    model = PretrainedModel.open(growing)
    assert model.receipt["checkpoint"] == OLD
    assert ["state.json is that of step 4" in line for line in model.warnings] == [True]


def exchanged(growing, runs):
    one, two = (growing / "checkpoints" / name for name in (OLD, NEW))
    one.rename(growing / "between")
    two.rename(one)
    (growing / "between").rename(two)


def others(growing, runs):
    for name in (OLD, NEW):
        shutil.rmtree(growing / "checkpoints" / name)
        shutil.copytree(runs / "1/checkpoints" / name, growing / "checkpoints" / name)


@pytest.mark.parametrize(("damage", "said"), [(exchanged, "is that of step"), (others, "is that of another run")])
def test_exchanged_and_foreign_steps_are_told(growing, runs, damage, said):
    damage(growing, runs)
    with pytest.raises(HeadstartError, match=rf"no checkpoint of 2 can be used: .*{said}"):
        PretrainedModel.open(growing)
    resumed = headstart("pretrain", runs / "text.txt", "--out", growing, "--resume", "--steps", 6, code=2)
    assert said in resumed


@pytest.mark.parametrize("damage", [exchanged, others])
def test_a_planted_twin_that_does_not_look_is_found_out(growing, runs, damage, monkeypatch):
    monkeypatch.setattr(Checkpoints, "_misplaced", lambda self, folder: None)
    damage(growing, runs)
    assert PretrainedModel.open(growing).warnings == []


def test_serving_a_model_compares_what_it_reads(runs, tmp_path):
    folder = shutil.copytree(runs / "0", tmp_path / "run")
    for name in ("store/ids.bin", f"checkpoints/{NEW}/optimizer.safetensors", f"checkpoints/{OLD}/weights.safetensors"):
        data = bytearray((folder / name).read_bytes())
        data[-1] ^= 1
        (folder / name).write_bytes(data)
    assert PretrainedModel.open(folder).warnings == []
    with pytest.raises(HeadstartError, match=r"damaged artefact, .* \(and 2 more\)"):
        need_intact(folder)
    said = headstart("pretrain", runs / "text.txt", "--out", folder, "--resume", "--steps", 6, code=2)
    assert "no checkpoint of 2 can be used" in said


def test_a_store_that_is_made_again_is_said(runs, tmp_path):
    folder = shutil.copytree(runs / "0", tmp_path / "run")
    data = bytearray((folder / "store/ids.bin").read_bytes())
    data[0] ^= 1
    (folder / "store/ids.bin").write_bytes(data)
    said = headstart("pretrain", runs / "text.txt", "--out", folder, "--resume", "--steps", 6, "--threads", 1)
    assert "damaged token store, ids.bin was changed" in said
    assert "made again" in said

"""A run from a base: its learning rates, the search around them, and the better weights at the end."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from headstart.core import registry
from headstart.core.json_files import read_json
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.training import continuation
from headstart.training.from_base import default_rate, from_base, rate_line
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run import train_run

TEXTS = [f"the {a} film {b} was {c} and long\n" for a in "abcdefgh" for b in "ijklmnop" for c in "qrstuvwx"]


def plan(corpus, objective, steps):
    facts = Facts({"paths": [str(corpus)], "column": None, "unit": "line"}, None, steps, 0, False)
    recipe, _ = choose_recipe(objective, facts)
    spec = recipe.resolve(facts, registry.load("objective", objective)())
    known = {field.name for field in dataclasses.fields(spec.backbone)}
    sizes = {name: size for name, size in {"width": 32, "depth": 2, "heads": 2}.items() if name in known}
    batches = dataclasses.replace(spec.batches, tokens=256)
    return dataclasses.replace(
        spec, backbone=dataclasses.replace(spec.backbone, **sizes), batches=batches, held_out=0.2
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    home = tmp_path_factory.mktemp("base")
    (home / "text.txt").write_text("".join(TEXTS), encoding="utf-8")
    train_run(plan(home / "text.txt", "mlm", 20), home / "run", say=lambda line: None)
    return PretrainedModel.open(home / "run")


def continued(base, tmp_path, *settings, objective="mlm", steps=10, resume=False):
    """Return (the run's folder, what run.json says of its start, what was said)."""
    said: list[str] = []
    spec = from_base(plan(base.path.parent / "text.txt", objective, steps), base)
    spec = dataclasses.replace(spec, batches=dataclasses.replace(spec.batches, tokens=256), vocabulary=None)
    train_run(spec.override(settings), tmp_path / "run", resume=resume, say=said.append)
    return tmp_path / "run", read_json(tmp_path / "run" / "run.json")["start"], said


def test_the_learning_rate_is_a_share_of_the_bases_own(base):
    own = read_json(base.path / "run.json")["spec"]["training"]["learning_rate"]
    assert default_rate(base) == pytest.approx(0.3 * own)
    spec = from_base(plan(base.path.parent / "text.txt", "mlm", 10), base)
    assert spec.training.learning_rate == default_rate(base)
    assert spec.search
    assert "warning" not in rate_line(spec.training, base)
    wild = dataclasses.replace(spec.training, learning_rate=11 * default_rate(base))
    assert "warning" in rate_line(wild, base)
    assert "11 times" in rate_line(wild, base)


def test_a_checkpoint_without_a_record_gets_a_rate_by_its_width(base, tmp_path):
    base.save(tmp_path / "network")
    saved = PretrainedModel.open(tmp_path / "network")
    assert default_rate(saved) == 1e-4  # narrow: the upper end
    wide = dataclasses.replace(saved)
    wide.backbone.width = 1024
    assert default_rate(wide) == pytest.approx(5e-5 * (384 / 1024) ** 0.5)


def test_an_encoder_gets_marked_texts_from_a_recipe_for_bags(base):
    spec = from_base(plan(base.path.parent / "text.txt", "halves", 10), base)
    assert spec.batches.add_special_tokens
    assert spec.batches.tokens < 65_536


def test_small_rates_keep_the_trained_weights_and_say_so(base, tmp_path):
    folder, start, said = continued(base, tmp_path, "training.learning_rate=1e-5", "search=false")
    assert start["vectors"]["kept"] == "trained"
    assert start["vectors"]["neighbours_kept"]["trained"] >= start["vectors"]["least"]["trained"]
    assert any("keep" in line and "neighbours" in line for line in said)
    opened = PretrainedModel.open(folder)
    assert not torch.equal(opened.backbone.words_VD, base.backbone.words_VD)


def test_weights_that_moved_far_are_kept_half_way(base, tmp_path):
    half, whole = tmp_path / "half", tmp_path / "whole"
    settings = ("training.learning_rate=1e-2", "training.learning_rate_fresh=1e-2", "search=false")
    half.mkdir()
    whole.mkdir()
    folder, start, said = continued(base, half, *settings)
    other, _, _ = continued(base, whole, *settings, "keep=false")
    assert start["vectors"]["kept"] == "half way"
    assert any("kept the weights half way" in line for line in said)
    old, trained = base.backbone.words_VD, PretrainedModel.open(other).backbone.words_VD
    assert torch.allclose(PretrainedModel.open(folder).backbone.words_VD, (old + trained) / 2, atol=1e-6)


def test_weights_that_lost_what_was_known_are_not_kept(base, tmp_path):
    wild = ("training.learning_rate=0.3", "training.learning_rate_fresh=0.3", "search=false")
    folder, start, said = continued(base, tmp_path, *wild, steps=30)
    vectors = start["vectors"]
    assert vectors["kept"] == "checkpoint"
    assert vectors["neighbours_kept"]["trained"] < vectors["least"]["trained"]
    assert vectors["neighbours_kept"]["half way"] < vectors["least"]["half way"]
    assert any("kept the checkpoint's weights" in line for line in said)
    opened = PretrainedModel.open(folder).backbone.state_dict()
    for name, tensor in base.backbone.state_dict().items():
        assert torch.equal(opened[name], tensor), name
    continued(base, tmp_path, *wild, steps=30, resume=True)  # the weights that were kept stay
    assert read_json(folder / "run.json")["start"]["vectors"] == vectors


def test_the_better_weights_are_only_kept_when_wanted(base, tmp_path):
    _, start, _ = continued(base, tmp_path, "training.learning_rate=0.3", "search=false", "keep=false")
    assert "vectors" not in start


def test_a_search_is_said_kept_and_the_same_again(base, tmp_path, monkeypatch):
    monkeypatch.setattr(continuation, "_SHARE", 0.2)
    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        folder, start, said = continued(base, tmp_path / name, steps=100)
        assert any("chosen after 20 steps each" in line for line in said)
        spec = read_json(folder / "run.json")["spec"]
        assert spec["training"]["learning_rate"] == start["search"]["chosen"]
        found.append(start["search"])
    assert found[0] == found[1]
    sound = [one for one in found[0]["tried"] if one["neighbours_kept"] >= start["vectors"]["least"]["half way"]]
    assert found[0]["chosen"] == min(sound, key=lambda one: one["loss"])["rate"]


def test_short_runs_are_not_searched(base, tmp_path):
    _, start, _ = continued(base, tmp_path)
    assert start["search"] == {}


def test_a_new_head_has_its_own_rate(base, tmp_path):
    spec = from_base(plan(base.path.parent / "text.txt", "halves", 10), base)
    assert spec.training.learning_rate_fresh > spec.training.learning_rate
    folder, start, _ = continued(base, tmp_path, objective="halves")
    assert start["tensors"]["fresh"] == ["objective.project.weight"]
    steps = [line for line in (folder / "metrics.jsonl").read_text().splitlines() if '"kind": "step"' in line]
    assert steps  # told: the learning rate of the restored weights

"""Settings without the name of their part: found where one part has them, refused where it would be a guess."""

from __future__ import annotations

import pytest
from program import headstart

import headstart as hs
from headstart.commands.reading import route_with, routes_with
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.core.registry import load
from headstart.sizing.facts import Facts

TEXTS = [f"the film w{a} was w{b} and w{a * b % 9} ." for a in range(12) for b in range(12)]


def run_spec(recipe: str):
    kind = load("recipe", recipe)
    return kind().resolve(Facts({"paths": ["a.txt"]}, 60.0, None, takes=kind.takes), None)


@pytest.mark.parametrize(
    ("recipe", "bare", "whole"),
    [
        ("mlm", "learning_rate=0.25", "training.learning_rate=0.25"),
        ("mlm", "mask_ratio=0.4", "objective.mask_ratio=0.4"),
        ("bert", "depth=3", "backbone.depth=3"),
        ("bert", "optimizer=muon", "training.optimizer=muon"),
        ("halves", "tokens=128", "batches.tokens=128"),
    ],
)
def test_a_setting_of_one_part_needs_no_part(recipe, bare, whole):
    spec = run_spec(recipe)
    assert spec.named([bare, whole]) == [whole, whole]
    assert spec.override([bare]) == spec.override([whole]) != spec


def test_a_setting_of_a_choice_that_was_named_before_is_found():
    spec = run_spec("mlm")
    assert spec.named(["objective=causal", "backbone=gpt2", "rotary=true"][:2]) == ["objective=causal", "backbone=gpt2"]
    with pytest.raises(HeadstartError, match="mask_ratio"):
        spec.override(["objective=causal", "mask_ratio=0.2"])


def test_what_several_parts_have_is_asked_back():
    with pytest.raises(HeadstartError, match=r"'width': which one\? backbone\.width or objective\.width"):
        run_spec("mae").override(["width=64"])


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(HeadstartError, match="unknown setting of a run 'mask_raito'; did you mean 'mask_ratio'"):
        run_spec("mlm").override(["mask_raito=0.3"])


def test_routes_take_settings_with_and_without_their_names():
    assert (
        route_with("probe", ["layer=2"])
        == route_with("probe", ["probe.layer=2"])
        == route_with("probe", ["route.layer=2"])
    )
    both = routes_with(["finetune", "lora", "probe"], ["epochs=3", "lora.rank=2"])
    assert [spec.to_dict().get("epochs") for spec in both] == [3, 3, None]
    assert both[1].rank == 2


@pytest.mark.parametrize(
    ("names", "setting", "told"),
    [
        (["finetune"], "probe.layer=2", r"route probe is not asked for \(asked for: finetune\)"),
        (["finetune", "probe"], "laier=2", "did you mean 'layer'"),
        (["probe"], "laier=2", "unknown setting of route probe 'laier'; did you mean 'layer'"),
        (["probe"], "prob.layer=2", "did you mean 'probe'"),
        (["probe"], "probe.laier=2", "did you mean 'layer'"),
    ],
)
def test_settings_that_no_route_has_are_refused(names, setting, told):
    with pytest.raises(HeadstartError, match=told):
        routes_with(names, [setting])


def test_python_takes_short_names_and_the_run_keeps_whole_ones(tmp_path):
    settings = {"width": 16, "depth": 1, "heads": 2, "tokens": 256, "learning_rate": 0.002, "objective.mask_ratio": 0.4}
    run = hs.pretrain(TEXTS, out=tmp_path / "run", steps=2, objective="mlm", settings=settings)
    spec = read_json(run.folder / "run.json")["spec"]
    assert spec["training"]["learning_rate"] == 0.002
    assert spec["objective"]["mask_ratio"] == 0.4
    assert spec["backbone"]["width"] == 16
    done = headstart(
        "pretrain", *spec["corpus"]["paths"], "--out", str(run.folder), "--resume", "--steps", 3, "width=16"
    )
    assert done.code == 0


def test_files_behind_two_dashes_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-dash.txt").write_text("\n".join(TEXTS))
    done = headstart(
        "pretrain", "--out", "run", "--steps", 1, "--objective", "mlm", "width=16", "heads=2", "--", "-dash.txt"
    )
    assert done.code == 0, done.err

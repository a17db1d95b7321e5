"""Starting points: a base on new text, a grown vocabulary, a teacher; every tensor is accounted for."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
import torch

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.core.shapes import TokenShape
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.training.from_base import from_base
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run import train_run
from headstart.training.warm_start import default_objective, student_spec, take_layers

OLD = [f"the film w{a} was w{b} and w{a * b % 9} .\n" for a in range(12) for b in range(12)]
NEW = [f"플레이어 w{a} 점수 w{b} 게임기 .\n" for a in range(12) for b in range(12)]


def plan(corpus, objective="mlm", steps=4, **settings):
    facts = Facts({"paths": [str(corpus)], "column": None, "unit": "line"}, None, steps, 0, False)
    recipe, _ = choose_recipe(objective, facts)
    spec = recipe.resolve(facts, registry.load("objective", objective)())
    sizes = {"width": 32, "depth": 4, "heads": 2}
    known = {field.name for field in dataclasses.fields(spec.backbone)}
    backbone = dataclasses.replace(spec.backbone, **{name: size for name, size in sizes.items() if name in known})
    return dataclasses.replace(spec, backbone=backbone, **settings)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    home = tmp_path_factory.mktemp("base")
    (home / "old.txt").write_text("".join(OLD), encoding="utf-8")
    train_run(plan(home / "old.txt", vocabulary=60), home / "run", say=lambda line: None)
    return PretrainedModel.open(home / "run")


def begun(base, tmp_path, spec, steps=1):
    """Return (the run after its steps, what run.json says of the start, what was said)."""
    said: list[str] = []
    spec = dataclasses.replace(spec, training=dataclasses.replace(spec.training, steps=steps))
    train_run(spec, tmp_path / "run", say=said.append)
    return PretrainedModel.open(tmp_path / "run"), read_json(tmp_path / "run" / "run.json")["start"], said


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("".join(NEW), encoding="utf-8")
    return path


def nearly_still(spec):
    """Return the run with a rate so small that one step changes nothing that a test could see."""
    return dataclasses.replace(spec, training=dataclasses.replace(spec.training, learning_rate=1e-12, weight_decay=0.0))


def test_all_weights_go_on_from_the_base(base, tmp_path, text):
    spec = nearly_still(from_base(plan(text), base))
    found, start, said = begun(base, tmp_path, spec)
    assert start["identity"] == base.identity
    assert start["tensors"]["fresh"] == start["tensors"]["dropped"] == start["tensors"]["grown"] == []
    for name, tensor in base.backbone.state_dict().items():
        assert torch.allclose(found.backbone.state_dict()[name], tensor, atol=1e-6), name
    assert torch.allclose(found.objective.head.bias, base.objective.head.bias, atol=1e-6)
    assert any("tokens per word" in line and "advice" in line for line in said)


def test_new_tokens_start_as_the_mean_of_their_pieces(base, tmp_path, text):
    spec = nearly_still(dataclasses.replace(from_base(plan(text), base), extend=6))
    found, start, _ = begun(base, tmp_path, spec)
    old = base.processor.vocabulary
    assert found.processor.vocabulary == old + 6
    assert sorted(start["tensors"]["grown"]) == ["backbone.words.weight", "objective.head.bias"]
    pieces = read_json(tmp_path / "run" / "processor.json")["pieces"]
    assert sorted(map(int, pieces)) == list(range(old, old + 6))
    words = base.backbone.words_VD
    for token, parts in pieces.items():
        assert torch.allclose(found.backbone.words_VD[int(token)], words[parts].mean(0), atol=1e-6)
    assert torch.allclose(found.backbone.words_VD[:old], words, atol=1e-6)
    longer, shorter = (len(a.processor.encode(["플레이어 게임기"])[0]) for a in (base, found))
    assert shorter < longer or shorter == 2


def test_another_objective_is_fresh_and_said(base, tmp_path, text):
    spec = from_base(plan(text, "rtd"), base)
    _, start, _ = begun(base, tmp_path, spec)
    assert any(name.startswith("objective.generator") for name in start["tensors"]["fresh"])
    assert "objective.head.bias" in start["tensors"]["dropped"]


def test_a_grown_run_resumes(base, tmp_path, text):
    spec = dataclasses.replace(from_base(plan(text), base), extend=4)
    before, _, _ = begun(base, tmp_path, spec, steps=2)
    longer = dataclasses.replace(spec, training=dataclasses.replace(spec.training, steps=3))
    result = train_run(longer, tmp_path / "run", resume=True, say=lambda line: None)
    assert result.fit.step == 3
    after = PretrainedModel.open(tmp_path / "run")
    assert after.processor.vocabulary == before.processor.vocabulary
    assert not torch.equal(after.backbone.words_VD, before.backbone.words_VD)


def test_a_student_has_every_other_layer_of_its_teacher(base):
    spec = student_spec(base)
    assert spec.depth == 2
    student = spec.build(TokenShape(base.processor.vocabulary, base.processor.pad_id))
    receipt = take_layers(base, student)
    assert receipt.fresh == []
    own, theirs = student.state_dict(), base.backbone.state_dict()
    for name, tensor in own.items():
        source = re.sub(r"\.1\.", ".2.", name)
        assert torch.equal(tensor, theirs[source]), (name, source)


def test_a_student_learns_by_the_command_line_plan(base, tmp_path, text):
    spec = from_base(plan(text, "distil"), base)
    found, start, _ = begun(base, tmp_path, spec, steps=3)
    assert found.backbone.depth == 2
    assert start["name"] == "run"
    events = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert any("agreement" in event.get("parts", event) for event in events)


def test_a_teacher_is_asked_for(tmp_path, text):
    with pytest.raises(HeadstartError, match="learns from a teacher; give a trained model as --base"):
        train_run(plan(text, "distil"), tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_what_a_base_is_trained_by(base):
    assert default_objective(base) == "mlm"
    assert default_objective(dataclasses.replace(base, objective=None, objective_spec=None)) == "mlm"


def test_rows_beyond_the_tokenizers_ids_are_left_behind(base, tmp_path, text):
    """Checkpoints of others often have more rows in their word matrix than their tokenizer has ids."""
    wide = base.fresh(0)
    ids = base.processor.vocabulary
    wide.backbone = base.backbone_spec.build(TokenShape(ids + 8, base.processor.pad_id))
    wide.save(tmp_path / "wide")
    spec = nearly_still(from_base(plan(text), PretrainedModel.open(tmp_path / "wide")))
    found, start, _ = begun(wide, tmp_path, spec)
    assert "backbone.words.weight" in start["tensors"]["restored"]
    assert torch.allclose(found.backbone.words_VD, wide.backbone.words_VD[:ids], atol=1e-6)


def test_a_student_is_continued_as_what_it_is(base, tmp_path, text):
    student, _, _ = begun(base, tmp_path, from_base(plan(text, "distil"), base), steps=2)
    assert default_objective(student) == "mlm"
    again = tmp_path / "again"
    again.mkdir()
    found, start, _ = begun(student, again, nearly_still(from_base(plan(text), student)))
    assert found.backbone.depth == student.backbone.depth
    assert start["tensors"]["fresh"] == []


def test_counts_of_new_tokens_begin_at_zero(tmp_path, text):
    (tmp_path / "old.txt").write_text("".join(OLD), encoding="utf-8")
    settings = ["processor=wordpiece", "backbone.width=16"]
    first = dataclasses.replace(plan(tmp_path / "old.txt", "skipgram"), vocabulary=60).override(settings)
    train_run(first, tmp_path / "words", say=lambda line: None)
    old = PretrainedModel.open(tmp_path / "words")
    spec = dataclasses.replace(from_base(plan(text, "skipgram"), old), extend=4)
    train_run(spec, tmp_path / "grown", say=lambda line: None)
    grown = PretrainedModel.open(tmp_path / "grown").objective
    assert len(grown.count_V) == old.processor.vocabulary + 4
    assert grown.count_V[: old.processor.vocabulary].sum() >= old.objective.count_V.sum()

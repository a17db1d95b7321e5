"""Every recipe: its plan can be built, is plain JSON that comes back equal, and takes overrides."""

from __future__ import annotations

import json

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.training.run_spec import RunSpec

NAMES = registry.names("recipe")
CORPUS = {"paths": ["corpus.txt"], "column": None, "unit": "auto"}
FACTS = [
    Facts(CORPUS, seconds, steps, seed, cuda)
    for seconds, steps, seed, cuda in [(30.0, None, 0, False), (7200.0, None, 1, False), (None, 50, 2, False)]
    + [(600.0, 10, 3, True), (1e7, None, 0, False)]
]


@pytest.mark.parametrize("facts", FACTS, ids=lambda f: f"{f.seconds}-{f.steps}-{f.cuda}")
@pytest.mark.parametrize("name", NAMES)
def test_a_plan_comes_back_from_json(name, facts):
    spec = registry.load("recipe", name)().resolve(facts)
    again = RunSpec.read(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert (spec.training.steps, spec.training.seconds, spec.training.seed) == (facts.steps, facts.seconds, facts.seed)
    assert spec.corpus == CORPUS
    assert spec.objective.name == registry.load("recipe", name).objective


@pytest.mark.parametrize("name", registry.fitting("recipe", takes="text"))
def test_the_parts_of_a_plan_fit(name):
    from small_parts import documents

    spec = registry.load("recipe", name)().resolve(FACTS[0])
    tokenizer = spec.processor.train(iter(documents()), spec.vocabulary)
    backbone = spec.backbone.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    spec.objective.build(backbone, tokenizer)
    if backbone.max_tokens is not None:
        assert spec.batches.max_length + 2 <= backbone.max_tokens


@pytest.mark.parametrize("name", NAMES)
def test_overrides(name):
    spec = registry.load("recipe", name)().resolve(FACTS[0])
    size, number = ("width", 64) if "width" in spec.backbone.to_dict() else ("size", 1)  # some come in sizes only
    changed = spec.override(
        [
            "training.learning_rate=0.5",
            f"backbone.{size}={number}",
            "batches.bucket=no",
            "held_out=0.1",
            "vocabulary=99",
        ]
    )
    assert (changed.training.learning_rate, changed.batches.bucket) == (0.5, False)
    assert changed.backbone.to_dict()[size] == number
    assert (changed.held_out, changed.vocabulary) == (0.1, 99)
    assert RunSpec.read(json.loads(json.dumps(changed.to_dict()))) == changed
    for backbone in registry.fitting("backbone", batch=spec.processor.gives):
        assert spec.override([f"backbone={backbone}"]).backbone.name == backbone
    for wrong in (
        "trainig.learning_rate=1",
        "training.rat=1",
        "training.learning_rate=fast",
        "backbone=bret",
        "training=1",
    ):
        with pytest.raises(HeadstartError) as caught:
            spec.override([wrong])
        assert "\n" not in str(caught.value)


def test_settings_that_must_fit_each_other_come_in_any_order():
    spec = registry.load("recipe", "mlm")().resolve(FACTS[0]).override(["backbone.width=192", "backbone.heads=3"])
    together = ["backbone.width=128", "backbone.heads=4"]  # 128 is no multiple of 3 heads, and 192 none of 5
    for settings in (together, together[::-1]):
        changed = spec.override(settings).backbone
        assert (changed.width, changed.heads) == (128, 4)
    with pytest.raises(HeadstartError, match="heads"):
        spec.override(["backbone.width=128"])
    # A choice that is made later drops the settings of the choice before.
    assert spec.override(["backbone.width=130", "backbone=gru"]).backbone == registry.load("backbone", "gru")()


@pytest.mark.parametrize("objective", [None, *registry.fitting("objective", batch="tokens")])
@pytest.mark.parametrize("facts", FACTS, ids=lambda f: f"{f.seconds}-{f.steps}-{f.cuda}")
def test_every_objective_has_a_recipe(objective, facts):
    recipe, reason = choose_recipe(objective, facts)
    assert "objective" in reason
    chosen = registry.load("objective", objective)() if objective else None
    spec = recipe.resolve(facts, chosen)
    assert objective in (None, spec.objective.name)

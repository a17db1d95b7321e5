"""pretrain --config: a run by steps comes out the same bit for bit, a changed one is a run of its own, errors teach."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import TINY, TINY_MLM
from safetensors.numpy import load_file


def tensors(out) -> dict[str, np.ndarray]:
    (path,) = sorted(out.glob("checkpoints/step-*/weights.safetensors"))[-1:]
    return load_file(path)


def same(one, other) -> bool:
    a, b = tensors(one), tensors(other)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def spec_of(out) -> dict:
    return json.loads((out / "run.json").read_text())["spec"]


@pytest.fixture(scope="module")
def first(place, tmp_path_factory, program):
    """Three runs by steps: a network of texts, a bag of n-grams, one that starts from another."""
    folder = tmp_path_factory.mktemp("first")
    text = place / "corpus.txt"
    for name, more in {
        "mlm": TINY_MLM,
        "halves": ("--objective", "halves", *TINY),
        "adapted": ("--base", place / "mlm", "training.evaluate_steps=3", "batches.tokens=256"),
    }.items():
        made = program("pretrain", text, "--out", folder / name, "--steps", 5, "--seed", 3, *more)
        assert made.code == 0, made.err
    return folder


@pytest.mark.parametrize("name", ["mlm", "halves", "adapted"])
def test_the_same_run_has_the_same_weights(program, first, tmp_path, name):
    again = program("pretrain", "--config", first / name / "run.json", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert "comes out the same" in again.err or "come out the same" in again.err
    assert same(first / name, tmp_path / "again")
    twin = program("pretrain", "--config", first / name, "--out", tmp_path / "twin", "--seed", 4)
    assert twin.code == 0, twin.err
    assert "another training" in twin.err
    assert not same(first / name, tmp_path / "twin")


def test_what_is_changed_is_changed_and_nothing_else(program, first, tmp_path, place):
    out = tmp_path / "changed"
    changes = ("--steps", 2, "--seed", 0, "training.learning_rate=0.5", "depth=2")
    made = program("pretrain", place / "short.txt", "--config", first / "mlm" / "run.json", "--out", out, *changes)
    assert made.code == 0, made.err
    before, now = spec_of(first / "mlm"), spec_of(out)
    assert now["corpus"]["paths"] == [str(place / "short.txt")]
    assert (now["training"]["steps"], now["training"]["seed"], now["training"]["learning_rate"]) == (2, 0, 0.5)
    assert now["backbone"] == before["backbone"] | {"depth": 2}
    assert now["objective"] == before["objective"]


def test_a_repeated_run_can_be_stopped_and_resumed(program, first, tmp_path):
    out = tmp_path / "again"
    half = program("pretrain", "--config", first / "mlm", "--out", out, "--steps", 5, "training.save_steps=2")
    assert half.code == 0, half.err
    for path in sorted(out.glob("checkpoints/step-*"))[1:]:
        assert program("pretrain", "--out", out, "--resume").code == 0, path
    assert same(first / "mlm", out)


def test_minutes_are_repeated_as_minutes_and_said_to_differ(program, tmp_path):
    made = program("pretrain", "corpus.txt", "--out", tmp_path / "run", "--minutes", 0.01, *TINY)
    assert made.code == 0, made.err
    again = program("pretrain", "--config", tmp_path / "run", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert "0.01 minutes" in again.err
    assert "not be the same bit for bit" in again.err
    record = json.loads((tmp_path / "again" / "run.json").read_text())
    assert record["asked_seconds"] == 0.6


def test_changed_text_is_told(program, first, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("film actor scene story camera plot\n" * 30)
    assert program("pretrain", text, "--out", tmp_path / "run", "--steps", 2, *TINY_MLM).code == 0
    text.write_text("bread soup taste kitchen salt dinner\n" * 30)
    again = program("pretrain", "--config", tmp_path / "run", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert "the text has changed" in again.err
    assert "come out the same" not in again.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ('{"format": 2}', "status is missing"),
        ("[]", "expected a JSON object"),
        ('{"format": 2, "spec": {"corpus": {}}}', "status is missing"),
        ('{"format": 99, "spec": {}}', "format"),
        (None, "no such file"),
    ],
)
def test_a_damaged_or_foreign_file_is_one_line(program, tmp_path, content, words):
    config = tmp_path / "run.json"
    if content is not None:
        config.write_text(content)
    made = program("pretrain", "--config", config, "--out", tmp_path / "out")
    assert made.code == 2
    assert words in made.complaint
    assert str(config) in made.complaint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["training", "backbone", "corpus", "vocabulary", "held_out", "objective"])
def test_a_description_with_a_wrong_part_is_one_line(program, first, tmp_path, part):
    record = json.loads((first / "mlm" / "run.json").read_text())
    record["spec"][part] = "something else"
    (tmp_path / "run.json").write_text(json.dumps(record))
    made = program("pretrain", "--config", tmp_path / "run.json", "--out", tmp_path / "out")
    assert made.code == 2, made.err
    assert "run.json" in made.complaint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--recipe", "bert"), "has its parts already"),
        (("objective.mask_ratoi=0.3",), "did you mean 'mask_ratio'"),
        (("--config", "nowhere.json"), "no such file"),
        (("--base", "mlm", "--vocabulary", 90), "the vocabulary of --base is kept"),
    ],
)
def test_what_cannot_be_changed_teaches(program, first, tmp_path, more, words):
    config = () if "--config" in more else ("--config", first / "mlm")
    made = program("pretrain", *config, "--out", tmp_path / "out", *more)
    assert made.code == 2
    assert words in made.complaint


def test_nothing_to_train_on_is_said(program, tmp_path):
    made = program("pretrain", "--out", tmp_path / "out")
    assert made.code == 2
    assert "--config RUN/run.json" in made.complaint

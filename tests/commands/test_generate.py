"""generate: a pre-trained causal model goes on with a text, from a run, an export and standard input alike."""

from __future__ import annotations

from pathlib import Path

import pytest

TINY_GPT2 = (
    *("--recipe", "gpt2", "--steps", 5, "backbone.width=32", "backbone.depth=1", "backbone.heads=2"),
    *("batches.tokens=256", "batches.max_length=30", "backbone.max_tokens=32", "backbone.mlp_width=48"),
)


@pytest.fixture(scope="module")
def run(place, program, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("causal") / "run"
    made = program("pretrain", place / "corpus.txt", "--out", out, *TINY_GPT2)
    assert made.code == 0, made.err
    return out


def test_the_seed_decides(program, run):
    first = program("generate", run, "the film", "--tokens", 12)
    assert first.code == 0, first.err
    assert first.out.startswith("the film")
    assert "a second)" in first.err
    assert program("generate", run, "the film", "--tokens", 12).out == first.out
    assert program("generate", run, "the film", "--tokens", 12, "--seed", 1).out != first.out
    many = program("generate", run, "the film", "--tokens", 12, "--samples", 3)
    assert many.out.count("---") == 2
    assert many.out.startswith(first.out.rstrip("\n"))
    assert program("generate", run, "-", "--tokens", 12, stdin=b"the film\n").out == first.out


def test_ways_to_choose(program, run):
    for options in (("--temperature", 0), ("--beams", 3), ("--top-k", 1), ("--top-p", 0.5, "--temperature", 1.5)):
        assert program("generate", run, "film", "--tokens", 8, *options).code == 0
    greedy = program("generate", run, "film", "--tokens", 8, "--temperature", 0).out
    assert program("generate", run, "film", "--tokens", 8, "--top-k", 1).out == greedy
    assert program("generate", run, "--tokens", 8).code == 0  # from nothing but the begin mark
    long = program("generate", run, "film " * 30, "--tokens", 40, "--temperature", 0)
    assert long.code == 0
    if long.out.count("film") >= 30:
        assert "32 tokens this network sees" in long.err


def test_settings_that_would_do_nothing(program, run):
    for options in (("--beams", 2, "--top-k", 4), ("--temperature", 0, "--top-p", 0.5)):
        assert "nothing is drawn" in program("generate", run, "film", *options).complaint


def test_an_export_writes_the_same(program, run, tmp_path):
    made = program("export", run, "--out", tmp_path / "hf")
    assert made.code == 0, made.err
    assert "AutoModelForCausalLM" in made.out
    options = ("the film", "--tokens", 12, "--temperature", 0)
    assert program("generate", tmp_path / "hf", *options).out == program("generate", run, *options).out
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    inputs = tokenizer("the film", return_tensors="pt")
    inputs.pop("token_type_ids", None)
    ids = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0]
    ours = program("generate", run, *options).out.removesuffix("\n")
    assert tokenizer.decode(ids, skip_special_tokens=True) == ours


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tokens", 0), "--tokens 0: must be larger than 0"),
        (("--temperature", -1), "--temperature -1: must be at least 0"),
        (("--top-p", 2), "top-p 2"),
        (("--beams", 2, "--tokens", 99), "beams need prompt"),
        (("--beams", 2, "--samples", 2), "--samples 2: only draws differ"),
    ],
)
def test_mistakes_are_explained(program, run, options, said):
    assert said in program("generate", run, "film", *options).complaint


def test_other_models_cannot_write(program):
    assert "pretrain one with --objective causal" in program("generate", "mlm", "film").complaint

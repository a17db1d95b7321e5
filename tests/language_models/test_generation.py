"""language_models/generation: int8 is taken where it is quicker and says the same, and only there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.shapes import TokenShape
from headstart.language_models import generation
from headstart.language_models.bits_per_byte import LanguageModel
from headstart.language_models.generation import continue_texts, quicker
from headstart.training.pretrained_model import PretrainedModel

BEGUN = [np.arange(1, 9)]


@pytest.fixture
def pretrained(tmp_path):
    """A small GPT-2 with random weights over characters."""
    torch.manual_seed(0)
    texts = ["the quick brown fox jumps over the lazy dog", "a text about other things"]
    tokenizer: Tokenizer = registry.load("processor", "char")().train(iter(texts * 4), None)
    spec = registry.load("backbone", "gpt2")(width=64, depth=2, heads=2)
    backbone = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    objective = registry.load("objective", "causal")()
    return PretrainedModel(tokenizer, spec, backbone, objective.build(backbone, tokenizer), objective)


@pytest.fixture
def eager(monkeypatch):
    """Lets small networks and short texts be tried in int8, whose step is said to take no time."""
    monkeypatch.setattr(generation, "_LEAST_WEIGHTS", 0)
    clock = itertools.accumulate(itertools.cycle([1.0, 10.0, 1.0, 1.0]))  # 10 s a step of fp32, 1 s of int8
    monkeypatch.setattr(generation.time, "perf_counter", lambda: next(clock))


def test_int8_goes_on_from_what_was_read_in_fp32(pretrained):
    exact = continue_texts(pretrained, ["the quick"], tokens=40, precision="fp32")[0]
    quick = continue_texts(pretrained, ["the quick"], tokens=40, precision="int8")[0]
    assert quick.tokens == exact.tokens
    model = LanguageModel(pretrained)
    logits_BV, carry = model.read(BEGUN)
    told = [one.step(logits_BV.argmax(1), carry)[0] for one in (model, model.in_int8())]
    assert torch.cosine_similarity(*told).item() > 0.99
    searched = continue_texts(pretrained, ["the quick"], tokens=8, beams=2, precision="int8")[0]
    assert searched.tokens == 8


def test_small_networks_and_short_texts_stay_in_fp32(pretrained):
    model = LanguageModel(pretrained)
    assert quicker(model, BEGUN, 1_000) is model


def test_int8_is_taken_where_it_says_the_same(pretrained, eager):
    model = LanguageModel(pretrained)
    assert quicker(model, BEGUN, 8) is model  # too short
    assert quicker(model, BEGUN, 100) is not model
    assert quicker(model, BEGUN, 100, "fp32") is model


def test_int8_that_takes_longer_is_left(pretrained, monkeypatch):
    monkeypatch.setattr(generation, "_LEAST_WEIGHTS", 0)
    clock = itertools.accumulate(itertools.cycle([1.0, 1.0, 1.0, 10.0]))
    monkeypatch.setattr(generation.time, "perf_counter", lambda: next(clock))
    model = LanguageModel(pretrained)
    assert quicker(model, BEGUN, 100) is model


def test_int8_that_says_something_else_is_left(pretrained, eager, monkeypatch):
    model = LanguageModel(pretrained)
    real = LanguageModel.in_int8

    def worse(self):
        quick = real(self)
        quick.head = lambda hidden, words: torch.randn(len(hidden), words.shape[0])
        return quick

    monkeypatch.setattr(LanguageModel, "in_int8", worse)
    assert quicker(model, BEGUN, 100) is model


def test_where_there_is_no_int8_it_is_said(pretrained, monkeypatch):
    monkeypatch.setattr(generation, "has_int8", lambda: False)
    model = LanguageModel(pretrained)
    assert quicker(model, BEGUN, 10**6) is model
    with pytest.raises(HeadstartError, match="take fp32"):
        quicker(model, BEGUN, 10**6, "int8")

"""Prompt tuning: only the virtual words learn, they stand where they should, and the saved model carries them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_networks import BACKBONES, base_of, rows
from tiny_bases import token_base

from headstart.core import registry
from headstart.core.counted import counting
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.exports.hf import HfSpec
from headstart.fitting.network_model import encode_with_prompt
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.prompt import PromptTuning, with_more_words

QUICK = PromptTuning(epochs=1, least_steps=3, head_steps=1, choose_learning_rate=False, tokens=5)
NO_PLACE = ("ngram_bag", "ngram_conv", "word_vectors")


@pytest.mark.parametrize("name", [name for name in BACKBONES if name not in NO_PLACE])
def test_only_the_virtual_words_of_every_backbone_learn(name, tmp_path):
    base = base_of(name)
    model = QUICK.run(rows(), Workspace(base), seed=1)
    old, new = base.backbone.state_dict(), model.backbone.state_dict()
    grown = [key for key in new if new[key].shape != old[key].shape]
    assert [new[key].shape[0] - old[key].shape[0] for key in grown] == [5]
    assert all(torch.equal(new[key][: len(old[key])] if key in grown else new[key], old[key]) for key in new)
    start = with_more_words(base, 5, rows(), 1).backbone.state_dict()[grown[0]][-5:]
    assert (new[grown[0]][-5:] != start).any(1).all()
    assert model.notes["trained_weights"] == start.numel()
    save_task(model, tmp_path / "task", QUICK, {})
    again = load_task(tmp_path / "task")
    assert again.prompt == 5
    expected = model.predict_proba(rows(6))
    assert np.allclose(again.predict_proba(rows(6)), expected, atol=1e-6)
    with torch.no_grad():
        next(t for key, t in again.backbone.named_parameters() if key == grown[0])[-5:] = 5.0 * torch.randn(start.shape)
    assert not np.allclose(again.predict_proba(rows(6)), expected, atol=1e-6)  # they are read


def test_virtual_words_stand_behind_the_begin_mark_and_take_room():
    base = token_base(max_tokens=16)
    longer = with_more_words(base, 5, rows(), 0)
    pair = Examples(["lovely film", "x" * 40], ["bad", "y"])
    spec, words = registry.load("head", "answer")(), longer.backbone.vocabulary
    plain, framed = encode_with_prompt(spec, base, pair), encode_with_prompt(spec, longer, pair, 5)
    assert plain.inputs[0][0] == framed.inputs[0][0] == base.processor.cls_id
    assert framed.inputs[0][1:6].tolist() == list(range(words - 5, words))
    short = encode_with_prompt(spec, dataclasses.replace(base, backbone=token_base(11).backbone), pair)
    assert [len(ids) for ids in framed.inputs] == [len(ids) + 5 for ids in short.inputs]
    for had, now in (
        (short.inputs, framed.inputs),
        (short.segment_ids, framed.segment_ids),
        (short.spans, framed.spans),
    ):
        assert all(np.array_equal(one, np.delete(two, range(1, 6), 0)) for one, two in zip(had, now, strict=True))
    assert (framed.spans[0][1:6] == -1).all()
    assert max(map(len, framed.inputs)) <= 16
    assert framed.cut == short.cut


def test_rows_of_any_length_are_answered():
    model = QUICK.run(rows(), Workspace(token_base(max_tokens=16)), seed=1)
    long = Examples(["film " * 90, "", "a"])
    with counting() as counts:
        assert np.isfinite(model.predict_proba(long)).all()
    assert counts == {"rows_cut_in_last_prediction": 1}


def test_refusals(tmp_path):
    for name in NO_PLACE:
        assert "no place" in QUICK.refuses(rows(), Workspace(base_of(name)))
    small = Workspace(token_base(max_tokens=8))
    assert QUICK.refuses(rows(), small).endswith("at most 4")
    with pytest.raises(HeadstartError, match="tokens=5 leaves too little"):
        QUICK.run(rows(), small, seed=1)
    with pytest.raises(HeadstartError, match="must be at least 1"):
        PromptTuning(tokens=0)
    model = QUICK.run(rows(), Workspace(base_of("bert")), seed=1)
    with pytest.raises(HeadstartError, match="virtual words"):
        HfSpec().write(model.exportable(), tmp_path / "out")

"""Models of images draw whole pictures, keep what they are given, and say what unseen images cost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_images import encoded, striped

from headstart.backbones.gpt2 import GPT2Spec
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.seeds import KeyedRandom
from headstart.language_models import pictures
from headstart.language_models.bits_per_pixel import bits_per_pixel
from headstart.language_models.pictures import draw_pictures
from headstart.nn.decoding import Draw, greedy
from headstart.objectives.causal import CausalSpec
from headstart.processors.byte import Bytes
from headstart.processors.palette import Palette
from headstart.training.pretrained_model import PretrainedModel

IMAGES = [ImageRef.from_bytes(encoded(striped(number, number % 2, 8))) for number in range(12)]
NOTHING = np.zeros(0, np.int64)


def model(max_tokens: int = 65) -> PretrainedModel:
    processor = Palette(side=8, colours=6).train(iter(IMAGES))
    spec = GPT2Spec(width=16, depth=1, heads=2, mlp_width=16, max_tokens=max_tokens)
    torch.manual_seed(2)
    backbone = spec.build(processor.shape)
    objective = CausalSpec().build(backbone, processor)
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return PretrainedModel(processor, spec, backbone.eval(), objective.eval(), CausalSpec())


@pytest.fixture(scope="module")
def small():
    return model()


def test_a_picture_is_a_function_of_seed_and_number(small, monkeypatch):
    drawn = draw_pictures(small, [NOTHING] * 7, choose=Draw(seed=3))
    assert drawn.shape == (7, 64)
    assert len({row.tobytes() for row in drawn}) == 7
    monkeypatch.setattr(pictures, "_AT_ONCE", 2)
    assert np.array_equal(draw_pictures(small, [NOTHING] * 7, choose=Draw(seed=3)), drawn)
    assert not np.array_equal(draw_pictures(small, [NOTHING] * 7, choose=Draw(seed=4)), drawn)
    assert draw_pictures(small, [], choose=greedy).shape == (0, 64)


def test_what_is_given_stays_and_decides_what_follows(small):
    begun = [ids[:32] for ids in small.processor.encode(IMAGES[:4])]
    drawn = draw_pictures(small, begun, choose=greedy)
    assert all(np.array_equal(row[:32], ids) for row, ids in zip(drawn, begun))
    whole = torch.from_numpy(np.concatenate([[small.processor.cls_id], drawn[1]]))
    hidden = small.backbone(small.processor.collate([whole[:-1].numpy()])).last_BTD[0]
    logits = small.objective.head(hidden, small.backbone.words_VD)[:, : small.processor.cls_id]
    assert torch.equal(logits.argmax(-1)[32:], whole[33:])


def test_no_special_token_is_drawn(small):
    """The begin mark is made the likeliest token everywhere."""
    loud = replace(small)
    with torch.no_grad():
        before = loud.backbone.words.weight[small.processor.cls_id].clone()
        loud.backbone.words.weight[small.processor.cls_id] = 40 * loud.backbone.final_norm.bias
        found = [draw_pictures(loud, [NOTHING] * 3, choose=choose) for choose in (greedy, Draw(seed=1))]
        loud.backbone.words.weight[small.processor.cls_id] = before
    assert all(ids.max() < small.processor.cls_id for ids in found)


def test_bits_are_those_of_the_objective(small):
    score = bits_per_pixel(small, IMAGES, tokens=130)
    encoded_images = small.processor.encode(IMAGES)
    batch = small.processor.collate([small.processor.windows(ids, None)[0] for ids in encoded_images])
    loss = small.objective(small.backbone, small.objective.corrupt(batch, KeyedRandom(0)))
    assert score.bits_per_pixel == pytest.approx(loss.mean().item() / math.log(2), rel=1e-5)
    low, high = score.interval()
    assert low < score.bits_per_pixel < high
    assert "over 12 images of 64 ids" in score.summary()
    ids_NT = np.stack(encoded_images)
    places = [np.bincount(ids, minlength=6) / 12 for ids in ids_NT.T]
    alone = np.mean([-(share[share > 0] * np.log2(share[share > 0])).sum() for share in places])
    assert score.alone == pytest.approx(alone)
    assert score.choices == 6


def test_who_cannot_draw_says_so(small):
    with pytest.raises(HeadstartError, match="64 tokens here, and this network takes 40"):
        draw_pictures(model(max_tokens=41), [NOTHING], choose=greedy)
    texts = replace(small, processor=Bytes().train([]))
    with pytest.raises(HeadstartError, match="processor byte makes no ids of images"):
        draw_pictures(texts, [NOTHING], choose=greedy)
    with pytest.raises(HeadstartError, match="no causal language model"):
        bits_per_pixel(replace(small, objective=None), IMAGES)
    with pytest.raises(HeadstartError, match="no usable image"):
        bits_per_pixel(small, [ImageRef.from_bytes(b"text")])

"""Replaced tokens: draws follow the generator, are keyed, share words, and only what changed counts as replaced."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.backbones.bert import BertSpec
from headstart.backbones.electra import ElectraSpec
from headstart.core.batch import make_batch
from headstart.core.compatibility import build_objective
from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.rtd import ReplacedTokensSpec
from headstart.processors.wordpiece import WordPiece

TEXTS = [f"w{a} w{(a + b) % 17} w{b} w{a * b % 13} w{a} ." for a in range(20) for b in range(20)]
TOKENIZER = WordPiece().train(iter(TEXTS))
SMALL = {"width": 32, "depth": 1, "heads": 2, "mlp_width": 32}


DEFAULT = ElectraSpec(**SMALL)


def parts(backbone_spec=DEFAULT, **settings):
    torch.manual_seed(0)
    backbone = backbone_spec.build(TokenShape(TOKENIZER.vocabulary, TOKENIZER.pad_id))
    return ReplacedTokensSpec(**settings).build(backbone, TOKENIZER), backbone


def given(count: int = 40):
    return make_batch([TOKENIZER.add_special_tokens(ids)[0] for ids in TOKENIZER.encode(TEXTS[:count])])


@pytest.mark.parametrize("spec", [ElectraSpec(**SMALL), ElectraSpec(**SMALL, embedding_width=16), BertSpec(**SMALL)])
def test_all_parts_learn_and_words_are_stored_once(spec):
    task, backbone = parts(spec)
    assert not any("generator.words" in name for name in task.state_dict())
    loss = task(backbone, task.corrupt(given(), KeyedRandom(0)))
    loss.mean().backward()
    idle = [name for name, p in [*task.named_parameters(), *backbone.named_parameters()] if p.grad is None]
    assert all("types" in name or "pooler" in name for name in idle)
    assert loss.count == len(task.corrupt(given(), KeyedRandom(0)).extra["target_id"])


def test_the_detection_loss_teaches_the_generator_nothing():
    task, backbone = parts(weight=1e6)
    batch = task.corrupt(given(), KeyedRandom(0))
    generator = [p for p in task.generator.parameters() if p.requires_grad]
    heavy = torch.autograd.grad(task(backbone, batch).mean(), generator, allow_unused=True)
    light_task, light_backbone = parts(weight=1e-6)
    own = [p for p in light_task.generator.parameters() if p.requires_grad]
    light = torch.autograd.grad(light_task(light_backbone, batch).mean(), own, allow_unused=True)
    assert all((a is None and b is None) or torch.allclose(a, b, atol=1e-6) for a, b in zip(heavy, light, strict=True))


def test_draws_follow_the_distribution_of_the_generator():
    task, backbone = parts()
    hidden_MD = torch.randn(1, 32).repeat(40_000, 1)
    draw_M = torch.from_numpy(KeyedRandom(4).uniform("x", np.arange(40_000)).astype("float32"))
    drawn = task._draw(hidden_MD, backbone, draw_M)
    logits = task.masked.head(hidden_MD[:1], backbone.words_VD)[0].detach()
    logits[torch.from_numpy(~task.masked.ordinary_V)] = float("-inf")
    wanted = logits.softmax(-1)
    share = torch.bincount(drawn, minlength=len(wanted)) / len(drawn)
    sigma = (wanted * (1 - wanted) / len(drawn)).sqrt()
    assert ((share - wanted).abs() <= 4.5 * sigma + 1e-6).all()
    assert not np.isin(drawn.numpy(), sorted(TOKENIZER.special_ids)).any()


def test_a_draw_that_hits_the_original_counts_as_original():
    task, backbone = parts()
    batch = task.corrupt(given(), KeyedRandom(0))
    seen = {}

    def sure(hidden_MD, backbone, draw):
        return batch.extra["target_id"].clone()

    task._draw = sure
    task.detect.register_forward_hook(lambda module, inputs, output: seen.update(logit=output))
    loss = task(backbone, batch)
    assert loss.parts["found"] == 1.0  # nothing was replaced
    none_replaced = torch.nn.functional.softplus(seen["logit"].detach()).mean()
    assert 0 < float(none_replaced) < 5


def test_without_a_word_matrix_it_is_refused():
    from headstart.backbones.ngram_bag import NgramBagSpec

    with pytest.raises(HeadstartError, match="objective rtd needs a backbone"):
        build_objective(ReplacedTokensSpec(), NgramBagSpec().build(TokenShape(50, -1)), TOKENIZER)

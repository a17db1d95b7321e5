"""The hybrid fills a gap by what the token before it says, which is how it was trained."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones.modernbert import ModernBertSpec
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.objectives.distil import DistilSpec
from headstart.objectives.hybrid import HybridSpec
from headstart.objectives.mlm import states_at
from headstart.processors.wordpiece import WordPiece

TEXTS = ["one two three", "two three one", "three one two"] * 5
TOKENIZER = WordPiece().train(iter(TEXTS))


def parts():
    torch.manual_seed(0)
    backbone = ModernBertSpec(width=16, depth=1, heads=2, mlp_width=16).build(
        TokenShape(TOKENIZER.vocabulary, TOKENIZER.pad_id)
    )
    return backbone, HybridSpec().build(backbone, TOKENIZER)


@torch.no_grad()
def test_a_mask_is_answered_by_the_token_before_it():
    backbone, objective = parts()
    ids = TOKENIZER.add_special_tokens(TOKENIZER.encode(["one two three"])[0])[0]
    ids[2] = TOKENIZER.mask_id
    batch = make_batch([ids])
    expected = objective.head(states_at(backbone(batch), batch, torch.tensor([1])), backbone.words_VD).softmax(-1)
    found = objective.fill(backbone, batch, top=3)
    assert found.position_M.tolist() == [2]
    assert torch.allclose(found.probability_MK[0], expected.topk(3).values[0], atol=1e-6)


def test_it_is_no_teacher_of_masked_tokens():
    backbone, objective = parts()
    student = DistilSpec().build(backbone, TOKENIZER)
    with pytest.raises(HeadstartError, match="masked language model as its teacher"):
        student.learn_from(backbone, objective, TOKENIZER)

"""The classification head: shapes, loss, every pooling, refusals."""

from __future__ import annotations

import pytest
import torch

from headstart.backbones.bert import BertSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.base.batch import make_batch
from headstart.base.contracts import Features
from headstart.base.errors import HeadstartError
from headstart.heads.classify import ClassifySpec

BATCH = make_batch([[2, 7, 3], [2, 8, 9, 10, 3]])


@pytest.mark.parametrize("pooling", ["auto", "mean", "cls", "own"])
@pytest.mark.parametrize(
    "spec", [BertSpec(width=16, depth=1, heads=2, pooler=True), ModernBertSpec(width=16, depth=1, heads=2)]
)
def test_every_pooling_gives_logits_and_a_loss_that_learns(spec, pooling):
    if pooling == "own" and spec.name == "modernbert":
        pytest.skip("this backbone has no document vector of its own")
    torch.manual_seed(0)
    backbone = spec.build(20, 0)
    head = ClassifySpec(pooling=pooling).build(backbone, 3)
    target = torch.tensor([0, 2])
    optimizer = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=5e-3)
    for _ in range(40):
        output = head(backbone(BATCH))
        loss = head.loss(output, target)
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        optimizer.step()
    assert output.shape == (2, 3)
    assert loss.count == 2
    assert loss.parts["accuracy"] == 1.0
    assert loss.total.item() == pytest.approx(torch.nn.functional.cross_entropy(output, target).item() * 2, rel=1e-5)


def test_document_vectors_without_tokens_are_enough():
    backbone = type("Bag", (), {"width": 6})()
    head = ClassifySpec().build(backbone, 2)
    assert head(Features(pooled_BD=torch.randn(5, 6))).shape == (5, 2)


def test_one_class_is_refused():
    with pytest.raises(HeadstartError, match="at least 2 classes, got 1"):
        ClassifySpec().build(type("Bag", (), {"width": 6})(), 1)

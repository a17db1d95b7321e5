"""The classification and the regression head: shapes, loss, every pooling, refusals, any scale of numbers."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from headstart.backbones.bert import BertSpec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.core.batch import make_batch
from headstart.core.contracts import Features, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.shapes import TokenShape
from headstart.heads.classify import ClassifySpec
from headstart.heads.multilabel import MultilabelSpec
from headstart.heads.regress import RegressSpec

BATCH = make_batch([[2, 7, 3], [2, 8, 9, 10, 3]])
ROWS = Pieces([np.array([2, 7, 3]), np.array([2, 8, 9, 10, 3])], None, np.array([0, 1]), None, 0)
BAG = SimpleNamespace(width=6, classification_head=lambda classes: None)


def with_targets(head, examples):
    extra = {name: torch.from_numpy(np.concatenate(parts)) for name, parts in head.targets(examples, ROWS).items()}
    return dataclasses.replace(BATCH, extra=extra)


def train(backbone, head, batch):
    optimizer = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=5e-3)
    for _ in range(40):
        output = head(backbone(batch))
        loss = head.loss(output, batch)
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        optimizer.step()
    return output, loss


@pytest.mark.parametrize("pooling", ["auto", "mean", "cls", "own"])
@pytest.mark.parametrize(
    "spec", [BertSpec(width=16, depth=1, heads=2, pooler=True), ModernBertSpec(width=16, depth=1, heads=2)]
)
def test_every_pooling_gives_logits_and_a_loss_that_learns(spec, pooling):
    if pooling == "own" and spec.name == "modernbert":
        pytest.skip("this backbone has no document vector of its own")
    torch.manual_seed(0)
    backbone = spec.build(TokenShape(20, 0))
    head = ClassifySpec(pooling=pooling).build(backbone, None, ("a", "b", "c"))
    examples = Examples(["x", "y"], labels=np.array([0, 2]), classes=("a", "b", "c"))
    output, loss = train(backbone, head, with_targets(head, examples))
    assert output.shape == (2, 3)
    assert loss.count == 2
    assert loss.parts["accuracy"] == 1.0
    target = torch.tensor([0, 2])
    assert loss.total.item() == pytest.approx(torch.nn.functional.cross_entropy(output, target).item() * 2, rel=1e-5)
    assert head.decode(list(output.detach().numpy()), ROWS, examples) == ["a", "c"]


def test_document_vectors_without_tokens_are_enough():
    head = ClassifySpec().build(BAG, None, ("a", "b"))
    assert head(Features(pooled_BD=torch.randn(5, 6))).shape == (5, 2)


def test_one_class_is_refused():
    with pytest.raises(HeadstartError, match="at least 2 classes, got 1"):
        ClassifySpec().build(BAG, None, ("a",))


def test_numbers_of_any_scale_are_learnt_alike():
    losses, answers = [], []
    for scale in (1.0, 1e6):
        torch.manual_seed(0)
        backbone = ModernBertSpec(width=16, depth=1, heads=2).build(TokenShape(20, 0))
        head = RegressSpec().build(backbone, None, ())
        examples = Examples(["x", "y"], task="regress", targets=[3.0 * scale, 5.0 * scale])
        head.prepare(examples)
        output, loss = train(backbone, head, with_targets(head, examples))
        losses.append(loss.total.item())
        answers.append(np.array(head.decode(list(output.detach().numpy()), ROWS, examples)) / scale)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] < 0.01
    assert np.allclose(answers, [[3, 5], [3, 5]], atol=0.1)
    again = RegressSpec().build(BAG, None, ())
    again.load_state_dict({**again.state_dict(), "mean_1": head.mean_1, "scale_1": head.scale_1})
    assert again.decode([np.array([0.0])], ROWS, examples) == [4e6]


def test_equal_numbers_do_not_divide_by_zero():
    head = RegressSpec().build(BAG, None, ())
    head.prepare(Examples(["x", "y"], task="regress", targets=[2.0, 2.0]))
    assert head.decode([np.array([0.0])], ROWS, Examples([""])) == [2.0]


def test_labels_are_scored_each_for_itself():
    torch.manual_seed(0)
    backbone = BertSpec(width=16, depth=1, heads=2, pooler=True).build(TokenShape(20, 0))
    head = MultilabelSpec().build(backbone, None, ("a", "b", "c"))
    examples = Examples(["x", "y"], classes=("a", "b", "c"), task="multilabel", targets=[("a", "c"), ()])
    head.prepare(examples)
    last = [module for module in head.output.modules() if isinstance(module, torch.nn.Linear)][-1]
    np.testing.assert_allclose(torch.sigmoid(last.bias).detach(), [0.5, 1 / 6, 0.5], rtol=1e-5)  # their shares
    output, loss = train(backbone, head, with_targets(head, examples))
    wanted = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(output, wanted, reduction="sum").item()
    assert (loss.count, loss.parts["accuracy"]) == (2, 1.0)
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)
    (one, other) = head.decode(list(output.detach().numpy()), ROWS, examples)
    assert (one["labels"], other["labels"]) == (["a", "c"], [])
    assert one["scores"]["b"] == pytest.approx(torch.sigmoid(output[0, 1]).item(), abs=1e-5)
    with pytest.raises(HeadstartError, match="at least 2 labels, got 1"):
        MultilabelSpec().build(backbone, None, ("a",))


def test_a_label_is_said_from_the_threshold_that_the_training_rows_give():
    head = MultilabelSpec(pooling="mean").build(BAG, None, ("a", "b"))
    examples = Examples(["x", "y"], classes=("a", "b"), task="multilabel", targets=[("a",), ()])
    logits = [np.array([-1.0, -3.0]), np.array([-2.0, -3.0])]  # probabilities .27, .05 and .12, .05
    assert head.decode(logits, ROWS, examples)[0]["labels"] == []
    head.conclude(logits, ROWS, examples)
    assert float(head.said_from_1) == pytest.approx(0.25)
    assert [one["labels"] for one in head.decode(logits, ROWS, examples)] == [["a"], []]

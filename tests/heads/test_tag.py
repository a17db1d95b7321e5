"""The tag head: spans come back exactly, pieces of a long text are joined, the ceiling tells what tokens cannot say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.backbones.modernbert import ModernBertSpec
from headstart.core import registry
from headstart.core.contracts import Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.shapes import TokenShape
from headstart.data.encode_examples import encode_examples
from headstart.heads.tag import TagSpec

TEXT = ["홍길동은 서울에서 밥을 먹었다", "Kim lives in  New York City", "🙂 é 끝"] * 3
CLASSES = ("LC", "PS")
GOLD = [
    (Span(0, 3, "PS"), Span(5, 7, "LC")),
    (Span(0, 3, "PS"), Span(14, 22, "LC"), Span(23, 27, "PS")),
    (Span(0, 1, "PS"), Span(2, 3, "LC"), Span(4, 5, "LC")),
] * 3


def tagged(tokenizer: str = "char", longest: int | None = None, overlap: float | None = 0.25, depth: int = 1):
    made = registry.load("processor", tokenizer)().train(iter(TEXT))
    examples = Examples(TEXT, classes=CLASSES, task="tag", targets=GOLD)
    torch.manual_seed(0)
    backbone = ModernBertSpec(width=16, depth=depth, heads=2).build(TokenShape(made.vocabulary, made.pad_id))
    head = TagSpec().build(backbone, made, CLASSES)
    return head, examples, encode_examples(made, examples, longest=longest, spans=True, overlap=overlap)


def sure(head, examples, rows):
    """Return the outputs of a network that knows the tags."""
    return [np.eye(5)[np.maximum(tags, 0)] for tags in head.targets(examples, rows)["tag_N"]]


@pytest.mark.parametrize("tokenizer", ["char", "byte"])
@pytest.mark.parametrize("longest", [None, 14, 9])
def test_spans_come_back_exactly(tokenizer, longest):
    head, examples, rows = tagged(tokenizer, longest)
    assert (len(rows.inputs) > len(examples)) == (longest is not None)
    assert head.decode(sure(head, examples, rows), rows, examples) == GOLD
    assert head.notes(examples, rows) == {"ceiling_f1": 1.0}


def test_the_ceiling_tells_what_tokens_cannot_say():
    head, examples, rows = tagged()
    wide = [spans.copy() for spans in rows.spans]
    for spans in wide[::3]:  # a token that holds the name and its particle
        spans[3] = (2, 4)
    wide = Pieces(rows.inputs, rows.segment_ids, rows.owner_P, wide, 0)
    said = head.decode(sure(head, examples, wide), wide, examples)
    assert said[0] == (Span(0, 4, "PS"), Span(5, 7, "LC"))
    assert head.notes(examples, wide)["ceiling_f1"] == pytest.approx(1 - 3 / 24, abs=1e-4)


def test_the_nearer_piece_speaks_for_what_pieces_share():
    head, examples, rows = tagged(longest=12)
    lone = [piece for piece, owner in enumerate(rows.owner_P) if owner == 1]
    first, second = (rows.spans[piece] for piece in lone[:2])
    shared = [span for span in first.tolist() if span in second.tolist() and span[1] > span[0]]
    assert len(shared) > 1
    outputs = sure(head, examples, rows)
    outputs[lone[0]][first[:, 0] >= shared[-1][0]] = np.eye(5)[3]  # what the first piece says of its end is not heard
    outputs[lone[1]][(second[:, 0] <= shared[0][0]) & (second[:, 1] > 0)] = np.eye(5)[3]
    assert head.decode(outputs, rows, examples) == GOLD


def test_a_network_learns_them():
    head, examples, rows = tagged(depth=2)
    from headstart.fitting.supervised import LabelledPieces, head_outputs
    from headstart.training.pretrained_model import PretrainedModel

    made = registry.load("processor", "char")().train(iter(TEXT))
    spec = ModernBertSpec(width=32, depth=2, heads=2)
    torch.manual_seed(0)
    pretrained = PretrainedModel(made, spec, spec.build(TokenShape(made.vocabulary, made.pad_id)))
    head = TagSpec().build(pretrained.backbone, made, CLASSES)
    batch = LabelledPieces(rows, head.targets(examples, rows), made).batch(np.arange(9))
    optimizer = torch.optim.Adam([*pretrained.backbone.parameters(), *head.parameters()], 3e-3)
    for _ in range(60):
        loss = head.score(pretrained.backbone, batch)
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        optimizer.step()
    assert loss.count == sum((tokens[:, 1] > tokens[:, 0]).sum() for tokens in rows.spans)  # no special token
    assert head.decode(head_outputs(pretrained, head, rows), rows, examples) == GOLD


def test_no_label_and_no_tokens_are_refused():
    with pytest.raises(HeadstartError, match="at least 1 label"):
        TagSpec().build(type("Net", (), {"width": 6})(), None, ())
    assert "reads document" in TagSpec().refuses(type("Bag", (), {"reads": "document"})())

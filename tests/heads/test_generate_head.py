"""The head that writes: it learns to translate a toy language, stops by itself, comes back from disk as it was."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.seq2seq import Seq2SeqSpec
from headstart.backbones.seq2seq_attention import AttentiveSeq2SeqSpec
from headstart.backbones.t5 import T5Spec
from headstart.backbones.transformer import TransformerSpec
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Tokenizer
from headstart.core.shapes import TokenShape
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.supervised import LabelledPieces, encode_for_head
from headstart.fitting.workspace import Workspace
from headstart.heads.generate import GenerateSpec
from headstart.objectives.span import SpanSpec
from headstart.routes.scratch import Scratch
from headstart.training.pretrained_model import PretrainedModel

WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷", "five": "다섯", "six": "여섯"}
SPECS = {
    "transformer": TransformerSpec(width=32, depth=1, heads=2, mlp_width=64, dropout=0.0),
    "t5": T5Spec(width=32, depth=1, heads=2, mlp_width=64, tied=False, scaled=False),
    "seq2seq": Seq2SeqSpec(width=48, depth=1, dropout=0.0),
    "seq2seq_attention": AttentiveSeq2SeqSpec(width=48, dropout=0.0),
}


def rows(count: int, seed: int) -> Examples:
    """Return sentences of one to three words; the answer has their translations in the opposite order."""
    source = random.Random(seed)
    texts = [source.choices(list(WORDS), k=source.randint(1, 3)) for _ in range(count)]
    return Examples(
        items=[" ".join(words) for words in texts],
        targets=[" ".join(WORDS[word] for word in reversed(words)) for words in texts],
        task="generate",
    )


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    text = rows(300, 5)
    return registry.load("processor", "wordpiece")(sentinels=8).train(iter([*text.items, *text.targets]))


def start(name: str, tokenizer: Tokenizer) -> PretrainedModel:
    torch.manual_seed(1)
    return PretrainedModel(
        tokenizer, SPECS[name], SPECS[name].build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    )


@pytest.mark.parametrize("name", ["transformer", "seq2seq", "seq2seq_attention"])
def test_it_learns_to_translate_and_comes_back(name, tokenizer, tmp_path):
    route = Scratch(choose_learning_rate=False, learning_rate=1e-2, epochs=14, batch=32, head_steps=2)
    model = route.run(rows(320, 1), Workspace(base=start(name, tokenizer)), seed=0)
    unseen = rows(60, 2)
    said = model.predict(unseen)
    right = np.mean([one == other for one, other in zip(said, unseen.targets, strict=True)])
    assert right >= 0.4  # of sentences never seen; a guess of the first word alone would be one in six
    assert model.notes["targets_cut"] == 0
    model.save(tmp_path)
    again = NetworkModel.load(Path(tmp_path))
    assert again.task == "generate"
    assert again.predict(unseen) == said


def test_the_loss_is_of_the_targets_and_their_end(tokenizer):
    pretrained, examples = start("transformer", tokenizer), rows(9, 3)
    head = GenerateSpec(smoothing=0.2).build(pretrained.backbone, tokenizer, ())
    framed = encode_for_head(head.spec, pretrained, examples)
    targets = head.targets(examples, framed)
    assert all(ids[-1] == tokenizer.sep_id for ids in targets["written"])
    assert [tokenizer.decode(ids) for ids in targets["written"]] == list(examples.targets)
    batch = LabelledPieces(framed, targets, tokenizer).batch(np.arange(9))
    pretrained.backbone.eval()
    plain, smooth = head.eval().score(pretrained.backbone, batch), head.train().score(pretrained.backbone, batch)
    assert plain.count == smooth.count == sum(map(len, targets["written"]))
    assert abs(float(plain.total.detach()) - float(smooth.total.detach())) > 1e-3  # smoothing is for training only
    some = LabelledPieces(framed, targets, tokenizer).batch(np.array([2, 7]))
    alone = sum(
        float(
            head.eval()
            .score(pretrained.backbone, LabelledPieces(framed, targets, tokenizer).batch(np.array([row])))
            .total.detach()
        )
        for row in (2, 7)
    )
    assert float(head.score(pretrained.backbone, some).total.detach()) == pytest.approx(alone, rel=1e-4)


def test_long_targets_are_cut_and_counted(tokenizer):
    pretrained, examples = start("seq2seq", tokenizer), Examples(["one"] * 2, targets=["하나", "둘 셋 넷 다섯 여섯"])
    head = GenerateSpec(longest=4).build(pretrained.backbone, tokenizer, ())
    framed = encode_for_head(head.spec, pretrained, examples)
    assert head.notes(examples, framed) == {"targets_cut": 1}
    written = head.targets(examples, framed)["written"]
    assert written[0][-1] == tokenizer.sep_id
    assert len(written[1]) == 4
    assert tokenizer.sep_id not in written[1]
    for beams in (1, 3):
        head = GenerateSpec(longest=4, beams=beams).build(pretrained.backbone, tokenizer, ())
        found = head.outputs(pretrained.backbone.eval(), LabelledPieces(framed, {}, tokenizer).batch(np.arange(2)))
        assert all(len(ids) <= 4 for ids in found)


def test_the_pretrained_output_is_taken_over(tokenizer):
    pretrained = start("t5", tokenizer)
    objective = SpanSpec().build(pretrained.backbone, tokenizer)
    head = GenerateSpec().build(pretrained.backbone, tokenizer, ())
    assert not torch.equal(head.output.weight, objective.head.weight)
    head.inherit(objective)
    assert torch.equal(head.output.weight, objective.head.weight)
    assert head.output.weight is not objective.head.weight
    head.inherit(None)


def test_refusals(tokenizer):
    encoder = registry.load("backbone", "modernbert")(width=32, depth=1, heads=2).build(
        TokenShape(tokenizer.vocabulary, 0)
    )
    with pytest.raises(HeadstartError, match="head generate needs a backbone that encodes and decodes"):
        GenerateSpec().build(encoder, tokenizer, ())
    assert "reads encoder_decoder" in GenerateSpec().refuses(encoder)
    assert GenerateSpec().refuses(start("t5", tokenizer).backbone) is None
    ngrams = registry.load("processor", "ngram")().train(iter(rows(50, 1).items))
    with pytest.raises(HeadstartError, match="end mark"):
        GenerateSpec().build(start("seq2seq", tokenizer).backbone, ngrams, ())
    for wrong in ({"longest": 0}, {"beams": 0}, {"smoothing": 1.0}):
        with pytest.raises(HeadstartError, match="expected"):
            GenerateSpec(**wrong)

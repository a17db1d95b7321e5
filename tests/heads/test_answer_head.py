"""The head that finds answers: tokens of an answer, pieces of long texts, the best span, learning where to look."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest
import torch

from headstart.backbones.gpt2 import GPT2Spec
from headstart.backbones.modernbert import ModernBertSpec
from headstart.core import registry
from headstart.core.contracts import Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.shapes import TokenShape
from headstart.data.encode_examples import encode_examples
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.supervised import LabelledPieces
from headstart.fitting.workspace import Workspace
from headstart.heads.answer import AnswerSpec, _best_span
from headstart.routes.scratch import Scratch
from headstart.training.pretrained_model import PretrainedModel

KINDS = {
    "animal": ["cat", "dog", "blue whale", "고양이", "red fox"],
    "tool": ["saw", "hammer", "망치", "hand drill", "pen"],
    "place": ["seoul", "부산 항구", "paris", "new york", "rome"],
}


def rows(count: int, seed: int) -> Examples:
    """Return questions for a thing of some kind; a third of the texts name none of that kind."""
    source = random.Random(seed)
    first, second, targets = [], [], []
    for _ in range(count):
        asked, others = source.choice(list(KINDS)), source.random() < 0.33
        named = [kind for kind in KINDS if not (others and kind == asked)]
        said = {kind: source.choice(KINDS[kind]) for kind in source.sample(named, len(named))}
        text = "we saw: " + ", then ".join(said.values()) + "."
        start = -1 if others else text.index(said[asked], 7)
        first.append(f"which {asked} ?")
        second.append(text)
        targets.append(() if others else (Span(start, start + len(said[asked]), said[asked]),))
    return Examples(first, second, task="answer", targets=targets)


def tokenizer_of(kind: str):
    made = rows(200, 9)
    return registry.load("processor", kind)().train(iter([*made.items, *made.second]))


def head_on(spec, tokenizer, **settings):
    torch.manual_seed(1)
    backbone = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    return AnswerSpec(**settings).build(backbone, tokenizer, ()), backbone


SMALL = ModernBertSpec(width=32, depth=2, heads=2, mlp_width=64, max_tokens=96)


def certain(targets: dict, rows: Pieces) -> list[np.ndarray]:
    """Return outputs that say the targets."""
    outputs = [np.zeros((len(ids), 2)) for ids in rows.inputs]
    for scores_T2, start, end in zip(outputs, targets["start_B"], targets["end_B"]):
        scores_T2[start, 0] = scores_T2[end, 1] = 9.0
    return outputs


@pytest.mark.parametrize("kind", ["wordpiece", "char", "byte", "bpe", "unigram"])
@pytest.mark.parametrize("longest", [None, 48, 40])
def test_targets_say_the_answers_in_one_piece_or_several(kind, longest):
    tokenizer, made = tokenizer_of(kind), rows(40, 3)
    nfd = [unicodedata.normalize("NFD", text) for text in made.second]
    moved = [
        tuple(
            Span(at := text.index(said := unicodedata.normalize("NFD", s.label)), at + len(said), said) for s in spans
        )
        for text, spans in zip(nfd, made.targets)
    ]
    head, _ = head_on(SMALL, tokenizer)
    for examples in (made, Examples(made.items, nfd, task="answer", targets=moved)):
        framed = encode_examples(tokenizer, examples, longest=longest, spans=True, overlap=0.5)
        if longest == 40 and kind in ("char", "byte"):
            assert len(framed.inputs) > len(examples)
        answers = head.decode(certain(head.targets(examples, framed), framed), framed, examples)
        for text, right, said in zip(examples.second, examples.targets, answers):
            assert bool(said) <= bool(right)  # a piece too short for an answer may lose it, never make one up
            assert all(text[span.start : span.end] == span.label for span in said)
        same = np.mean([said == right for said, right in zip(answers, examples.targets)])
        assert same == 1 if longest is None else same > 0.6


def test_the_most_frequent_answer_is_learned_and_must_be_whole():
    tokenizer = tokenizer_of("char")
    text = "ann has red . bob has blue ."
    answers = tuple(Span(at, at + len(said), said) for at, said in ((22, "blue"), (8, "red"), (22, "blue")))
    examples = Examples(["q ?"], [text], task="answer", targets=[answers])
    head, _ = head_on(SMALL, tokenizer)
    framed = encode_examples(tokenizer, examples, longest=None, spans=True)
    targets = head.targets(examples, framed)
    assert framed.spans[0][targets["start_B"][0][0], 0] == 22
    assert framed.spans[0][targets["end_B"][0][0], 1] == 26
    assert not targets["open_N"][0][1 : framed.segment_ids[0].argmax()].any()  # nothing of the question
    partial = 0
    for longest in range(14, 28):
        pieces = encode_examples(tokenizer, examples, longest=longest, spans=True, overlap=0.25)
        found = head.targets(examples, pieces)
        for tokens_T2, types_T, start, end in zip(pieces.spans, pieces.segment_ids, found["start_B"], found["end_B"]):
            low, high = tokens_T2[types_T == 1][:-1][[0, -1], [0, 1]]
            assert (start[0] > 0) == (end[0] > 0) == (low <= 22 and high >= 26)
            partial += low < 26 and high > 22 and not (low <= 22 and high >= 26)
    assert partial > 3
    alone = Examples(["q"], task="answer", targets=[()])
    one_text = encode_examples(tokenizer, alone, longest=None, spans=True)
    with pytest.raises(HeadstartError, match="two texts"):
        head.targets(alone, one_text)


def slow_best(scores, tokens, longest):
    spans = [
        (scores[i, 0] + scores[j, 1], int(tokens[i, 0]), int(tokens[j, 1]))
        for i in range(len(tokens))
        for j in range(i, len(tokens))
        if i == j or tokens[j, 1] - tokens[i, 0] <= longest
    ]
    return max(spans)


def test_the_best_span_is_the_best_of_all():
    source = np.random.default_rng(0)
    for _ in range(200):
        sizes = source.integers(0, 6, source.integers(1, 20)) + 1
        ends = sizes.cumsum()
        tokens = np.stack([ends - sizes, ends], axis=1)
        scores, longest = source.normal(size=(len(tokens), 2)), int(source.integers(1, 30))
        assert _best_span(scores, tokens, longest) == pytest.approx(slow_best(scores, tokens, longest))


def test_pieces_compete_above_their_own_none_and_the_threshold_counts():
    tokenizer = tokenizer_of("char")
    examples = Examples(["q ?"], ["ann has red . bob has blue ."], task="answer", targets=[()])
    framed = encode_examples(tokenizer, examples, longest=26, spans=True, overlap=0.25)
    head, _ = head_on(SMALL, tokenizer)
    assert len(framed.inputs) == 2
    outputs = [np.full((len(ids), 2), -5.0) for ids in framed.inputs]
    outputs[0][0], outputs[1][0] = 10.0, -1.0
    at = [
        int(np.flatnonzero((tokens[:, 0] == place) & (segment_ids == 1))[0])
        for tokens, segment_ids, place in zip(framed.spans, framed.segment_ids, (8, 22))
    ]
    outputs[0][at[0]] = 10.5  # 1 above its none
    outputs[1][at[1]] = 2.0  # 6 above its none
    assert head.decode(outputs, framed, examples) == [(Span(22, 23, "b"),)]
    outputs[1][0] = 9.0
    assert head.decode(outputs, framed, examples) == [(Span(8, 9, "r"),)]
    strict, _ = head_on(SMALL, tokenizer, threshold=1.5)
    assert strict.decode(outputs, framed, examples) == [()]
    outputs[0][0] = outputs[1][0] = 20.0
    strict.prepare(examples)
    assert strict.decode(outputs, framed, examples) == [()]
    strict.prepare(Examples(["q"], ["ann"], task="answer", targets=[(Span(0, 3, "ann"),)]))  # all rows have an answer
    again, _ = head_on(SMALL, tokenizer)
    again.load_state_dict(strict.state_dict())
    assert again.decode(outputs, framed, examples) == strict.decode(outputs, framed, examples) == [(Span(8, 9, "r"),)]


def test_the_loss_is_that_of_start_and_end_alone_or_together():
    tokenizer, made = tokenizer_of("wordpiece"), rows(6, 2)
    head, backbone = head_on(SMALL, tokenizer)
    backbone.eval()
    framed = encode_examples(tokenizer, made, longest=None, spans=True)
    labelled = LabelledPieces(framed, head.targets(made, framed), tokenizer)
    together = head.score(backbone, labelled.batch(np.arange(6)))
    alone = [head.score(backbone, labelled.batch(np.array([row]))) for row in range(6)]
    assert together.count == 6
    assert float(together.total.detach()) == pytest.approx(sum(float(loss.total.detach()) for loss in alone), rel=1e-4)
    start, end = (int(labelled.targets[name][0][0]) for name in ("start_B", "end_B"))
    batch = labelled.batch(np.array([0]))
    scores_T2 = head(backbone(batch))[0].detach().numpy().astype(np.float64)[labelled.targets["open_N"][0] == 1]
    places = list(np.flatnonzero(labelled.targets["open_N"][0]))
    log = scores_T2 - np.log(np.exp(scores_T2).sum(axis=0))
    assert float(alone[0].total.detach()) == pytest.approx(
        -(log[places.index(start), 0] + log[places.index(end), 1]) / 2, rel=1e-4
    )


def test_it_learns_where_to_look_and_comes_back(tmp_path):
    tokenizer = tokenizer_of("wordpiece")
    torch.manual_seed(1)
    base = PretrainedModel(tokenizer, SMALL, SMALL.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id)))
    route = Scratch(choose_learning_rate=False, learning_rate=1e-2, epochs=14, batch=32, head_steps=2)
    model = route.run(rows(300, 1), Workspace(base=base), seed=0)
    unseen = rows(60, 2)
    said = model.predict(unseen)
    assert np.mean([one == other for one, other in zip(said, unseen.targets)]) >= 0.9
    assert model.notes["ceiling_exact_match"] == 1.0
    model.save(tmp_path)
    assert NetworkModel.load(tmp_path).predict(unseen) == said


def test_a_network_that_reads_left_says_none_at_the_end():
    tokenizer, made = tokenizer_of("wordpiece"), rows(6, 2)
    left, _ = head_on(GPT2Spec(width=32, depth=1, heads=2), tokenizer)
    framed = encode_examples(tokenizer, made, longest=None, spans=True)
    empty = [row for row, spans in enumerate(made.targets) if not spans]
    assert empty
    for row in empty:
        assert left.targets(made, framed)["start_B"][row] == len(framed.inputs[row]) - 1
    ngrams = registry.load("processor", "ngram")().train(iter(made.items))
    with pytest.raises(HeadstartError, match="end mark"):
        head_on(GPT2Spec(width=32, depth=1, heads=2), ngrams)
    with pytest.raises(HeadstartError, match="longest"):
        head_on(SMALL, tokenizer, longest=0)

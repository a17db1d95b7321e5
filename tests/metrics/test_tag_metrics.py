"""Span metrics: equal to seqeval on random tag sequences and to plain counts."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from headstart.metrics.entity_f1 import EntityF1
from headstart.metrics.tag_accuracy import TagAccuracy

LABELS = ["PER", "LOC", "creative-work"]


def random_spans(random, length):
    """Return spans that do not overlap, possibly side by side with the same label."""
    found, position = [], 0
    while position < length:
        if random.random() < 0.4:
            end = min(length, position + int(random.integers(1, 4)))
            found.append((position, end, LABELS[random.integers(3)]))
            position = end
        else:
            position += 1
    return found


def tags(spans, length):
    out = ["O"] * length
    for start, end, label in spans:
        out[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return out


def test_entity_f1_equals_seqeval():
    seqeval = pytest.importorskip("seqeval.metrics")
    random, metric = np.random.default_rng(0), EntityF1()
    checked = 0
    for _ in range(300):
        rows = int(random.integers(1, 20))
        lengths = random.integers(1, 15, rows)
        truth = [random_spans(random, n) for n in lengths]
        said = [
            row if random.random() < 0.5 else random_spans(random, n) for row, n in zip(truth, lengths, strict=True)
        ]
        checked += rows
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # seqeval warns where a side has no span
            expected = seqeval.f1_score(list(map(tags, truth, lengths)), list(map(tags, said, lengths)))
            strict = seqeval.f1_score(list(map(tags, truth, lengths)), list(map(tags, said, lengths)), mode="strict")
        assert metric.score(truth, said) == pytest.approx(expected, abs=1e-12)
        assert metric.score(truth, said) == pytest.approx(strict, abs=1e-12)
    assert checked > 2000


def test_entity_f1_by_hand():
    metric = EntityF1()
    truth = [[(0, 2, "A"), (3, 4, "B")], []]
    assert metric.score(truth, [[(0, 2, "A"), (3, 4, "A")], [(0, 1, "A")]]) == pytest.approx(2 * 1 / (2 + 3))
    assert metric.score(truth, [[(0, 2, "A"), (3, 4, "B")], []]) == 1.0
    assert metric.score(truth, [[], []]) == 0.0
    assert metric.score([[]], [[]]) == 0.0  # as conlleval and seqeval
    assert metric.score([[[0, 2, "A"]]], [[(0, 2, "A"), (0, 2, "A")]]) == 1.0  # lists of JSON, a repeated span
    with pytest.raises(ValueError, match="shorter"):
        metric.score(truth, [[]])


def test_tag_accuracy_equals_a_plain_count():
    random, metric = np.random.default_rng(1), TagAccuracy()
    for _ in range(100):
        truth, said, right, words = [], [], 0, 0
        for _ in range(int(random.integers(1, 12))):
            labels, guesses = random.choice(["N", "V", "J"], size=(2, int(random.integers(1, 9))))
            kept = random.random(len(labels)) < 0.9  # a word may be left out
            truth.append([(i, i + 1, label) for i, label in enumerate(labels)])
            said.append([(i, i + 1, guess) for i, guess in enumerate(guesses) if kept[i]])
            right += int((kept & (labels == guesses)).sum())
            words += len(labels)
        assert metric.score(truth, said) == pytest.approx(right / words, abs=1e-15)


def test_tag_accuracy_by_hand():
    metric = TagAccuracy()
    truth = [[(0, 2, "N"), (3, 5, "V")]]
    assert metric.score(truth, [[(0, 2, "N"), (3, 4, "V"), (6, 9, "N")]]) == 0.5  # a wrong end; one too many
    assert metric.score(truth, [[(0, 2, "V"), (0, 2, "N")]]) == 0.5  # the last label is the answer
    assert metric.score(truth, [[(0, 2, "N"), (0, 2, "V")]]) == 0.0
    assert math.isnan(metric.score([[]], [[(0, 1, "N")]]))


def test_no_other_spans_are_better_as_the_answer_to_all_rows():
    random, metric = np.random.default_rng(3), EntityF1()
    truth = [random_spans(random, 4) for _ in range(12)]
    every = sorted({span for gold in truth for span in gold})
    answer = metric.constant(truth)
    best = metric.score(truth, [answer] * len(truth))
    chosen = random.random((500, len(every))) < random.random((500, 1))
    others = [[span for span, taken in zip(every, row) if taken] for row in chosen]
    assert best > 0
    assert max(metric.score(truth, [other] * len(truth)) for other in others) <= best
    assert metric.constant([(), ()]) is None
    assert metric.shown(((0, 3, "PER"), (5, 7, "LOC"))) == "PER 0–3, LOC 5–7"

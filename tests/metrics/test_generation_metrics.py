"""chrF and BLEU equal sacrebleu's corpus scores; without sacrebleu BLEU says what to install."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.metrics.bleu import Bleu
from headstart.metrics.chrf import ChrF

TEXT = "the quick brown fox, jumps over 1,000 lazy dogs . U.S. don't 서울은 대한민국의 수도이다. & &quot; 가 나 <b>"
WORDS = TEXT.split()


def corpus(seed):
    source = random.Random(seed)
    references = [" ".join(source.choices(WORDS, k=source.randint(0, 14))) for _ in range(source.randint(1, 12))]
    said = []
    for text in references:
        words = [word for word in text.split() if source.random() < 0.8]
        if source.random() < 0.3:
            words = source.choices(WORDS, k=source.randint(0, 9))
        said.append(source.choice([" ", "  "]).join(words))
    return references, said


def reference_scores(references, said):
    sacrebleu = pytest.importorskip("sacrebleu")
    return (
        (ChrF(), sacrebleu.corpus_chrf(said, [references]).score),
        (Bleu(), sacrebleu.corpus_bleu(said, [references], force=True).score),
    )


def test_equal_to_sacrebleu():
    seen = set()
    for seed in range(300):
        references, said = corpus(seed)
        for metric, expected in reference_scores(references, said):
            assert metric.score(references, said) == pytest.approx(expected, abs=1e-9)
            seen.add((metric.name, expected > 0))
    assert len(seen) == 4  # both metrics met both no hit at all and some


def test_weights_are_repeated_rows_of_sacrebleu():
    for seed in range(40):
        references, said = corpus(seed)
        weight = np.random.default_rng(seed).integers(0, 4, len(said))
        if not weight.sum():
            continue
        rows = np.arange(len(said)).repeat(weight)
        for metric, expected in reference_scores([references[i] for i in rows], [said[i] for i in rows]):
            assert metric.score(references, said, weight) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("reference", "said"), [("", ""), ("a", ""), ("", "a"), ("   ", " b "), ("abc", "abcdefgh")])
def test_short_texts(reference, said):
    for metric, expected in reference_scores([reference], [said]):
        assert metric.score([reference], [said]) == pytest.approx(expected, abs=1e-9)


def test_chrf_by_hand():
    # 'ab' in 'abc': unigrams 2 of 2 said, 2 of 3 right; bigrams 1 of 1, 1 of 2; longer ones are not on both sides
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert ChrF().score(["abc"], ["ab"]) == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))


def test_bleu_without_sacrebleu_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(HeadstartError, match=r"pip install headstart\[eval\]"):
        Bleu().score(["a"], ["a"])
    assert ChrF().score(["a b"], ["a b"]) == 100.0


def test_the_best_constant_answer_is_no_longer_than_the_mean_reference():
    source = random.Random(1)
    truth = [" ".join(source.choices(WORDS, k=source.randint(2, 6))) for _ in range(60)] + [TEXT * 3]
    metric = ChrF()
    answer = metric.constant(truth)
    assert len(answer) <= np.mean([len(text) for text in truth])
    assert metric.score(truth, [TEXT] * 61) > metric.score(truth, [answer] * 61)  # what length alone would gain
    assert metric.constant(["same"] * 3) == "same"

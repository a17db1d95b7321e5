"""Copies: what is found equals a brute force over all pairs; planted leaks are found; time does not grow with pairs."""

from __future__ import annotations

import random
import time
import unicodedata

import numpy as np
import pytest

from headstart.auditing import one_edit
from headstart.auditing.copies import Copies, inside
from headstart.text import shingles
from headstart.text.folding import fold, fold_all

LETTERS, TAIL = "ab가", "1234567"


def one_away(text: str) -> set[str]:
    """Return every text of these letters that one insertion, deletion or substitution makes of a text."""
    made = {text[:place] + text[place + 1 :] for place in range(len(text))}
    for letter in LETTERS + TAIL:
        made |= {text[:place] + letter + text[place + 1 :] for place in range(len(text))}
        made |= {text[:place] + letter + text[place:] for place in range(len(text) + 1)}
    return made - {text}


def small_texts(seed: int, count: int = 120) -> list[str]:
    """Texts of few letters, with many neighbours, runs and shifts among them."""
    source = random.Random(seed)
    return ["".join(source.choices(LETTERS, k=source.randint(4, 6))) + TAIL for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_one_edit_equals_brute_force(seed):
    texts = sorted(set(small_texts(seed)))
    truth = [{j for j, other in enumerate(texts) if other in near} for near in map(one_away, texts)]
    found = one_edit.partners(texts)
    assert 10 < sum(map(bool, truth)) < len(texts)
    assert [at >= 0 for at in found] == [bool(near) for near in truth]
    assert all(found[row] in near for row, near in enumerate(truth) if near)


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_equals_brute_force(seed):
    texts, stream = small_texts(seed, 60), small_texts(seed + 50, 150)
    copies = Copies(texts, fold_all(texts))
    for start in range(0, len(stream), 40):
        copies.add(stream[start : start + 40], fold_all(stream[start : start + 40]))
    kinds, at = copies.result()
    for row, text in enumerate(texts):
        about = {text} | one_away(text)
        near = [number for number, other in enumerate(stream) if other in about]
        if text in stream:
            assert (kinds[row], at[row]) == (1, stream.index(text))
        elif near:
            assert kinds[row] == 3
            assert at[row] in near
        else:
            assert (kinds[row], at[row]) == (0, -1)


def test_the_fold():
    assert fold("Don't  STOP!") == fold("dont stop") == "dontstop"
    assert fold(unicodedata.normalize("NFD", "영화 정말\u200b 좋다.")) == "영화정말좋다"
    assert fold("C++") != fold("C")
    assert fold("좋아 😀") != fold("좋아 😡")
    assert fold("...") == ". . .".replace(" ", "") != fold("???")
    assert fold("हिन्दी") != fold("हनद")  # vowel signs are marks, not punctuation


def test_exact_normalised_and_near_inside():
    texts = ["정말 좋은 영화", "정말 좋은 영화", "정말 좋은영화!", "정말 좋은 영하", "전혀 다른 글입니다"]
    found = inside(texts, fold_all(texts))
    assert list(found.exact_N) == [-1, 0, -1, -1, -1]
    assert list(found.normalised_N) == [-1, 0, 0, -1, -1]
    assert list(found.near_N) == [3, 3, 3, 0, -1]


def test_short_texts_are_not_near():
    texts = ["good", "food", "예", "네", "최고", "최저"]
    assert (inside(texts, fold_all(texts)).near_N == -1).all()


def long_texts(count: int) -> list[str]:
    source = random.Random(3)
    words = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(2, 9))) for _ in range(500)]
    return [" ".join(source.choices(words, k=source.randint(60, 400))) for _ in range(count)]


def test_long_texts_by_their_pieces():
    texts = long_texts(40)
    source = random.Random(4)
    changed = []
    for text in texts[:20]:
        words = text.split()
        for _ in range(len(words) // 50):
            words[source.randrange(len(words))] = "changed"
        changed.append(" ".join(words))
    every = fold_all(texts + changed)
    truth = [[shingles.similarity(one, other) >= 0.8 and one != other for other in every] for one in every]
    found = shingles.partners(every)
    assert sum(map(any, truth)) >= 34
    missed = [row for row, near in enumerate(truth) if any(near) and found[row] < 0]
    assert len(missed) <= 1
    assert all(truth[row][at] for row, at in enumerate(found) if at >= 0)
    copies = Copies(texts, every[:40])
    copies.add(changed, every[40:])
    kinds, at = copies.result()
    assert (kinds[:20] == 3).sum() >= 19
    assert (kinds[20:] == 0).all()
    assert all(at[row] == row for row in range(20) if kinds[row])


@pytest.mark.parametrize(
    "texts",
    [["같은 글이 되풀이됩니다"] * 20_000, [f"item number {n:06d}" for n in range(20_000)], long_texts(3) * 700],
    ids=["equal", "template", "long and equal"],
)
def test_many_alike_take_no_quadratic_time(texts):
    folds, start = fold_all(texts), time.process_time()
    inside(texts, folds)
    copies = Copies(texts, folds)
    copies.add(texts, folds)
    kinds, _ = copies.result()
    assert time.process_time() - start < 20  # all pairs would take minutes
    assert (kinds == 1).all()


def test_a_template_of_long_texts_takes_no_quadratic_time():
    body = long_texts(1)[0]
    texts = [f"{body} {number:05d} {body[::-1]} {number * 7919 % 99991:05d}" for number in range(600)]
    folds, start = fold_all(texts), time.process_time()
    found = inside(texts, folds)
    assert time.process_time() - start < 30
    assert (found.near_N >= 0).mean() > 0.95


def test_nothing_and_one_row():
    for texts in ([], [""], ["하나"]):
        found = inside(texts, fold_all(texts))
        assert (found.near_N == -1).all()
        copies = Copies(texts, fold_all(texts))
        copies.add([], [])
        copies.add(["다른 글"], ["다른글"])
        assert np.array_equal(copies.result()[0], np.zeros(len(texts)))

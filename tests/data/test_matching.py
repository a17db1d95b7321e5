"""The best of many texts: the same for dense and sparse vectors and in blocks; ties never help the own text."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from headstart.data import matching
from headstart.data.matching import Match, best_matches, class_matches


def slow(first, second, texts):
    among = list(dict.fromkeys(texts))
    vector = dict(zip(reversed(texts), second[::-1]))
    found = []
    for row, own in zip(first, texts):
        scores = [float(row @ vector[text]) for text in among]
        best = int(np.argmax(scores))
        found.append((among[best], sum(score >= scores[among.index(own)] for score in scores)))
    return found


def test_it_is_the_plain_search(monkeypatch):
    random = np.random.default_rng(0)
    monkeypatch.setattr(matching, "_BLOCK", 7)
    vectors = random.integers(-2, 3, (12, 4)).astype(np.float32)  # whole numbers: exact products, many ties
    own = random.integers(0, 12, 30)
    first, second, texts = random.integers(-2, 3, (30, 4)).astype(np.float32), vectors[own], [f"t{n}" for n in own]
    found = best_matches(first, second, texts)
    assert [(match.text, match.rank) for match in found] == slow(first, second, texts)
    assert best_matches(sparse.csr_matrix(first), sparse.csr_matrix(second), texts) == found
    assert max(match.rank for match in found) <= len(set(texts))


def test_vectors_that_tell_nothing_are_last():
    same = np.ones((4, 3), np.float32)
    assert [match.rank for match in best_matches(same, same, list("abcd"))] == [4, 4, 4, 4]
    assert [match.rank for match in best_matches(same, same, list("abab"))] == [2, 2, 2, 2]


def test_a_row_finds_its_text():
    eye = np.eye(3, dtype=np.float32)
    assert best_matches(eye, eye, ["x", "y", "z"]) == [Match("x", 1.0, 1), Match("y", 1.0, 1), Match("z", 1.0, 1)]


def test_the_first_of_the_same_class_by_hand(monkeypatch):
    vectors_ND = np.array([[1.0, 0.0], [0.9, 0.436], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
    labels_N = np.array([0, 1, 0, 1, 2])
    found = class_matches(vectors_ND, labels_N, list("abcde"))
    assert [match.text for match in found] == ["b", "e", "e", "c", "b"]
    # To a: b, e, then c of its class; to b: e, a, c, then d; c: e, b, d, then a; d: c, e, then b; e is alone.
    assert [match.rank for match in found] == [3, 4, 4, 3, 5]
    monkeypatch.setattr(matching, "_BLOCK", 2)
    assert class_matches(sparse.csr_matrix(vectors_ND), labels_N, list("abcde")) == found
    assert [match.rank for match in class_matches(vectors_ND, None, list("abcde"))] == [None] * 5
    same = class_matches(np.ones((4, 1)), np.array([0, 0, 1, 1]), list("abcd"))
    assert [match.rank for match in same] == [3] * 4  # ties with others count against it

"""Random truths and answers of every task, as its metrics take them: half right, so that no score is at its limits."""

from __future__ import annotations

import numpy as np

WORDS = ["the", "red", "fox", "jumps", "over", "빨간", "여우가", "강을", "건넌다", "."]


def classes(random, rows):
    truth_N = random.integers(5, size=rows)
    return truth_N, np.where(random.random(rows) < 0.5, truth_N, random.integers(5, size=rows))


def numbers(random, rows):
    truth_N = random.integers(6, size=rows) / 2  # ties on both sides
    return truth_N, (truth_N + random.normal(size=rows)).round(1)


def spans(random, rows):
    def some():
        starts = random.choice(20, size=random.integers(1, 6), replace=False)
        return [[int(start), int(start) + int(random.integers(1, 3)), "AB"[random.integers(2)]] for start in starts]

    truth = [some() for _ in range(rows)]
    said = [[one if random.random() < 0.5 else [*one[:2], "C"] for one in row] + some()[:1] for row in truth]
    return truth, said


def label_sets(random, rows):
    names = np.array(["film", "food", "game", "게임"])
    truth_N4 = random.random((rows, 4)) < 0.4
    score_N4 = np.where(random.random((rows, 4)) < 0.4, truth_N4, random.random((rows, 4))).round(1)
    scores = [dict(zip(names.tolist(), row.tolist())) for row in score_N4]
    said = [{"labels": names[row >= 0.5].tolist(), "scores": own} for row, own in zip(score_N4, scores)]
    return [names[row].tolist() for row in truth_N4], said


def sentence(random):
    return " ".join(random.choice(WORDS, size=random.integers(5, 12)))


def right_texts(random, rows):
    truth = [[sentence(random) for _ in range(random.integers(0, 3))] for _ in range(rows)]
    said = [row[0] if row and random.random() < 0.5 else random.choice(["", sentence(random)]) for row in truth]
    return truth, [str(text) for text in said]


def texts(random, rows):
    truth = [sentence(random) for _ in range(rows)]
    return truth, [" ".join(random.permutation(text.split())[:-1]) for text in truth]


def places(random, rows):
    return np.full(rows, float(rows)), random.integers(1, 16, rows).astype(float)


ANSWERS = {
    "classify": classes,
    "regress": numbers,
    "multilabel": label_sets,
    "tag": spans,
    "answer": right_texts,
    "generate": texts,
    "retrieve": places,
}

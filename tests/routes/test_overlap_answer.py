"""Answers without a network: it learns what is asked for, knows when to say nothing, comes back from disk."""

from __future__ import annotations

import random
import time
import unicodedata

import numpy as np
import pytest

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.fitting.task_model_files import load_task, save_task
from headstart.fitting.workspace import Workspace
from headstart.routes.overlap_answer import OverlapAnswer, _candidates, _fit, _InverseFrequencies, _threshold, _weights

NONE = _InverseFrequencies()
NAMES = ["Kim", "Park", "Lee", "Choi", "Jung"]
THINGS = ["bridge", "palace", "tower", "harbour", "market", "library", "school", "garden", "temple", "station"]


def rows(count: int, seed: int, *, unanswerable: float = 0.0) -> Examples:
    """Return questions on who built what and when, one sentence of four tells; some ask for what is not told."""
    source = random.Random(seed)
    first, second, targets = [], [], []
    for _ in range(count):
        things, who = source.sample(THINGS, 4), source.choice([True, False])
        facts = [(thing, source.choice(NAMES), str(source.randint(1000, 1999))) for thing in things]
        text = " ".join(f"The {thing} was built by {name} in the year {year}." for thing, name, year in facts)
        none = source.random() < unanswerable
        thing, name, year = source.choice(facts)
        asked = source.choice([other for other in THINGS if other not in things]) if none else thing
        answer, at = (name, "by ") if who else (year, "year ")
        start = text.index(at, text.index(thing)) + len(at)
        first.append(f"Who built the {asked}?" if who else f"When was the {asked} built?")
        second.append(text)
        targets.append(() if none else (Span(start, start + len(answer), answer),))
    return Examples(first, second, task="answer", targets=targets)


def right(model, examples: Examples) -> float:
    return np.mean([said == true for said, true in zip(model.predict(examples), examples.targets)])


def test_it_learns_what_is_asked_and_comes_back(tmp_path):
    route = OverlapAnswer()
    model = route.run(rows(150, 1), Workspace(), seed=0)
    unseen = rows(40, 2)
    assert right(model, unseen) >= 0.9
    save_task(model, tmp_path / "task", route, {})
    again = load_task(tmp_path / "task")
    assert again.ranked(unseen) == model.ranked(unseen)
    assert again.predict(unseen) == model.predict(unseen)
    assert again.predict(unseen.take(np.array([], np.int64))) == []


def test_it_says_nothing_where_the_text_does_not_tell():
    model = OverlapAnswer().run(rows(300, 1, unanswerable=0.5), Workspace(), seed=0)
    unseen = rows(60, 2, unanswerable=0.5)
    assert right(model, unseen) >= 0.8
    silent = [not said for said in model.predict(unseen)]
    assert 0.3 < np.mean(silent) < 0.7


def test_candidates_are_of_the_most_similar_sentence_as_it_is_written():
    text = unicodedata.normalize("NFD", "한글은 세종대왕이 만들었다. 김치는 배추로 만든다! No end, really")
    for question, sentence in (("한글은 누가 만들었나?", "한글은 세종대왕이 만들었다"), ("No?", "No end, really")):
        spans_C2, features_CF = _candidates(question, text, NONE)
        assert len(spans_C2) == len(features_CF) > 0
        assert np.isfinite(features_CF).all()
        said = {unicodedata.normalize("NFC", text[start:end]) for start, end in spans_C2}
        assert all(piece in sentence for piece in said)
        assert max(said, key=len).split()[-1] == sentence.split()[-1]
    for empty in ("", " ", "..."):
        assert len(_candidates("Who?", empty, NONE)[0]) == 0
    assert len(_candidates("", "a b", NONE)[0]) == 3


def test_what_is_seen_of_a_candidate():
    spans_C2, features_CF = _candidates("about b", "a b c d", NONE)
    seen = {"a b c d"[start:end]: row for (start, end), row in zip(spans_C2, features_CF)}
    assert set(seen) == {"a", "c", "d", "a b", "b c", "c d", "a b c", "b c d", "a b c d"}  # b alone is in the question
    assert seen["c"][:5].tolist() == pytest.approx([1 / np.sqrt(8), 0, 1, 0, 1])  # cosine, first, before, after, one
    assert seen["d"][2] == pytest.approx(1 / 2)
    assert seen["a"][1:4].tolist() == [1, 0, 1]
    assert seen["b c"][2:4].tolist() == [0, 0]


def test_probabilities_are_right_on_average():
    made = [("who ?", f"it was kim number {n}", (Span(7, 10, "kim"),)) for n in range(40)]
    examples = Examples(*map(list, list(zip(*made))[:2]), task="answer", targets=[row[2] for row in made])
    short = examples.take(np.arange(40))
    idf = _weights(short)
    linear = _fit(short, idf, 0)
    said = [linear.predict_proba(_candidates(q, t, idf)[1])[:, 1] for q, t in zip(short.items, short.second)]
    assert max(map(len, said)) <= 15  # so that all wrong ones are learned from
    assert np.concatenate(said).mean() == pytest.approx(1 / 15, rel=0.02)


def test_a_long_text_without_sentences_takes_little_time():
    begun = time.monotonic()
    spans_C2, _ = _candidates("who is w77?", " ".join(f"w{n}" for n in range(20_000)), NONE)
    assert len(spans_C2) > 100_000
    assert time.monotonic() - begun < 20


def test_the_threshold_gives_the_best_mean_f1():
    source = np.random.default_rng(0)
    for _ in range(20):
        targets = [(Span(0, 1, "b"),) if source.random() < 0.5 else () for _ in range(12)]
        ranked = [(float(p), Span(0, 1, str(source.choice(["b", "c"])))) for p in source.random(12)]
        examples = Examples(["q"] * 12, ["b c"] * 12, task="answer", targets=targets)

        def score(threshold, ranked=ranked, targets=targets):
            said = [span.label if p >= threshold else "" for p, span in ranked]
            return sum(one == (true[0].label if true else "") for one, true in zip(said, targets))

        best = max(score(threshold) for threshold in np.linspace(0, 1.01, 500))
        assert score(_threshold(ranked, examples)) == best


def test_refusals():
    with pytest.raises(HeadstartError, match="does answer, not classify"):
        OverlapAnswer().run(Examples(["a"], ["b"], np.array([0]), ("x", "y")), Workspace(), seed=0)
    with pytest.raises(HeadstartError, match="no answers"):
        OverlapAnswer().run(Examples(["a"], ["b"], task="answer"), Workspace(), seed=0)
    with pytest.raises(HeadstartError, match="no text of the training rows"):
        OverlapAnswer().run(Examples(["a"], ["."], task="answer", targets=[()]), Workspace(), seed=0)
    alone = OverlapAnswer().run(Examples(["Who?"], ["It was Kim."], task="answer", targets=[()]), Workspace(), seed=0)
    assert alone.predict(Examples(["Who?"], ["It was Kim."])) == [()]
    with pytest.raises(HeadstartError, match="trained on pairs"):
        alone.predict(Examples(["Who?"]))

"""The audit as a whole: what is planted is found and named, what is in order is not called a finding."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from headstart.auditing.audit import Audit, run_audit
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.data.row import Row
from headstart.reporting.audit_page import audit_page
from headstart.reporting.audit_text import audit_sentences

TOPICS = {
    "film": ["film", "actor", "scene", "story", "camera", "plot", "ending", "director", "영화", "배우", "연기", "감동"],
    "food": ["bread", "soup", "taste", "kitchen", "salt", "dinner", "cook", "plate", "음식", "맛", "요리", "식당"],
}


def rows(count: int, seed: int, *, places: bool = False) -> Examples:
    source = random.Random(seed)
    labels = np.array([source.randrange(2) for _ in range(count)], np.int64)
    names = tuple(TOPICS)
    texts = [
        " ".join(source.choices(TOPICS[names[label]], k=source.randint(5, 9))) + f" {source.randrange(10**6)}"
        for label in labels
    ]
    where = [("/some/where/train.tsv", number + 2) for number in range(count)] if places else None
    return Examples(items=texts, labels=labels, classes=names, places=where)


def changed(examples: Examples, **texts: object) -> Examples:
    return Examples(**{**vars(examples), **texts})


@pytest.fixture(scope="module")
def leaky() -> tuple[Audit, Examples, Examples]:
    train, test = rows(300, 1, places=True), rows(100, 2)
    first = list(test.items)
    first[3], first[5], first[7] = train.items[10], train.items[11].upper() + "!", train.items[12] + "7"
    labels = test.labels.copy()
    labels[[3, 5]] = 1 - train.labels[10], train.labels[11]
    test = changed(test, items=first, labels=labels)
    return run_audit(train, test), train, test


def test_planted_copies_are_found_and_named(leaky):
    audit, train, _ = leaky
    assert list(np.flatnonzero(audit.slices["contaminated"])) == [3, 5, 7]
    assert (audit.slices["clean"] != audit.slices["contaminated"]).all()
    copies = audit.data["across"]["train"]["copies"]
    assert [copies[kind]["rows"] for kind in ("exact", "normalised", "near")] == [1, 1, 1]
    ((mine, its),) = copies["near"]["listed"]
    assert mine["row"] == 8
    assert (its["file"], its["line"], its["row"]) == ("train.tsv", 14, 13)
    assert copies["other_label"] == 1
    assert audit.data["labels"]["conflicts"]["texts"] == 1
    assert train.items[10] in json.dumps(audit.data["labels"]["conflicts"], ensure_ascii=False)
    assert audit_sentences(audit.data, "en")[0].startswith(
        "3 of 100 test rows (3.0 %) have a copy in the training data"
    )
    assert audit_sentences(audit.data, "ko")[0].startswith("시험 100행 중 3행")
    with pytest.raises(HeadstartError, match="language 'de'"):
        audit_sentences(audit.data, "de")


def test_the_identity_is_a_function_of_the_data(leaky):
    audit, train, test = leaky
    again = run_audit(changed(train, places=[("/else/train.tsv", n + 2) for n in range(300)]), test)
    assert again.identity == audit.identity
    assert "/some" not in json.dumps(audit.data)
    other = changed(test, items=[*test.items[:-1], "something else"])
    assert run_audit(train, other).identity != audit.identity
    assert json.loads(json.dumps(audit.data, allow_nan=False)) == audit.data


def test_clean_data_are_called_clean():
    audit = run_audit(rows(300, 1), rows(100, 2))
    assert not audit.slices["contaminated"].any()
    assert any(line.startswith("None of the 100 test rows has a copy") for line in audit_sentences(audit.data, "en"))
    assert audit.data["shift"]["texts"]["p"] > 0.01
    assert "conflicts" not in " ".join(audit_sentences(audit.data, "en"))


def test_the_corpus_is_streamed_once_and_held_against_the_test_rows():
    train, test = rows(60, 1), rows(50, 2)
    calls = []

    def corpus():
        calls.append(1)
        for number in range(9_000):
            text = test.items[4] + "." if number == 8_500 else f"document {number * 7919}"
            yield Row(text, "/x/corpus.txt", number + 1)

    audit = run_audit(train, test, corpus)
    found = audit.data["across"]["corpus"]
    assert calls == [1]
    assert found["compared"] == 9_000
    assert list(np.flatnonzero(audit.slices["read_before"])) == [4]
    assert not audit.slices["contaminated"].any()  # the corpus holds no labels
    ((_, its),) = found["copies"]["normalised"]["listed"]
    assert (its["file"], its["line"]) == ("corpus.txt", 8_501)
    assert run_audit(train, test, lambda: iter([test.items[4]])).slices["read_before"].sum() == 1  # plain text too
    said = audit_sentences(audit.data, "en")
    assert sum("in the corpus" in line and "no label leak" in line for line in said) == 1
    assert sum("라벨 유출이 아닙니다" in line for line in audit_sentences(audit.data, "ko")) == 1
    assert "no label leak" not in said[0]  # it is no alarm
    assert not any("in the corpus" in line and "measure memory" in line for line in said)


def test_pairs_and_their_single_texts():
    first, second = rows(100, 1).items, rows(100, 2).items
    train = Examples(items=first[:80], second=second[:80], task="regress", targets=[1.0] * 80)
    mixed = Examples(
        items=[first[3], first[5].upper(), *first[90:], "새로운 첫 문장입니다"],
        second=[second[3], second[90], *second[90:], second[7]],
        task="regress",
        targets=[2.0] * 13,
    )
    audit = run_audit(train, mixed)
    across = audit.data["across"]["train"]
    assert list(np.flatnonzero(audit.slices["contaminated"])) == [0]
    assert across["copies"]["other_label"] == 1
    assert across["single_texts"]["rows"] == 3
    single = across["single_texts"]
    assert [mine["row"] for mine, _ in single["exact"]["listed"]] == [1, 13]
    assert [mine["row"] for mine, _ in single["normalised"]["listed"]] == [2]
    assert [its["row"] for kind in ("exact", "normalised") for _, its in single[kind]["listed"]] == [4, 8, 6]
    assert audit.data["labels"]["errors"]["skipped"] == "task regress has no classes"


def test_questions_are_compared_within_their_passage():
    random.seed(4)
    passages = [" ".join(random.choices(["river", "stone", "cloud", "engine", "market"], k=40)) for _ in range(60)]
    asked = [f"{word} question number {number}?" for number, word in enumerate(("which", "whatever", "whose") * 20)]

    def examples(numbers, questions=asked):
        pairs = [(questions[(number + more) % 60], passages[number]) for number in numbers for more in (0, 7, 31)]
        return Examples([one for one, _ in pairs], [two for _, two in pairs], task="answer", targets=[()] * len(pairs))

    train, test = examples(range(30)), examples(range(30, 60))
    twice = Examples(
        [*train.items, "WHICH question, number 0", "which question number 1?"],
        [*train.second, passages[0], passages[0]],
        task="answer",
        targets=[()] * (len(train) + 2),
    )
    audit = run_audit(twice, test)
    split = audit.data["splits"]["train"]
    assert split["passages"] == 30
    found = {kind: split["duplicates"][kind]["rows"] for kind in ("exact", "normalised", "near")}
    assert found == {"exact": 0, "normalised": 1, "near": 3}  # not the other questions on the passage, nor their like
    assert not audit.slices["contaminated"].any()
    said = audit_sentences(audit.data, "en")
    assert any("92 questions on 30 passages, as is usual" in line for line in said)
    assert any("90 of 90 test rows (100.0 %) have a question or a passage that is also" in line for line in said)
    assert audit.data["shift"]["texts"]["rows_of_each"] == 30  # one row per passage: rows on one depend on each other
    moved = run_audit(train, examples([0, 1, 40]))
    assert moved.slices["contaminated"].sum() == 6
    assert all(audit_sentences(audit.data, "ko"))


def test_groups_on_both_sides():
    train = changed(rows(40, 1), groups=[f"g{n % 10}" for n in range(40)])
    test = changed(rows(30, 2), groups=[f"g{n}" if n < 3 else f"h{n}" for n in range(30)])
    groups = run_audit(train, test).data["groups"]
    assert (groups["groups"], groups["test_rows"]) == (3, 3)
    assert run_audit(rows(40, 1), test).data["groups"] is None


def test_planted_label_errors_lead_the_list():
    train = rows(400, 1)
    wrong = [5, 50, 111, 222, 333]
    labels = train.labels.copy()
    labels[wrong] = 1 - labels[wrong]
    errors = run_audit(changed(train, labels=labels)).data["labels"]["errors"]
    listed = [row["row"] - 1 for row in errors["listed"]]
    assert set(listed[:4]) <= set(wrong)
    assert errors["rows"] == len(listed) <= 8
    clear = [row["other"] >= 30 * row["own"] for row in errors["listed"]]
    assert clear == sorted(clear, reverse=True)  # they lead the list
    assert sum(clear) == errors["clear"] <= len(wrong)
    assert run_audit(train).data["labels"]["errors"]["rows"] <= 4


def test_a_shift_is_found_and_its_words_named():
    train, test = rows(300, 1), rows(200, 2)
    moved = changed(test, items=[f"{text} sequel" if n % 2 else text for n, text in enumerate(test.items)])
    shift = run_audit(train, moved).data["shift"]["texts"]
    assert shift["auc"] > 0.65
    assert shift["p"] == 0.001
    assert shift["words"]["test"][0]["word"] == "sequel"
    skewed = test.take(np.flatnonzero((test.labels == 0) | (np.arange(200) < 40)))
    assert run_audit(train, skewed).data["shift"]["classes"]["p"] < 0.001


@pytest.mark.full
def test_two_samples_of_one_source_are_rarely_told_apart():
    from headstart.auditing.two_sample import two_sample
    from headstart.text.folding import fold_all

    values = []
    for seed in range(40):
        one, other = rows(80, 2 * seed).items, rows(80, 2 * seed + 1).items
        values.append(two_sample(one, other, fold_all(one), fold_all(other), seed)["p"])
    assert sum(value <= 0.05 for value in values) <= 6  # 2 expected; more than 6 once in 200
    assert sum(value <= 0.5 for value in values) >= 10


@pytest.mark.parametrize(
    "examples",
    [
        Examples(items=["하나뿐인 행"]),
        Examples(items=["", " ", "…"]),
        Examples(items=["같은 글"] * 50, labels=np.arange(50) % 2, classes=("a", "b")),
        Examples(items=["\ud800 반쪽 글자"] * 2, labels=np.array([0, 1]), classes=("a", "b")),
        Examples(items=["a b"] * 30, task="tag", targets=[(Span(0, 1, "X"),)] * 30, classes=("X",)),
        Examples(items=["질문"] * 30, second=["답"] * 30, task="generate", targets=["답"] * 30),
    ],
    ids=["one row", "empty", "all equal", "half characters", "tag", "generate"],
)
@pytest.mark.parametrize("with_test", [False, True])
def test_odd_data_get_an_audit_and_a_page(examples, with_test):
    audit = run_audit(examples, examples if with_test else None, lambda: iter(["다른 글"]))
    for language in ("en", "ko"):
        assert audit_sentences(audit.data, language)
        html = audit_page(audit, language)
        assert audit.identity in html
        html.encode()
    if with_test:
        assert audit.slices["contaminated"].all()


def test_the_page_escapes_what_it_shows():
    nasty = "<script>alert(1)</script> & 영화가 좋다"
    audit = run_audit(Examples(items=[nasty, nasty]))
    html = audit_page(audit, "ko")
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; 영화가 좋다" in html
    assert "http" not in html  # it opens offline

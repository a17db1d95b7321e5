"""Spans and answers in every form that tools write, checked against what they cover; tables of tokens and tags."""

from __future__ import annotations

import json

import pytest

from headstart.core.errors import HeadstartError
from headstart.core.examples import Span
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.read_request import ReadRequest
from headstart.data.span_cells import answer_items, placed, span_items
from headstart.data.span_offsets import Offsets
from headstart.data.task_files import Unusable
from headstart.data.task_guess import guess_task
from headstart.tasks.answer import AnswerTask
from headstart.tasks.tag import TagTask

TEXT = "😀 김철수는 서울에 산다"
PERSON, PLACE = Span(2, 5, "PER"), Span(7, 9, "LOC")


def utf16(text: str, place: int) -> int:
    return len(text[:place].encode("utf-16-le")) // 2


def utf8(text: str, place: int) -> int:
    return len(text[:place].encode())


def spans(**names):
    """The two spans as objects with these names of start, end, label and covered text."""
    start, end, label = names.get("start", "start"), names.get("end", "end"), names.get("label", "label")
    count, last = names.get("count", lambda text, place: place), names.get("last", 0)
    made = []
    for span in (PERSON, PLACE):
        one = {
            start: count(TEXT, span.start) + names.get("first", 0),
            end: count(TEXT, span.end) - last,
            label: span.label,
        }
        made.append(one | {names["covered"]: TEXT[span.start : span.end]} if "covered" in names else one)
    return made


FORMS = {
    "usual": spans(),
    "doccano": [[2, 5, "PER"], [7, 9, "LOC"]],
    "label first": [["PER", 2, 5], ["LOC", 7, 9]],
    "spaCy": {"entities": [[2, 5, "PER"], [7, 9, "LOC"]]},
    "Label Studio": [
        {"value": {"start": s.start, "end": s.end, "labels": [s.label]}, "id": "x"} for s in (PERSON, PLACE)
    ],
    "other names": spans(start="begin", end="end_offset", label="type", covered="form"),
    "length": [{"start": s.start, "length": s.end - s.start, "label": s.label} for s in (PERSON, PLACE)],
    "covered only": [{"start": s.start, "text": TEXT[s.start : s.end], "label": s.label} for s in (PERSON, PLACE)],
    "inclusive": spans(covered="text", last=1),
    "UTF-16": spans(covered="text", count=utf16),
    "UTF-8": spans(covered="text", count=utf8),
    "from 1, inclusive": spans(covered="text", first=1, last=0),
    "moved": [
        {"start": 0, "end": 3, "label": "PER", "text": "김철수"},
        {"start": 0, "end": 2, "label": "LOC", "text": "서울"},
    ],
}


def table(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_spans_of_every_form_cover_what_they_should(tmp_path, form):
    path = table(tmp_path / "rows.jsonl", [{"text": TEXT, "entities": FORMS[form]}] * 3)
    assert guess_task(ReadRequest(paths=path))[0] == "tag"
    examples, ledger = TagTask().read_examples(ReadRequest(paths=path))
    assert examples.targets == [(PERSON, PLACE)] * 3
    converted = form in ("inclusive", "UTF-16", "UTF-8", "from 1, inclusive", "moved")
    assert any("rows" in note and ("converted" in note or "moved" in note) for note in ledger.notes) == converted


def test_spans_that_do_not_hold_their_text_are_named(tmp_path):
    wrong = [{"start": 2, "end": 5, "label": "PER", "text": "이영희"}]
    path = table(tmp_path / "rows.jsonl", [{"text": TEXT, "entities": one} for one in (FORMS["usual"], wrong)])
    examples, ledger = TagTask().read_examples(ReadRequest(paths=path))
    assert len(examples) == 1
    assert ledger.skipped == {"span that does not hold its text": 1}
    with pytest.raises(Unusable, match="does not hold"):
        placed(span_items(wrong), TEXT, Offsets())


@pytest.mark.parametrize(
    "value", [None, "x", [1], [[1, 2]], [{"start": 1}], [{"start": 1, "end": 2}], {"a": 1}, [[1, 2, 3]]]
)
def test_what_is_no_span(value):
    assert span_items(value) is None


ANSWERS = {
    "usual": [{"start": 7, "text": "서울"}],
    "SQuAD": [{"answer_start": 7, "text": "서울"}],
    "datasets": {"text": ["서울"], "answer_start": [7]},
    "one alone": {"text": "서울", "answer_start": 7},
    "UTF-16": [{"answer_start": 8, "text": "서울"}],
    "moved": [{"answer_start": 0, "text": "서울"}],
}


@pytest.mark.parametrize("form", ANSWERS)
def test_answers_of_every_form(tmp_path, form):
    none = {"text": [], "answer_start": []} if form == "datasets" else []
    rows = [{"question": "어디?", "context": TEXT, "answers": ANSWERS[form]}] * 3
    path = table(tmp_path / "rows.jsonl", [*rows, {"question": "왜?", "context": TEXT, "answers": none}])
    assert guess_task(ReadRequest(paths=path))[0] == "answer"
    examples, _ = AnswerTask().read_examples(ReadRequest(paths=path))
    assert examples.targets == [(Span(7, 9, "서울"),)] * 3 + [()]


@pytest.mark.parametrize(
    "value", [None, "x", [1], {"text": ["a"], "answer_start": []}, [{"text": "a"}], [{"start": 1}]]
)
def test_what_is_no_answer(value):
    assert answer_items(value) is None


TOKENS = ["Kim", "lives", "in", "New", "York", "."]
TAGS = ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"]
ENTITIES = (Span(0, 3, "PER"), Span(13, 21, "LOC"))


@pytest.mark.parametrize("names", [("tokens", "ner_tags"), ("words", "labels"), ("tokens", "tags")])
def test_tokens_and_tags_become_texts_and_spans(tmp_path, names):
    path = table(tmp_path / "rows.jsonl", [{names[0]: TOKENS, names[1]: TAGS}] * 3)
    assert guess_task(ReadRequest(paths=path))[0] == "tag"
    examples, ledger = TagTask().read_examples(ReadRequest(paths=path))
    assert list(examples.items) == ["Kim lives in New York ."] * 3
    assert examples.targets == [ENTITIES] * 3
    assert any("texts and spans are made of the lists" in note for note in ledger.notes)


def test_tokens_of_a_text_that_is_there(tmp_path):
    text = "Kim lives in New York."
    path = table(tmp_path / "rows.jsonl", [{"text": text, "tokens": TOKENS, "ner_tags": TAGS}] * 2)
    examples, _ = TagTask().read_examples(ReadRequest(paths=path))
    assert list(examples.items) == [text] * 2
    assert examples.targets == [ENTITIES] * 2


def test_one_label_for_each_token(tmp_path):
    path = table(tmp_path / "rows.jsonl", [{"tokens": ["나는", "간다"], "pos": ["NP+JX", "VV+EF"]}] * 2)
    examples, _ = TagTask().read_examples(ReadRequest(paths=path))
    assert examples.targets == [(Span(0, 2, "NP+JX"), Span(3, 5, "VV+EF"))] * 2


def test_other_tables_stay_as_they_are(tmp_path):
    rows = [{"tokens": TOKENS, "ner_tags": [1, 0, 0, 3, 4, 0]}, {"tokens": "text", "label": "a"}]
    path = table(tmp_path / "rows.jsonl", rows)
    assert [row.value for row in read_rows(str(path), Ledger())] == rows


def test_rows_of_another_task_train_no_classifier(tmp_path):
    rows = [
        {"question": "who?", "context": "Kim", "answers": {"found": [1]}, "label": "x" if n % 2 else "y"}
        for n in range(8)
    ]
    with pytest.raises(HeadstartError, match="'answers' holds objects of no form that is known"):
        guess_task(ReadRequest(paths=table(tmp_path / "rows.jsonl", rows)))
    assert guess_task(ReadRequest(paths=tmp_path / "rows.jsonl", label="label"))[0] == "classify"

"""Exports of annotation tools: rows, labels, spans and label sets as their users meant them, rejected rows left out."""

from __future__ import annotations

import json

import pytest

from headstart.data.annotation_tools import plain_row, trained_pairs
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.data.task_guess import guess_task

TEXT = "Apple buys a startup in London"
SPAN = {"start": 0, "end": 5, "label": "ORG"}


def label_studio(number: int, *results: dict, **more) -> dict:
    annotations = [{"id": number, "result": list(results), "was_cancelled": False}]
    return {"id": number, "data": {"text": f"{TEXT} {number}"}, "annotations": annotations, "meta": {}} | more


def choice(*names: str) -> dict:
    return {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": list(names)}}


def labels(kind: str = "labels") -> dict:
    value = {"start": 0, "end": 5, "text": "Apple", kind: ["ORG"]}
    return {"from_name": "names", "to_name": "text", "type": kind, "value": value}


def prodigy(number: int, answer: str = "accept", **more) -> dict:
    return {"text": f"{TEXT} {number}", "_input_hash": number, "_task_hash": number, "answer": answer} | more


CLASSES = {
    "label studio": [label_studio(n, choice("good" if n % 2 else "bad")) for n in range(8)],
    "prodigy": [prodigy(n, options=[{"id": "good"}], accept=["good" if n % 2 else "bad"]) for n in range(8)],
    "prodigy with rejected rows": [
        *(prodigy(n, label="good" if n % 2 else "bad") for n in range(8)),
        *(prodigy(n, "reject", label="bad" if n % 2 else "good") for n in range(20, 24)),
        prodigy(30, "ignore", label="good"),
    ],
    "spaCy": [[f"{TEXT} {n}", {"cats": {"good": float(n % 2), "bad": 1.0 - n % 2}}] for n in range(8)],
}
SPANS = {
    "label studio": [label_studio(n, labels()) for n in range(8)],
    "label studio, hypertext": [label_studio(n, labels("hypertextlabels")) for n in range(8)],
    "prodigy": [prodigy(n, spans=[SPAN], tokens=[{"text": "Apple", "start": 0, "end": 5, "id": 0}]) for n in range(8)],
    "spaCy": [[f"{TEXT} {n}", {"entities": [[0, 5, "ORG"]]}] for n in range(8)],
    "classes apart": {
        "classes": ["ORG"],
        "annotations": [None, *([f"{TEXT} {n}", {"entities": [[0, 5, "ORG"]]}] for n in range(8))],
    },
}


def read(tmp_path, value, lines: bool):
    path = tmp_path / ("rows.jsonl" if lines else "rows.json")
    rows = "".join(json.dumps(row) + "\n" for row in value) if lines else json.dumps(value)
    path.write_text(rows, encoding="utf-8")
    asked = ReadRequest(paths=path)
    task, _ = guess_task(asked)
    said: list[str] = []
    examples, ledger = read_labelled_rows(ReadRequest(paths=path, task=task), said.append)
    return task, examples, ledger, said


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("form", CLASSES)
def test_classes(tmp_path, form, lines):
    if lines and form == "spaCy":
        pytest.skip("a list, no lines")
    task, examples, ledger, said = read(tmp_path, CLASSES[form], lines)
    assert (task, examples.classes, len(examples)) == ("classify", ("bad", "good"), 8)
    assert examples.labels.tolist() == [0, 1] * 4
    assert examples.items[3] == f"{TEXT} 3"
    if "rejected" in form:
        assert sum(ledger["skipped"].values()) == 5
        assert any("not accepted have no label" in line for line in said)


@pytest.mark.parametrize("form", SPANS)
def test_spans(tmp_path, form):
    task, examples, *_ = read(tmp_path, SPANS[form], False)
    assert (task, examples.classes, len(examples)) == ("tag", ("ORG",), 8)
    assert [tuple(span) for span in examples.targets[0]] == [(0, 5, "ORG")]


def test_several_choices_are_a_set(tmp_path):
    rows = [label_studio(n, choice(*(("a", "b") if n % 2 else ("c",)))) for n in range(8)]
    task, examples, *_ = read(tmp_path, rows, False)
    assert task == "multilabel"
    assert examples.targets[:2] == [("c",), ("a", "b")]


def test_numbers_and_texts():
    row = label_studio(
        1,
        {"from_name": "stars", "type": "rating", "value": {"rating": 4}},
        {"from_name": "short", "type": "textarea", "value": {"text": ["a deal"]}},
        {"from_name": "box", "type": "rectanglelabels", "value": {"x": 1}},
    )
    assert plain_row(row, print) == {"text": f"{TEXT} 1", "stars": 4, "short": "a deal"}


def test_the_true_annotation_is_taken_and_cancelled_ones_are_not():
    said: list[str] = []
    row = label_studio(1, choice("bad"))
    row["annotations"] = [
        {"result": [choice("bad")], "was_cancelled": True},
        {"result": [choice("bad")]},
        {"result": [choice("good")], "ground_truth": True},
    ]
    assert plain_row(row, said.append)["mood"] == "good"
    assert any("several annotations" in line for line in said)
    row["annotations"] = row["annotations"][:1]
    assert plain_row(row, said.append) == {"text": f"{TEXT} 1"}


@pytest.mark.parametrize(
    "row",
    [
        {"text": "a", "answer": "accept"},  # no hash: somebody's own column
        {"text": "a", "answer": "yes", "_task_hash": 1},
        {"text": "a", "data": {"x": 1}},
        {"text": "a", "data": "x", "annotations": []},
    ],
)
def test_other_rows_stay_as_they_are(row):
    assert plain_row(row, print) is row


@pytest.mark.parametrize("value", [[], [["a", "b"]], [["a", {}]], {"annotations": [["a", {}]]}, [["a", {"x": 1}]], "a"])
def test_other_lists_are_no_pairs(value):
    assert trained_pairs(value) is None


def test_rows_that_nobody_annotated_have_no_label_of_their_data(tmp_path):
    rows = [label_studio(n, {**choice("good" if n % 2 else "bad"), "from_name": "label"}) for n in range(8)]
    for row in rows[:3]:
        row["annotations"] = []
    for row in rows:
        row["data"]["label"] = "old"
    _, examples, ledger, _ = read(tmp_path, rows, False)
    assert (examples.classes, len(examples), ledger["skipped"]) == (("bad", "good"), 5, {"no label": 3})


def test_choices_for_parts_of_a_text_are_all_taken():
    row = label_studio(1, choice("pos"), choice("other"), choice("pos"))
    assert plain_row(row, print)["mood"] == ["pos", "other"]


def test_a_text_without_an_entity_counts(tmp_path):
    rows = [label_studio(n, labels()) if n % 2 else label_studio(n) for n in range(8)]
    _, examples, *_ = read(tmp_path, rows, False)
    assert [len(row) for row in examples.targets] == [0, 1] * 4

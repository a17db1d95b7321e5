"""Tables as pandas, annotators and surveys leave them: lists written out, tags, index columns, numbers beside texts."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest

from headstart.data.columns import guess_text
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.data.task_guess import guess_task

TOKENS = [["John", "Smith", "sleeps"], ["Seoul", "is", "a", "city"], ["he", "left"]] * 3
TAGS = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O", "O"], ["O", "O"]] * 3


def read(path, **asked):
    task, _ = guess_task(ReadRequest(paths=path, **asked))
    said: list[str] = []
    examples, ledger = read_labelled_rows(ReadRequest(paths=path, task=task, **asked), said.append)
    return task, examples, ledger, said


def spans(examples) -> list:
    return [[tuple(span) for span in row] for row in examples.targets]


@pytest.mark.parametrize("written", [str, json.dumps])
@pytest.mark.parametrize(
    ("column", "cell", "task"),
    [
        ("label", [[0, 4, "PER"]], "tag"),
        ("entities", [{"start": 0, "end": 4, "label": "PER"}], "tag"),
    ],
)
def test_spans_that_a_text_writes_out(tmp_path, written, column, cell, task):
    frame = pd.DataFrame({"text": [f"John sleeps {row}" for row in range(6)], column: [written(cell)] * 6})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    found, examples, *_ = read(tmp_path / "rows.csv")
    assert (found, spans(examples)[5]) == (task, [(0, 4, "PER")])


def test_answers_that_a_text_writes_out(tmp_path):
    rows = [
        {"id": row, "title": "Korea" if row % 2 else "Seoul", "context": f"Seoul is large {row}", "question": "what?",
         "answers": str({"text": ["Seoul"], "answer_start": [0]})}
        for row in range(8)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    task, examples, *_ = read(tmp_path / "rows.csv")
    assert (task, examples.targets[0][0].label) == ("answer", "Seoul")


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("names", [("tokens", "labels"), ("words", "ner_tags")])
def test_tokens_and_tags(tmp_path, form, names):
    """A sentence whose tags all differ is no set of labels."""
    path = tmp_path / f"rows.{form}"
    frame = pd.DataFrame({names[0]: TOKENS, names[1]: TAGS})
    frame.to_json(path, orient="records", lines=True) if form == "jsonl" else frame.to_csv(path, index=False)
    for asked in ({}, {"label": names[1]}):
        task, examples, *_ = read(path, **asked)
        assert (task, examples.items[1], spans(examples)[1]) == ("tag", "Seoul is a city", [(0, 5, "LOC")])


def test_a_text_file_of_tokens_and_tags(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("".join("".join(f"{a}\t{b}\n" for a, b in zip(*pair)) + "\n" for pair in zip(TOKENS, TAGS)))
    task, examples, *_ = read(path)
    assert (task, len(examples), spans(examples)[0]) == ("tag", 9, [(0, 10, "PER")])


def test_lists_of_names_and_intervals_stay_what_they_are(tmp_path):
    frame = pd.DataFrame({"text": [f"film {row}" for row in range(8)], "age": ["(18, 25)", "(25, 40)"] * 4})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    task, examples, *_ = read(tmp_path / "rows.csv", label="age")
    assert (task, examples.classes) == ("classify", ("(18, 25)", "(25, 40)"))
    frame = pd.DataFrame({"text": [f"film {row}" for row in range(8)], "label": ["['a', 'b']", "['a']"] * 4})
    frame.to_csv(tmp_path / "sets.csv", index=False)
    task, examples, *_ = read(tmp_path / "sets.csv")
    assert (task, examples.targets[:2]) == ("multilabel", [("a", "b"), ("a",)])


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_mark_after_the_last_cell(tmp_path, mark):
    lines = ["text,label,score", *(f"a good thing {row},{'pos' if row % 2 else 'neg'},1," for row in range(6))]
    (tmp_path / "rows.csv").write_text("\n".join(lines).replace(",", mark))
    _, examples, *_ = read(tmp_path / "rows.csv", text="text", label="label")
    assert (examples.items[0], examples.classes) == ("a good thing 0", ("neg", "pos"))


def test_a_sheet_with_the_index_of_a_frame(tmp_path):
    frame = pd.DataFrame({"comment": [f"a good thing {row}" for row in range(6)], "stance": ["for", "against"] * 3})
    frame.to_excel(tmp_path / "rows.xlsx")
    _, examples, *_ = read(tmp_path / "rows.xlsx", text="comment", label="stance")
    assert (len(examples), examples.classes) == (6, ("against", "for"))
    frame.set_index("comment").to_excel(tmp_path / "named.xlsx")
    _, examples, *_ = read(tmp_path / "named.xlsx", text="comment", label="stance")
    assert len(examples) == 6


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"title": "t", "comments": "12", "description": "a long text of words"}, "description"),
        ({"document": "1", "full_text": "a long text of words"}, "full_text"),
        ({"question": "Q1", "answer": "a long text of many words"}, "answer"),
        ({"context": "blog", "tweet": "a text of some words {}"}, "tweet"),
        ({"article_link": "https://www.example.com/some-long-name-{}", "line": "man bites dog {}"}, "line"),
        ({"created": "2024-01-01 12:00:00 and more {}", "words": "so good {}"}, "words"),
        ({"text": "12", "label": "a"}, "text"),  # nothing else is one
    ],
)
def test_a_common_name_must_hold_texts(row, column):
    rows = [{name: cell.format(number) for name, cell in row.items()} for number in range(6)]
    assert guess_text(rows, "rows.csv")[0] == column


def test_a_compressed_copy_is_not_read_again(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\none,a\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    assert expand(tmp_path) == [str(tmp_path / "a.csv")]


def test_values_of_entities_need_not_be_their_text(tmp_path):
    row = {"text": "in NYC now", "entities": [{"start": 3, "end": 6, "value": "New York City", "entity": "city"}]}
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 6)
    _, examples, *_ = read(tmp_path / "rows.jsonl")
    assert spans(examples)[0] == [(3, 6, "city")]


def test_a_cell_that_writes_out_no_list_stays_a_text(tmp_path):
    (tmp_path / "rows.csv").write_text('text,note\na,"[[1, 2]"\nb,"[[3]]"\n')
    (row, _) = [one.value for one in read_rows(str(tmp_path / "rows.csv"), Ledger())]
    assert row["note"] == "[[1, 2]"

"""Files whose ending says something else than their contents; web pages; tags and answers as others write them."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workbooks import workbook

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Span
from headstart.data.corpus import Corpus
from headstart.data.ledger import Ledger
from headstart.data.open import read_rows
from headstart.data.read_request import ReadRequest

ROWS = [(f"a text, {number}", "pn"[number % 2]) for number in range(40)]


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [row[0] for row in ROWS], "label": [row[1] for row in ROWS]}), stream)
    return stream.getvalue()


CONTENTS = {
    "a workbook": workbook([("text", "label"), *ROWS]),
    "parquet": parquet(),
    "JSON lines": "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS).encode(),
    "a JSON list": json.dumps([{"text": text, "label": label} for text, label in ROWS]).encode(),
}


@pytest.mark.parametrize("what", CONTENTS)
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_the_contents_of_a_table_count(tmp_path, what, ending):
    path = tmp_path / f"rows{ending}"
    path.write_bytes(CONTENTS[what])
    assert [(row.value["text"], row.value["label"]) for row in read_rows(str(path), Ledger())] == ROWS


@pytest.mark.parametrize("ending", [".tsv", ".csv", ".conll"])
def test_tokens_line_by_line_are_sentences(tmp_path, ending):
    path = tmp_path / f"ner{ending}"
    path.write_text("이순신\tB-PER\n갔다\tO\n\n서울\tB-LOC\n에서\tO\n\n" * 20, encoding="utf-8")
    rows = [row.value for row in read_rows(str(path), Ledger())]
    assert len(rows) == 40
    assert rows[1]["text"] == "서울 에서"


@pytest.mark.parametrize(
    "start", ["<html><body>", "<!DOCTYPE html>\n<html>", '  <table border="1">', '<?xml version="1.0"?>\n<Workbook>']
)
@pytest.mark.parametrize("ending", [".csv", ".txt", ".xls"])
def test_web_pages_are_refused(tmp_path, start, ending):
    path = tmp_path / f"rows{ending}"
    path.write_text(f"{start}<tr><td>text</td><td>label</td></tr>\n" * 30)
    with pytest.raises(HeadstartError, match="a web page or XML"):
        list(Corpus(path).documents())


def read_task(path, task: str):
    return registry.load("task", task)().read_examples(ReadRequest(paths=[str(path)], task=task))


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER", "I-PER", "O", "B-LOC"],
        ["b-PER", "i-PER", "O", "b-LOC"],
        ["B_PER", "I_PER", "O", "B_LOC"],
        ["PER-B", "PER-I", "O", "LOC-B"],
        ["PER_B", "PER_I", "O", "LOC_B"],
        ["PER", "PER", "O", "LOC"],
    ],
)
def test_tags_in_all_their_forms(tmp_path, tags):
    path = tmp_path / "ner.jsonl"
    row = {"tokens": ["Yi", "Sunsin", "in", "Seoul"], "ner_tags": tags}
    path.write_text((json.dumps(row) + "\n") * 5)
    examples, _ = read_task(path, "tag")
    assert examples.targets[0] == (Span(0, 9, "PER"), Span(13, 18, "LOC"))


def test_spans_beyond_many_texts_stop(tmp_path):
    path = tmp_path / "ner.jsonl"
    rows = [{"text": "short", "entities": [{"start": 90, "end": 95, "label": "X"}]}] * 20
    rows += [{"text": "a longer text", "entities": [{"start": 2, "end": 8, "label": "X"}]}] * 20
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(HeadstartError, match=r"20 of 40 rows cannot be read \(20 span beyond the text"):
        read_task(path, "tag")


@pytest.mark.parametrize(
    "answers",
    [{"text": [""], "answer_start": [-1]}, {"text": "", "answer_start": -1}, {"text": [], "answer_start": []}],
)
def test_questions_without_an_answer_are_kept(tmp_path, answers):
    path = tmp_path / "qa.jsonl"
    rows = [{"question": "who?", "context": "Yi did it", "answers": {"text": ["Yi"], "answer_start": [0]}}] * 4
    rows += [{"question": "when?", "context": "Yi did it", "answers": answers}] * 4
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples, ledger = read_task(path, "answer")
    assert ledger.used == 8
    assert examples.targets[4:] == [()] * 4

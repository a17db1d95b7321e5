"""Questions with answers in a text: SQuAD files and tables, rows that are wrong, recognising them, what is judged."""

from __future__ import annotations

import json

import pytest

from headstart.core.errors import HeadstartError
from headstart.core.examples import Span
from headstart.data.read_request import ReadRequest
from headstart.data.task_guess import guess_task
from headstart.tasks.answer import AnswerTask

GOOD = [
    {"question": "Who?", "context": " 세종 made it.", "answers": [{"start": 1, "text": "세종"}]},
    {"question": "When?", "context": "Nobody knows.", "answers": []},
    {"question": "What?", "context": "It is it.", "answers": [{"start": 0, "text": "It"}, {"start": 6, "text": "it"}]},
]
BAD = {
    "span that does not hold its text": [
        [{"start": 2, "text": "Ich"}],
        [{"start": -9, "text": "i"}],
        [{"start": 99, "text": "t"}],
    ],
    "answer without start and text": [
        [{"text": "It"}],
        ["It"],
        [{"start": "0", "text": "It"}],
        [{"start": 0, "text": 3}],
    ],
    "no list of answers": [None, "It"],
    "answer of blanks": [[{"start": 2, "text": " "}]],
}


def write(path, lines):
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def test_rows_are_read_or_skipped_by_name(tmp_path):
    wrong = [{**GOOD[2], "answers": value} for values in BAD.values() for value in values]
    examples, ledger = AnswerTask().read_examples(ReadRequest(paths=write(tmp_path / "rows.jsonl", [*GOOD, *wrong])))
    assert examples.task == "answer"
    assert list(examples.items) == ["Who?", "When?", "What?"]
    assert examples.second[0] == " 세종 made it."  # characters are counted in the text as it is
    assert examples.targets == [(Span(1, 3, "세종"),), (), (Span(0, 2, "It"), Span(6, 8, "it"))]
    assert ledger.skipped == {reason: len(values) for reason, values in BAD.items()}
    assert ledger.columns == {"text": "question", "text2": "context", "label": "answers"}
    assert sum("chosen from" in note for note in ledger.notes) == 3


def test_squad_files_are_such_rows(tmp_path):
    asked = {"id": "1", "question": "Who?", "answers": [{"text": "Kim", "answer_start": 3}], "is_impossible": False}
    none = {"id": "2", "question": "Why?", "answers": [], "is_impossible": True}
    whole = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "By Kim.", "qas": [asked, none]}]}]}
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(whole))
    examples, _ = AnswerTask().read_examples(ReadRequest(paths=path))
    assert examples.targets == [(Span(3, 6, "Kim"),), ()]
    assert guess_task(ReadRequest(paths=path)) == ("answer", "'answers' holds lists of answers")


def test_columns_are_guessed_or_asked_for(tmp_path):
    path = write(tmp_path / "own.jsonl", [{"q": g["question"], "c": g["context"], "found": g["answers"]} for g in GOOD])
    with pytest.raises(
        HeadstartError, match="which column is the question\\? name it with --text \\(columns: q, c, found\\)"
    ):
        AnswerTask().read_examples(ReadRequest(paths=path))
    with pytest.raises(HeadstartError, match="which column is the text with the answer\\? name it with --text2"):
        AnswerTask().read_examples(ReadRequest(paths=path, text="q"))
    examples, ledger = AnswerTask().read_examples(ReadRequest(paths=path, text="q", text2="c"))
    assert len(examples) == 3
    again, _ = AnswerTask().read_examples(ReadRequest(paths=path, remembered=ledger.columns))
    assert again == examples
    with pytest.raises(HeadstartError, match="no column holds lists of answers"):
        AnswerTask().read_examples(
            ReadRequest(paths=write(tmp_path / "none.jsonl", [{"question": "a", "context": "b", "label": "c"}]))
        )
    entities = [{"start": 0, "end": 1, "label": "x", "text": "a"}]
    path = write(tmp_path / "entities.jsonl", [{"text": "a b", "entities": entities}])
    assert guess_task(ReadRequest(paths=path))[0] == "tag"


def test_what_is_said_judged_and_preferred(tmp_path):
    task = AnswerTask()
    examples, _ = task.read_examples(ReadRequest(paths=write(tmp_path / "rows.jsonl", GOOD)))
    said = [(Span(1, 8, "세종 made"),), (), ()]
    assert task.metric_inputs(said, examples) == ([("세종",), (), ("It", "it")], ["세종 made", "", ""])
    assert task.quality(said, examples) == [pytest.approx(2 / 3), 1.0, 0.0]
    assert task.to_json(said[0]) == {"answer": "세종 made", "start": 1, "end": 8}
    assert task.to_json(()) == {"answer": None}

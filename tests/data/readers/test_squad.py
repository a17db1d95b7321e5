"""SQuAD files: one row per question, answers where they are said to be, .json told apart by content."""

from __future__ import annotations

import io
import json

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, read_rows
from headstart.data.readers.squad import Squad
from headstart.data.row import ByteStream, Source

CONTEXT = "서울은 대한민국의 수도이다. 서울에는 한강이 흐른다."


def question(*answers, **more):
    given = [{"text": text, "answer_start": start} for text, start in answers]
    return {"question": "어디?", "id": "q1", "answers": given, **more}


def squad(*questions, context=CONTEXT):
    return {
        "version": "v2.0",
        "data": [{"title": "서울", "paragraphs": [{"context": context, "qas": list(questions)}]}],
    }


def read(value) -> tuple[list, Ledger]:
    ledger = Ledger()
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return list(Squad().read(Source("f", ByteStream(io.BytesIO(data))), ledger)), ledger


def test_rows():
    rows, ledger = read(
        squad(
            question(("대한민국", 4), ("대한민국의", 4)),
            question(("한강", 21), is_impossible=True, plausible_answers=[{"text": "한강", "answer_start": 21}]),
        )
    )
    assert rows[0].value == {
        "question": "어디?",
        "context": CONTEXT,
        "answers": [{"start": 4, "text": "대한민국"}, {"start": 4, "text": "대한민국의"}],
        "id": "q1",
        "title": "서울",
    }
    assert rows[1].value["answers"] == []
    assert [row.line for row in rows] == [1, 2]
    assert not ledger.notes


def test_misplaced_answers_are_moved_or_rejected():
    given = [("흐른다.", -4), ("서울", 5), ("부산", 0), ("서울", -1)]
    rows, ledger = read(squad(*map(question, given)))
    assert rows[0].value["answers"] == [{"start": CONTEXT.index("흐른다"), "text": "흐른다."}]
    assert len(rows) == 1
    assert ledger.skipped == {"an answer is not where answer_start says": 3}  # 서울 occurs twice
    assert ledger.complaints[0] == f"f:2: an answer is not where answer_start says (question {'q1'!a})"
    assert "1 answers were not at their answer_start" in ledger.notes[0]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"data": [1]}, "no list of questions"),
        ({"data": [{"paragraphs": [{"context": "a"}]}]}, "no list of questions"),
        (squad("x"), "no list of questions"),
        (squad({"question": 5, "answers": []}), "no question or no context"),
        (squad(question(), context=" "), "no question or no context"),
        (squad(question(("", 0))), "an answer without"),
        (squad(question(("서울", 0.0))), "an answer without"),
        (squad(question(("서울", True))), "an answer without"),
        (squad({"question": "?", "answers": {"text": "a"}}), "an answer without"),
        (squad(question(), context="half \ud800"), "half a surrogate pair"),
        (squad(question(id="\udfff")), "half a surrogate pair"),
    ],
)
def test_faulty_questions_are_rejected(value, reason):
    rows, ledger = read(value)
    assert rows == []
    assert [why.startswith(reason) for why in ledger.skipped] == [True]
    assert ledger.balanced
    "\n".join(ledger.complaints).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"data": [', "not valid JSON"),
        (b"\xff{}", "not valid UTF-8"),
        (b"[" * 200_000, "not readable JSON|not valid JSON"),
        (b'{"data": {}}', "no list called data"),
        (b"[]", "no list called data"),
        (b"", "not valid JSON"),
        (b'{"data": [' + b"9" * 5000 + b"]}", "not readable JSON"),
    ],
)
def test_what_is_no_squad_file_is_refused(data, said):
    with pytest.raises(HeadstartError, match=said) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("f: ")


def test_told_apart_from_json_lines_by_content(tmp_path):
    for indent in (None, 1):
        path, ledger = tmp_path / "a.json", Ledger()
        path.write_text(json.dumps(squad(question(("대한민국", 4))), indent=indent))
        assert [row.value["id"] for row in read_rows(str(path), ledger)] == ["q1"]
        assert ledger.notes == [f"{path}: read as squad (by its first bytes)"]
    path, ledger = tmp_path / "b.json", Ledger()
    path.write_text('{"text": "the \\"data\\": [ and \\"paragraphs\\": ["}\n{"text": "b"}\n')
    assert len(list(read_rows(str(path), ledger))) == 2
    assert ledger.notes == []
    assert choose_reader("-", json.dumps(squad()).encode()).name == "squad"
    assert choose_reader("any.json", b"").name == "jsonl"


@pytest.mark.parametrize(
    ("file", "questions", "unanswerable"), [("train.json.gz", 3250, 1744), ("dev.json.gz", 1199, 598)]
)
def test_shared_set_loads_whole(shared_data, file, questions, unanswerable):
    ledger = Ledger()
    rows = [row.value for row in read_rows(str(shared_data / "squad2" / file), ledger)]
    assert (len(rows), ledger.read) == (questions, 0)
    assert sum(not row["answers"] for row in rows) == unanswerable
    assert all(row["context"].startswith(a["text"], a["start"]) for row in rows for a in row["answers"])
    assert len({row["id"] for row in rows}) == questions

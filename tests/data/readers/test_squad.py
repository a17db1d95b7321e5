"""SQuAD files: one row per question, answers where they are said to be, .json told apart by content."""

from __future__ import annotations

import io
import json

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.open import choose_reader, read_rows
from headstart.data.readers import squad as module
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


FAULTY = [
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
]


@pytest.mark.parametrize(("value", "reason"), FAULTY)
def test_faulty_questions_are_rejected(value, reason):
    rows, ledger = read(value)
    assert rows == []
    assert [why.startswith(reason) for why in ledger.skipped] == [True]
    assert ledger.balanced
    "\n".join(ledger.complaints).encode()


def test_questions_are_numbered_and_used_whatever_is_wrong_with_others():
    odd = [5, question(("부산", 0)), {"question": " ", "id": "q"}, question(("서울", "0"), id=7)]
    value = squad(question(), *odd, question(("서울", 0), id=7))
    value["data"] += [{"paragraphs": None}, {"title": 2016, "paragraphs": [*value["data"][0]["paragraphs"], {}]}]
    rows, ledger = read(value)
    assert [(row.line, row.value["id"], row.value["title"], len(row.value["answers"])) for row in rows] == [
        (1, "q1", "서울", 0),
        (6, "7", "서울", 1),
        (8, "q1", "2016", 0),
        (13, "7", "2016", 1),
    ]
    assert ledger.skipped == {
        "no list of questions where one belongs": 4,
        "an answer is not where answer_start says": 2,
        "no question or no context": 2,
        "an answer without text or answer_start": 2,
    }
    assert ledger.complaints[:4] == [
        "f:2: no list of questions where one belongs",
        f"f:3: an answer is not where answer_start says (question {'q1'!a})",
        f"f:4: no question or no context (question {'q'!a})",
        "f:5: an answer without text or answer_start",
    ]


def test_answers_at_both_ends_of_the_context_are_where_they_are_said_to_be():
    """A place that counts from the end, as Python's do, is none."""
    given = [("a", 0), ("c", 4), ("a b", 0), ("b", 3), ("c", -1), ("a", 1)]
    rows, ledger = read(squad(*map(question, given), context="a b c"))
    assert [row.value["answers"][0]["start"] for row in rows] == [0, 4, 0, 2, 4, 0]
    assert ledger.notes == ["f: 3 answers were not at their answer_start; moved to where their text occurs"]
    (row,) = read(squad(question(("a", 1), ("b", 2), ("c", 0)), context="a b c"))[0]
    assert [answer["start"] for answer in row.value["answers"]] == [0, 2, 4]
    assert read(squad(question(("a", 1)), context="a b a"))[0] == []


def test_of_a_paragraph_a_thousand_answers_are_looked_for():
    value = squad(*[question(("b", 0))] * 1002, context="a b")
    value["data"] += squad(question(("b", 0)), context="a b")["data"]
    rows, ledger = read(value)
    assert [row.line for row in rows] == [*range(1, 1001), 1003]
    assert ledger.skipped == {"an answer is not where answer_start says": 2}


class Pretended(bytes):
    """Bytes that say that they are very many."""

    size = 0

    def __len__(self) -> int:
        return self.size


def test_a_file_has_a_gibibyte_at_most(monkeypatch):
    data = Pretended(json.dumps(squad(question())).encode())
    monkeypatch.setattr(module, "read_whole", lambda source, most: data)
    data.size = 1 << 30
    assert len(read(b"")[0]) == 1
    data.size += 1
    with pytest.raises(HeadstartError, match="f: larger than 1 GiB; split it"):
        read(b"")


def test_files_that_are_taken_for_squad():
    for begin in ('{"data": [{"paragraphs": [', ' {"version": 1, "data" : [ {"title": "", "paragraphs":\n['):
        assert Squad.recognises(begin.encode())
    for begin in (
        '{"data": [{"text": "a"}]}',
        '{"paragraphs": [',
        '[{"data": [{"paragraphs": [',
        '{"data": {"paragraphs": {',
    ):
        assert not Squad.recognises(begin.encode())


REFUSED = [
    (b'{"data": [', r"not valid JSON \(Expecting value in line 1, column 11\)"),
    (b"\xff{}", "not valid UTF-8"),
    (b"[" * 200_000, r"not readable JSON \(RecursionError\)"),
    (b'{"data": {}}', "no list called data"),
    (b"[]", "no list called data"),
    (b"", "not valid JSON"),
    (b'{"data": [' + b"9" * 5000 + b"]}", "not readable JSON"),
]


@pytest.mark.parametrize(("data", "said"), REFUSED)
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


def test_nothing_is_left_over_from_one_file_to_the_next(monkeypatch):
    for again in (test_of_a_paragraph_a_thousand_answers_are_looked_for, test_rows) * 2:
        again()
    for value, reason in FAULTY:
        test_faulty_questions_are_rejected(value, reason)
    for data, said in REFUSED:
        test_what_is_no_squad_file_is_refused(data, said)
    test_misplaced_answers_are_moved_or_rejected()
    test_questions_are_numbered_and_used_whatever_is_wrong_with_others()
    test_files_that_are_taken_for_squad()
    test_a_file_has_a_gibibyte_at_most(monkeypatch)

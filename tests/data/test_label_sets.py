"""Label sets: lists, names between separators, several columns, what stands for no label, and what test rows know."""

from __future__ import annotations

import json

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.label_sets import separator_of
from headstart.data.read_request import ReadRequest


def read(tmp_path, text: str, name: str = "rows.tsv", **asked):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return registry.load("task", "multilabel")().read_examples(
        ReadRequest(paths=tmp_path / name, task="multilabel", **asked)
    )


def table(*cells: str, label: str = "labels") -> str:
    rows = "".join(f"the text of row {number}\t{one}\n" for number, one in enumerate(cells))
    return f"text\t{label}\n{rows}"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("a|b", "a", "b|c", "c"), [("a", "b"), ("a",), ("b", "c"), ("c",)]),
        (("a, b", "a", "b,c", "c"), [("a", "b"), ("a",), ("b", "c"), ("c",)]),
        (("war;art", "art;war", "War", "war"), [("art", "war"), ("art", "war"), ("war",), ("war",)]),
        (("['a', 'b']", "[]", "['b']", "['a']"), [("a", "b"), (), ("b",), ("a",)]),
        (('["a", "b"]', '["a"]', "none", "b"), [("a", "b"), ("a",), (), ("b",)]),
        (
            ("arts/crafts", "food|arts/crafts", "food", "food"),
            [("arts/crafts",), ("arts/crafts", "food")] + [("food",)] * 2,
        ),
        (("1|2", "10", "2|10", "1"), [("1", "2"), ("10",), ("2", "10"), ("1",)]),
        (("슬픔|화남", "화남", "슬픔", "기쁨"), [("슬픔", "화남"), ("화남",), ("슬픔",), ("기쁨",)]),
    ],
)
def test_what_a_cell_holds(tmp_path, cells, expected):
    examples, ledger = read(tmp_path, table(*cells))
    assert examples.targets == expected
    assert (examples.task, len(examples), ledger.balanced) == ("multilabel", len(cells), True)


def test_an_empty_cell_is_not_labelled_and_an_empty_list_has_no_label(tmp_path):
    lines = [{"text": f"text {n}", "labels": value} for n, value in enumerate([["a", "b"], [], None, "", "NaN", ["a"]])]
    examples, ledger = read(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "rows.jsonl")
    assert examples.targets == [("a", "b"), (), ("a",)]
    assert ledger.skipped == {"no label": 3}
    assert any("1 rows with several, 1 with none" in note for note in ledger.notes)


def test_several_columns_of_names_and_of_truth(tmp_path):
    text = "text\thate\tbias\nx 1\tnone\tgender\nx 2\toffensive\tnone\nx 3\thate\tgender\nx 4\tnone\tnone\n"
    examples, ledger = read(tmp_path, text, label="hate,bias")
    assert examples.classes == ("bias=gender", "hate=hate", "hate=offensive")
    assert examples.targets == [("bias=gender",), ("hate=offensive",), ("bias=gender", "hate=hate"), ()]
    assert any("'none' (2 rows) means that there is no label" in note for note in ledger.notes)
    assert ledger.columns["label"] == "hate,bias"
    truth = "text\ttoxic\tinsult\nx 1\t1\t0\nx 2\t1\t1\nx 3\t0\t0\nx 4\tTrue\tfalse\n"
    examples, _ = read(tmp_path, truth, label="toxic, insult")
    assert examples.targets == [("toxic",), ("insult", "toxic"), (), ("toxic",)]


def test_test_rows_are_read_with_the_labels_of_the_training_rows(tmp_path):
    examples, ledger = read(tmp_path, table("art|war", "war|new", "Art", "new", "none"), classes=("art", "war"))
    assert (examples.classes, examples.targets) == (("art", "war"), [("art", "war"), ("war",), ("art",), (), ()])
    assert any("did not have, so none is found: 'new' (2)" in note for note in ledger.notes)
    examples, _ = read(tmp_path, table("rock/pop", "jazz"), classes=("rock/pop", "jazz"))
    assert examples.targets == [("rock/pop",), ("jazz",)]  # a known name is not cut


def test_separators_are_found_by_what_they_part():
    assert separator_of(["a|b", "b|a"]) == "|"
    assert separator_of(["and/or", "black/white", "a"]) == ""  # no part is a label elsewhere
    assert separator_of(["a, b", "b, c", "c, a"]) == ","
    assert separator_of(["a", "b"]) == ""
    assert separator_of(["x;y"], ("x", "y")) == ";"


def test_what_is_no_set_of_labels_is_named(tmp_path):
    with pytest.raises(HeadstartError, match="only one label, 'a', in"):
        read(tmp_path, table("a", "a", "a"))
    with pytest.raises(HeadstartError, match="no label in"):
        read(tmp_path, table("[]", "[]"))
    with pytest.raises(HeadstartError, match=r"no label column 'hat'; did you mean 'hate'\?"):
        read(tmp_path, table("a", "b", label="hate"), label="hat,hate")
    with pytest.raises(HeadstartError, match="label hate,bias: task classify reads one; say --task multilabel"):
        registry.load("task", "classify")().read_examples(
            ReadRequest(paths=write_two(tmp_path), label="hate,bias", task="classify")
        )


def write_two(tmp_path):
    path = tmp_path / "two.tsv"
    path.write_text("text\thate\tbias\nx\tnone\tgender\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("1.0,0.0", "0.0,1.0", "1.0,1.0"),
        ("Y,N", "N,Y", "y,y"),
        ("1,-1", "0,1", "1,1"),
        ("x,", ",x", "x,x"),
        ("O,X", "X,O", "O,O"),
        ("true,false", "FALSE,TRUE", "1,1"),
    ],
)
def test_columns_of_yes_and_no_in_all_their_spellings(tmp_path, first, second, third):
    examples, _ = read(
        tmp_path, f"text,joy,anger\na,{first}\nb,{second}\nc,{third}\n", label="joy,anger", name="rows.csv"
    )
    assert examples.classes == ("anger", "joy")
    assert examples.targets == [("joy",), ("anger",), ("anger", "joy")]


@pytest.mark.parametrize(
    ("cells", "targets", "unknown"),
    [
        (("1,", ",0", "0,1", "1,1"), [("insult",), ("insult", "toxic")], 2),
        (("-1,-1", "1,1", "0,0", "1,0"), [("insult", "toxic"), (), ("toxic",)], 1),
        (("-1,1", "1,-1", "1,1"), [("insult",), ("toxic",), ("insult", "toxic")], 0),
        (("O,X", "X,X", "O,X"), [("toxic",), (), ("toxic",)], 0),
        (("X,X", "X,O"), [(), ("insult",)], 0),
        (("○,×", "×,○"), [("toxic",), ("insult",)], 0),
        (("예,아니오", "아니오,예", "네,아니요"), [("toxic",), ("insult",), ("toxic",)], 0),
        (("ja,nein", "nein,ja"), [("toxic",), ("insult",)], 0),
        (("✔,", ",✔", ","), [("toxic",), ("insult",), ()], 0),
        (("T,F", "F,T"), [("toxic",), ("insult",)], 0),
    ],
)
def test_what_columns_of_yes_and_no_leave_open(tmp_path, cells, targets, unknown):
    text = "text,toxic,insult\n" + "".join(f"film {row},{one}\n" for row, one in enumerate(cells))
    examples, ledger = read(tmp_path, text, label="toxic,insult", name="rows.csv")
    assert examples.targets == targets
    assert sum(ledger.skipped.values()) == unknown


def test_test_rows_of_crosses_alone_have_no_label(tmp_path):
    """A sheet of O and X in which nobody said O: X in every cell is no mark."""
    text = "text,toxic,insult\nfilm 1,X,X\nfilm 2,X,X\n"
    examples, _ = read(tmp_path, text, label="toxic,insult", name="rows.csv", classes=("insult", "toxic"))
    assert examples.targets == [(), ()]


def test_a_column_of_marks_may_hold_none(tmp_path):
    text = "text,sad,gay\nfilm 1,x,\nfilm 2,,\nfilm 3,x,\n"
    examples, ledger = read(tmp_path, text, label="sad,gay", name="rows.csv", classes=("gay", "sad"))
    assert examples.targets == [("sad",), (), ("sad",)]
    assert ledger.skipped == {}


def test_a_comma_may_be_in_the_name_of_the_one_column(tmp_path):
    lines = [{"text": f"text {n}", "topics, all": value} for n, value in enumerate((["a", "b"], ["a"], []))]
    examples, _ = read(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "rows.jsonl", label="topics, all")
    assert examples.targets == [("a", "b"), ("a",), ()]


def test_lists_of_zeros_and_ones_are_places(tmp_path):
    for lists in ([[1, 0], [0, 1], [1, 1]], [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], ["[1. 0. 0.]", "[0. 0. 1.]"]):
        lines = [{"text": f"text {n}", "labels": value} for n, value in enumerate(lists)]
        examples, ledger = read(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "rows.jsonl")
        assert examples.targets[0] == ("0",)
        assert any("by its place from 0" in note for note in ledger.notes)
    assert examples.targets == [("0",), ("2",)]
    names = [{"text": f"text {n}", "labels": value} for n, value in enumerate([[0, 1], [0, 1], [0, 1]])]
    examples, _ = read(tmp_path, "".join(json.dumps(line) + "\n" for line in names), "rows.jsonl")
    assert examples.targets == [("0", "1")] * 3


def test_votes_are_no_sets(tmp_path):
    lines = [{"text": f"text {n}", "labels": ["pos", "pos", "neg"]} for n in range(5)]
    with pytest.raises(HeadstartError, match=r"lists name labels twice, such as .*'pos', 'pos', 'neg'"):
        read(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "rows.jsonl")


def test_a_row_without_a_mark_has_no_label(tmp_path):
    rows = [("x", ""), ("", "x"), ("", ""), ("x", "x"), ("", "")] * 2
    path = tmp_path / "rows.csv"
    path.write_text("text,sad,gay\n" + "".join(f"film {n},{a},{b}\n" for n, (a, b) in enumerate(rows)))
    examples, ledger = registry.load("task", "multilabel")().read_examples(
        ReadRequest(paths=path, label="sad,gay", task="multilabel")
    )
    assert examples.targets[:5] == [("sad",), ("gay",), (), ("gay", "sad"), ()]
    assert any("4 rows without a mark have no label" in note for note in ledger.notes)
    path.write_text(path.read_text().replace("film 0,x,", "film 0,x,no"))
    examples, ledger = registry.load("task", "multilabel")().read_examples(
        ReadRequest(paths=path, label="sad,gay", task="multilabel")
    )
    assert (len(examples), ledger.skipped, ledger.used) == (5, {"no label": 5}, 5)


@pytest.mark.parametrize(
    "cell", ["\"['joy' 'anger']\"", "\"{'joy', 'anger'}\"", "\"['anger', 'joy']\"", "\"['anger'\n 'joy']\""]
)
def test_lists_as_numpy_and_python_write_them(tmp_path, cell):
    examples, _ = read(tmp_path, f"text,labels\na,{cell}\nb,['fear']\nc,['joy']\n", label="labels", name="rows.csv")
    assert examples.targets == [("anger", "joy"), ("fear",), ("joy",)]

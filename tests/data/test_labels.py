"""Cells become labels: names of classes, numbers, and what is said of cells that cannot."""

from __future__ import annotations

import math

import pytest

from headstart.data.labels import by_key, fold, key_of, parse_label, sort_classes
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import Unusable
from headstart.tasks.classify import ClassifyTask


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" yes ", "yes"),
        (1, "1"),
        (True, "true"),
        ("\u1112\u1161\u11ab", "한"),
        ("\ufeffyes\u200b", "yes"),
        ("soft\u00adhyphen", "softhyphen"),
        (["yes"], "yes"),
        ("['yes']", "yes"),
        ('["yes"]', "yes"),
        ("[1]", "1"),
        ("(other)", "(other)"),
        ("[sic]", "[sic]"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
    ],
)
def test_a_cell_becomes_the_name_of_a_class(value, label):
    assert parse_label(value) == parse_label(value, by_key(["no", label])) == label


@pytest.mark.parametrize(
    "value", [None, "", "  ", "\u200b", math.nan, "nan", "NaN", "NULL", "<NA>", "#N/A", "NaT", [], "[]", [None]]
)
def test_a_missing_value_is_no_class(value):
    with pytest.raises(Unusable) as caught:
        parse_label(value)
    assert caught.value.reason == "no label"


@pytest.mark.parametrize("value", [["a", "b"], "['a', 'b']", '["a","b"]'])
def test_several_labels_are_no_class(value):
    with pytest.raises(Unusable) as caught:
        parse_label(value)
    assert caught.value.reason == "several labels in a row"


def test_a_misspelt_label_names_the_nearest():
    with pytest.raises(Unusable) as caught:
        parse_label("yess", by_key(["yes", "no"]))
    assert caught.value.reason == "unknown label"
    assert caught.value.detail.startswith("'yess'")
    assert "yes" in caught.value.detail.removeprefix("'yess'")


@pytest.mark.parametrize(
    ("value", "classes", "label"),
    [
        ("YES", ("no", "yes"), "yes"),
        (1.0, ("0", "1"), "1"),
        ("1", ("0.0", "1.0"), "1.0"),
        (True, ("0", "1"), "1"),
        ("ｙｅｓ", ("no", "yes"), "yes"),
        ("very  good", ("bad", "Very good"), "Very good"),
        ("a", ("A", "a"), "a"),
        ("Yes", ("YES", "Yes", "no"), "Yes"),
    ],
)
def test_a_known_class_is_found_by_what_its_spellings_have_in_common(value, classes, label):
    assert parse_label(value, by_key(classes)) == label


def test_an_unclear_spelling_is_no_class():
    with pytest.raises(Unusable):
        parse_label("yes", by_key(["YES", "Yes", "no"]))


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ({"Positive": 3, "positive": 9, "POSITIVE": 1, "negative": 8}, {"positive", "negative"}),
        ({"1": 5, "1.0": 7, "0": 4, "0.0": 1}, {"0", "1"}),
        ({"0.0": 5, "1.0": 7}, {"0", "1"}),
        ({"1": 5, "true": 2, "True": 2, "0": 4, "FALSE": 1}, {"0", "1"}),
        ({"true": 5, "True": 1, "false": 4}, {"true", "false"}),
        ({"긍정": 5, "긍정 ": 1, "부정": 3}, {"긍정", "부정"}),
        ({"a": 5, "A": 4}, {"a", "A"}),
        ({"01": 5, "1": 4}, {"01", "1"}),
        ({"1.5": 5, "2.5": 4}, {"1.5", "2.5"}),
        ({"x y": 5, "x  y": 4, "X Y": 1, "z": 1}, {"x y", "z"}),
    ],
)
def test_spellings_of_one_class_are_one(names, classes):
    found = fold(names)
    assert set(found.classes.values()) == classes
    assert sum(found.rows.values()) == sum(names.values())
    assert any("are one class" in note for note in found.notes()) == (len(classes) < len(names))
    assert set(fold(names, exact=True).classes.values()) == set(names)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["-1", "0", "1", "2"], "-1"),
        (["-1", "entailment", "neutral"], "-1"),
        (["-99", "1", "2", "3"], "-99"),
        (["-", "entailment", "neutral"], "-"),
        (["?", "yes", "no"], "?"),
        (["N/A", "0", "1"], "N/A"),
        (["NA", "good", "bad"], "NA"),
        (["None", "good", "bad"], "None"),
        (["none", "1", "2"], "none"),
        (["-1", "0", "1"], None),
        (["-2", "-1", "0", "1", "2"], None),
        (["-1", "1"], None),
        (["-", "+"], None),
        (["none", "gender", "others"], None),
        (["NA", "KR", "US"], None),
        (["None", "Gender", "Others"], None),
        (["None", "hate"], None),
    ],
)
def test_what_stands_for_no_label(names, missing):
    found = fold(dict.fromkeys(names, 5))
    assert {name for name, own in found.classes.items() if own is None} == ({missing} if missing else set())
    told = [note for note in found.notes() if "stand for no label" in note]
    assert bool(told) == (missing is not None)


def test_names_that_may_stand_for_no_label_are_told():
    for names in (["-1", "0", "1"], ["None", "Gender", "Others"]):
        (_, note) = fold(dict.fromkeys(names, 5)).notes()
        assert f"'{names[0]}' (5) are taken for classes" in note
    assert fold({"none": 5, "gender": 4, "others": 3}).notes() == ["3 classes: 'none' 5, 'gender' 4, 'others' 3"]


def test_rows_of_the_classes_are_told_the_most_and_the_fewest():
    told = fold({f"c{number}": 1_000 - number for number in range(50)}).notes()
    assert told == ["50 classes: 'c0' 1,000, 'c1' 999, 'c2' 998, 'c3' 997, 'c4' 996, ..., 'c49' 951"]


def test_classes_of_one_row_are_told():
    (_, note) = fold({"a b": 9, "b c": 1, "c d": 1}).notes()
    assert note == "2 classes have one row only: 'b c', 'c d'"


def test_files_without_a_common_class_are_told(tmp_path):
    for name, classes in (("a", "xy"), ("b", "yx"), ("c", "pq")):
        rows = [f"text {number}\t{label}" for number, label in enumerate(classes * 3)]
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    _, ledger = ClassifyTask().read_examples(ReadRequest(paths=[tmp_path / f"{name}.tsv" for name in "abc"]))
    (note,) = [note for note in ledger.notes if "no class in common" in note]
    assert "c.tsv has no class in common with the other files: p, q" in note


def test_many_different_labels_are_quick():
    found = fold({f"label {number}": 1 for number in range(200_000)})
    assert len(found.classes) == 200_000
    assert found.notes()[1].startswith("200,000 classes have one row only")


def test_keys_forget_case_width_and_points():
    assert key_of("Ａ b") == key_of("a  B") == "a b"
    assert key_of("-1.0") == "-1"
    assert key_of("-0") == key_of("0.00") == "0"
    assert key_of("A") == "A"


def test_sort_classes():
    assert sort_classes(["b", "10", "9"]) == ("10", "9", "b")
    assert sort_classes(["9", "nan", "10"]) == ("10", "9", "nan")
    assert sort_classes(["10", "9", "-1.5"]) == ("-1.5", "9", "10")


@pytest.mark.parametrize("name", ["#NUM!", "#NAME?", "(null)", "(blank)", "undefined", "#SPILL!"])
def test_what_programs_write_for_nothing_is_no_class(name):
    with pytest.raises(Unusable, match="no label"):
        parse_label(name)


@pytest.mark.parametrize("name", ["미분류", "해당없음", "unlabeled", "TBD"])
def test_what_people_write_for_undecided_is_told(name):
    found = fold({"pos": 10, "neg": 9, name: 3})
    assert found.classes[name] == name
    assert found.doubtful == (name,)


def test_a_code_far_above_all_others_is_told():
    assert fold({"0": 5, "1": 5, "2": 5, "99": 2}).doubtful == ("99",)
    assert fold({"97": 5, "98": 5, "99": 2}).doubtful == ()


def test_a_dash_beside_o_and_x_is_no_class():
    assert fold({"O": 5, "X": 5, "-": 2}).classes["-"] is None

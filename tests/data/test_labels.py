"""Cells become labels: names of classes, numbers, and what is said of cells that cannot."""

from __future__ import annotations

import pytest

from headstart.data.labels import parse_label, parse_number, sort_classes
from headstart.data.task_files import Unusable


@pytest.mark.parametrize(
    ("value", "label"), [(" yes ", "yes"), (1, "1"), (True, "true"), ("nan", "nan"), ("\u1112\u1161\u11ab", "한")]
)
def test_a_cell_becomes_the_name_of_a_class(value, label):
    assert parse_label(value) == parse_label(value, ["no", label]) == label


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [(None, "no label", ""), ("  ", "no label", ""), (["a"], "no label", ""), ("yess", "unknown label", "'yess'")],
)
def test_a_cell_that_is_no_label_says_why(value, reason, detail):
    with pytest.raises(Unusable) as caught:
        parse_label(value, ["yes", "no"])
    assert caught.value.reason == reason
    assert caught.value.detail.startswith(detail)


def test_a_misspelt_label_names_the_nearest():
    with pytest.raises(Unusable) as caught:
        parse_label("yess", ["yes", "no"])
    assert "yes" in caught.value.detail.removeprefix("'yess'")


@pytest.mark.parametrize(("value", "number"), [("1.5", 1.5), (2, 2.0), (" -3e2 ", -300.0)])
def test_a_cell_becomes_a_number(value, number):
    assert parse_number(value) == number


@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "no number"), ("x", "not a number"), ("nan", "not a finite number"), ("inf", "not a finite number")],
)
def test_a_cell_that_is_no_number_says_why(value, reason):
    with pytest.raises(Unusable) as caught:
        parse_number(value)
    assert caught.value.reason == reason


def test_sort_classes():
    assert sort_classes(["b", "10", "9"]) == ("10", "9", "b")
    assert sort_classes(["9", "nan", "10"]) == ("10", "9", "nan")
    assert sort_classes(["10", "9", "-1.5"]) == ("-1.5", "9", "10")

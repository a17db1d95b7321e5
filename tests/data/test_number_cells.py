"""Numbers of tables: plain ones, decimal commas and commas between thousands, which only the column tells apart."""

from __future__ import annotations

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.number_cells import missing_code, number_cell, settled
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.data.task_files import Unusable


@pytest.mark.parametrize(("value", "number"), [("1.5", 1.5), (2, 2.0), (" -3e2 ", -300.0), ("\ufeff4", 4.0)])
def test_a_cell_becomes_a_number(value, number):
    assert number_cell(value) == number


@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "no number"), ("x", "not a number"), ("nan", "not a finite number"), ("inf", "not a finite number")],
)
def test_a_cell_that_is_no_number_says_why(value, reason):
    with pytest.raises(Unusable) as caught:
        number_cell(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("cells", "numbers", "said"),
    [
        (["0,4", "1", "2,75"], [0.4, 1.0, 2.75], "decimal commas: '0,4' is 0.4"),
        (["1,234", "12,000", "7"], [1234.0, 12000.0, 7.0], "commas between thousands: '1,234' is 1234"),
        (["1,234", "2,5"], [1.234, 2.5], "decimal commas: '2,5' is 2.5"),
        (["0,125", "3,375"], [0.125, 3.375], "decimal commas: '0,125' is 0.125"),
        (["1,234.5", "12"], [1234.5, 12.0], "commas between thousands: '1,234.5' is 1234.5"),
        (["1.234,5", "-0,5"], [1234.5, -0.5], "decimal commas: '1.234,5' is 1234.5"),
        (["1 234,5"], [1234.5], "decimal commas: '1 234,5' is 1234.5"),
        (["1,234,567", "4,500"], [1234567.0, 4500.0], "commas between thousands"),
        (["1.250,00", "12.900", "850,50"], [1250.0, 12900.0, 850.5], "points between thousands: '12.900' is 12900"),
        (["2.000.000", "1.500", "800"], [2e6, 1500.0, 800.0], "points between thousands: '2.000.000' is 2000000"),
        (
            ["1.250", "12.900", "850"],
            [1.25, 12.9, 850.0],
            "decimal points, as all that have one could be: '1.250' is 1.25",
        ),
        (["1.250", "12.9"], [1.25, 12.9], ""),
        (["0.125", "3.375"], [0.125, 3.375], ""),
        (["\u22120,5"], [-0.5], "decimal commas"),
        (["0.5", "-2", "1e3"], [0.5, -2.0, 1000.0], ""),
    ],
)
def test_the_column_tells_what_a_comma_is(cells, numbers, said):
    found, told = settled([number_cell(one) for one in cells])
    assert found == numbers
    assert any(said in one for one in told) if said else not told


@pytest.mark.parametrize("wrong", ["1,2,3", "1,23,456", "a,5", ",5", "1,", "1.2.3,4"])
def test_other_commas_are_no_numbers(wrong):
    with pytest.raises(Unusable, match="not a number"):
        number_cell(wrong)


def test_pairs_with_decimal_commas_are_a_task_of_numbers(tmp_path):
    path = tmp_path / "sts.tsv"
    lines = [f"a man {row}\ta boy {row}\t{row / 5:.1f}".replace(".", ",") for row in range(20)]
    path.write_text("\n".join(["s1\ts2\tscore", *lines]))
    said: list[str] = []
    examples, _ = read_labelled_rows(ReadRequest(paths=path, text="s1", text2="s2", task="regress"), said.append)
    assert examples.targets == [row / 5 for row in range(20)]
    assert any("decimal commas" in line for line in said)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([3, 5, -999, 4], -999.0),
        ([1, 2, 3, -1], -1.0),
        ([-1, 0, 1], None),
        ([-2, 3, 4, 5], None),
        ([-1, -0.5, 0.5, 1], None),
    ],
)
def test_codes_of_missing_numbers(numbers, code):
    assert missing_code([float(one) for one in numbers]) == code


def test_rows_with_such_a_code_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,score\n" + "".join(f"a film {row},{(3, 4, 5, 1, -999)[row % 5]}\n" for row in range(20)))
    examples, ledger = read_labelled_rows(ReadRequest(paths=path, task="regress"), lambda line: None)
    assert (len(examples), ledger["skipped"]) == (16, {"no number": 4})


def test_numbers_of_which_many_cannot_be_read_stop(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,score\n" + "".join(f"a film {row},{'4/5' if row % 2 else 4}\n" for row in range(20)))
    with pytest.raises(HeadstartError, match="10 of 20 rows cannot be read"):
        read_labelled_rows(ReadRequest(paths=path, task="regress"), lambda line: None)

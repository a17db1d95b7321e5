"""Lines before the column names of a table, each form of them and what is nearly one."""

from __future__ import annotations

import pytest

from headstart.data import dialect
from headstart.data.row import Line


def head(*texts: str) -> list[Line]:
    return [Line(number, text) for number, text in enumerate(texts, 1)]


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        (["text,label", "a,x"], 0),
        (["Report,", "text,label", "a,x"], 1),
        (["Report,", "foo,bar", "1,2"], 0),  # two columns without usual names: a row
        (["Report,,", "foo,bar,baz", "1,2,3"], 1),
        ([",Report,", "foo,bar,baz", "1,2,3"], 0),
        (["Report,,", "foo,bar", "1,2"], 0),  # not padded to the width of the table
        (["text,,", "foo,bar,baz", "1,2,3"], 0),  # a usual name is no title
        (["Report,,", "made,,", "foo,bar,baz", "1,2,3"], 0),
        (["Report,,", ",,", "foo,bar,baz", "1,2,3"], 2),
        (["# made, by hand", "text,label", "a,x"], 1),
        (["# made, by hand", "a,x", "b,y"], 1),
        (["#,x", "a,b", "c,d"], 0),
        (["#,x", "text,label", "a,b"], 1),
        ([",", "text,label", "a,x"], 1),
        ([",", ",", ","], 0),
        (["a,x", "text,label", "b,y"], 1),
        (["a,x", "text,foo", "b,y"], 0),
        (["a,x,z", "text,label", "b,y"], 0),
        (["label,x", "text,label", "b,y"], 1),
        (["text,label", "text,label", "b,y"], 0),
        (["Report", "text,label", "a,x"], 0),
    ],
)
def test_titles(texts, count):
    assert dialect._titles(head(*texts), ",") == count


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["text,label", *["a,x"] * 9], (0, 2, False)),
        (["Report", "text,label", *["a,x"] * 9], (1, 2, False)),
        (["Report", "", "text,label", *["a,x"] * 9], (2, 2, False)),
        (["Report", *["a,x"] * 9], (0, 2, True)),  # one name for two columns: the first is an index
        (["text,label", *["0,a,x"] * 9], (0, 3, True)),  # an index without a name
        (["a,b", *["text,label,n"] * 9], (2 - 1, 3, False)),
        (["text,label", *["0,a,x"] * 9, "b"], (1, 3, False)),
        (["a,b,c,d", *["a,x"] * 9], (0, 4, False)),
        (["one", "two"], (0, 1, False)),
    ],
)
def test_where_a_table_begins(texts, found):
    assert dialect._begin(head(*texts), ",") == found

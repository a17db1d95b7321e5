"""Where the choices about a table turn: shares of lines, stray quotes, names or values, on both sides of each bound."""

from __future__ import annotations

import pytest

from headstart.core.errors import HeadstartError
from headstart.data import dialect as module
from headstart.data.dialect import DELIMITERS, column_names, dialect, is_usual, named, no_names, whole
from headstart.data.row import Line


def head(*texts: str) -> list[Line]:
    return [Line(number, text) for number, text in enumerate(texts, 1)]


@pytest.mark.parametrize(
    ("names", "rows", "why"),
    [
        # A name that comes again below, in a column of few values.
        (["pos"], ["pos", "pos", "neg", "neg"], "'pos' occurs 2 times below"),
        (["pos"], ["pos", "neg", "neg", "neg"], ""),
        (["pos"], ["pos", "pos", "neg", "neu"], ""),
        (["pos"], ["pos", "pos", "neg", "neu", "neg", "neu"], "'pos' occurs 2 times below"),
        (["pos "], [" pos", "pos ", "pos"], "'pos' occurs 3 times below"),
        (["x" * 30], ["x" * 30] * 2, ""),
        (["x" * 19], ["x" * 19] * 2, f"'{'x' * 19}' occurs 2 times below"),
        (["x" * 20], ["x" * 20] * 2, ""),
        (["label"], ["label", "label"], ""),
        (["pos", "ID"], ["pos 1", "pos 2"], ""),
        (["pos"], [], ""),
        ([""], [""] * 3, "'' occurs 3 times below"),
        # Not beside a name of a column of texts, unless it is a number.
        (["spam", "said"], ["spam a text of some more words"] * 4, ""),
        (["1", "said"], ["1 a text of some more words"] * 4, "'1' occurs 4 times below"),
        (["spam", "a message"], ["spam a text of some more words"] * 4, "'spam' occurs 4 times below"),
        (["spam", "m" * 19], ["spam a text of some more words"] * 4, ""),
        (["spam", "m" * 20], ["spam a text of some more words"] * 4, "'spam' occurs 4 times below"),
        (["spam", "said"], ["spam a_text_of_19_letter"] * 4, "'spam' occurs 4 times below"),
        (["spam", "said"], ["spam a_text_of_20_letters"] * 4, ""),
        # A number above numbers, beside a text above texts.
        (
            ["0.5", "a film"],
            [f"{n} number {n} of the long texts" for n in range(9)],
            "'0.5' is a number as those below",
        ),
        (["0.5", "film"], [f"{n} number {n} of the long texts" for n in range(9)], ""),
        (["0.5", "a film"], [f"{n} short {n}" for n in range(9)], ""),
        (["x", "a film"], [f"{n} number {n} of the long texts" for n in range(9)], ""),
        (
            ["-3,5", "a film"],
            [f"{n if n else 'x'} number {n} of the long texts" for n in range(10)],
            "'-3,5' is a number as those below",
        ),
        (["-3,5", "a film"], [f"{n if n > 1 else 'x'} number {n} of the long texts" for n in range(10)], ""),
    ],
)
def test_a_first_line_is_a_row_where_its_cells_are_values(names, rows, why):
    cells = [row.split(" ", len(names) - 1) for row in rows] if len(names) > 1 else [[row] for row in rows]
    assert no_names(names, cells) == why


def test_cells_of_a_sheet_may_be_numbers():
    assert no_names([1, None], [[1, "x"], [1, None], [2, "y"], [2, "z"]]) == "'1' occurs 2 times below"


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
        (["# one,x", "# two,x", "a,b"], 0),
        (["#a,x", "b,c", "d,e"], 1),
        (["text,label,x", "text,label,id", "b,y,z"], 0),
        (["Report,,", "made,by,hand", ",,", "a,b,c"], 1),
        (["Report,,", ",,"], 0),
        ([",,", "Report,,"], 0),
        (["Report,,", "foo,bar,", "1,2,3"], 1),
        (["Report,", "text,foo", "a,b"], 1),
        ([*[",,"] * 10, "text,label,id", "a,b,c"], 10),
        ([*[",,"] * 11, "text,label,id", "a,b,c"], 0),
    ],
)
def test_titles(texts, count):
    assert module._titles(head(*texts), ",") == count


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["text,label", *["a,x"] * 9], (0, 2, False)),
        (["Report", "text,label", *["a,x"] * 9], (1, 2, False)),
        (["Report", "", "text,label", *["a,x"] * 9], (2, 2, False)),
        (["Report", *["a,x"] * 9], (0, 2, True)),  # one name for two columns: the first is an index
        (["text,label", *["0,a,x"] * 9], (0, 3, True)),  # an index without a name
        (["text,label", "", *["0,a,x"] * 9], (0, 3, True)),
        (["a,b", *["text,label,n"] * 9], (1, 3, False)),
        (["text,label", *["0,a,x"] * 9, "b"], (1, 3, False)),
        (["a,b,c,d", *["a,x"] * 9], (0, 4, False)),
        (["one", "two"], (0, 1, False)),
        (["one"], (0, 1, False)),
        # Half of the lines have as many cells as the first one, or half have the usual number.
        (["a,b", *["a,x"] * 4, *["a,x,y"] * 4], (0, 2, False)),
        (["a,b", *["a,x"] * 4, *["a,x,y"] * 5], (1 + 4, 3, False)),
        (["Report", *["a,x,y"] * 3, "a", "b", "c,d"], (1, 3, False)),
        (["Report", *["a,x,y"] * 3, "a", "b", "c,d", "e,f"], (0, 1, False)),
        # Of numbers of cells that are as frequent the larger.
        (["Report", "a,b", "a,b", "a,b,c", "a,b,c"], (3, 3, False)),
    ],
)
def test_where_a_table_begins(texts, found):
    assert module._begin(head(*texts), ",") == found


@pytest.mark.parametrize(
    ("texts", "cells", "lines"),
    [
        (["a,b", "c"], ["a", "b"], 1),
        (['a,"b', 'c"', "d"], ["a", "b\nc"], 2),
        (['"a', *["b"] * 8, 'c",d', "e"], ["\n".join(["a", *["b"] * 8, "c"]), "d"], 10),
        (['"a', *["b"] * 9, 'c",d', "e"], ['"a'], 1),
        (['"a', "b", "c"], ['"a'], 1),
        (['a,"b"c', 'd"'], ["a", '"b"c'], 1),
        ([], [""], 1),
    ],
)
def test_a_column_name_has_up_to_ten_lines(texts, cells, lines):
    assert module._first(head(*texts), ",") == (cells, lines)


@pytest.mark.parametrize(
    ("texts", "delimiter", "found"),
    [
        # Tabs: quotes are text, unless there are signs of marks.
        (["a\tb", "c\td"], "\t", (False, False, "no quote in the first lines")),
        (["a,b", "c,d"], ",", (True, False, "no quote in the first lines")),
        (['"a" x\tb'], "\t", (False, False, "the usual way with tabs")),
        (['"a"\tb'] * 2, "\t", (False, False, "the usual way with tabs")),
        (['"a"\tb'] * 3, "\t", (True, False, "every row agrees, and some need them")),
        ([*['"a"\tb'] * 3, "\tb", 'a"\tb'], "\t", (False, False, "the usual way with tabs")),
        ([*['"a"\tb'] * 3, "\tb"], "\t", (True, False, "every row agrees, and some need them")),
        (['"a""x"\tb', "a\tb"], "\t", (True, False, "every row agrees, and some need them")),
        (['a""x\tb', "a\tb"], "\t", (False, False, "the usual way with tabs")),
        (['"a\tx"\tb', "a\tb"], "\t", (True, False, "every row agrees, and some need them")),
        ([*['"a\tx"\tb'] * 9, '"a\tb'], "\t", (True, False, "nearly all rows agree, and some need them")),
        ([*['"a\tx"\tb'] * 8, '"a\tb'], "\t", (False, False, "the usual way with tabs")),
        # Commas: quotes are marks, unless lines fit only with quotes as text.
        (['"a,x",b'], ",", (True, False, "1 of the first 1 rows agree")),
        (['"a" x,b', "c,d"], ",", (False, False, "quoting is not consistent in the first 2 lines")),
        ([*['"a",b'] * 9, '"a" x,b'], ",", (True, False, "9 of the first 10 rows agree")),
        ([*['"a",b'] * 8, '"a" x,b'], ",", (False, False, "quoting is not consistent in the first 9 lines")),
        ([*['"a",b'] * 8, '"a" x,b', "a,b,c"], ",", (True, False, "8 of the first 10 rows agree")),
        (['a "x" y,b'], ",", (True, False, "1 of the first 1 rows agree")),
        (['a, "b"', 'c, "d" e'], ",", (True, False, "2 of the first 2 rows agree")),
        # Quotes after backslashes, where none is doubled.
        ([r'"a \"x\" y",b'], ",", (True, True, "1 of the first 1 rows agree")),
        ([r'"a \"x\" y",b', '"a ""x""",b'], ",", (True, True, "2 of the first 2 rows agree")),
        (['"a\\",b', '"c""d",e'], ",", (True, False, "2 of the first 2 rows agree")),
        ([r'"a \"x\" y"', r'"b"'], ",", (True, True, "2 of the first 2 rows agree")),
    ],
)
def test_whether_quotes_are_marks(texts, delimiter, found):
    width = 1 if delimiter not in texts[0] else 2
    rows = head(*texts)
    assert module._quotes(Line(1, f"text{delimiter}label"), rows, delimiter, width) == found


@pytest.mark.parametrize(
    ("names", "quoted"),
    [
        ('"text"\t"label"', True),
        ('"text"\tlabel', False),
        ('"\t"', False),
        ('""\t"x"', True),
        ('x"\t"y"', False),
        ('"x\t"y"', False),
    ],
)
def test_quotes_around_all_names_are_marks(names, quoted):
    assert module._quotes(Line(1, names), head('"a" b\tc', "d\te")[1:] + head('"f"\tg'), "\t", 2)[0] is quoted


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (['"a"', '"b"', '"c"'], True),
        (['"a"', '"b"', "", '"c"'], True),
        (['"a"', '"b"', ""], False),
        (['"a"', '"b"', "c", '"d"'], False),
        (['""'] * 3, True),
        (['"'] * 3, False),
        (['"a'] * 3, False),
        (['a"'] * 3, False),
    ],
)
def test_a_column_of_three_cells_in_quotes_is_known(cells, found):
    rows = head(*[f"x\t{cell}" for cell in cells], '"p"\t"q"\t"r"')
    assert module._wrapped(rows, "\t", 2) is found
    assert module._wrapped(rows, ",", 1) is False


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["a,b", '"c', "d"], 1),
        (["a,b", '"c', 'd",e'], 3),
        (["a,b", "c,d", '"e'], 2),
        (['"a', "b"], 2),
        (["a,b", "c"], 2),
        (["a,b", 'c "d', "e"], 3),
        (["a", '"b', "c"], 3),
        (["a,b", '"one,two', 'three,",z'], 3),
        (['"a', 'b",c', '"d'], 2),
        ([], 0),
    ],
)
def test_a_last_record_that_does_not_end_is_left_out(texts, kept):
    assert list(whole(head(*texts), ",", 2)) == head(*texts)[:kept]


@pytest.mark.parametrize(
    ("texts", "delimiter", "found"),
    [
        (["a,b"], ",", (1.0, 2)),
        (["a,b", "c,d", "e", ""], ",", (0.5, 2)),
        (["t,l", '"a,b', "c", 'd",e'], ",", (1.0, 2)),
        (['"t', 'u",l', "a,b"], ",", (1.0, 2)),
        (["a,b", "c;d", "e;f"], ",", (0.0, 2)),
        # A line of one cell: the share of the usual number of cells, where it is more than one.
        (["a,b", "c;d", "e;f"], ";", (2 / 3, 1)),
        (["a,b", "", "c;d"], ";", (0.5, 1)),
        (["a,b", "c"], ";", (0.0, 1)),
        (["", ""], ";", (0.0, 1)),
    ],
)
def test_how_many_lines_agree_with_the_first(texts, delimiter, found):
    assert module._agreement(head(*texts), delimiter) == found


def test_a_last_row_that_goes_on_decides_nothing_where_the_lines_are_cut():
    lines = head("text,label", *['"a b",c'] * 3, '"d', "e")
    assert dialect(lines).why == "3 of the first 5 rows agree"
    assert dialect(lines, cut=True).why == "3 of the first 3 rows agree"


def test_what_ends_cells():
    assert [named(one) for one in [*DELIMITERS, "~"]] == ["tab", "comma", "semicolon", "bar", "~"]
    for delimiter in DELIMITERS:
        found = dialect(head(*[f"a{delimiter}b"] * 3))
        assert (found.delimiter, found.width, found.skipped, found.notes[1:]) == (delimiter, 2, 0, ())
    assert dialect(head("a,b;c", "d,e;f,g", "h;i")).delimiter == ";"
    assert dialect(head("a;b,c", "d;e,f")).delimiter == ","
    assert dialect(head("x~y", "1~2"), delimiter="~").header == ("x", "y")


def test_what_excel_writes_first_counts_as_a_line_before():
    for first in ("sep=;", '"SEP=;"', "\ufeffsep=; "):
        found = dialect(head(first, "text;label", "a,b;x"))
        assert (found.delimiter, found.skipped, found.header) == (";", 2, ("text", "label"))
        assert found.notes == ("its first line says that cells end at semicolon",)
    assert dialect(head("sep=;", "text,label", "a,b"), delimiter=",").header == ("text", "label")
    found = dialect(head("sep=;", "Report", "text;label", "a;x", "b;y"))
    assert (found.skipped, found.notes[1]) == (3, "the table begins at line 3; the 1 lines before it are no rows")
    found = dialect(head("sep=;", "a;x", "b;y"), header=False)
    assert (found.skipped, found.header, found.width) == (1, None, 2)


def test_a_column_without_a_name_is_the_first_or_after_the_last_mark():
    found = dialect(head("text,label", "0,a,x", "1,b,y"))
    assert (found.header, found.width, found.skipped) == (("", "text", "label"), 3, 1)
    assert found.notes == ("the rows have one cell more than the column names: the first column has no name",)
    found = dialect(head("text,label", "a,x,", "", "b,y, "))
    assert (found.header, found.width, found.skipped) == (("text", "label", ""), 3, 1)
    assert found.notes == ("the rows have one cell more than the column names: the last column has no name",)


@pytest.mark.parametrize(("quoting", "quoted"), [("yes", True), ("no", False)])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_what_is_asked_of_quotes_holds(quoting, quoted, delimiter):
    found = dialect(head(f"text{delimiter}label", f'"a"{delimiter}"b"'), quoting=quoting)
    assert (found.quoted, found.why) == (quoted, "as asked")


def test_quotes_around_names_tell_of_the_first_line_alone():
    assert dialect(head('"text"\t"label"', 'a "x"\tb', "c\td")).quoted is True
    assert dialect(head("text\tlabel", 'a "x"\tb', '"c"\t"d"')).quoted is False


def test_a_first_line_that_is_a_row_is_told():
    found = dialect(head("a fine film,1", "a bad film,0", "so so,1", "fine,0", "good,1"))
    assert (found.header, found.skipped, found.width) == (None, 0, 2)
    assert found.notes == (
        "its first line is a row, not column names ('1' occurs 2 times below): the columns are 1, 2, 3 ...",
    )
    assert dialect(head("a fine film,1", "a bad film,0", "so so,1", "fine,0", "good,1"), header=True).skipped == 1


def test_a_record_of_more_cells_than_its_lines_is_read_whole():
    lines = ["Report", "text|label|id|date", *(f'{n}|{n}|"{n} one\ntwo"|1|' for n in range(9))]
    found = dialect(head(*"\n".join(lines).split("\n")))
    assert found.width == 5
    assert found.header is None or len(found.header) == 5


def test_a_table_of_too_many_columns_is_refused():
    with pytest.raises(HeadstartError, match=r"wide\.csv: more than 65,536 columns"):
        dialect(head("," * 65_536, "," * 65_536), source="wide.csv")


def test_usual_names_of_columns():
    assert [is_usual(name) for name in (" Text ", "LABEL", "별점", "hypothesis", "plot", "")] == [True] * 4 + [
        False
    ] * 2
    assert column_names([" a ", None, 3, ""]) == ["a", "2", "3", "4"]
    assert column_names(["a"] * 10)[-3:] == ["a" + 7 * "_2", "a_9", "a_10"]

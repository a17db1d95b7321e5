"""Records of several lines are those that splitting all lines anew after each one gives; look-ahead is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data import records
from headstart.data.records import Feed, Records, split
from headstart.data.row import Line

WORDS = st.sampled_from(['"', '""', ",", "a", "b,", '",', ',"', "\\", '\\"', " ", ', "'])
LINES = st.lists(st.lists(WORDS, max_size=6).map("".join), max_size=12)


class Anew(Records):
    """Splits the whole record after each line."""

    def _across(self, line, found):
        if self.lost >= records._LOST_SEARCHES:
            return None
        text, taken, rows = line.text, [], [self._is_row(line)]
        while len(taken) < records.ROW_LINES and (following := self.feed.take()) is not None:
            taken.append(following)
            rows.append(self._is_row(following))
            text += "\n" + following.text
            if '"' in following.text:
                found = self._split(text)
                if found.cells is not None and len(found.cells) == self.width:
                    if all(rows) and len(rows) - 2 >= records._SWALLOWED:
                        break
                    return found.cells
                if not found.open:
                    break
        self.lost += 1
        self.feed.push(taken)
        return None


def of(kind, texts, width, quoted, escaped):
    lines = [Line(number, text) for number, text in enumerate(texts, 1)]
    return [(line.number, cells) for line, cells in kind(Feed(iter(lines)), ",", width, quoted, escaped)]


@settings(max_examples=200)
@given(texts=LINES, width=st.integers(1, 3), quoted=st.booleans(), escaped=st.booleans())
def test_each_cell_is_split_once(texts, width, quoted, escaped):
    assert of(Records, texts, width, quoted, escaped) == of(Anew, texts, width, quoted, escaped)


def test_a_record_has_no_more_characters_than_a_line_may_have(monkeypatch):
    monkeypatch.setattr(records, "_ROW_CHARACTERS", 1_000)
    taken = []

    def lines():
        for number in range(400):
            taken.append(number)
            yield Line(number, '"open' if number == 0 else "x" * 100)

    next(iter(Records(Feed(lines()), ",", 2, True)))
    assert len(taken) < 15


def test_lines_that_are_looked_at_have_so_many_characters():
    lines = [Line(number, "x" * 100 if number > 3 else "") for number in range(50)]
    feed = Feed(iter(lines))
    head, more = feed.peek(20, 450)
    assert (head, more) == (lines[4:9], True)
    assert feed.peek(3, 450) == (lines[4:9], True)
    assert feed.take() == lines[4]
    head, more = feed.peek(1_000, 1 << 20)
    assert (head, more) == (lines[5:], False)
    assert Feed(iter(lines[:3])).peek(9, 9) == ([], False)


@pytest.mark.parametrize("text", ['a,"b', 'a,b,"', '"x""y'])
def test_what_is_open_is_split_on(text):
    found = split(text, ",")
    assert found.open
    whole = split(text + '\nc"', ",")
    assert split(found.rest + '\nc"', ",", before=found.before) == whole


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", [""]),
        ("a,,b", ["a", "", "b"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a""b",""', ['a"b', ""]),
        ('a "b" c,d', ['a "b" c', "d"]),
        ('a, "b,c" , d', ["a", "b,c", " d"]),
        ('"a\nb",c', ["a\nb", "c"]),
        ('"a\\",b', ["a\\", "b"]),
        ("a\\n,b", ["a\\n", "b"]),
    ],
)
def test_a_record_is_split_by_rfc_4180(text, cells):
    found = split(text, ",")
    assert (found.cells, found.open, found.before, found.rest) == (cells, False, (), "")
    assert split(text, ",", before=["x"]).cells == ["x", *cells]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        (r'"a\"b",c', ['a"b', "c"]),
        (r'"a""b",c', ['a"b', "c"]),
        (r'"a\\",c', ["a\\", "c"]),
        (r'"a\,b",c\"d', ["a\\,b", 'c"d']),
        (r'"a\nb",c', [r"a\nb", "c"]),
    ],
)
def test_quotes_and_backslashes_after_backslashes(text, cells):
    assert split(text, ",", True).cells == cells


def test_blanks_around_quotes_are_none_between_tabs():
    assert split('a\t "b"\t"c"', "\t").cells == ["a", ' "b"', "c"]
    assert split('a; "b";"c" ;d', ";").cells == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("text", "escaped", "open_", "before", "rest"),
    [
        ('a,"b', False, True, ("a",), '"b'),
        ('a,"b""', False, True, ("a",), '"b""'),
        ('a,"b""c', False, True, ("a",), '"b""c'),
        ('a,"""b', False, True, ("a",), '"""b'),
        ('a,""b', False, False, ("a",), '""b'),
        ('"', False, True, (), '"'),
        ('a,"b"c', False, False, ("a",), '"b"c'),
        ('a,"b"c"', False, False, ("a",), '"b"c"'),
        (r'a,"b\"', True, True, ("a",), r'"b\"'),
        (r'a,"b\"c', True, True, ("a",), r'"b\"c'),
        ('a,"b\\', True, True, ("a",), '"b\\'),
        (r'a,"b\""c', True, False, ("a",), r'"b\""c'),
        (r'a,"b\\"c', True, False, ("a",), r'"b\\"c'),
    ],
)
def test_a_cell_is_open_or_its_quotes_do_not_fit(text, escaped, open_, before, rest):
    found = split(text, ",", escaped)
    assert (found.cells, found.open, found.before, found.rest) == (None, open_, before, rest)


def table(texts, width=2, quoted=True, escaped=False):
    """Return the cells of the records, and how many were read literally, with marks, and lost."""
    found = Records(Feed(iter([Line(n, text) for n, text in enumerate(texts, 1)])), ",", width, quoted, escaped)
    cells = [values for _, values in found]
    return cells, (found.literal, found.marked, found.lost)


@pytest.mark.parametrize(
    ("texts", "cells", "counts"),
    [
        (["a,b", "", 'c,"d"'], [["a", "b"], ["c", "d"]], (0, 0, 0)),
        # Of the right number of cells with quotes as text.
        (['"a"b,c'], [['"a"b', "c"]], (1, 0, 0)),
        (['"a,b'], [['"a', "b"]], (1, 0, 1)),
        (['"a,b"'], [['"a', 'b"']], (1, 0, 0)),
        # In neither way: as marks where they fit, else as text.
        (['"a,b",c,d'], [["a,b", "c", "d"]], (0, 0, 0)),
        (['"a"b,c,d'], [['"a"b', "c", "d"]], (0, 0, 0)),
        (['"a,b"'] * 2 + ['"a,b,c"'], [['"a', 'b"']] * 2 + [["a,b,c"]], (2, 0, 0)),
        # Over several lines.
        (['a,"b', "c", 'd"', "e,f"], [["a", "b\nc\nd"], ["e", "f"]], (0, 0, 0)),
        (['"a', 'b","c', 'd"', "e,f"], [["a\nb", "c\nd"], ["e", "f"]], (0, 0, 0)),
        (['a,"b', "", ' c ""', 'd"'], [["a", 'b\n\n c "\nd']], (0, 0, 0)),
        # The record that follows is not taken.
        (['a,"b', 'c"d', "e,f"], [["a", '"b'], ['c"d'], ["e", "f"]], (1, 0, 1)),
        (['a,"b', 'c",d', "e,f"], [["a", '"b'], ['c"', "d"], ["e", "f"]], (1, 0, 1)),
        (['a,"b', "c", "d"], [["a", '"b'], ["c"], ["d"]], (1, 0, 1)),
    ],
)
def test_records_with_quotes_as_marks(texts, cells, counts):
    assert table(texts) == (cells, counts)


@pytest.mark.parametrize(
    ("texts", "cells", "counts"),
    [
        (["a,b", "", 'c,d"'], [["a", "b"], ["c", 'd"']], (0, 0, 0)),
        (['"a",b', 'c "d" e,f', 'c,"'], [['"a"', "b"], ['c "d" e', "f"], ["c", '"']], (0, 0, 1)),
        # Marks where the record fits in no other way, or holds a doubled quote.
        (['"a,b",c'], [["a,b", "c"]], (0, 1, 0)),
        (['"a""b",c'], [['a"b', "c"]], (0, 1, 0)),
        (['a,"b"'], [["a", '"b"']], (0, 0, 0)),
        (['a""b,c'], [['a""b', "c"]], (0, 1, 0)),
        (['"a,b,c"'], [['"a', "b", 'c"']], (0, 0, 0)),
        (['"a"b,c,d'], [['"a"b', "c", "d"]], (0, 0, 0)),
        # A last cell of several lines.
        (['a,"b', 'c"', "d,e"], [["a", "b\nc"], ["d", "e"]], (0, 1, 0)),
        (['"a', 'b",c', "d,e"], [["a\nb", "c"], ["d", "e"]], (0, 1, 0)),
        (['a,"b', "c,d"], [["a", '"b'], ["c", "d"]], (0, 0, 1)),
    ],
)
def test_records_with_quotes_as_text(texts, cells, counts):
    assert table(texts, quoted=False) == (cells, counts)


def test_escaped_quotes_over_several_lines():
    texts = [r'a,"b \"x\" ', "c \\", r'd \"" e"', r'f,"g \"', r'h"']
    assert table(texts, escaped=True)[0][-1] == ["f", 'g "\nh']
    assert list(Records(Feed(iter([Line(1, 'a,"b\\"')])), ",", 2, True)) == [(Line(1, 'a,"b\\"'), ["a", "b\\"])]
    assert table([r'a,"b \"', r'c \\"', "d,e"], escaped=True)[0] == [["a", 'b "\nc \\'], ["d", "e"]]


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize(("count", "whole"), [(1, True), (199, True), (200, True), (201, False)])
def test_a_cell_has_up_to_200_lines_after_the_first(count, whole, quoted):
    texts = ["begin", *[f"line {number}" for number in range(count - 1)], "end"]
    cells = table(['a,"begin', *texts[1:-1], 'end"', "b,c"], quoted=quoted)[0]
    assert (cells == [["a", "\n".join(texts)], ["b", "c"]]) is whole
    assert cells[-1] == ["b", "c"]


@pytest.mark.parametrize(("more", "whole"), [(0, True), (1, False)])
def test_a_cell_of_several_lines_has_up_to_16_mi_characters_before_its_last(more, whole):
    part = "x" * (1 << 23)
    cells = table(['"', part, part[1:] + "x" * more, 'end",b'])[0]
    assert (len(cells) == 1) is whole


@pytest.mark.parametrize(("count", "swallowed"), [(2, True), (3, False)])
@pytest.mark.parametrize("odd", [True, False])
def test_three_whole_rows_between_two_quotes_are_rows(count, swallowed, odd):
    """Unless a line among them is no row."""
    inside = [f"row {number},z" for number in range(count)] + ["no row"] * odd
    cells = table(['"stray,x', *inside, 'end",y'])[0]
    assert (len(cells) == 1) is (swallowed or odd)
    more = table(['"stray,x', *inside, 'end",y', 'no "row" at all'])[0]
    assert more == [*cells, ['no "row" at all']]


@pytest.mark.parametrize(("lost", "searched"), [(0, True), (19, True), (20, False), (40, False)])
def test_after_twenty_quotes_without_an_end_none_is_looked_for(lost, searched):
    cells, counts = table(['a,"x', 'y"z,b'] * lost + ['"c', 'd",e'])
    assert (cells[-1] == ["c\nd", "e"]) is searched
    assert counts[2] == min(lost, 20)


def test_so_many_lines_or_characters_are_looked_at():
    lines = [Line(number, "x" * 100) for number in range(9)]
    for count, characters, found in [(1, 10_000, 1), (3, 10_000, 3), (9, 200, 2), (9, 201, 3), (9, 1, 1), (9, 900, 9)]:
        assert Feed(iter(lines)).peek(count, characters) == (lines[:found], True)
    assert Feed(iter(lines)).peek(10, 10_000) == (lines, False)
    feed = Feed(iter(lines))
    feed.peek(3, 10_000)
    assert feed.peek(9, 400) == (lines[:4], True)
    assert [feed.take() for _ in range(10)] == [*lines, None]
    feed.push(lines[:2])
    assert [feed.take() for _ in range(3)] == [*lines[:2], None]

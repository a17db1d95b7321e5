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

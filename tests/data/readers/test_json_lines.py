"""JSON: lines of objects or texts, one value of rows, what is neither, and what is never held whole."""

from __future__ import annotations

import io

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.ledger import Ledger
from headstart.data.readers import jsonl
from headstart.data.readers.jsonl import JsonLines
from headstart.data.row import ByteStream, Source


def read(text: str) -> tuple[list[tuple[object, int]], Ledger]:
    ledger = Ledger()
    rows = JsonLines().read(Source("f", ByteStream(io.BytesIO(text.encode("utf-8", "surrogatepass")))), ledger)
    return [(row.value, row.line) for row in rows], ledger


A, B = {"text": "a"}, {"text": "b"}
VALUES = {
    "objects by line": ('{"text": "a"}\n{"text": "b"}\n', [(A, 1), (B, 2)]),
    "blank lines and blanks": ('\n  {"text": "a"} \r\n \n{"text": "b"}', [(A, 2), (B, 4)]),
    "texts by line": ('"a"\n"b"\n', [("a", 1), ("b", 2)]),
    "an object alone": ('{"text": "a"}', [(A, 1)]),
    "an object alone, with its line end": ('{"text": "a"}\n\n', [(A, 1)]),
    "an object alone behind a blank line": ('\n{"text": "a"}\n', [(A, 2)]),
    "a text alone": ('"a"', [("a", 1)]),
    "a list in a line": ('[{"text": "a"}, {"text": "b"}]', [(A, 1), (B, 2)]),
    "a list over lines": ('[\n{"text": "a"},\n\n{"text": "b"}]\n', [(A, 1), (B, 2)]),
    "lists by column in a line": ('{"text": ["a", "b"]}\n', [(A, 1), (B, 2)]),
    "lists by column without a line end": ('{"text": ["a", "b"]}', [(A, 1), (B, 2)]),
    "lists by column by line": ('{"text": ["a"]}\n{"text": ["b"]}', [({"text": ["a"]}, 1), ({"text": ["b"]}, 2)]),
    "an object over lines": ('{\n"data": [{"text": "a"},\n{"text": "b"}]}', [(A, 1), (B, 2)]),
    "an object over lines, opened by a list": ('{"data": [ \n{"text": "a"},\n{"text": "b"}]}', [(A, 1), (B, 2)]),
    "an object over lines, after a comma": ('{"version": 1,\n"data": [{"text": "a"}]}', [(A, 1)]),
    "lines that open as a list does": ('[1]\n{"text": "a"}\n', [(A, 2)]),
    "a broken line and others": ('{"text": "a"\n{"text": "b"}\n', [(B, 2)]),
    "a broken line alone": ('{"text": "a"', []),
}


@pytest.mark.parametrize("name", VALUES)
def test_rows_and_their_numbers(name):
    text, rows = VALUES[name]
    assert read(text)[0] == rows


def test_how_the_rows_of_one_value_were_found_is_told():
    assert read('{"data": [{"text": "a"}]}')[1].notes == ["f: one JSON value: the rows in 'data'"]
    assert read('{"text": "a"}\n{"text": "b"}')[1].notes == []


FAULTS = {
    "{": "not valid JSON (Expecting property name enclosed in double quotes at column 2)",
    '{"a": 1} 2': "not valid JSON (Extra data at column 10)",
    '{"a": "b': "not valid JSON (Unterminated string starting at column 7)",
    "[1]": "not a JSON object or string",
    "3": "not a JSON object or string",
    "null": "not a JSON object or string",
    '{"a": "\\ud800"}': "not valid JSON (half a surrogate pair)",
    '{"a": "\\uD800"}': "not valid JSON (half a surrogate pair)",
    '{"a": "\\uDfff"}': "not valid JSON (half a surrogate pair)",
    "[" * 100_000: "not valid JSON (nested too deeply)",
    f'{{"a": {"9" * 5000}}}': (
        "not valid JSON (Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits)"
    ),
}


def test_lines_that_are_no_rows_are_named():
    """A pair of halves is a letter; the lines around are used."""
    first = '{"a": "\\ud83d\\ude00", "b": "\\\\ud800"}'
    rows, ledger = read("\n".join([first, *FAULTS, '{"a": "last"}']))
    assert rows == [({"a": "\U0001f600", "b": "\\ud800"}, 1), ({"a": "last"}, len(FAULTS) + 2)]
    assert ledger.complaints == [f"f:{number}: {fault}" for number, fault in enumerate(FAULTS.values(), 2)]
    assert dict(ledger.lost) == {"not valid JSON": 8, "not a JSON object or string": 3}


def test_one_value_that_is_no_table_is_refused_and_a_line_that_is_none_named():
    for text in ("[\n3,\n4]", "[1,\n2]", '{"version": 1,\n"more": 2}', "{\n}"):
        with pytest.raises(
            HeadstartError, match="f: one JSON value in which no rows were found; give a list of objects"
        ):
            read(text)
    for text in ("[1, 2]", "[]", " [3]\n\n"):
        assert read(text)[1].skipped == {"not a JSON object or string": 1}


LINES = [
    '{"text": "a"}\n',
    '"a"\n',
    '{"text": 1,,}\n',
    '{"text": "a"\n',
    "3,\n",
    "\n\n",
    '"text": {\n',
    " {}\n",
    '{"a": "["}\n',
]


@pytest.mark.parametrize("line", LINES)
def test_lines_are_read_as_they_come(line, monkeypatch):
    """A file of lines may be larger than one value, which is held in memory."""
    monkeypatch.setattr(jsonl, "_MOST_BYTES", 8)
    rows, _ = read(line + '{"text": "b"}\n' * 9)
    assert [value for value, _ in rows][-9:] == [B] * 9
    for whole in ('[{"text": "b"}]', '{"text": "b"}', '{"data": [\n{"text": "b"}]}'):
        with pytest.raises(HeadstartError, match="f: one JSON value above 1 GiB; fix: jq -c"):
            read(whole)


class Pretended(bytes):
    """Bytes that say that they are very many."""

    size = 0

    def __len__(self) -> int:
        return self.size


def test_one_value_has_a_gibibyte_at_most(monkeypatch):
    data = Pretended(b'[{"text": "a"}]')
    monkeypatch.setattr(jsonl, "read_whole", lambda source, most: data)
    data.size = 1 << 30
    assert read("[")[0] == [(A, 1)]
    data.size += 1
    with pytest.raises(HeadstartError, match="f: one JSON value above 1 GiB"):
        read("[")


def test_what_begins_with_an_object_is_json():
    for begin in ('{"a": 1', ' [ {"a": 1', '{\n"a\\"b" :'):
        assert JsonLines.recognises(begin.encode()) is True
    for begin in ("", "{", "[1, 2]", '"a"', "{a: 1}", "text {"):
        assert JsonLines.recognises(begin.encode()) is False
    assert JsonLines.plain


def test_nothing_is_left_over_from_one_file_to_the_next(monkeypatch):
    for name in [*VALUES, *reversed(VALUES)]:
        test_rows_and_their_numbers(name)
    test_lines_that_are_no_rows_are_named()
    test_one_value_that_is_no_table_is_refused_and_a_line_that_is_none_named()
    test_what_begins_with_an_object_is_json()
    test_one_value_has_a_gibibyte_at_most(monkeypatch)

"""Readers: every format gives its rows, every broken row is named, no input makes them fall over."""

from __future__ import annotations

import datetime
import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data import row as rows_module
from headstart.data.ledger import Ledger
from headstart.data.readers.csv import Csv
from headstart.data.readers.jsonl import JsonLines
from headstart.data.readers.parquet import Parquet
from headstart.data.readers.txt import Text
from headstart.data.row import ByteStream, Source


def read(reader, data: bytes | str) -> tuple[list, Ledger]:
    ledger = Ledger()
    data = data.encode() if isinstance(data, str) else data
    return list(reader.read(Source("f", ByteStream(io.BytesIO(data))), ledger)), ledger


def values(reader, data: bytes | str) -> list:
    return [row.value for row in read(reader, data)[0]]


def test_registry_finds_every_reader():
    assert {"txt", "jsonl", "csv", "parquet"} <= set(registry.names("reader"))
    for name in registry.names("reader"):
        kind = registry.load("reader", name)
        assert kind.suffixes or hasattr(kind, "recognises")


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("가\n나\n\n다", "line", ["가", "나", "", "다"]),
        ("가\r\n나\r\n", "line", ["가", "나"]),
        ("가\n나\n\n\n다\n", "paragraph", ["가\n나", "다"]),
        ("\n가\n\n나\n", "file", ["\n가\n\n나"]),
        ("가\n나\n\n다\n라\n", "auto", ["가\n나", "다\n라"]),
        ("가\n나\n다\n", "auto", ["가", "나", "다"]),
    ],
)
def test_txt_units(text, unit, expected):
    assert values(Text(unit=unit), text) == expected


def test_txt_one_stray_blank_line_makes_no_paragraphs():
    text = "\n".join(["문장"] * 300) + "\n\n" + "\n".join(["문장"] * 300)
    found, ledger = read(Text(), text)
    assert len(found) == 601
    assert "one document per line" in ledger.notes[0]


def test_txt_paragraph_lines_are_where_they_start():
    assert [row.line for row in read(Text(unit="paragraph"), "가\n나\n\n\n다\n")[0]] == [1, 5]


def test_txt_bad_byte_is_one_row():
    found, ledger = read(Text(unit="line"), "가\n".encode() + b"\xff\n" + "나\n".encode())
    assert [row.value for row in found] == ["가", "나"]
    assert ledger.complaints == ["f:2: not valid UTF-8 (byte 0xff at position 1)"]
    assert "looks like CP949" in read(Text(unit="line"), "좋은 영화\n".encode("cp949"))[1].complaints[0]


def test_very_long_lines_are_bounded(monkeypatch):
    monkeypatch.setattr(rows_module, "MAX_ROW_BYTES", 10)
    text = "가나다라마바사아자차카타파하\n짧다\n"
    assert "".join(values(Text(unit="line"), text)) == text.replace("\n", "")
    found, ledger = read(JsonLines(), json.dumps({"text": "x" * 50}) + '\n"abc"\n')
    assert [row.value for row in found] == ["abc"]
    assert ledger.skipped["longer than 16 MiB"] == 1


def test_jsonl_broken_line_is_named():
    lines = [json.dumps({"text": f"줄 {i}"}, ensure_ascii=False) for i in range(1, 11)]
    lines[6] = lines[6][:-3]
    found, ledger = read(JsonLines(), "\n".join(lines))
    assert len(found) == 9
    assert [row.line for row in found] == [1, 2, 3, 4, 5, 6, 8, 9, 10]
    assert ledger.complaints[0].startswith("f:7: not valid JSON (")


@pytest.mark.parametrize("line", ["3", "[1, 2]", "null", "[" * 100_000, "1" * 5000, '{"text": "\\ud800"}'])
def test_jsonl_odd_values_are_skipped(line):
    found, ledger = read(JsonLines(), f'"gut"\n{line}\n')
    assert [row.value for row in found] == ["gut"]
    assert ledger.read == 1


def test_one_json_value_without_rows_is_refused():
    with pytest.raises(HeadstartError, match="no rows were found; give a list of objects"):
        read(JsonLines(), '{\n "text": "a"\n}')


def test_tsv_quotes_are_text():
    found, ledger = read(Csv(), 'id\ttext\n1\t"반쪽\n2\t""둘""\n3\tnan\n')
    assert [row.value["text"] for row in found] == ['"반쪽', '""둘""', "nan"]
    assert "quotes are text" in ledger.notes[0]


def test_csv_quoting():
    text = 'id,text,label\n1,"하나, 둘",0\n2,"그는 ""예""라고",1\n3,"두\n줄, 셋",0\n4,null,1\n'
    found, ledger = read(Csv(), text)
    assert [row.value["text"] for row in found] == ["하나, 둘", '그는 "예"라고', "두\n줄, 셋", "null"]
    assert [row.line for row in found] == [2, 3, 4, 6]
    assert "quotes are marks" in ledger.notes[0]


def test_csv_stray_quotes_lose_nothing():
    rows = [f'{i},"열린 따옴표 {i}' if i % 100 == 0 else f'{i},"닫힌, {i}"' for i in range(1, 3001)]
    found, ledger = read(Csv(), "id,text\n" + "\n".join(rows))
    assert [int(row.value["id"]) for row in found] == list(range(1, 3001))
    assert found[98].value["text"] == "닫힌, 99"
    assert found[99].value["text"] == '"열린 따옴표 100'
    assert any("30 rows with stray quotes" in note for note in ledger.notes)


def test_csv_without_consistent_quotes_is_literal():
    rows = [f'{i},"열린 {i}' for i in range(500)]
    found, ledger = read(Csv(), "id,text\n" + "\n".join(rows))
    assert len(found) == 500
    assert "quotes are text" in ledger.notes[0]


def test_csv_wrong_cell_count_is_named_and_options_hold():
    found, ledger = read(Csv(), "a;b\n1;2\n1;2;3\n4;5\n")
    assert [row.value for row in found] == [{"a": "1", "b": "2"}, {"a": "4", "b": "5"}]
    assert ledger.complaints == ["f:3: wrong number of cells (3, the header has 2)"]
    assert values(Csv(header=False), "1\t2\n")[0] == {"1": "1", "2": "2"}
    assert values(Csv(quoting="yes"), 'a\tb\n"x"\ty\n')[0] == {"a": "x", "b": "y"}
    assert values(Csv(), "a,a,\n1,2,3\n")[0] == {"a": "1", "a_2": "2", "3": "3"}
    with pytest.raises(HeadstartError, match="no header"):
        read(Csv(), "")


def test_parquet_rows_and_damage():
    table = pa.table(
        {"text": ["가", None, "nan"], "label": [1, 0, 1], "noise": [b"\xff", b"y", b"z"], "vector": [[0.5], [2.5], []]}
    )
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    found, ledger = read(Parquet(), sink.getvalue())
    assert [row.value for row in found] == [
        {"text": "가", "label": 1},
        {"text": None, "label": 0},
        {"text": "nan", "label": 1},
    ]
    assert "noise, vector" in ledger.notes[0]
    for broken in (sink.getvalue()[:-9], sink.getvalue()[:20], b"PAR1"):
        with pytest.raises(HeadstartError, match="f: "):
            read(Parquet(), broken)


@pytest.mark.parametrize(
    ("kind", "given", "read_as"),
    [
        (pa.string_view(), ["가", None], ["가", None]),
        (pa.large_string(), ["가", "b"], ["가", "b"]),
        (pa.binary(), ["가".encode(), None], ["가", None]),
        (pa.large_binary(), [b"a", b"b"], ["a", "b"]),
        (pa.dictionary(pa.int8(), pa.string()), ["a", "b"], ["a", "b"]),
        (pa.decimal128(5, 2), [Decimal("1.50"), None], ["1.50", None]),
        (pa.date32(), [datetime.date(2026, 11, 27), None], ["2026-11-27", None]),
        (pa.list_(pa.string()), [["a"], ["a", "b"]], [["a"], ["a", "b"]]),
        (pa.list_(pa.int64()), [[1, 2], []], [[1, 2], []]),
        (pa.bool_(), [True, None], [True, None]),
    ],
    ids=str,
)
def test_parquet_types(kind, given, read_as):
    sink = io.BytesIO()
    parquet.write_table(pa.table({"cell": pa.array(given, kind)}), sink)
    found, _ = read(Parquet(), sink.getvalue())
    assert [row.value["cell"] for row in found] == read_as


READERS = st.sampled_from([Text(), Text(unit="paragraph"), Text(unit="file"), JsonLines(), Csv(), Csv(quoting="yes")])
PIECES = st.sampled_from(
    [b"\n", b"\r\n", b'"', b",", b"\t", b"\xff", b"{", b"}", b'{"a": 1}\n', b"a,b\n", "가".encode(), b"\x00"]
)


@settings(max_examples=150)
@given(reader=READERS, pieces=st.lists(PIECES | st.binary(max_size=5), max_size=40))
def test_any_bytes_give_rows_or_a_teaching_error(reader, pieces):
    try:
        found, ledger = read(reader, b"".join(pieces))
    except HeadstartError:
        return
    assert ledger.balanced  # what the reader itself rejects is read and skipped at once
    assert all(row.line >= 1 for row in found)


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ['"', '""', "a,b", 'x"y']
)


@settings(max_examples=100)
@given(table=st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_csv_written_by_the_standard_library_comes_back(table):
    import csv

    sink = io.StringIO(newline="")
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL)
    writer.writerow(["one", "two"])
    writer.writerows(table)
    assert [tuple(value.values()) for value in values(Csv(), sink.getvalue())] == table


@settings(max_examples=60)
@given(table=st.lists(st.dictionaries(st.sampled_from(["text", "label"]), CELLS, min_size=1), max_size=8))
def test_jsonl_comes_back(table):
    assert values(JsonLines(), "\n".join(json.dumps(row) for row in table)) == table

"""Parquet and Arrow tables: records in cells, names of classes, folder names as columns, columns without a value."""

from __future__ import annotations

import datetime
import decimal
import faulthandler
import io
import json
import os
import time

import numpy as np
import pyarrow as pa
import pytest
from forked import Forked
from pyarrow import feather, ipc, parquet
from tiny_images import flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.data import row
from headstart.data.arrow_tables import TableColumns, partitions, sound, table_rows
from headstart.data.ledger import Ledger
from headstart.data.open import expand, read_rows
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.data.readers import arrow
from headstart.tasks.tag import TagTask

TABLE = pa.table({"text": [f"film {row}" for row in range(20)], "label": ["good", "bad"] * 10})
SPANS = [{"start": 0, "end": 5, "label": "ORG"}]


def file_of(table: pa.Table, path) -> None:
    with ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def stream_of(table: pa.Table, path) -> None:
    with ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


WRITERS = {
    "rows.parquet": lambda table, path: parquet.write_table(table, path),
    "rows.feather": lambda table, path: feather.write_feather(table, str(path)),
    "rows.ipc": file_of,
    "rows.arrow": stream_of,
}


def rows_of(path) -> list:
    return [row.value for name in expand(path) for row in read_rows(name, Ledger())]


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_those_that_were_written(tmp_path, name):
    WRITERS[name](TABLE, tmp_path / name)
    assert rows_of(tmp_path / name) == TABLE.to_pylist()


@pytest.mark.parametrize("name", WRITERS)
def test_records_in_cells(tmp_path, name):
    table = pa.Table.from_pylist([{"text": f"Apple buys {row}", "entities": SPANS} for row in range(6)])
    WRITERS[name](table, tmp_path / name)
    examples, _ = TagTask().read_examples(ReadRequest(paths=tmp_path / name))
    assert [tuple(span) for span in examples.targets[5]] == [(0, 5, "ORG")]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_class_numbers_get_their_names(tmp_path, name):
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
    }
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"text": [f"film {row}" for row in range(12)], "label": [0, 1, -1] * 4})
    WRITERS[name](table.replace_schema_metadata(about), tmp_path / name)
    examples, ledger = read_labelled_rows(ReadRequest(paths=tmp_path / name), lambda line: None)
    assert (examples.classes, len(examples)) == (("bad", "good"), 8)
    assert ledger["skipped"] == {"no label": 4}
    WRITERS[name](table.replace_schema_metadata({"huggingface": "{broken"}), tmp_path / name)
    assert rows_of(tmp_path / name)[1]["label"] == 1


def test_lists_of_class_numbers_get_their_names(tmp_path):
    inner = {"names": ["a", "b", "c"], "_type": "ClassLabel"}
    features = {"text": {"dtype": "string", "_type": "Value"}, "labels": {"feature": inner, "_type": "Sequence"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"text": ["one", "two"], "labels": [[0, 1], [2]]}).replace_schema_metadata(about)
    parquet.write_table(table, tmp_path / "rows.parquet")
    assert [row["labels"] for row in rows_of(tmp_path / "rows.parquet")] == [["a", "b"], ["c"]]


def test_a_folder_of_datasets(tmp_path):
    stream_of(TABLE, tmp_path / "data-00000-of-00001.arrow")
    (tmp_path / "state.json").write_text('[{"_data_files": 1}]')
    (tmp_path / "dataset_info.json").write_text('{"features": {}}')
    assert rows_of(tmp_path) == TABLE.to_pylist()


def test_folder_names_are_columns(tmp_path):
    parquet.write_to_dataset(TABLE, tmp_path / "hive", partition_cols=["label"])
    found = rows_of(tmp_path / "hive")
    assert sorted(row["text"] for row in found if row["label"] == "good") == sorted(TABLE["text"].to_pylist()[::2])
    assert partitions("a=1/b/c=x%2Fy/d=__HIVE_DEFAULT_PARTITION__/part.parquet") == {"c": "x/y", "d": None}
    assert partitions("data/part.parquet") == {}


def test_a_column_without_a_value_costs_nothing(tmp_path):
    """Every row was read once for itself to look for the first value."""
    nested = pa.list_(pa.struct([("vector", pa.list_(pa.float32()))]))
    table = pa.table({"text": ["a film"] * 60_000, "meta": pa.array([None] * 60_000, nested)})
    parquet.write_table(table, tmp_path / "rows.parquet")
    begun = time.process_time()
    assert len(rows_of(tmp_path / "rows.parquet")) == 60_000
    assert time.process_time() - begun < 4


@pytest.mark.parametrize("name", ["rows.feather", "rows.arrow", "rows.ipc"])
def test_damage_is_one_line(tmp_path, name):
    WRITERS[name](TABLE, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    for damaged in (data[:60], data[: len(data) // 2], b"\xff" * 400, b"FEA1" + data[8:]):
        (tmp_path / name).write_bytes(damaged)
        found, told = [], ""
        try:
            found = rows_of(tmp_path / name)
        except HeadstartError as error:
            told = str(error)
        assert found == TABLE.to_pylist()[: len(found)]
        assert found or (name in told and "\n" not in told)


def test_what_unpacks_to_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(row, "_BOMB", 1 << 20)
    table = pa.table({"text": ["a" * 10_000] * 400})
    feather.write_feather(table, str(tmp_path / "rows.feather"), compression="zstd", chunksize=50)
    with pytest.raises(HeadstartError, match="looks like a bomb"):
        rows_of(tmp_path / "rows.feather")


def test_pickles_are_refused(tmp_path):
    (tmp_path / "rows.pkl").write_bytes(b"\x80\x04\x95\x00\x00")
    with pytest.raises(HeadstartError, match="a pickle of Python, which could run code"):
        rows_of(tmp_path / "rows.pkl")


def test_wrong_offsets_are_refused_and_would_end_the_process(tmp_path):
    """Offsets of texts that lie far outside of their letters; without the look at them a child is ended by a signal."""
    table = pa.table({"text": ["some words", "other words", "the last"] * 20})
    sink = io.BytesIO()
    with ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    offsets = np.array([0, 10, 21], "<i4")
    data = sink.getvalue()
    place = data.index(offsets.tobytes())
    wrong = np.array([0, 2**30, 2**30 + 5], "<i4").tobytes()
    path = tmp_path / "a.arrow"
    path.write_bytes(data[:place] + wrong + data[place + len(wrong) :])
    with pytest.raises(HeadstartError, match=r"a\.arrow: not a readable Arrow table \(.*write it again"):
        list(read_rows(str(path), Ledger()))

    def careless() -> None:
        faulthandler.disable()
        arrow.sound = lambda batch: batch
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        list(read_rows(str(path), Ledger()))

    assert Forked(careless).wait() != 0


def read(table: pa.Table, path, ledger: Ledger | None = None) -> list:
    stream_of(table, path)
    return [row.value for row in read_rows(str(path), ledger or Ledger())]


CELLS = {
    "bytes": (pa.array([b"some \xea\xb0\x80", None]), ["some 가", None]),
    "large bytes": (pa.array([b"ab", b"c"], pa.large_binary()), ["ab", "c"]),
    "bytes of one length": (pa.array([b"abc", b"def"], pa.binary(3)), ["abc", "def"]),
    "views of bytes": (pa.array([b"abc", b"d"], pa.binary_view()), ["abc", "d"]),
    "references to bytes": (pa.array([b"abc", b"d"]).dictionary_encode(), ["abc", "d"]),
    "large texts": (pa.array(["ab", "c"], pa.large_string()), ["ab", "c"]),
    "views of texts": (pa.array(["ab", "c"], pa.string_view()), ["ab", "c"]),
    "references to texts": (pa.array(["ab", "c"]).dictionary_encode(), ["ab", "c"]),
    "runs": (pa.RunEndEncodedArray.from_arrays([1, 2], ["ab", "c"]), ["ab", "c"]),
    "dates": (pa.array([datetime.date(2024, 1, 2), None]), ["2024-01-02", None]),
    "times": (pa.array([datetime.time(1, 2, 3), None]), ["01:02:03", None]),
    "moments": (pa.array([datetime.datetime(2024, 1, 2, 3, 4), None]), ["2024-01-02T03:04:00", None]),
    "spans of time": (pa.array([datetime.timedelta(hours=1), None]), ["1:00:00", None]),
    "decimals": (pa.array([decimal.Decimal("1.50"), None]), ["1.50", None]),
    "numbers": (pa.array([1, None]), [1, None]),
    "fractions": (pa.array([0.5, 1.5]), [0.5, 1.5]),
    "truth values": (pa.array([True, False]), [True, False]),
    "nothing": (pa.nulls(2), [None, None]),
    "lists": (pa.array([[1, 2], []]), [[1, 2], []]),
    "large lists": (pa.array([["a"], []], pa.large_list(pa.string())), [["a"], []]),
    "lists of one length": (pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), [[1, 2], [3, 4]]),
    "lists of references": (
        pa.array([["a", "b"], ["a"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        [["a", "b"], ["a"]],
    ),
    "records": (pa.array([{"a": 1, "b": "x"}, None]), [{"a": 1, "b": "x"}, None]),
}


@pytest.mark.parametrize("kind", CELLS)
def test_cells_are_what_other_readers_give(kind, tmp_path):
    array, cells = CELLS[kind]
    ledger = Ledger()
    table = pa.table({"text": ["one", "two"], "cell": array})
    assert [row["cell"] for row in read(table, tmp_path / "a.arrow", ledger)] == cells
    assert not any("passed over" in note for note in ledger.notes)


PASSED = {
    "vectors": pa.array([[0.5], [1.5]]),
    "vectors of one length": pa.array([[0.5], [1.5]], pa.list_(pa.float32(), 1)),
    "vectors of decimals": pa.array([[decimal.Decimal("1.5")], []]),
    "vectors of vectors": pa.array([[[0.5]], []]),
    "bytes that are no text": pa.array([b"\xff\xfe", b"some"]),
    "records with vectors": pa.array([{"a": 1, "b": [0.5]}, None]),
    "records without a field": pa.array([{}, {}], pa.struct([])),
    "maps": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
}


@pytest.mark.parametrize("kind", PASSED)
def test_other_cells_are_passed_over_and_told(kind, tmp_path):
    ledger = Ledger()
    table = pa.table({"text": ["one", "two"], "cell": PASSED[kind]})
    assert read(table, tmp_path / "a.arrow", ledger) == [{"text": "one"}, {"text": "two"}]
    assert ledger.notes == [f"{tmp_path}/a.arrow: passed over nested or binary columns cell"]
    with pytest.raises(HeadstartError, match=r"no column of texts, numbers or images \(it has: cell\)"):
        read(table.select(["cell"]), tmp_path / "b.arrow")


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ([b"\xff"] * 20, True),  # of 32 cells that are looked at
        ([b"\xff"] * 50, False),
        ([None] * 3_000, True),  # of 4,096 rows among which they are looked for
        ([None] * 6_000, False),
    ],
)
def test_a_column_of_images_is_known_by_one_of_its_first_cells(before, kept, tmp_path):
    image = flat(3)
    table = pa.table({"n": range(len(before) + 1), "image": pa.array([*before, image], pa.binary())})
    parquet.write_table(table, tmp_path / "a.parquet")
    ledger = Ledger()
    found = [row.value for row in read_rows(str(tmp_path / "a.parquet"), ledger)]
    told = any("passed over nested or binary columns image" in note for note in ledger.notes)
    assert told is (not kept and before[0] is not None)
    assert isinstance(found[-1].get("image"), ImageRef | bytes) is kept


@pytest.mark.parametrize(
    "about",
    [
        b"{broken",
        b"{}",
        b"[]",
        b'{"info": {"features": []}}',
        b'{"info": {"features": {"label": 5}}}',
        b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}',
    ],
)
def test_what_is_no_description_of_classes_is_none(about, tmp_path):
    table = pa.table({"text": ["one", "two"], "label": [0, 1]}).replace_schema_metadata({b"huggingface": about})
    assert [row["label"] for row in read(table, tmp_path / "a.arrow")] == [0, 1]


@pytest.mark.parametrize(
    ("names", "cells", "found"),
    [
        (["bad", "good"], [0, 1, 2, -1, None], ["bad", "good", None, None, None]),
        (["bad", "good"], [[0, 1], [], [2], [-1], None], [["bad", "good"], [], [None], [None], None]),
        (["bad", 5], [0, 1], [0, 1]),
        ("no list", [0, 1], [0, 1]),
    ],
)
def test_numbers_of_classes(names, cells, found, tmp_path):
    features = {"label": {"names": names, "_type": "ClassLabel"}, "text": {"names": ["x"], "_type": "Value"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"text": ["one"] * len(cells), "label": cells}).replace_schema_metadata(about)
    assert [row["label"] for row in read(table, tmp_path / "a.arrow")] == found
    assert {row["text"] for row in read(table, tmp_path / "a.arrow")} == {"one"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a=1/b=2/part.parquet", {"a": "1", "b": "2"}),
        ("/data/b%20c=x%3Dy/part.parquet", {"b c": "x=y"}),
        ("a=1/=2/c=3/part.parquet", {"c": "3"}),
        ("a=/part.parquet", {"a": ""}),
        ("a=1/a=2/part.parquet", {"a": "2"}),
        ("a=1.parquet", {}),
    ],
)
def test_columns_of_folder_names(source, found):
    assert partitions(source) == found


def test_a_column_of_the_file_counts_before_that_of_its_folder(tmp_path):
    (tmp_path / "label=x").mkdir()
    (tmp_path / "label=x/n=7").mkdir()
    found = read(pa.table({"text": ["one"], "label": ["y"]}), tmp_path / "label=x/n=7/a.arrow")
    assert found == [{"text": "one", "label": "y", "n": "7"}]


@pytest.mark.parametrize(
    "error", [pa.ArrowNotImplementedError("x"), OSError("x"), ValueError("x"), MemoryError("x"), OverflowError("x")]
)
def test_what_fails_after_rows_is_a_complaint_and_before_them_an_error(error):
    def batches(count: int):
        yield from TABLE.to_batches()[:count]
        raise error

    ledger = Ledger()
    rows = table_rows(batches(1), TableColumns(["text", "label"]), row.Source("a"), ledger, lambda held: None)
    assert [(one.value, one.line) for one in rows] == list(zip(TABLE.to_pylist(), range(1, 21)))
    assert ledger.complaints == ["a: damaged after row 20 (x); the rows before were used"]
    with pytest.raises(type(error)):
        list(table_rows(batches(0), TableColumns(["text"]), row.Source("a"), ledger, lambda held: None))


def test_what_takes_too_much_is_an_error_after_rows_too():
    def need(held: int) -> None:
        raise HeadstartError(f"{held} bytes")

    texts = sum(len(one["text"]) + len(one["label"]) for one in TABLE.to_pylist())
    with pytest.raises(HeadstartError, match=f"^{20 * 256 + texts} bytes$"):
        list(table_rows(iter(TABLE.to_batches()), TableColumns(["text"]), row.Source("a"), Ledger(), need))


@pytest.mark.parametrize(
    ("offsets", "letters"),
    [([0, 9, 3], b"abc"), ([0, -1, 3], b"abc"), ([0, 1 << 30, 3], b"abc"), ([0, 2, 3], b"ab\xff")],
)
def test_arrays_that_lie_are_not_read(offsets, letters):
    array = pa.StringArray.from_buffers(2, pa.array(offsets, pa.int32()).buffers()[1], pa.py_buffer(letters))
    with pytest.raises(pa.ArrowInvalid):
        sound(pa.record_batch([array], ["text"]))
    batch = pa.record_batch([pa.array(["abc"])], ["text"])
    assert sound(batch) is batch


def test_texts_that_are_no_utf8_are_damage(tmp_path):
    sink = io.BytesIO()
    with ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    (tmp_path / "a.arrow").write_bytes(sink.getvalue().replace(b"film 7", b"film \xff"))
    with pytest.raises(HeadstartError, match="not a readable Arrow table"):
        list(read_rows(str(tmp_path / "a.arrow"), Ledger()))


def test_many_rows_are_all_there(tmp_path):
    table = pa.table({"n": range(2_000), "tags": [[f"t{number}"] for number in range(2_000)]})
    assert read(table, tmp_path / "a.arrow") == table.to_pylist()

"""Parquet and Arrow tables: records in cells, names of classes, folder names as columns, columns without a value."""

from __future__ import annotations

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

from headstart.core.errors import HeadstartError
from headstart.data import row
from headstart.data.arrow_tables import partitions
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

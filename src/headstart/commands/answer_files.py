"""Answers written back beside the columns that were read: CSV, TSV, Excel, parquet; or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.core.errors import HeadstartError, nearest
from headstart.core.examples import ImageRef
from headstart.data.parquet_bytes import parquet_bytes

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".jsonl", ".csv", ".tsv", ".xlsx", ".parquet")
_PLACE = ("row", "file", "line", "text", "text2", "image", "image2")  # of an answer: what the columns say anyway
_FRONT = "predicted_"  # of an answer whose name a column has already
_MOST_ROWS = 1_048_575  # of a sheet, below its heading


def need_suffix(out: Path) -> None:
    """Raise HeadstartError when no file of answers ends so."""
    if out.suffix.lower() not in SUFFIXES:
        close = nearest(out.suffix.lower(), SUFFIXES)
        raise HeadstartError(f"--out {out}: answers are written as {', '.join(SUFFIXES)}{close}; choose one of these")


def rounded(classes: Sequence[str], scores_C: np.ndarray) -> dict[str, float]:
    """Return the probabilities of one row by class, as they are written."""
    return {name: round(score, 6) for name, score in zip(classes, scores_C.tolist())}


def by_column(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer with a column `p(class)` for each of its probabilities."""
    plain = {name: value for name, value in answer.items() if name != "probabilities"}
    return plain | {f"p({name})": score for name, score in answer.get("probabilities", {}).items()}


def table_rows(answers: Sequence[Mapping[str, Any]], tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per answer: the columns that were read, then the answer, see `by_column`."""
    names = list(dict.fromkeys(name for row in tables for name in row))
    out = []
    for answer, table in zip(answers, tables, strict=True):
        said = {name: value for name, value in by_column(answer).items() if name not in _PLACE}
        row = {name: table.get(name) for name in names}
        out.append(row | {(_FRONT + name if name in names else name): value for name, value in said.items()})
    return out


def json_rows(answers: Sequence[Mapping[str, Any]], tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one object per answer: the answer, then the columns that were read.

    A column whose name the answer has already (the label of a labelled row) is `given_NAME`.
    """
    out = []
    for answer, table in zip(answers, tables, strict=True):
        row = dict(answer)
        shown = (answer.get("text"), answer.get("text2"))  # under these names, whatever their columns are called
        for name, value in table.items():
            if name not in row and isinstance(value, str) and value in shown:
                continue
            if name not in row:
                row[name] = str(value) if isinstance(value, ImageRef) else value
            elif row[name] != value and not isinstance(value, ImageRef):
                row[f"given_{name}"] = value
        out.append(row)
    return out


def file_bytes(rows: Sequence[Mapping[str, Any]], suffix: str) -> bytes:
    """Return the content of a file of such rows. Raises HeadstartError: more rows than a sheet of Excel holds."""
    if suffix == ".jsonl":
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        return "".join(lines).encode("utf-8", "surrogatepass")
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    if suffix == ".parquet":
        return parquet_bytes({name: [row[place] for row in cells] for place, name in enumerate(names)})
    if suffix == ".xlsx":
        return _sheet(names, cells)
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
    table.writerows([names, *cells])
    # The byte-order mark is what Excel knows UTF-8 by.
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """Return a value as one cell holds it: labels between bars, other lists and objects as JSON."""
    if isinstance(value, ImageRef):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return "|".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple | dict) else value


def _sheet(names: Sequence[str], cells: Sequence[Sequence[Any]]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if len(cells) > _MOST_ROWS:
        raise HeadstartError(f"{len(cells):,} rows: a sheet of Excel holds {_MOST_ROWS:,}; write .csv or .parquet")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("answers")

    def written(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
        cell.data_type = "s"  # a text that begins with = is no formula
        return cell

    for row in (names, *cells):
        sheet.append([written(value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()

"""Guessing the columns of item and label: by common names, else from the contents of the first rows."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from headstart.core.errors import HeadstartError, nearest
from headstart.core.examples import ImageRef
from headstart.data.row import Row, refuse

TEXT_NAMES = (
    *("text", "document", "sentence", "sentence1", "review", "content", "contents", "comment", "comments", "utterance"),
    *("context", "question", "question1", "query", "premise", "message", "body", "abstract", "article", "description"),
    *("문장", "본문", "내용", "리뷰", "후기", "댓글", "질문", "초록"),
)
# Of what a text is called: chosen where no other column holds much longer texts.
HEADING_NAMES = ("title", "subject", "headline", "제목")
# What tells of a text where it is from: chosen where nothing else is there, however long it is.
_ORIGIN_NAMES = (
    *("id", "attribution", "source", "url", "link", "href", "license", "licence", "author", "user", "date", "time"),
    *("path", "file", "filename", "출처", "링크", "작성자", "날짜", "라이선스"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "category", "intent", "target", "sentiment", "topic", "is_duplicate", "gold_label"),
    *("polarity", "score", "rating", "y", "라벨", "레이블", "분류", "감성", "감정", "카테고리", "범주"),
)
SECOND_NAMES = ("text2", "sentence2", "question2", "hypothesis", "sentence_b", "text_b")
MOST_COLUMNS = 1 << 16
SAMPLE_ROWS = 200
SAMPLE_SIZE = 1 << 24  # characters of these rows, with `_CELL` for every cell
_CELL = 16
_SHOWN = 30  # names of columns in a message
_LONGEST_LIST = 1 << 20  # characters of a text that may write out a value
_MUCH_LONGER = 2.0
_FAR_LONGER = 4.0
_FEW = 5  # rows that may hold one text by chance
_CODE = 5  # characters on average, below which a column of a common name may hold codes
_NO_TEXT = re.compile(r"https?://\S*|www\.\S*|[-+]?[\d.,:/ %-]+|\d{4}-\d\d-\d\d.*", re.DOTALL)  # links, numbers, dates


def cell(value: Any) -> str | None:
    """Return a cell as text; None for a missing cell, a list or an object. 'nan', 'null' and 'NA' are text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, list | dict):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def written_out(text: str) -> Any:
    """Return the value that a text writes out as JSON or as Python does; None: it writes out none, or is very long."""
    for read in (json.loads, ast.literal_eval) if len(text) <= _LONGEST_LIST else ():
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return read(text.strip())
    return None


def check_column(what: str, given: str, columns: Sequence[str], source: str) -> str:
    """Return the column's name. Raises HeadstartError with the nearest one when the file has no such column."""
    if given in columns:
        return given
    raise HeadstartError(
        f"{source}: no {what} column '{given}'{nearest(given, columns)} (columns: {shown_names(columns)})"
    )


class Cells(dict[str, Any]):
    """The cells of several label columns by name; a JSON object in one cell is a plain dict."""


def named_columns(given: str) -> list[str]:
    """Return the names of columns between commas."""
    return [part.strip() for part in given.split(",")]


def label_columns(given: str, columns: Sequence[str], source: str) -> list[str]:
    """Return the columns that labels are read from: one, or several that are named between commas.

    Raises HeadstartError with the nearest one when the file has no such column.
    """
    parts = [given] if given in columns else named_columns(given)
    return [check_column("label", part, columns, source) for part in parts]


def label_cell(row: Mapping[str, Any], column: str | None) -> Any:
    """Return the cell of the label column; of several columns, `hate,bias`, their cells by name."""
    if column is None or column in row or "," not in column:
        return row.get(column)
    return Cells((name, row.get(name)) for name in named_columns(column))


def guess_text(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str] = ()) -> tuple[str, str]:
    """Return (column, why) of the text, or of the image where no column has a common name of texts.

    Raises HeadstartError when no column holds texts or images.
    """
    columns = [name for name in columns_of(rows) if name not in avoid]
    images = [name for name in columns if any(isinstance(row.get(name), ImageRef) for row in rows)]
    written = set(columns).difference(images)
    texts = [name for name in columns if name in written and _holds_texts(rows, name)]
    default, heading = _common(texts, TEXT_NAMES), _common(texts, HEADING_NAMES)
    lengths = {name: _mean_length(rows, name) for name in columns}
    said = [name for name in columns if name.strip().casefold() not in _ORIGIN_NAMES and lengths[name]]
    holding = set(texts)
    said = [name for name in said if name in holding] or said
    best = max(said or columns, key=lambda name: lengths[name], default=None)
    if default is None and heading is not None and lengths[best] < _MUCH_LONGER * lengths[heading]:
        default = heading
    if default is not None and lengths[default] < _CODE and lengths[best] > _FAR_LONGER * lengths[default]:
        default = None  # numbers of questions beside their answers
    if default is not None:
        return default, "a common name"
    if images:
        return images[0], "it holds images"
    if best is None or lengths[best] == 0:
        raise HeadstartError(
            f"{source}: no column holds texts or images (columns: {shown_names(columns_of(rows))}); "
            "name it with --column or --text"
        )
    return best, f"the longest, {lengths[best]:.0f} characters on average"


def guess_label(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
    """Return (column, why) of the label. Raises HeadstartError when none has a common name or few values."""
    columns = [name for name in columns_of(rows) if name not in avoid]
    if (default := _common(columns, LABEL_NAMES)) is not None:
        return default, "a common name"
    values = {name: {cell(row.get(name)) for row in rows} for name in columns}
    few = [name for name in columns if 2 <= len(values[name]) <= max(2, len(rows) // 4)]
    if len(few) != 1:
        raise HeadstartError(
            f"{source}: which column is the label? name it with --label (columns: {shown_names(columns_of(rows))})"
        )
    (found,) = few
    return found, f"{len(values[found])} different values in the first {len(rows)} rows"


def columns_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return every column of `rows` in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def shown_names(names: Sequence[str]) -> str:
    """Return names of columns for a message, the first ones of very many."""
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


def need_columns(count: int, source: str) -> None:
    """Raise HeadstartError where a table has more columns than are read."""
    if count > MOST_COLUMNS:
        raise refuse(source, f"more than {MOST_COLUMNS:,} columns", "give those of the texts and labels alone")


def sample_rows(rows: Iterator[Row]) -> list[Row]:
    """Return the first rows, by which columns are told: 200, or fewer where they hold many cells or much text.

    Raises HeadstartError: they have more columns than are read.
    """
    head: list[Row] = []
    left, names = SAMPLE_SIZE, set()
    for row in islice(rows, SAMPLE_ROWS):
        head.append(row)
        names.update(row.value if isinstance(row.value, dict) else ())
        need_columns(len(names), row.source)
        left -= _size(row.value)
        if left < 0:
            break
    return head


def _size(value: Any) -> int:
    """Return the characters of a value, with `_CELL` for itself and every value in it."""
    size, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        size += _CELL
        if isinstance(one, str | bytes):
            size += len(one)
        elif isinstance(one, dict | list | tuple):
            waiting.extend(one.values() if isinstance(one, dict) else one)
    return size


def _holds_texts(rows: Sequence[dict[str, Any]], name: str) -> bool:
    """Whether most cells of a column are words, and not the same in all of several rows."""
    cells = [value.strip() for row in rows if isinstance(value := row.get(name), str) and value.strip()]
    words = [one for one in cells if not _NO_TEXT.fullmatch(one)]
    return 2 * len(words) >= len(cells) > 0 and (len(set(cells)) > 1 or len(cells) < _FEW)


def _common(columns: Sequence[str], default: Sequence[str]) -> str | None:
    folded = {name.strip().casefold(): name for name in reversed(columns)}
    return next((folded[name] for name in default if name in folded), None)


def _mean_length(rows: Sequence[dict[str, Any]], name: str) -> float:
    lengths = [len(value) for row in rows if isinstance(value := row.get(name), str)]
    return sum(lengths) / len(rows) if lengths else 0.0

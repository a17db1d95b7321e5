"""Which column holds the text, which the label: by usual names, else by looking at the first rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.base.errors import HeadstartError, nearest

TEXT_NAMES = (
    *("text", "document", "sentence", "sentence1", "review", "content", "contents", "comment", "comments", "utterance"),
    *(
        "context",
        "question",
        "question1",
        "query",
        "premise",
        "message",
        "body",
        "title",
        "문장",
        "본문",
        "내용",
        "리뷰",
        "댓글",
        "질문",
    ),
)
LABEL_NAMES = (
    *("label", "labels", "class", "category", "intent", "target", "sentiment", "topic", "is_duplicate", "gold_label"),
    *("polarity", "score", "rating", "y", "라벨", "분류"),
)
SECOND_NAMES = ("text2", "sentence2", "question2", "hypothesis", "sentence_b", "text_b")
SAMPLE_ROWS = 200


def cell(value: Any) -> str | None:
    """Return a cell as text; None when it is missing or no single value. 'nan', 'null' and 'NA' are text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, list | dict):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_column(what: str, given: str, columns: Sequence[str], source: str) -> str:
    """Return the column's name. Raises HeadstartError with the nearest one when the file has no such column."""
    if given in columns:
        return given
    raise HeadstartError(
        f"{source}: no {what} column '{given}'{nearest(given, columns)} (columns: {', '.join(columns)})"
    )


def guess_text(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str] = ()) -> tuple[str, str]:
    """Return (column, why) of the text. Raises HeadstartError when no column holds strings."""
    columns = [name for name in columns_of(rows) if name not in avoid]
    if (usual := _usual(columns, TEXT_NAMES)) is not None:
        return usual, "a usual name"
    lengths = {name: _mean_length(rows, name) for name in columns}
    best = max(columns, key=lambda name: lengths[name], default=None)
    if best is None or lengths[best] == 0:
        raise HeadstartError(
            f"{source}: no column holds text (columns: {', '.join(columns_of(rows))}); name it with --column or --text"
        )
    return best, f"the longest, {lengths[best]:.0f} characters on average"


def guess_label(rows: Sequence[dict[str, Any]], source: str, avoid: Sequence[str]) -> tuple[str, str]:
    """Return (column, why) of the label. Raises HeadstartError when none has a usual name or few values."""
    columns = [name for name in columns_of(rows) if name not in avoid]
    if (usual := _usual(columns, LABEL_NAMES)) is not None:
        return usual, "a usual name"
    values = {name: {cell(row.get(name)) for row in rows} for name in columns}
    few = [name for name in columns if 2 <= len(values[name]) <= max(2, len(rows) // 4)]
    if len(few) != 1:
        raise HeadstartError(
            f"{source}: which column is the label? name it with --label (columns: {', '.join(columns_of(rows))})"
        )
    return few[0], f"{len(values[few[0]])} different values in the first {len(rows)} rows"


def columns_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return every column of `rows` in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _usual(columns: Sequence[str], usual: Sequence[str]) -> str | None:
    folded = {name.strip().casefold(): name for name in reversed(columns)}
    return next((folded[name] for name in usual if name in folded), None)


def _mean_length(rows: Sequence[dict[str, Any]], name: str) -> float:
    lengths = [len(value) for row in rows if isinstance(value := row.get(name), str)]
    return sum(lengths) / len(rows) if lengths else 0.0

"""Rows that are in memory already: columns of pandas, polars, pyarrow and datasets, generators, as lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from headstart.core.errors import HeadstartError

_NOTHING = ("NAType", "NaTType", "MaskedConstant")  # of pandas and numpy


def is_absent(value: Any) -> bool:
    """Whether a value is None, NaN, or what pandas and numpy write for a missing value."""
    named = value is None or type(value).__name__ in _NOTHING
    return named or (isinstance(value, float | np.floating) and bool(value != value))


def listed(values: Any) -> Any:
    """Return a column, a table of pyarrow, or any other iterable as a list; arrays, frames and lists as they are.

    Raises HeadstartError: one text alone.
    """
    if isinstance(values, str | bytes):
        raise HeadstartError("X is one text; give a list of texts")
    if hasattr(values, "to_pylist") and hasattr(values, "columns"):  # a table of pyarrow
        return list(zip(*(column.to_pylist() for column in values.columns)))
    if hasattr(values, "to_pylist"):  # a column of pyarrow
        return values.to_pylist()
    if hasattr(values, "to_list") and not hasattr(values, "columns"):  # a column of pandas or polars
        return values.to_list()
    if isinstance(values, list) or hasattr(values, "dtype") or hasattr(values, "columns") or hasattr(values, "tocsr"):
        return values
    return list(values) if isinstance(values, Iterable) else values

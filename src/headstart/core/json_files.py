"""JSON as headstart writes and reads it: whole, in UTF-8, without numbers or depths that no file of ours has."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.core.errors import HeadstartError
from headstart.core.files import write_bytes

_OWN_SUM = "sha256"
_DEEPEST, _DIGITS = 100, 300  # containers in containers; digits of a whole number, which a float holds
_LONG_NUMBER = re.compile(rb"\d{300}|\d[eE]\+?\d{3}")
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def json_bytes(data: Any) -> bytes:
    """Return JSON as it is written: UTF-8, indented, non-ASCII kept readable; no NaN, which JSON has not."""
    return (json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def write_json(path: Path, data: Any) -> None:
    """Write JSON; see `json_bytes` and `write_bytes`. Raises DiskError."""
    write_bytes(path, json_bytes(data))


def certified(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON data with a SHA-256 of the rest, for a file that no manifest may list yet; see `need_certified`."""
    return {**data, _OWN_SUM: _sum_of(data)}


def need_certified(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a file that `certified` made, without the sum. Raises HeadstartError: they were changed."""
    rest = {name: value for name, value in data.items() if name != _OWN_SUM}
    if data.get(_OWN_SUM) != _sum_of(rest):
        raise HeadstartError(f"{path}: was changed, its SHA-256 is not the one that it holds")
    return rest


def _sum_of(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def read_json(path: Path) -> Any:
    """Read JSON. Raises HeadstartError that names the file, and the line where there is one: missing or damaged,
    nested deeper than 100, a number that no computer number holds, text that cannot be written again."""
    try:
        return parsed_json(path.read_bytes())
    except FileNotFoundError:
        raise HeadstartError(f"{path}: no such file") from None
    except (IsADirectoryError, NotADirectoryError):
        raise HeadstartError(f"{path}: a folder, expected a file") from None
    except (ValueError, RecursionError) as error:
        raise HeadstartError(f"{path}: not valid JSON ({error or 'nested too deep'})") from None


def parsed_json(data: bytes) -> Any:
    """Return the value of JSON in UTF-8. Raises ValueError, which UnicodeDecodeError is too, or RecursionError.

    NaN and infinity, which JSON has not, are refused, and so are half characters (lone surrogates).
    """
    how: dict[str, Any] = {"parse_constant": _no_number}
    if _LONG_NUMBER.search(data):  # a function of our own for each number takes ten times as long
        how |= {"parse_int": _whole, "parse_float": _finite}
    value = json.loads(data.decode("utf-8"), **how)
    if _HALF_CHARACTER.search(data):
        json.dumps(value, ensure_ascii=False).encode()
    if data.count(b"[") + data.count(b"{") > _DEEPEST:
        _need_shallow(value)
    return value


def _need_shallow(value: Any) -> None:
    """Raise ValueError where containers are nested deeper than any file of ours or of others."""
    level, depth = [value], 1
    while level := [
        inner
        for one in level
        for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        if isinstance(inner, dict | list)
    ]:
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST}")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number of {len(text):,} digits, {text[:10]}…")
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"the number {text[:20]} is too large")
    return number

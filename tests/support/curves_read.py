"""Curves as other programs read them: TensorBoard's own reader, the transaction log of wandb, the table."""

from __future__ import annotations

import csv
import json
import struct
from pathlib import Path

Points = list[tuple[str, str, int, float]]  # curve, scalar, step, value
_BLOCK = 32_768


def points(logger: str, log: Path) -> Points:
    """Return every point below the folder `log`, in the order in which it is read."""
    return READERS[logger](log)


def _of_csv(log: Path) -> Points:
    with open(log / "curves.csv", encoding="utf-8", newline="") as stream:
        return [(row["curve"], row["scalar"], int(row["step"]), float(row["value"])) for row in csv.DictReader(stream)]


def _of_tensorboard(log: Path) -> Points:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found, home = [], log / "tensorboard"
    for folder in sorted({path.parent for path in home.rglob("events.*")}):
        curve = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        curve.Reload()
        name = folder.relative_to(home).as_posix()
        found += [(name, tag, one.step, one.value) for tag in curve.Tags()["scalars"] for one in curve.Scalars(tag)]
    return found


def _of_wandb(log: Path) -> Points:
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for path in sorted(log.rglob("*.wandb")):
        for data in _records(path.read_bytes()):
            history = Record.FromString(data).history
            values = {one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in history.item}
            curve = next((name.removesuffix("/step") for name in values if name.endswith("/step")), "")
            rest = {name.removeprefix(f"{curve}/"): value for name, value in values.items() if name[0] != "_"}
            step = rest.pop("step", None)
            found += [(curve, name, step, value) for name, value in rest.items() if curve]
    return found


def _records(data: bytes) -> list[bytes]:
    """Return the records of a log in LevelDB's format behind a head of 7 bytes; a torn last record is left out."""
    found, at, parts = [], 7, b""
    while at + 7 <= len(data):
        if _BLOCK - at % _BLOCK < 7:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if kind == 0 or at + 7 + length > len(data):
            break
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or last of several
            found.append(parts)
            parts = b""
    return found


READERS = {"csv": _of_csv, "tensorboard": _of_tensorboard, "wandb": _of_wandb}

"""JSON as the kinds say that it is, inside containers too: one line with file, key, what was given, what is allowed."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from headstart.core import migration
from headstart.core.artefact_files import StateFile
from headstart.core.errors import HeadstartError
from headstart.core.kinds import Count, Positive, Share, Within
from headstart.core.spec_base import checked


class Inner(TypedDict, total=False):
    names: list[str]
    pair: tuple[int, float]


class File(TypedDict):
    count: Count
    share: Share
    kind: Literal["a", 1]
    inner: Inner
    by_number: dict[int, Positive]
    low: NotRequired[Annotated[float, Within(-1, 1)] | None]
    rest: NotRequired[dict[str, Any]]


GOOD = {"count": 3, "share": 1, "kind": "a", "inner": {"names": ["x"], "pair": [1, 2]}, "by_number": {"8": 2}}


def test_what_fits_is_taken():
    found = checked("f.json:", GOOD | {"low": None, "rest": {"any": [1, {}]}}, File)
    assert found["share"] == 1.0
    assert type(found["share"]) is float
    assert found["inner"]["pair"] == (1, 2.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": -1}, "f.json: count=-1: expected a whole number of at least 0"),
        ({"count": True}, "f.json: count=True: expected"),
        ({"count": 2.0}, "f.json: count=2.0: expected"),
        ({"count": 10**20}, "f.json: count=100000000000000000000: expected"),
        ({"share": 1.5}, "f.json: share=1.5: expected a number between 0 and 1"),
        ({"share": "1"}, "f.json: share='1': expected"),
        ({"kind": True}, "f.json: kind=True: expected a | 1"),
        ({"kind": []}, "f.json: kind=[]: expected a | 1"),
        ({"inner": None}, "f.json: inner=None: expected an object"),
        ({"inner": {"names": ["x", 5]}}, "f.json: inner.names[1]=5: expected text"),
        ({"inner": {"pair": [1]}}, "f.json: inner.pair=[1]: expected a list"),
        ({"inner": {"name": []}}, "f.json: inner: unknown key 'name'; did you mean 'names'?"),
        ({"by_number": {"8": 0}}, "f.json: by_number.8=0: expected a whole number of at least 1"),
        ({"by_number": {"x": 1}}, "f.json: by_number: unknown key 'x'"),
        ({"low": -2}, "f.json: low=-2: expected a number between -1 and 1 or none"),
        ({"steps": 1}, "f.json: unknown key 'steps'"),
        ({"rest": "x" * 1_000_000}, "expected an object"),
    ],
)
def test_what_does_not_fit_is_one_line(change, said):
    with pytest.raises(HeadstartError) as raised:
        checked("f.json:", GOOD | change, File)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("name", ["count", "share", "kind", "inner", "by_number"])
def test_what_is_missing_is_named(name):
    with pytest.raises(HeadstartError, match=rf"^f\.json: {name} is missing \(expected "):
        checked("f.json:", {key: value for key, value in GOOD.items() if key != name}, File)


STATE = {"format": 2, "step": 4, "seconds": 1.0, "units": 8, "samples": 2, "loss": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [({"step": -1}, "step=-1"), ({"step": "x"}, "step='x'"), ({"__class__": 1}, "unknown key '__class__'")]
    + [({"seconds": -0.5}, "seconds=-0.5"), ({"format": True}, "format True"), ({"format": 3}, "format 3")],
)
def test_a_state_is_what_it_can_be(tmp_path, change, said):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(STATE | change))
    with pytest.raises(HeadstartError) as raised:
        migration.read_versioned(path, migration.state)
    assert str(raised.value).startswith(f"{path}: ")
    assert said in str(raised.value)
    path.write_text(json.dumps(STATE))
    assert checked("", migration.read_versioned(path, migration.state), StateFile)["step"] == 4

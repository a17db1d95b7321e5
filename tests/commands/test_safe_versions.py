"""Versions with published faults: doctor names them, pyproject.toml admits none, SECURITY.md lists the same."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from headstart.commands.safe_versions import FLOORS, unsafe_packages

CHECKOUT = Path(__file__).parents[2]


def required() -> list[Requirement]:
    """The requirements of headstart and of its extras."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return [
        Requirement(one)
        for some in (project["dependencies"], *project["optional-dependencies"].values())
        for one in some
    ]


def admitted(requirements: list[Requirement]) -> list[str]:
    """The requirements that let a version below its floor in."""
    floors = {floor.package: Version(floor.version) for floor in FLOORS}
    found = []
    for one in requirements:
        lowest = [Version(part.version) for part in one.specifier if part.operator == ">="]
        if one.name in floors and not (lowest and max(lowest) >= floors[one.name]):
            found.append(str(one))
    return found


def test_no_version_below_a_floor_is_admitted():
    assert {floor.package for floor in FLOORS} <= {one.name for one in required()}
    assert admitted(required()) == []


def test_a_requirement_that_admits_one_is_found():
    planted = [Requirement("torch>=2.6"), Requirement("pillow"), Requirement("numpy<3"), Requirement("rich>=1")]
    assert admitted(planted) == ["torch>=2.6", "pillow", "numpy<3"]


def test_this_environment_has_none():
    assert list(unsafe_packages()) == []


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.package)
def test_doctor_names_an_old_version(program, monkeypatch, floor):
    real, old = metadata.version, f"0.{floor.version}"
    monkeypatch.setattr(metadata, "version", lambda name: old if name == floor.package else real(name))
    found = program("doctor")
    told = [line for line in found.out.splitlines() if floor.advisory in line]
    wanted = f"pip install '{floor.package}>={floor.version}'"
    assert told == [f"FAULT {floor.package} {old} has a published fault ({floor.advisory}): {wanted}"]
    assert found.code == 1


@pytest.mark.parametrize(("version", "said"), [("2.9.1+cpu", 1), ("2.10.0", 0), ("2.10.0+cu128", 0), (None, 0)])
def test_where_the_floor_lies(monkeypatch, version, said):
    def installed(name):
        if name != "torch" or version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    assert len(list(unsafe_packages())) == said


def test_the_page_lists_the_same():
    page = (CHECKOUT / "SECURITY.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \| ([\w-]+):", page, re.MULTILINE)
    assert listed == [tuple(floor) for floor in FLOORS]

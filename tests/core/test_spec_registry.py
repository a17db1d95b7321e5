"""Specs and the registry: round trips, teaching errors, names without imports."""

from __future__ import annotations

import subprocess
import sys
import types
from dataclasses import dataclass

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.spec import MetricSpec, RouteSpec, Spec

EVERY = [(axis, name) for axis in registry.axes() for name in registry.names(axis)]


@dataclass(frozen=True, kw_only=True)
class Sample(Spec):
    rate: float = 0.5
    steps: int | None = None
    flag: bool = False


@pytest.mark.parametrize(("axis", "name"), EVERY)
def test_every_choice_loads_describes_and_round_trips(axis, name):
    assert len(registry.describe(axis, name)) > 20
    spec = registry.load(axis, name)()
    assert spec.name == name
    assert registry.build_spec(axis, spec.to_dict()) == spec
    assert type(spec).__doc__


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("rate", "0.25", 0.25),
        ("rate", "1e-3", 1e-3),
        ("steps", "none", None),
        ("steps", "1_000", 1000),
        ("flag", "true", True),
    ],
)
def test_text_is_parsed_by_type(field, text, value):
    assert getattr(Sample().with_settings([(field, text)]), field) == value


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("raet", "1", "did you mean 'rate'"),
        ("rate", "fast", "expected a number"),
        ("steps", "1.5", "a whole number or none"),
    ],
)
def test_wrong_settings_teach(field, text, words):
    with pytest.raises(HeadstartError, match=words):
        Sample().with_settings([(field, text)])


def test_wrong_data_teaches():
    with pytest.raises(HeadstartError, match="expected true or false"):
        Sample.from_dict({"flag": 3})
    with pytest.raises(HeadstartError, match="did you mean 'halves'"):
        registry.load("objective", "halfs")


@pytest.mark.parametrize(("name", "fits"), [("mine", True), ("other", False)])
def test_the_module_of_an_entry_point_is_called_like_the_choice(monkeypatch, name, fits):
    module = types.ModuleType("their_package.mine")
    module.Mine = type("Mine", (MetricSpec,), {"__module__": module.__name__})
    monkeypatch.setattr(registry, "_entry_points", lambda axis: {name: types.SimpleNamespace(load=lambda: module)})
    if fits:
        assert registry.load("metric", name)().name == name
        return
    with pytest.raises(HeadstartError, match=r"'their_package\.mine'; the module must be called 'other' too"):
        registry.load("metric", name)


def test_a_route_says_only_what_is_special():
    route = RouteSpec()
    assert (route.needs, route.classical, route.refuses(None, None)) == ("nothing", False, None)


def test_names_and_descriptions_need_no_torch():
    code = (
        "import sys; from headstart.core import registry\n"
        "[registry.describe(a, n) for a in registry.axes() for n in registry.names(a)]\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_dash_is_an_underscore():
    assert registry.load("route", "few-shot") is registry.load("route", "few_shot")

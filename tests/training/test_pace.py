"""training/pace: what a budget buys by measured steps, and that measuring them changes nothing of the run."""

from __future__ import annotations

import dataclasses
import json

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.files import is_leftover
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts
from headstart.training import curves, pace
from headstart.training.curves import logging_curves
from headstart.training.pace import Forecast, Pace, forecast
from headstart.training.plan import TrainPlan
from headstart.training.run import train_run

PACE = Pace(step=0.5, units=1_000, unit="tokens", evaluation=1.0, saving=0.25, before=300, memory=400)


@pytest.fixture
def spec(tmp_path):
    """A small masked language model on a hundred documents."""
    words = [f"word{number}" for number in range(15)]
    lines = [" ".join(words[(line * 7 + place) % len(words)] for place in range(9)) for line in range(400)]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
    facts = Facts({"paths": [str(tmp_path / "texts.txt")], "unit": "line"}, 2.0, None)
    recipe, _ = choose_recipe("mlm", facts)
    return recipe.resolve(facts).override(["backbone.width=32", "backbone.depth=1", "backbone.heads=2", "held_out=0.1"])


def test_steps_are_what_evaluations_and_checkpoints_leave():
    found = forecast(TrainPlan(seconds=100.0), PACE, preparing=20.0)
    # Two evaluations at the ends and two on the way (1 s after every 40), one checkpoint on the way: 95.75 s of steps.
    assert found.steps == round(95.75 / 0.5)
    assert found.units == found.steps * 1_000
    assert found.seconds == pytest.approx(120.25)
    assert found.preparing == 20.0
    assert found.memory == 475  # the 100 MB of the first steps become 175


def test_the_memory_of_longer_runs_grows_more():
    minutes = (0.1, 2, 5, 10, 20, 30, 600)
    found = [forecast(TrainPlan(seconds=60.0 * each), PACE, preparing=0.0).memory for each in minutes]
    assert (found[0], found[1], found[3], found[5], found[6]) == (475, 475, 550, 590, 590)
    assert 475 < found[2] < 550 < found[4] < 590


def test_steps_that_are_asked_for_end_a_run_early():
    assert forecast(TrainPlan(seconds=100.0, steps=10), PACE, preparing=0.0).seconds == pytest.approx(5 + 2 + 0.25)
    assert forecast(TrainPlan(steps=10), PACE, preparing=0.0).steps == 10
    assert forecast(TrainPlan(seconds=0.1), PACE, preparing=0.0).steps == 1


def test_a_run_says_what_was_planned_beside_what_came(spec, tmp_path):
    told: list[str] = []
    train_run(spec, tmp_path / "run", say=told.append)
    assert any(line.startswith("plan: ") for line in told)
    (line,) = [line for line in told if line.startswith("planned / actual: ")]
    assert line.endswith(" MB")
    both = json.loads((tmp_path / "run" / "run.json").read_text())["forecast"]
    planned, actual = Forecast(**both["planned"]), Forecast(**both["actual"])
    assert planned.beside(actual) == line
    assert actual.steps == json.loads((tmp_path / "run" / "run.json").read_text())["result"]["step"]
    assert 0 < planned.preparing < planned.seconds
    assert actual.seconds == pytest.approx(planned.seconds, abs=5.0)  # on a busy machine


def test_the_trial_changes_no_number_and_leaves_no_file(spec, tmp_path, monkeypatch):
    spec = dataclasses.replace(spec, training=dataclasses.replace(spec.training, steps=3, seconds=1e6))
    monkeypatch.setattr("headstart.training.run.trial_seconds", lambda plan: 0.05)
    losses = []
    for name in ("tried", "plain"):
        if name == "plain":
            monkeypatch.setattr("headstart.training.run._paced", lambda spec, home, run: (run, None))
        result = train_run(spec, tmp_path / name, say=lambda text: None)
        losses.append([event.loss for event in result.fit.evaluations] + [result.fit.loss])
    assert losses[0][0] == losses[1][0]  # before the first step
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)  # the clock is a part of the learning rate
    for name in ("tried", "plain"):
        assert not any(is_leftover(path.name) for path in (tmp_path / name).iterdir())
    assert "forecast" in json.loads((tmp_path / "tried" / "run.json").read_text())


def test_a_disk_without_room_for_a_checkpoint_is_told_before_training(spec, tmp_path, monkeypatch):
    def full(self, state):
        raise HeadstartError(f"{self.folder}: the disk is full")

    monkeypatch.setattr(pace.Checkpoints, "save", full)
    with pytest.raises(HeadstartError, match="the disk is full"):
        train_run(spec, tmp_path / "run", say=lambda text: None)
    assert not (tmp_path / "run").exists()  # the mended command just works


def test_the_trial_has_no_curve(spec, tmp_path):
    loggers = [registry.load("logger", "csv")()]
    with logging_curves(loggers, tmp_path / "run"):
        train_run(spec, tmp_path / "run", say=lambda text: None)
        assert curves.listeners_of_fit(0) != []  # those outside a trial have one
    table = (tmp_path / "run" / "log" / "curves.csv").read_text()
    assert "pretrain" in table
    assert {line.split(",")[0] for line in table.splitlines()[1:]} == {"pretrain"}

"""Every logger writes each scalar of a fit where its program reads it, and goes on after a stop without doubling."""

from __future__ import annotations

import json
import math
import os
import sys
from collections import Counter

import curves_read
import pytest
from small_parts import TextBatches, documents, pair

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.training.checkpoint import Checkpoints, restore
from headstart.training.curves import curve, listeners_of_fit, logging_curves
from headstart.training.events import Event
from headstart.training.loop import Stop, fit, start_state
from headstart.training.metrics_file import MetricsFile
from headstart.training.plan import TrainPlan

NAMES = registry.names("logger")
PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}
STEPS, STOPPED, SAVED = 12, 9, 6


@pytest.fixture(params=NAMES)
def logger(request, monkeypatch):
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    return request.param


def trained(folder, logger: str, *, until: int = STEPS, resume: bool = False) -> None:
    """Train for `until` steps, from the checkpoint of step SAVED on where `resume`; metrics.jsonl beside the curves."""
    parts = pair("mlm", "modernbert")
    batches = TextBatches(parts.processor, documents(), size=16)
    unseen = [TextBatches(parts.processor, documents(32, seed=99), size=32).at(0)]
    plan = TrainPlan(steps=STEPS, learning_rate=1e-3, dtype="fp32", evaluate_steps=4, save_steps=SAVED)
    state, kept, stop = start_state(parts.objective, parts.backbone, plan), Checkpoints(folder / "kept"), Stop()
    if resume:
        restore(state, kept.folder / f"step-{SAVED:09d}")

    def stopper(event):
        stop.requested = event.step == until < STEPS

    metrics = MetricsFile(folder / "metrics.jsonl")
    with logging_curves([registry.load("logger", logger)()], folder), curve("pretrain"):
        fit(state, batches, plan, [metrics, stopper], held_out=unseen, saver=kept, stop=stop)
    metrics.close()


def expected(folder) -> dict[tuple[str, int], float]:
    """Return the losses of metrics.jsonl by scalar and step."""
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    names = {"step": "loss", "evaluation": "held_out/loss"}
    return {(names[one["kind"]], one["step"]): one["loss"] for one in events if one["kind"] in names}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_read_back_is_what_was_measured(logger, tmp_path):
    trained(tmp_path, logger, until=STOPPED)
    trained(tmp_path, logger, resume=True)
    found = curves_read.points(logger, tmp_path / "log")
    assert {name for name, *_ in found} == {"pretrain"}
    assert max(Counter(point[:3] for point in found).values()) == 1
    steps = [step for _, scalar, step, _ in found if scalar == "loss"]
    assert sorted(steps) == list(range(1, STEPS + 1))
    values = {(scalar, step): value for _, scalar, step, value in found}
    for (scalar, step), loss in expected(tmp_path).items():
        assert values[scalar, step] == pytest.approx(loss, abs=1e-5)
    assert {scalar for scalar, _ in values} >= {"learning_rate", "units_per_second", "held_out/accuracy"}
    assert values["units_per_second", STEPS] > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_that_lost_its_checkpoint_does_not_double_either(logger, tmp_path):
    trained(tmp_path, logger, until=STOPPED)
    trained(tmp_path, logger)  # from step 0 again
    found = curves_read.points(logger, tmp_path / "log")
    assert max(Counter(point[:3] for point in found).values()) == 1
    assert sorted(step for _, scalar, step, _ in found if scalar == "loss") == list(range(1, STEPS + 1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_loss_that_is_no_number_is_written_as_none(logger, tmp_path):
    with logging_curves([registry.load("logger", logger)()], tmp_path), curve("pretrain"):
        (listener,) = listeners_of_fit(0)
        for step, loss in ((1, 2.0), (2, math.nan), (3, 1.0)):
            listener(Event("step", step, step / 3, float(step), loss=loss, learning_rate=1e-3))
    found = curves_read.points(logger, tmp_path / "log")
    losses = {step: value for _, scalar, step, value in found if scalar == "loss"}
    assert (losses[1], losses[3]) == (2.0, 1.0)
    assert math.isnan(float(losses[2]))


def test_fits_of_one_name_are_curves_of_their_own(tmp_path):
    with logging_curves([registry.load("logger", "csv")()], tmp_path):
        for step in (1, 2):
            with curve("choice"), curve("rate-0.1"):
                (listener,) = listeners_of_fit(0)
                listener.writer.write(step, {"loss": float(step)})
    found = curves_read.points("csv", tmp_path / "log")
    assert found == [("choice/rate-0.1", "loss", 1, 1.0), ("choice/rate-0.1-2", "loss", 2, 2.0)]
    assert listeners_of_fit(0) == []


def test_a_torn_line_of_a_killed_writer_is_left_out(tmp_path):
    trained(tmp_path, "csv", until=STOPPED)
    table = tmp_path / "log" / "curves.csv"
    table.write_text(table.read_text() + "pretrain,9,lo")
    trained(tmp_path, "csv", resume=True)
    assert max(Counter(point[:3] for point in curves_read.points("csv", tmp_path / "log")).values()) == 1


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_missing_package_is_one_line_that_says_how_to_get_it(name, monkeypatch, tmp_path):
    for known in [one for one in sys.modules if one.split(".")[0] == PACKAGES[name]]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(HeadstartError, match=rf"pip install 'headstart\[{name}\]'"):
        registry.load("logger", name)().open(tmp_path)


def test_nobody_logged_in_is_one_line(monkeypatch, tmp_path):
    pytest.importorskip("wandb")
    for name in [one for one in os.environ if one.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with pytest.raises(HeadstartError, match="WANDB_MODE=offline"):
        registry.load("logger", "wandb")().open(tmp_path)

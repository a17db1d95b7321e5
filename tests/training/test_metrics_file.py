"""metrics.jsonl: strict JSON whatever is told, and no torn or backward line in it after a kill and a resume."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import headstart as hs
from headstart.core.errors import HeadstartError
from headstart.core.manifest import need_intact
from headstart.reporting.loss_curve import loss_curve, loss_rows
from headstart.training.checkpoint import Checkpoints
from headstart.training.events import Event
from headstart.training.held_out import held_out_fall
from headstart.training.loop import FitResult
from headstart.training.metrics_file import METRICS, MetricsFile, metrics_until, read_metrics
from headstart.training.run import _plain_result
from headstart.training.run_folder import RunFolder

SMALL = ["backbone.width=16", "backbone.mlp_width=16", "batches.tokens=2048", "training.save_steps=2"]


def written(path: Path, *events: Event) -> Path:
    metrics = MetricsFile(path)
    for event in events:
        metrics(event)
    metrics.close()
    return path


def no_constant(name: str) -> None:
    pytest.fail(f"{name} is no JSON")


def test_what_is_not_finite_is_named_and_read_back(tmp_path):
    parts = {"a": torch.tensor(math.nan), "b": -math.inf, "c": 0.5}
    path = written(
        tmp_path / METRICS,
        Event("step", 1, 0.1, 1.0, loss=math.nan, learning_rate=1e-3, parts=parts),
        Event("evaluation", 1, 0.1, 1.0, loss=math.inf),
        Event("saved", 1, 0.1, 1.0),
        Event("warning", 1, 0.1, 1.0, message="one line\u2028and another"),
    )
    lines = [json.loads(line, parse_constant=no_constant) for line in path.read_text().split("\n")[:-1]]
    assert lines[0]["loss"] == lines[0]["parts"]["a"] == "NaN"
    assert (lines[0]["parts"]["b"], lines[1]["loss"]) == ("-Infinity", "Infinity")
    assert not {"loss", "learning_rate"} & {*lines[2], *lines[3]}  # they have none
    step, evaluation, _, warning = read_metrics(path)
    assert math.isnan(step["loss"])
    assert math.isnan(step["parts"].pop("a"))
    assert step["parts"] == {"b": -math.inf, "c": 0.5}
    assert (evaluation["loss"], warning["message"]) == (math.inf, "one line\u2028and another")


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Event("step", 3, 1 / 3, 2.12345678, 30, "tokens", 10, 1.23456789, 0.001234567, {"a": 1.23456789}),
            '{"kind": "step", "step": 3, "progress": 0.333333, "seconds": 2.123457, "units": 30, "unit": "tokens", '
            '"samples": 10, "learning_rate": 0.001235, "loss": 1.234568, "parts": {"a": 1.23456789}}',
        ),
        (
            Event("evaluation", 4, 1.0, 3.0, loss=0.5),
            '{"kind": "evaluation", "step": 4, "progress": 1.0, "seconds": 3.0, "units": 0, "samples": 0, "loss": 0.5}',
        ),
        (
            Event("warning", 5, 0.25, 3.0, message="말"),
            '{"kind": "warning", "step": 5, "progress": 0.25, "seconds": 3.0, "units": 0, "samples": 0, '
            '"message": "말"}',
        ),
        (
            Event("step", 6, 0.25, math.inf, loss=-math.inf, learning_rate=math.inf),
            '{"kind": "step", "step": 6, "progress": 0.25, "seconds": "Infinity", "units": 0, "samples": 0, '
            '"learning_rate": "Infinity", "loss": "-Infinity"}',
        ),
    ],
)
def test_each_event_is_one_line(event, line, tmp_path):
    assert written(tmp_path / METRICS, event).read_text(encoding="utf-8") == line + "\n"
    (read,) = read_metrics(tmp_path / METRICS)
    assert (read["step"], read["kind"]) == (event.step, event.kind)


def test_long_runs_write_some_of_their_steps(tmp_path):
    steps = [Event("step", n, n / 400, n * 0.1, loss=1.0) for n in range(1, 401)]
    kept = [event["step"] for event in read_metrics(written(tmp_path / METRICS, *steps))]
    assert kept[:100] == list(range(1, 101))
    assert kept[-1] == 400
    assert 150 < len(kept) < 180


def test_a_line_may_be_waited_for(tmp_path):
    waited = []
    metrics = MetricsFile(tmp_path / METRICS, lambda write: waited.append(write()))
    metrics(Event("saved", 1, 0.1, 1.0))
    metrics.close()
    assert (len(waited), len(read_metrics(tmp_path / METRICS))) == (1, 1)
    with pytest.raises(ValueError, match="closed"):
        metrics(Event("saved", 2, 0.1, 1.0))


@pytest.mark.parametrize(
    "strange",
    [
        "",
        "torn",
        '{"step": 1',
        "[1]",
        "3",
        "{}",
        '{"step": "1"}',
        '{"step": 1, "loss": "abc"}',
        '{"step": 1, "loss": []}',
    ]
    + ['{"step": 1, "parts": 3}', '{"step": 1, "parts": {"a": {}}}', '{"step": 1, "learning_rate": null}'],
)
def test_lines_that_are_none_are_passed_over_wherever_they_stand(strange, tmp_path):
    (tmp_path / METRICS).write_text('{"step": 1}\n' + strange + '\n{"step": 2, "parts": {"a": "NaN"}}\n')
    assert [event["step"] for event in read_metrics(tmp_path / METRICS)] == [1, 2]
    assert steps_of(metrics_until(tmp_path / METRICS, 5)) == [1, 2]


def test_readers_of_a_run_pass_over_what_is_no_number(tmp_path):
    losses = {1: 5.0, 2: math.nan, 3: 4.0, 4: 3.0, 5: 2.0}
    events = [Event("step", step, step / 5, 1.0, loss=loss) for step, loss in losses.items()]
    events += [Event("evaluation", step, step / 5, 1.0, loss=loss) for step, loss in losses.items()]
    written(tmp_path / METRICS, *events)
    assert math.isnan(loss_rows(tmp_path)[1]["loss"])
    assert len(loss_curve(tmp_path)["line"]) == len(loss_curve(tmp_path)["held_out"]) == 4
    assert held_out_fall(tmp_path) == {"first": 5.0, "before": 3.0, "last": 2.0}


def test_a_result_with_parts_that_are_no_numbers_is_json():
    event = Event("evaluation", 3, 1.0, 1.0, loss=math.inf, parts={"a": math.nan, "b": 0.5})
    found = _plain_result(FitResult(3, 1.0, 9, 3, None, "budget", 3, [event]))
    assert found["held_out"] == [{"step": 3, "loss": None, "a": None, "b": 0.5}]
    json.dumps(found, allow_nan=False)


def steps_of(data: bytes) -> list[int]:
    return [json.loads(line)["step"] for line in data.decode().splitlines()]


@pytest.mark.parametrize(
    ("told", "torn", "step", "kept"),
    [
        ([0, 1, 2, 2, 3], "", 3, None),
        ([0, 1, 2, 2, 3], "", 9, None),
        ([0, 1, 2, 2, 3], "", 2, [0, 1, 2, 2]),
        ([0, 1, 2], '{"kind": "step", "st', 2, [0, 1, 2]),
        ([0, 1, 2], '{"kind": "step", "step": 2}', 2, [0, 1, 2]),  # its end was not written
        ([0, 1, 2], "", 0, []),
        ([0, 1, 2], "", 1, [0, 1]),
        ([0, 0, 1, 1], "", 1, None),
        ([1, 2, 3, 1, 2], "", 9, [1, 1, 2]),
        ([0, 1, 2, 3, 4, 3, 4, 5], "", 5, [0, 1, 2, 3, 3, 4, 5]),  # of an earlier version
    ],
)
def test_a_file_keeps_whole_lines_up_to_a_step(told, torn, step, kept, tmp_path):
    path = written(tmp_path / METRICS, *(Event("step", one, 0.1, 1.0, loss=1.0) for one in told))
    path.write_text(path.read_text() + torn)
    found = metrics_until(path, step)
    assert (None if found is None else steps_of(found)) == kept
    assert metrics_until(tmp_path / "none", step) is None


class Killed(Exception):
    """Stands for a kill: nothing that the program does at its end is done."""


@pytest.fixture
def torn_run(tmp_path, monkeypatch):
    """A function that makes a run, or goes on with it, and ends without a word where a certain step is to be saved."""
    text, out, save = tmp_path / "text.txt", tmp_path / "run", Checkpoints.save
    text.write_text("\n".join(f"the {n} cat sat on mat {n * 7 % 13} ." for n in range(400)))

    def go_on(steps: int, dies: int | None = None):
        def saving(self, state):
            if state.step == dies:
                raise Killed
            save(self, state)

        monkeypatch.setattr(Checkpoints, "save", saving)
        settings = [*SMALL, "training.accumulate=2"]
        resume = out.is_dir()
        try:
            return hs.pretrain([str(text)], out=out, objective="halves", steps=steps, settings=settings, resume=resume)
        except Killed:
            with open(out / METRICS, "a") as stream:
                stream.write('{"kind": "step", "step": 5, "lo')
        return out

    return go_on


def test_a_run_that_was_killed_twice_has_every_step_once_and_opens(torn_run):
    out = torn_run(8, dies=4)
    assert [event["step"] for event in read_metrics(out / METRICS) if event["kind"] == "step"] == [1, 2, 3, 4]
    torn_run(8, dies=6)
    need_intact(out, "run")
    done = torn_run(8)
    need_intact(out, "run")
    assert (out / METRICS).read_bytes().endswith(b"}\n")
    told = [json.loads(line, parse_constant=no_constant) for line in (out / METRICS).read_text().splitlines()]
    assert [event["step"] for event in told] == sorted(event["step"] for event in told)
    assert [event["step"] for event in told if event["kind"] == "step"] == list(range(1, 9))
    assert [event["step"] for event in told if event["kind"] == "saved"] == [2, 4, 6, 8]
    (said,) = [note for note in done.notes if "accumulate" in note]
    assert "training.accumulate=2: the objective compares the samples of one batch" in said


def test_cutting_it_behind_the_manifests_back_is_found(torn_run, monkeypatch):
    def cut(self, step):
        (self.path / METRICS).write_bytes(metrics_until(self.path / METRICS, step))

    out = torn_run(8, dies=4)
    monkeypatch.setattr(RunFolder, "go_on_from", cut)
    torn_run(8, dies=6)
    with pytest.raises(HeadstartError, match=r"metrics\.jsonl was changed"):
        torn_run(8)
    assert out.is_dir()

"""The held-out loss of a run: read off its metrics; nothing is said where too little is known."""

from __future__ import annotations

import json

import pytest

from headstart.training.held_out import held_out_fall


def written(folder, points, torn=""):
    lines = [{"kind": "evaluation", "step": int(100 * at), "progress": at, "loss": loss} for at, loss in points]
    lines.insert(1, {"kind": "step", "step": 1, "progress": 0.01, "loss": 99.0})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + torn)
    return held_out_fall(folder)


def test_the_last_fifth_is_read_off_the_line_between_evaluations(tmp_path):
    found = written(tmp_path, [(0.0, 5.0), (0.7, 3.0), (0.9, 2.0), (1.0, 1.9)], '{"kind": "evaluat')
    assert found == {"first": 5.0, "before": pytest.approx(2.5), "last": 1.9}


@pytest.mark.parametrize(
    "points", [[(0.0, 5.0), (1.0, 2.0)], [(0.0, 5.0), (0.1, 3.0), (1.0, 2.0)], [(0.0, 5.0), (0.6, 3.0), (0.9, 2.0)]]
)
def test_too_little_says_nothing(tmp_path, points):
    assert written(tmp_path, points) is None


def test_a_folder_without_metrics_says_nothing(tmp_path):
    assert held_out_fall(tmp_path) is None

"""The bootstrap of evaluate: one resample in memory at a time, an interval around the score."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np

from headstart.commands import evaluate
from headstart.core.examples import Examples
from headstart.data import read_request
from headstart.fitting import task_model_files as task


def test_resamples_do_not_pile_up(monkeypatch):
    rows = 5_000
    labels = np.arange(rows) % 2
    said = np.eye(2)[np.where(np.arange(rows) % 5, labels, 1 - labels)]  # four of five are right
    made = Examples(items=["x"] * rows, labels=labels, classes=("a", "b"), places=[("f", row) for row in range(rows)])
    model = SimpleNamespace(classes=made.classes, task="classify", predict_proba=lambda _: said)
    monkeypatch.setattr(task, "load_task", lambda _: model)
    monkeypatch.setattr(task, "read_task", lambda _: {})
    monkeypatch.setattr(read_request, "read_labelled_rows", lambda *_: (made, {}))
    tracemalloc.start()
    found = evaluate.evaluate("task", ["data"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # all 1,000 would take 40 MB
    for value, low, high in found.scores.values():
        assert 0.78 < low < value < high < 0.82


def test_a_language_model_is_scored_on_text(program, tmp_path):
    run, sizes = tmp_path / "lm", ("backbone.width=32", "backbone.depth=1", "backbone.heads=2", "batches.tokens=512")
    made = program("pretrain", "corpus.txt", "--out", run, "--objective", "causal", "--steps", 3, *sizes)
    assert made.code == 0, made.err
    scored = program("evaluate", run, "short.txt")
    assert scored.code == 0, scored.err
    assert scored.out.startswith("bits per byte: ")
    assert "95 % interval" in scored.out
    assert "no causal language model" in program("evaluate", "mlm", "short.txt").complaint
    named, other = (program("evaluate", run, "test.tsv", "--text", name).out for name in ("document", "label"))
    assert named.startswith("bits per byte: ")
    assert named != other


def test_classes_are_told_one_by_one(program):
    scored = program("evaluate", "task", "test.tsv")
    assert scored.code == 0, scored.err
    lines = scored.out.splitlines()
    for start in (
        "log loss: ",
        "AUC: ",
        "class ",
        "film ",
        "food ",
        "accuracy of the surest rows (predict --threshold): 100%",
    ):
        assert any(line.startswith(start) for line in lines), start
    (rows,) = [line.split()[1] for line in lines if line.startswith("film ")]
    assert int(rows) == 40

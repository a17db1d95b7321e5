"""A run and its text: changed text is refused, touched text is the same text, a longer budget on resume counts."""

from __future__ import annotations

import json
import os

import pytest

import headstart as hs
from headstart.core.errors import HeadstartError

SMALL = ["backbone.width=32", "backbone.mlp_width=32", "batches.tokens=4096", "training.save_steps=2"]


@pytest.fixture
def text(tmp_path, reviews):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(reviews))
    return path


def _run(text, out, **more):
    return hs.pretrain([str(text)], out=out, objective="halves", settings=SMALL, **more)


def _record(out):
    return json.loads((out / "run.json").read_text())


def test_changed_text_is_refused_and_nothing_is_lost(tmp_path, text):
    out = tmp_path / "run"
    _run(text, out, steps=2)
    before = (out / "processor/ngrams.json").read_bytes()
    os.utime(text, (1, 1))  # touched, not changed
    assert _run(text, out, steps=3, resume=True).steps == 3
    text.write_text(text.read_text() + "\nsome other words came later")
    with pytest.raises(HeadstartError, match="put the old corpus back"):
        _run(text, out, steps=4, resume=True)
    assert (out / "processor/ngrams.json").read_bytes() == before


def test_a_longer_budget_on_resume_counts_and_the_same_one_does_not(tmp_path, text):
    out = tmp_path / "run"
    _run(text, out, minutes=0.01)
    resolved = _record(out)["spec"]["training"]["seconds"]
    assert resolved < 0.6  # preparing was taken off
    _run(text, out, minutes=0.01, resume=True)
    assert _record(out)["spec"]["training"]["seconds"] == resolved
    _run(text, out, minutes=0.02, resume=True)
    assert _record(out)["spec"]["training"]["seconds"] == pytest.approx(1.2)


def test_most_epochs_end_a_run_early(tmp_path, text):
    out = tmp_path / "run"
    done = hs.pretrain([str(text)], out=out, objective="halves", minutes=0.5, settings=[*SMALL, "batches.epochs=0.5"])
    training = _record(out)["spec"]["training"]
    assert done.steps == training["steps"] < 30
    assert any("at most 0.5 epochs" in note for note in done.notes)


def test_resuming_a_finished_run_keeps_its_result(tmp_path, text):
    out = tmp_path / "run"
    _run(text, out, steps=4)
    before = _record(out)["result"]["loss"]
    again = _run(text, out, steps=4, resume=True)
    assert before is not None
    assert again.loss == _record(out)["result"]["loss"] == before


def test_the_format_of_computation_is_written_down(tmp_path, text):
    _run(text, tmp_path / "run", steps=1)
    assert _record(tmp_path / "run")["spec"]["training"]["dtype"] in ("fp32", "bf16")


def test_batches_without_anything_to_learn_are_refused(tmp_path, text):
    with pytest.raises(HeadstartError, match=r"batches\.tokens"):
        hs.pretrain([str(text)], out=tmp_path / "run", steps=1_000, objective="halves", settings=["batches.tokens=8"])

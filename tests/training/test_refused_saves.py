"""A disk that refuses a checkpoint: one line, and the older checkpoints stay and open."""

from __future__ import annotations

import errno

import pytest
from small_parts import taught

from headstart.core.errors import HeadstartError
from headstart.training import checkpoint
from headstart.training.checkpoint import Checkpoints, read_counters
from headstart.training.loop import start_state
from headstart.training.plan import TrainPlan


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_refused_checkpoint_is_one_line(tmp_path, monkeypatch, code):
    made = taught("mlm", "bert")
    state = start_state(made.objective, made.backbone, TrainPlan(steps=1))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state)

    def refuse(*given):
        raise OSError(code, "refused")

    monkeypatch.setattr(checkpoint, "write_folder", refuse)
    state.step = 7
    with pytest.raises(HeadstartError) as caught:
        checkpoints.save(state)
    assert "step-000000007" in str(caught.value)
    assert "\n" not in str(caught.value)
    newest, passed = checkpoints.newest()
    assert (newest.name, passed, read_counters(newest)["step"]) == ("step-000000000", [], 0)

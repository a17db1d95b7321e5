"""Claims: exclusive, alive as long as their holder is, taken back when it is gone, never from another one."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace

import pytest
from forked import Forked

from headstart.core.claims import Heartbeat, Watch, claim, holder_of, release, take_back
from headstart.core.holder import Holder


def foreign(path, **changes) -> Holder:
    """Write a claim of a process of another machine."""
    holder = replace(Holder.here(), host="elsewhere", name="elsewhere", **changes)
    path.write_text(json.dumps(asdict(holder)))
    return holder


def test_one_process_has_it_until_it_is_released(tmp_path):
    path = tmp_path / "claim"
    assert claim(path)
    assert not claim(path)
    assert holder_of(path) == Holder.here()
    assert holder_of(path).since
    assert list(tmp_path.iterdir()) == [path]
    release(path)
    assert holder_of(path) is None
    assert claim(path)


def test_a_claim_of_a_process_that_ended_is_left_behind_at_once(tmp_path):
    path = tmp_path / "claim"
    child = Forked(lambda: claim(path))
    end = time.monotonic() + 10
    while not (path.exists() and Watch().is_left(path)) and time.monotonic() < end:
        time.sleep(0.005)  # a zombie, which nobody has waited for, does nothing any more
    assert child.wait() == 0
    assert Watch().is_left(path)
    assert not Watch().is_left(tmp_path / "none")


def test_another_process_of_the_same_number_is_another_holder(tmp_path):
    path = tmp_path / "claim"
    path.write_text(json.dumps(asdict(replace(Holder.here(), began="1"))))
    assert Watch().is_left(path)
    release(path)
    assert path.exists()


def test_of_another_machine_silence_tells_by_the_clock_of_the_observer(tmp_path):
    path = tmp_path / "claim"
    foreign(path)
    os.utime(path, (1, 1))  # its clock is decades behind: no matter
    watch = Watch(stale=0.1)
    assert not watch.is_left(path)
    time.sleep(0.06)
    os.utime(path, (2, 2))
    assert not watch.is_left(path)
    time.sleep(0.06)
    assert not watch.is_left(path)  # it gave a sign of life less than a tenth of a second ago
    time.sleep(0.06)
    assert watch.is_left(path)


def test_the_heartbeat_is_a_sign_of_life_and_ends_with_the_block(tmp_path):
    path = tmp_path / "claim"
    claim(path)
    os.utime(path, (1, 1))
    with Heartbeat(0.01).running() as heart, heart.keeping(path):
        end = time.monotonic() + 5
        while path.stat().st_mtime < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert path.stat().st_mtime > 2
    assert not path.exists()


def test_only_what_was_judged_is_taken_back(tmp_path):
    path = tmp_path / "claim"
    judged = foreign(path)
    other = foreign(path, process=7)
    assert not take_back(path, judged)
    assert holder_of(path) == other
    assert take_back(path, other)
    assert not take_back(path, other)
    assert list(tmp_path.iterdir()) == []


def test_without_hard_links_one_process_has_it_too(tmp_path, monkeypatch):
    def refused(one, two):
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "claim"
    assert claim(path)
    assert not claim(path)
    assert holder_of(path) == Holder.here()
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_in_the_place_of_a_claim_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "claim")
    assert holder_of(tmp_path / "claim") is None


NAMED_WRONGLY = '{"host": "a", "name": "a", "process": "1", "began": "1"}'


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 1}', NAMED_WRONGLY])
def test_a_holder_that_was_killed_before_it_wrote_its_name_is_silent(tmp_path, content):
    path = tmp_path / "claim"
    path.write_text(content)
    watch = Watch(stale=0.05)
    assert holder_of(path) is None
    assert not watch.is_left(path)
    time.sleep(0.06)
    assert watch.is_left(path)

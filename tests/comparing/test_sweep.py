"""The search: what may be varied, suggestions as a function of the seed and of what was tried, damage that is told."""

from __future__ import annotations

import json
import math

import pytest

from headstart.comparing.sweep import Sweep, Varied, all_varied
from headstart.core.errors import HeadstartError

pytest.importorskip("optuna")
SPACE = ("learning_rate=1e-6..1e-1:log", "batch=8,16,32", "depth=1..4")


def planted(number: int, settings: dict[str, str]) -> float:
    """Return a score whose best is at a learning rate of 1e-3 and a batch of 16."""
    away = math.log10(float(settings["learning_rate"])) + 3
    return -(away**2) - (settings["batch"] != "16")


def swept(folder, count: int, seed: int = 0, judge=planted, space=SPACE, facts=None) -> Sweep:
    folder.mkdir(exist_ok=True)
    sweep = Sweep(folder, all_varied(space), seed, facts or {})
    sweep.run(count, judge, lambda line: None)
    return sweep


def told(sweep: Sweep) -> list[tuple]:
    return [(trial.number, trial.settings, trial.score) for trial in sweep.trials]


def test_a_killed_sweep_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = swept(tmp_path / "whole", 10)

    def killed(number, settings):
        if number == 6:
            raise KeyboardInterrupt
        return planted(number, settings)

    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path / "killed", 10, judge=killed)
    assert len(list((tmp_path / "killed" / "trials").iterdir())) == 6
    assert told(swept(tmp_path / "killed", 10)) == told(whole)
    assert told(swept(tmp_path / "other", 10, seed=1)) != told(whole)
    assert told(swept(tmp_path / "short", 7)) == told(whole)[:7]  # more trials later change none of the first


@pytest.mark.parametrize("seed", range(3))
def test_it_comes_nearer_to_the_planted_best_than_chance(tmp_path, seed):
    found = swept(tmp_path / "sweep", 24, seed).best
    random = [swept(tmp_path / f"random-{n}", 4, 100 * seed + n).trials for n in range(6)]  # the first four are random
    assert found.score > sorted(max(trial.score for trial in some) for some in random)[3]
    assert abs(math.log10(float(found.settings["learning_rate"])) + 3) < 1
    assert found.settings["batch"] == "16"


def test_what_can_be_counted_is_tried_once_each(tmp_path):
    space = ("a=x,y", "b=1..3")
    sweep = swept(tmp_path / "sweep", 20, judge=lambda n, s: 1.0 if s == {"a": "y", "b": "2"} else 0.0, space=space)
    assert len({tuple(trial.settings.items()) for trial in sweep.trials}) == len(sweep.trials) == 6
    assert sweep.best.settings == {"a": "y", "b": "2"}


def test_a_trial_that_fails_is_kept_as_failed(tmp_path):
    def judge(number, settings):
        if settings["batch"] == "8":
            raise HeadstartError("8 is too few")
        return float("nan") if settings["batch"] == "32" else 0.5

    sweep = swept(tmp_path / "sweep", 3, judge=judge, space=("batch=8,16,32",))
    failed = {trial.settings["batch"]: trial.failed for trial in sweep.trials}
    assert failed == {"8": "8 is too few", "16": "", "32": "the score is nan"}
    assert sweep.best.settings == {"batch": "16"}


def test_another_sweep_in_the_same_folder_and_damage_are_told(tmp_path):
    swept(tmp_path / "sweep", 2, facts={"route": "a"})
    with pytest.raises(HeadstartError, match="swept with another route"):
        swept(tmp_path / "sweep", 2, facts={"route": "b"})
    with pytest.raises(HeadstartError, match="swept with another vary"):
        swept(tmp_path / "sweep", 2, space=("a=1,2",), facts={"route": "a"})
    trial = tmp_path / "sweep" / "trials" / "0001.json"
    whole = trial.read_text()
    trial.write_text(json.dumps(json.loads(whole) | {"score": 1.0}))
    with pytest.raises(HeadstartError, match=r"damaged sweep, trials/0001\.json was changed"):
        swept(tmp_path / "sweep", 2, facts={"route": "a"})
    (tmp_path / "sweep" / "manifest.json").unlink()  # as of a sweep that an earlier version made
    with pytest.raises(HeadstartError, match=r"0001\.json: was changed"):
        swept(tmp_path / "sweep", 2, facts={"route": "a"})
    trial.write_text(json.dumps({"number": 1}))
    with pytest.raises(HeadstartError, match=r"0001\.json: settings is missing"):
        swept(tmp_path / "sweep", 2, facts={"route": "a"})
    trial.write_text(whole)
    swept(tmp_path / "sweep", 2, facts={"route": "a"})


def test_values_stay_in_their_range(tmp_path):
    for trial in swept(tmp_path / "sweep", 12).trials:
        assert 1e-6 <= float(trial.settings["learning_rate"]) <= 1e-1
        assert trial.settings["depth"] in "1234"
    assert not Varied.read("x=0..1.5").whole
    assert Varied.read("x=a, b,a").values == ("a", "b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batch", "write SETTING="),
        ("batch=", "write SETTING="),
        ("batch=8", "one value is no choice"),
        ("rate=1e-2..1e-4", "must be below the second"),
        ("rate=0..1:log", "both above 0"),
        ("rate=1..2:lin", "only :log is known"),
        ("rate=a..b", "two numbers"),
    ],
)
def test_wrong_ranges_teach(text, words):
    with pytest.raises(HeadstartError, match=words):
        all_varied([text])
    with pytest.raises(HeadstartError, match="given twice"):
        all_varied(["a=1,2", "a=3,4"])
    with pytest.raises(HeadstartError, match="--vary is missing"):
        all_varied([])

"""A slow base loses label counts, and the control, for which the time is too short, before time is spent on them."""

from __future__ import annotations

import time

import pytest
from synthetic_study import ACCURACY, ClassicalRoute, LetterRoute, letters

from headstart.comparing.finalists import Screened, Trial, choose_finalists
from headstart.comparing.screen_and_confirm import run_screened
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.slow_bases import Reading, too_slow
from headstart.core import registry
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry

SIZES = (16, 64, 256)


def entries(*bases: str) -> list[Entry]:
    own = [Entry(registry.load("route", name)(), base) for base in bases for name in ("probe", "scratch")]
    return [*own, Entry(registry.load("route", "tfidf_nb")())]


def reading(seconds: float, test: int = 200, pool: int = 1_600) -> Reading:
    return Reading(test, pool, SIZES, seconds, 2 / 3)


def test_a_fast_base_loses_nothing():
    assert too_slow(entries("own"), {"own": 1e-4}, reading(300)) == {}


def test_what_does_not_fit_is_told_with_the_minutes_in_which_it_would():
    found = too_slow(entries("own", "large"), {"own": 1e-4, "large": 0.34}, reading(300))
    assert set(found) == {"probe · large", "scratch · large"}
    assert set(found["probe · large"]) == {64, 256}  # 200 + 6 x 64 rows are read in 199 s, 160 s are there
    reason = found["probe · large"][256]
    assert reason.code == "slow_base"
    assert "large reads a row in about 0.34 s" in reason
    assert reason.values["draws"] == FLIPPED
    assert found["scratch · large"][16].code == "slow_control"


@pytest.mark.parametrize("seconds", [100, 300, 900, 3_000, 10_000])
@pytest.mark.parametrize("pace", [0.001, 0.02, 0.34])
def test_what_is_kept_fits_and_the_minutes_told_are_enough(seconds, pace):
    plan = reading(seconds)
    found = too_slow(entries("x"), {"x": pace}, plan)
    kept = [size for size in SIZES if size not in found.get("probe · x", {})]
    controls = [size for size in SIZES if size not in found.get("scratch · x", {})]
    assert set(controls) <= set(kept)
    rows = plan.once(max(kept)) + FLIPPED * plan.test * len(controls) if kept else 0
    assert pace * rows <= plan.budget
    minutes = {reason.values["minutes"] for reasons in found.values() for reason in reasons.values()}
    assert len(minutes) <= 1
    for enough in minutes:
        assert 60 * enough > seconds
        assert too_slow(entries("x"), {"x": pace}, reading(60 * enough)) == {}


def test_with_time_for_one_control_it_is_the_middle_one():
    found = too_slow(entries("x"), {"x": 0.05}, reading(320))
    assert set(found["scratch · x"]) == {16, 256}
    assert "probe · x" not in found


def test_lent_and_folded_rows_are_read_once(tmp_path):
    settings = StudySettings(sizes=SIZES, draws=10, seconds=300.0, metric=ACCURACY, folder=tmp_path, folds=5)
    rows = letters(90)
    assert Reading.of(StudyData(rows, rows), settings, SIZES, 0.5).once(64) == 90


def test_a_comparison_says_it_first_and_answers_for_the_other_label_counts(tmp_path, monkeypatch):
    """Rows of 30 ms: test rows and 6 draws of 8 labels take 4.1 of 6.4 s for reading, the control takes 16 s."""
    read: set[int] = set()

    def prepare(self, examples, workspace):
        for item in set(map(id, examples.items)) - read:
            time.sleep(0.03)
            read.add(item)

    monkeypatch.setattr(LetterRoute, "prepare", prepare)
    monkeypatch.setattr(ClassicalRoute, "prepare", lambda self, examples, workspace: None)
    own = [Entry(LetterRoute(called=name, letter=letter), "x") for name, letter in (("p0", "b"), ("p1", "c"))]
    control = Entry(LetterRoute(called="scratch", letter="d"), "x")
    lines: list[str] = []
    study = run_screened(
        [*own, control, Entry(ClassicalRoute(called="c0", letter="c"))],
        StudyData(letters(400), letters(90, 1)),
        {None: Workspace(), "x": Workspace()},
        StudySettings(sizes=(8, 100), draws=8, seconds=12.0, metric=ACCURACY, folder=tmp_path, screened=True),
        progress=lines.append,
    )
    told = [number for number, line in enumerate(lines) if "x reads a row in about" in line]
    assert told
    assert told[0] < next(number for number, line in enumerate(lines) if line.startswith("finalists"))
    assert study.failures["p0 · x"][100].code == "slow_base"
    assert study.failures["scratch · x"][8].code == "slow_control"
    assert set(study.questions) == {8}
    assert len({cell.draw for cell in study.cells_of("p0 · x", 8).values()}) >= FLIPPED
    assert not study.cells_of("p0 · x", 100)


def test_where_no_pretrained_entry_fits_the_usual_one_says_why():
    given = entries("x")
    screened = Screened([given[0], given[2]], SIZES)
    for name, reasons in too_slow(given, {"x": 0.9}, reading(300)).items():
        for size, reason in reasons.items():
            screened.leave_out(name, [size], reason)
    screened.trials.append(Trial("tfidf_nb", 64, 0, 0.7, 0.1))
    found = choose_finalists(screened, given, 200.0)
    assert {one.name for one in found.entries} == {"probe · x", "scratch · x", "tfidf_nb"}
    assert found.questions == {}

"""The time of a comparison: spent within 5 %, in fair parts, with the same draws for every entry."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from synthetic_study import ACCURACY, ClassicalRoute, LetterModel, LetterRoute, letters

from headstart.comparing import make_cell as making
from headstart.comparing import run_study as compare
from headstart.comparing import slabs as running
from headstart.comparing.budget import Budget, PlannedCell, TimeTaken
from headstart.comparing.draws import Split
from headstart.comparing.run_study import run_study
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core.examples import Examples
from headstart.core.time_limit import OutOfTime, cut_after
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import FLIPPED
from headstart.statistics.study import Entry, Question


class Clock:
    """Time that passes in `sleep` only, so that an hour is tested in a moment; it rings as `cut_after` does."""

    def __init__(self):
        self.now, self.bell = 0.0, float("inf")

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if self.now + seconds > self.bell:
            self.now = self.bell
            raise OutOfTime
        self.now += seconds

    def strftime(self, form: str) -> str:
        return time.strftime(form)

    @contextlib.contextmanager
    def cut_after(self, seconds: float):
        self.bell = self.now + seconds
        yield
        self.bell = float("inf")


CLOCK = Clock()
PAID: set[str] = set()


class SlowModel(LetterModel):
    """Takes `testing` seconds to answer."""

    testing = 0.0

    def predict_proba(self, examples: Examples) -> np.ndarray:
        CLOCK.sleep(self.testing)
        return super().predict_proba(examples)


@dataclass(frozen=True, kw_only=True)
class SlowRoute(LetterRoute):
    """Trains for `factor` times the seconds it is given, at least `least`, at most `most`; `once`: paid once."""

    factor: float = 1.0
    least: float = 0.0
    most: float = 1e9
    testing: float = 0.0
    once: float = 0.0

    def run(self, examples: Examples, workspace: object, *, seed: int, seconds: float | None = None):
        if self.once and self.called not in PAID:
            CLOCK.sleep(self.once)
            PAID.add(self.called)
        CLOCK.sleep(max(self.least, min(self.factor * seconds, self.most)))
        model = SlowModel(self.letter, examples.classes)
        model.testing = self.testing
        return model


@dataclass(frozen=True, kw_only=True)
class SlowClassical(SlowRoute):
    """The same, but classical: it takes `least`."""

    classical: ClassVar[bool] = True
    factor: float = 0.0


@pytest.fixture
def timed(tmp_path, monkeypatch):
    PAID.clear()
    CLOCK.__init__()
    monkeypatch.setattr(running, "time", CLOCK)
    monkeypatch.setattr(compare, "time", CLOCK)
    monkeypatch.setattr(making, "time", CLOCK)
    monkeypatch.setattr(running, "cut_after", CLOCK.cut_after)

    def call(seconds, *routes, sizes=(4, 8), draws=3, keep=None, **more):
        lines, begun = [], CLOCK.now
        settings = StudySettings(sizes=sizes, draws=draws, seconds=seconds, metric=ACCURACY, folder=tmp_path, **more)
        entries, data = [Entry(route) for route in routes], StudyData(letters(40), letters(60, 1))
        study = run_study(entries, data, {None: Workspace()}, settings, progress=lines.append, keep=keep)
        return study, CLOCK.now - begun, lines

    return call


def spent(study, entry):
    return sum(cell.seconds for cell in study.cells if cell.entry == entry)


def draws_of(study):
    return {(one.name, size): sorted(study.cells_of(one.name, size)) for one in study.entries for size in study.sizes}


def test_hungry_routes_share_equally_and_fill_the_time(timed):
    study, took, _ = timed(300.0, *(SlowRoute(called=name) for name in "abc"), ClassicalRoute(called="c0"))
    assert 297 <= took <= 303
    parts = [spent(study, name) for name in "abc"]
    assert max(parts) / min(parts) < 1.02
    assert study.stopped is None
    assert {tuple(draws) for draws in draws_of(study).values()} == {(0, 1, 2)}


def test_what_content_routes_leave_goes_to_the_hungry(timed):
    study, took, _ = timed(240.0, SlowRoute(called="hungry"), *(SlowRoute(called=n, most=2.0) for n in "abc"))
    assert 235 <= took <= 242
    assert spent(study, "hungry") > 0.75 * 240
    assert len(study.cells) == 24


def test_who_overruns_is_asked_for_less(timed):
    study, took, _ = timed(400.0, SlowRoute(called="over", factor=2.0), SlowRoute(called="a"), SlowRoute(called="b"))
    assert took <= 400 * 1.05
    last = {cell.entry: cell.allowed for cell in study.cells if (cell.size, cell.draw) == (8, 2)}
    assert last["over"] == pytest.approx(last["a"] / 2, rel=0.3)
    assert spent(study, "over") < 1.5 * spent(study, "a")


def test_predictions_that_cost_more_than_training(timed):
    study, took, lines = timed(300.0, *(SlowRoute(called=name, testing=15.0) for name in "abc"), draws=10)
    assert 270 <= took <= 300 * 1.05
    draws = draws_of(study)
    for size in study.sizes:
        assert draws["a", size] == draws["b", size] == draws["c", size] != []
    assert study.stopped == "time"
    assert any("of 10 draws" in line for line in lines)


def test_a_row_that_cannot_be_interrupted_does_not_spoil_the_others(timed):
    routes = [SlowRoute(called=name) for name in "abc"]
    study, took, lines = timed(300.0, SlowClassical(called="hog", least=3000.0), *routes)
    assert took <= 300 * 1.05
    assert "far more than its share" in study.failures["hog"][4]
    assert len([line for line in lines if "hog" in line]) == 1
    assert all(draws == [0, 1, 2] for (entry, _), draws in draws_of(study).items() if entry != "hog")


def test_a_row_that_takes_a_lot_is_left_out_for_enough_draws(timed):
    routes = [SlowClassical(called=name, least=10.0) for name in "abcdef"]
    study, took, _ = timed(400.0, SlowClassical(called="hog", least=90.0), *routes, sizes=(4,), draws=4)
    assert took <= 400 * 1.05
    assert "would leave the other entries too few draws" in study.failures["hog"][4]
    assert all(len(study.cells_of(name, 4)) >= 3 for name in "abcdef")


def test_what_is_asked_about_is_given_less_time_rather_than_left_out(timed):
    routes = [SlowClassical(called=name, least=10.0) for name in "abcdef"]
    asked = {4: Question("a", ("hog",))}
    hog = SlowClassical(called="hog", factor=1.0, most=90.0)
    study, took, lines = timed(400.0, hog, *routes, sizes=(4,), draws=4, questions=asked)
    assert took <= 400 * 1.05
    assert study.failures == {}
    assert len(study.cells_of("hog", 4)) >= 3
    assert len([line for line in lines if "takes its share of the time" in line]) == 1


def test_equally_slow_rows_get_the_draws_that_can_end(timed):
    study, took, _ = timed(200.0, *(SlowClassical(called=name, least=15.0) for name in "abc"), sizes=(4,), draws=10)
    assert took <= 200
    assert set(Counter(cell.entry for cell in study.cells).values()) == {4}
    assert study.failures == {}


def test_what_is_paid_once_is_not_charged_again(timed):
    study, took, _ = timed(300.0, SlowClassical(called="embeds", least=2.0, once=70.0), SlowRoute(called="a"))
    assert took <= 300 * 1.05
    assert len(study.cells) == 12


def test_no_cell_outlives_the_end(timed):
    study, took, lines = timed(100.0, *(SlowClassical(called=name, least=45.0) for name in "ab"))
    assert took <= 100 * 1.05
    assert study.stopped == "time"
    assert [(cell.entry, cell.size) for cell in study.cells] == [("a", 4), ("b", 4)]
    assert "time is out: 2 of 12" in lines[-1]


def test_a_usual_table_of_twenty_rows(timed):
    """Twenty minutes, 21 rows, 3 label counts, 10 draws: what a user asks for by default."""
    classical = [SlowClassical(called=f"classical{n}", least=0.3 * n) for n in range(6)]
    frozen = [SlowRoute(called=f"frozen{n}", most=0.4, once=20.0 * (n == 0)) for n in range(5)]
    network = [SlowRoute(called=f"network{n}", testing=1.5) for n in range(8)]
    odd = [SlowRoute(called="careless", factor=1.7, testing=2.0), SlowClassical(called="stuck", least=1e6)]
    study, took, _ = timed(1200.0, *classical, *frozen, *network, *odd, sizes=(4, 8, 16), draws=10)
    assert 1150 <= took <= 1200 * 1.05
    assert set(study.failures) == {"stuck"}
    parts = [spent(study, route.called) for route in network]
    assert max(parts) / min(parts) < 1.05
    assert spent(study, "careless") < 1.5 * max(parts)
    draws = draws_of(study)
    for size in study.sizes:
        finished = {tuple(draws[one.name, size]) for one in study.entries if one.name != "stuck"}
        assert len(finished) == 1
        assert len(*finished) >= 5


def test_the_report_is_kept_on_the_way_and_has_its_time(timed):
    parts = []

    def keep(study):
        CLOCK.sleep(4.0)
        parts.append((len(study.cells), study.stopped))

    study, took, _ = timed(1000.0, *(SlowRoute(called=name) for name in "abc"), draws=5, keep=keep)
    assert parts[0] == (3, "interrupted")
    assert 2 <= len(parts) <= 5
    assert 950 <= took <= 1000 - 4.0
    assert len(study.cells) == 30


CHOSEN_WITH = {(name, size): 3.0 for name in "ab" for size in (4, 8)}  # seconds of the models that were chosen
ONE_CHOSEN_WITH = {("a", 8): 3.0}  # the other one, as a control is, was not screened and takes as much


@pytest.mark.parametrize(
    ("more", "share"),
    [
        ({}, 1.0),
        ({"short_draws": 8}, 6 / 8),
        ({"short_draws": 8, "chosen_with": CHOSEN_WITH}, 1.0),
        ({"short_draws": 8, "chosen_with": ONE_CHOSEN_WITH}, 1.0),
    ],
)
def test_draws_that_are_worth_short_trainings_share_the_time(timed, more, share):
    study, took, _ = timed(36.0, *(SlowRoute(called=name) for name in "ab"), draws=8, **more)
    assert took <= 36.0 * 1.05
    first = sum(cell.seconds for cell in study.cells if cell.draw < FLIPPED)
    assert first / sum(cell.seconds for cell in study.cells) == pytest.approx(share, abs=0.08)


def test_a_rerun_with_more_time_makes_the_rest(timed):
    routes = [SlowClassical(called=name, least=15.0) for name in "abc"]
    timed(200.0, *routes, sizes=(4,), draws=10)
    study, took, lines = timed(400.0, *routes, sizes=(4,), draws=10)
    assert "12 of 30 cells were finished earlier" in lines[0]
    assert took == pytest.approx(18 * 15.0)
    assert study.stopped is None


def test_real_seconds(in_time, tmp_path, monkeypatch):
    """The same with the system's clock and bell: one row sleeps for ever, one takes what it is given."""
    monkeypatch.setattr(CLOCK, "sleep", time.sleep)

    def work(number: int):
        CLOCK.__init__()
        entries = [Entry(SlowClassical(called="hog", least=60.0)), Entry(SlowRoute(called="a"))]
        settings = StudySettings(sizes=(4,), draws=2, seconds=3.0, metric=ACCURACY, folder=tmp_path / str(number))
        return run_study(entries, StudyData(letters(40), letters(60, 1)), {None: Workspace()}, settings)

    study = in_time(3.0 * 1.05, work)
    assert set(study.failures) == {"hog"}
    assert len(study.cells) == 2


def test_late_once_is_told_from_late_every_time(in_time):
    assert in_time(0.15, lambda number: time.sleep(0.2 * (number == 0)) or number) == 1
    with pytest.raises(pytest.fail.Exception, match=r"took [\d., ]+ seconds, each time more"):
        in_time(0.002, lambda _: time.sleep(0.01))


def test_a_block_is_cut():
    with pytest.raises(OutOfTime), cut_after(0.05):
        time.sleep(5)
    with cut_after(0.05):
        pass
    time.sleep(0.1)  # the bell is silent once the block ended


def test_a_swallowed_bell_rings_again():
    def deaf() -> None:
        with contextlib.suppress(OutOfTime):
            time.sleep(5)
        time.sleep(5)

    with pytest.raises(OutOfTime), cut_after(0.05):
        deaf()


def in_thread(work: Callable[[], str]) -> list[str]:
    """Return what some work returns in a thread of its own, or the name of what it raises."""
    found = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            found.append(type(error).__name__)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return found


def busy(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "ended"


def within(limit: float, seconds: float) -> str:
    with cut_after(limit):
        return busy(seconds)


def test_a_block_is_cut_in_any_thread():
    assert in_thread(lambda: within(0.05, 10.0)) == ["OutOfTime"]
    assert in_thread(lambda: within(10.0, 0.01) + busy(0.1)) == ["endedended"]
    assert threading.active_count() < 10  # none that watches is left


def test_in_a_thread_a_swallowed_cut_comes_again():
    def deaf() -> str:
        with cut_after(0.05):
            with contextlib.suppress(OutOfTime):
                busy(5.0)
            return busy(5.0)

    assert in_thread(deaf) == ["OutOfTime"]


def test_in_a_thread_nothing_is_cut_once_the_block_has_ended():
    def often() -> str:
        for _ in range(300):
            with contextlib.suppress(OutOfTime):
                within(0.001, 0.001)  # the end of the time and the end of the block are close to each other
            time.sleep(0)
        return busy(0.05)

    assert in_thread(often) == ["ended"]


def test_an_alarm_of_other_code_is_left_alone():
    signal.setitimer(signal.ITIMER_REAL, 60.0)
    try:
        with pytest.raises(OutOfTime):
            within(0.05, 10.0)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 30.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def planned(name: str, size: int = 4, draw: int = 0) -> PlannedCell:
    return PlannedCell(Entry(LetterRoute(called=name)), Split((), {"how": "labels", "size": size, "draw": draw}), {})


def test_what_was_paid_once_is_not_expected_again_at_the_same_label_count():
    """The first cell held what is paid once; until there is a second one of its label count, the nearest one tells."""
    budget = Budget(300.0)
    for size, training in ((4, 60.0), (8, 3.0), (16, 9.0)):
        budget.note("embeds", TimeTaken(size, training, 1.0, None))
    route = ClassicalRoute(called="embeds")
    cells = {size: PlannedCell(Entry(route), Split((), {"size": size, "draw": 1}), {}) for size in (4, 16)}
    assert {size: budget.need(cell).fixed for size, cell in cells.items()} == {4: 4.0, 16: 10.0}
    assert budget.hog([cells[4], planned("other")]) is None
    budget.note("embeds", TimeTaken(4, 2.0, 1.0, None))
    assert budget.need(cells[4]).fixed == 3.0


def test_level_is_max_min_fair():
    budget = Budget(100.0)
    for name, training in (("content", 1.0), ("hungry", 10.0)):
        for _ in range(2):
            budget.note(name, TimeTaken(4, training, 2.0, 10.0))
    cells = [planned("content"), planned("hungry"), planned("new")]
    assert budget.level(cells, 25.0) == pytest.approx((0.97 * 25.0 - 4.0 - 1.0) / 2)
    assert budget.level([planned("content")], 25.0) == pytest.approx(0.97 * 25.0 - 2.0)
    assert budget.expected(cells, 25.0) == pytest.approx(0.97 * 25.0)

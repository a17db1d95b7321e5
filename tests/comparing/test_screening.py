"""Screening and confirmation: no test row before the finalists are fixed, few of them, looks that spend 5 % in all."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from simulated import simulation  # noqa: F401  (puts benchmarks on the path)
from synthetic_study import ACCURACY, SEEN, ClassicalRoute, LetterModel, LetterRoute, letters

from headstart.comparing.finalists import MOST_FINALISTS, Screened, Trial, choose_finalists, to_screen
from headstart.comparing.looks import PLANNED, Looks
from headstart.comparing.screen_and_confirm import run_screened
from headstart.comparing.screening import SCREENING, Screening
from headstart.comparing.screening_rows import screening_round
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core import registry
from headstart.core.examples import Examples
from headstart.core.reason import Reason
from headstart.data.splits import units
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import ALPHA
from headstart.statistics.study import Entry


@dataclass(frozen=True, kw_only=True)
class ScratchRoute(LetterRoute):
    """A control: `Entry.kind` knows it by its name."""

    called: str = "scratch"
    letter: str = "d"


def entries(pretrained: int = 4, classical: int = 3) -> list[Entry]:
    """Return entries of which the first of each role looks for the right letter."""
    found = [Entry(LetterRoute(called=f"p{n}", letter="b" if n == 0 else "c"), "x") for n in range(pretrained)]
    found += [Entry(ClassicalRoute(called=f"c{n}", letter="bca"[n] * (2 if n == 0 else 1))) for n in range(classical)]
    return [*found, Entry(ScratchRoute(), "x"), Entry(registry.load("route", "majority")())]


def settings(folder, **more) -> StudySettings:
    asked = {"sizes": (8, 16), "draws": 10, "seconds": 60.0, "metric": ACCURACY, "folder": folder, "screened": True}
    return StudySettings(**asked | more)


def run(folder, train=None, given=None, **more):
    lines = []
    data = StudyData(train or letters(200), letters(300, 1))
    spaces = {None: Workspace(), "x": Workspace()}
    study = run_screened(given or entries(), data, spaces, settings(folder, **more), progress=lines.append)
    return study, lines


def test_finalists_are_few_fixed_and_confirmed(tmp_path):
    study, lines = run(tmp_path)
    names = {one.name for one in study.entries}
    assert {"p0 · x", "scratch · x", "majority"} <= names
    assert len(names) <= MOST_FINALISTS + 1
    told = study.facts["screening"]
    assert told == json.loads((tmp_path / SCREENING).read_text())["decision"]
    assert {row["entry"] for row in told["entries"]} == {one.name for one in entries()} - {"scratch · x", "majority"}
    assert study.questions[8].entry == "p0 · x"
    assert "scratch · x" in study.questions[8].against
    assert any(line.startswith("finalists: ") for line in lines)
    dropped = [row for row in told["entries"] if row["entry"] not in told["finalists"]]
    assert all(row["left_out"] for row in dropped if row["kind"] == "pretrained")


def test_no_test_row_is_scored_before_the_finalists_are_fixed(tmp_path, monkeypatch):
    test, asked = letters(300, 1), []
    own = LetterModel.predict_proba

    def watched(self, examples):
        asked.append((tuple(examples.items) == tuple(test.items), (tmp_path / SCREENING).is_file() and
                      json.loads((tmp_path / SCREENING).read_text())["decision"] is not None))  # fmt: skip
        return own(self, examples)

    monkeypatch.setattr(LetterModel, "predict_proba", watched)
    run(tmp_path)
    assert any(of_test for of_test, _ in asked)
    assert all(decided for of_test, decided in asked if of_test)
    assert any(not of_test for of_test, _ in asked)


def test_a_rerun_keeps_finalists_and_cells(tmp_path):
    first, _ = run(tmp_path, draws=6)
    again, lines = run(tmp_path, draws=6)
    assert [one.name for one in again.entries] == [one.name for one in first.entries]
    assert again.facts["screening"] == first.facts["screening"]
    assert f"{len(first.cells)} of {len(first.cells)} cells were finished earlier and are kept" in lines
    other, _ = run(tmp_path, draws=6, train=letters(200, 9))
    assert other.facts["screening"] != first.facts["screening"]


@dataclass(frozen=True, kw_only=True)
class OfTwoClasses(type(ACCURACY)):
    """Accuracy that is undefined where every row is given the same class, as a correlation is."""

    def score(self, truth_N, predicted_N, weight_N=None):
        return float("nan") if len(set(predicted_N)) < 2 else super().score(truth_N, predicted_N, weight_N)


def test_an_undefined_score_is_kept_and_counts_as_the_worst(tmp_path):
    given = [*entries(), Entry(LetterRoute(called="constant", letter="?"), "x")]
    first, _ = run(tmp_path, given=given, draws=6, metric=OfTwoClasses())
    kept = json.loads((tmp_path / SCREENING).read_text())
    assert {one["score"] for one in kept["trials"] if one["entry"] == "constant · x"} == {None}
    assert "constant · x" not in kept["decision"]["finalists"]
    again, _ = run(tmp_path, given=given, draws=6, metric=OfTwoClasses())
    assert again.facts["screening"] == first.facts["screening"]


def test_draws_end_where_the_answer_is_known(tmp_path):
    study, lines = run(tmp_path, draws=30)
    assert {size: len(study.cells_of("p0 · x", size)) for size in study.sizes} == {8: 8, 16: 8}
    assert study.levels == {8: PLANNED[8], 16: PLANNED[8]}
    assert "8 labels: decided after 8 draws" in lines
    assert study.stopped is None


def test_a_rerun_of_a_decided_comparison_makes_nothing(tmp_path):
    first, _ = run(tmp_path, draws=30)
    SEEN.clear()
    again, _ = run(tmp_path, draws=30)
    assert not SEEN  # no trial, no rehearsal, no cell
    assert len(again.cells) == len(first.cells)
    assert (again.levels, again.stopped) == (first.levels, None)


def test_classical_entries_alone_are_all_compared(tmp_path):
    study, _ = run(tmp_path, given=entries(0, 3), draws=6)
    assert {cell.entry for cell in study.cells} == {"c0", "c1", "c2", "scratch · x", "majority"}
    assert not study.questions


def test_one_of_each_is_not_said_to_be_screened(tmp_path):
    _, lines = run(tmp_path, given=entries(1, 1), draws=6)
    assert not any("screening" in line or "finalists" in line for line in lines)
    _, lines = run(tmp_path / "other", draws=6)
    assert any(line.startswith("screening 7 entries") for line in lines)  # not the control, not majority


def test_what_cannot_run_or_fails_is_no_finalist_and_is_told(tmp_path):
    faulty = [Entry(LetterRoute(called="bug", fault="bug"), "x"), Entry(ClassicalRoute(called="no", fault="error"))]
    study, _ = run(tmp_path, given=[*faulty, *entries()])
    assert not {"bug · x", "no"} & {one.name for one in study.entries}
    rows = {row["entry"]: row for row in study.facts["screening"]["entries"]}
    assert "IndexError" in rows["bug · x"]["left_out"]["8"]["text"]
    assert rows["no"]["left_out"]["8"]["text"] == "no such base"


def test_one_of_each_is_not_screened(tmp_path):
    given = entries(1, 1)
    assert not to_screen(given)
    study, _ = run(tmp_path, given=given)
    assert "screening" not in study.facts
    assert study.questions[8].against == ("c0", "scratch · x")


@pytest.mark.parametrize("groups", [None, 5])
def test_rows_of_screening_are_not_learnt(groups):
    pool = letters(60)
    names = None if groups is None else [f"g{row // groups}" for row in range(60)]
    pool = Examples(
        items=[f"{text}{row}" for row, text in enumerate(pool.items)],
        labels=pool.labels,
        classes=pool.classes,
        groups=names,
    )
    data, unit_N = StudyData(pool, pool), units(pool)
    for number in range(3):
        rows = screening_round(data, [8, 40, 60], 0, number)
        assert len(rows.learnt[60]) == 45  # a quarter of the pool is left to ask
        assert not set(unit_N[rows.asked]) & set(unit_N[rows.learnt[60]])
        assert np.array_equal(rows.learnt[60][:8], rows.learnt[8])


def test_looks_spend_five_percent_in_all():
    looks = Looks(dict(PLANNED))
    assert not looks.due(7, 20)
    assert looks.due(8, 20)
    looks.close([16], 8)
    assert looks.due(16, 14)
    looks.close([], 16)
    assert looks.levels([16, 64]) == pytest.approx({16: PLANNED[8], 64: ALPHA - sum(PLANNED.values())})
    assert sum(PLANNED.values()) + looks.level == pytest.approx(ALPHA)
    short = Looks(dict(PLANNED))
    assert not short.due(8, 3)  # the time is about to end: nothing is spent
    assert short.levels([16]) == {16: ALPHA}


def test_near_ties_share_a_finalist_and_the_usual_entry_is_taken():
    given = entries()
    screened = Screened([one for one in given if one.kind in ("pretrained", "classical")], (8, 16))
    scores = {
        "p0 · x": (0.8, 0.795),
        "p1 · x": (0.79, 0.8),
        "p2 · x": (0.8015, 0.7),
        "c0": (0.6, 0.7),
        "c1": (0.7, 0.6),
    }
    for name, pair in scores.items():
        screened.trials += [Trial(name, size, 0, score, 1.0) for size, score in zip((8, 16), pair)]
    found = choose_finalists(screened, given)
    assert found.questions[16].entry == "p1 · x"  # the middle of two label counts is the larger one
    assert found.questions[8].entry == "p0 · x"  # ahead of p1 by exactly what is still within reach, and a tie with p2
    assert {"c0", "c1"} <= {one.name for one in found.entries}


def test_what_was_tried_elsewhere_counts_and_what_was_never_tried_does_not():
    given = entries()
    screened = Screened([one for one in given if one.kind in ("pretrained", "classical")], (8, 16, 64))
    screened.trials += [
        Trial(name, 16, 0, score, 9.0) for name, score in (("p2 · x", 0.9), ("p0 · x", 0.5), ("c1", 0.4))
    ]
    screened.leave_out("p1 · x", (8, 16, 64), "far behind")
    found = choose_finalists(screened, given)
    assert {question.entry for question in found.questions.values()} == {"p2 · x"}
    assert {one.name for one in found.entries} == {"majority", "p2 · x", "c1", "scratch · x"}


def test_with_little_time_the_finalists_are_those_that_get_enough_draws_for_a_verdict():
    given = entries()
    screened = Screened([one for one in given if one.kind in ("pretrained", "classical")], (8, 16))
    scores = {"p0 · x": (0.9, 0.5), "p1 · x": (0.5, 0.9), "c0": (0.4, 0.7), "c1": (0.7, 0.4)}
    for name, pair in scores.items():
        screened.trials += [Trial(name, size, 0, score, 0.5) for size, score in zip((8, 16), pair)]
    whole = choose_finalists(screened, given, seconds=1000)
    assert {one.name for one in whole.entries} == {"majority", *scores, "scratch · x"}
    short = choose_finalists(screened, given, seconds=6 * 2 * 2.6)  # of the five, one must go: 3 s a draw
    assert len(short.entries) == 5
    shortest = choose_finalists(screened, given, seconds=1)
    assert {one.name for one in shortest.entries} == {"majority", "p1 · x", "c0", "scratch · x"}
    assert [one.entry for one in shortest.questions.values()] == ["p1 · x", "p1 · x"]
    assert shortest.questions[8].against == ("c0", "scratch · x")


def test_a_combination_is_dropped_after_two_trials_only():
    own = [Entry(LetterRoute(called=f"p{n}"), "x") for n in range(4)]
    both = Entry(registry.load("route", "vote")(), "x")
    found = Screened([*own, both], (8,))
    found.trials = [Trial(one.name, 8, 0, 0.9 - n / 100, 1.0) for n, one in enumerate([*own, both])]
    found.halve(8, (8,))
    assert [one.name for one in found.contenders("pretrained", 8)] == ["p0 · x", "p1 · x", "p2 · x", "vote · x"]
    found.trials.append(Trial(both.name, 8, 1, 0.8, 1.0))
    found.halve(8, (8,))
    assert "vote · x" in found.left_out


def test_where_nothing_was_ready_in_time_the_usual_entries_go_on_but_not_those_that_refuse():
    given = entries()
    screened = Screened([one for one in given if one.kind in ("pretrained", "classical")], (8, 16))
    for entry in screened.entries:
        screened.leave_out(entry.name, (8, 16), Reason("not_ready", "not ready within {seconds:.0f} s", seconds=2))
    refused = Reason("no_base", "it needs a base")
    screened.left_out["p0 · x"] = dict.fromkeys((8, 16), refused)
    found = choose_finalists(screened, given)
    assert {one.name for one in found.entries} == {"majority", "p1 · x", "c0", "scratch · x"}
    assert found.questions[8].entry == "p1 · x"


def test_a_score_at_more_labels_is_never_held_against_a_score_at_fewer():
    given = entries()
    screened = Screened([one for one in given if one.kind in ("pretrained", "classical")], (8, 16))
    for name, score in (("c0", 0.95), ("c1", 0.88), ("p0 · x", 0.9), ("p1 · x", 0.85)):
        screened.trials.append(Trial(name, 16, 0, score, 1.0))
    screened.trials += [Trial("c0", 8, 0, 0.7, 1.0), Trial("p0 · x", 8, 0, 0.6, 1.0)]
    assert [one.name for one in screened.contenders("classical", 8)][:2] == ["c0", "c1"]
    found = choose_finalists(screened, given)
    assert {one.name for one in found.entries} == {"majority", "c0", "p0 · x", "scratch · x"}
    by_name = {one.name: one for one in given}
    assert screened.level(by_name["c1"], 8, by_name["c0"]) == float("-inf")
    assert screened.level(by_name["c0"], 8, by_name["c1"]) == 0.7
    looking = SimpleNamespace(
        sizes=(8, 16), affordable=9.0
    )  # c1 was not tried at 8 labels, where c0 is the best so far
    Screening._look_at(looking, by_name["c0"], 8, screened)
    assert not screened.left_out
    screened.trials.append(Trial("c1", 8, 0, 0.5, 1.0))
    Screening._look_at(looking, by_name["c1"], 8, screened)
    assert list(screened.left_out["c1"]) == [8]


def test_a_base_that_is_slow_to_embed_is_asked_fewer_rows(tmp_path, monkeypatch):
    embedded: set[int] = set()

    def prepare(self, examples, workspace):
        for item in map(id, examples.items):
            if item not in embedded:
                time.sleep(0.004)
                embedded.add(item)

    monkeypatch.setattr(LetterRoute, "prepare", prepare)
    monkeypatch.setattr(ClassicalRoute, "prepare", lambda self, examples, workspace: None)
    run(tmp_path, train=letters(900), seconds=12.0, draws=6)
    asked = json.loads((tmp_path / SCREENING).read_text())["asked"]
    assert 100 <= asked <= 0.1 * 12.0 / 0.004  # half of what is paid once, at the measured rate

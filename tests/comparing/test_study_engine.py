"""The engine: same draws for all entries, durable cells, faults that lose nothing, a fair share of the time."""

from __future__ import annotations

import errno
import itertools
import json
from dataclasses import replace

import pytest
from safetensors.numpy import load_file
from synthetic_study import ACCURACY, MACRO_F1, SEEN, ClassicalRoute, LetterModel, LetterRoute, letters

from headstart.comparing import cells
from headstart.comparing.run_study import run_study
from headstart.comparing.settings import StudyData, StudySettings
from headstart.core import registry
from headstart.core.disk_errors import disk_error
from headstart.core.errors import HeadstartError
from headstart.fitting.workspace import Workspace
from headstart.statistics.analysis import analyse
from headstart.statistics.study import Entry


@pytest.fixture
def run(tmp_path):
    SEEN.clear()
    LetterModel.calls = 0

    def call(entries, train=None, test=None, **changes):
        lines = []
        asked = {"sizes": (4, 8), "draws": 3, "seconds": 60.0, "metric": ACCURACY, "folder": tmp_path} | changes
        data = StudyData(train or letters(40), test or letters(60, 1))
        spaces = {entry.base: Workspace() for entry in entries}
        return run_study(entries, data, spaces, StudySettings(**asked), progress=lines.append), lines

    return call


GOOD = Entry(LetterRoute())
CLASSICAL = Entry(ClassicalRoute(called="classical", letter="c"))


def test_all_cells_are_run_once_and_scored_once(run):
    study, lines = run([GOOD, CLASSICAL])
    assert len(study.cells) == 12 == LetterModel.calls == len([line for line in lines if line.startswith("[cell")])
    assert lines[0] == "plan: 2 entries x 2 label counts x 3 draws = 12 cells"
    assert study.stopped is None
    assert study.failures == {}
    assert {cell.score for cell in study.cells if cell.entry == "letter"} == {0.9}
    assert lines[-1].startswith("[cell 12/12] letter, 8 labels, draw 3: .900 (")
    assert [seen[:2] for seen in SEEN[:4]] == [("classical", 4), ("letter", 4), ("classical", 8), ("letter", 8)]


def test_a_full_disk_says_so_in_one_line_and_loses_no_finished_cell(run, monkeypatch):
    real, left = cells.write_bytes, [3]

    def write_bytes(path, data):
        left[0] -= 1
        if left[0] < 0:
            raise disk_error(path, OSError(errno.ENOSPC, "No space left on device"))
        real(path, data)

    monkeypatch.setattr(cells, "write_bytes", write_bytes)
    with pytest.raises(HeadstartError, match="disk full while writing"):
        run([GOOD])
    left[0] = 100
    calls = LetterModel.calls
    assert len(run([GOOD])[0].cells) == 6
    assert LetterModel.calls == calls + 3


def test_a_rerun_computes_nothing_again(run, tmp_path):
    first, _ = run([GOOD, CLASSICAL])
    calls = LetterModel.calls
    second, lines = run([GOOD, CLASSICAL])
    assert LetterModel.calls == calls
    assert "12 of 12 cells were finished earlier" in lines[0]
    for one, two in zip(first.cells, second.cells):
        assert (one.answers == two.answers).all()
        assert (one.likelihood_N == two.likelihood_N).all()
        assert one.facts() == two.facts()


def test_more_draws_sizes_rows_or_time_keep_finished_cells(run):
    run([GOOD])
    SEEN.clear()
    run([GOOD, CLASSICAL], draws=4, sizes=(4, 8, 16), seconds=90.0)
    assert sorted(seen[1] for seen in SEEN if seen[0] == "letter") == [4, 8, 16, 16, 16, 16]


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"train": letters(41)}, {"test": letters(61, 1)}, {"entries": [Entry(LetterRoute(letter="c"))]}],
)
def test_other_data_or_settings_start_anew(run, change):
    run([GOOD])
    calls = LetterModel.calls
    run(change.pop("entries", [GOOD]), **change)
    assert LetterModel.calls == 2 * calls


def test_another_metric_scores_the_kept_predictions(run):
    run([GOOD])
    study, _ = run([GOOD], metric=MACRO_F1)
    assert LetterModel.calls == 6
    cell = study.cells[0]
    assert cell.score == MACRO_F1.score(study.truth, cell.answers)


@pytest.mark.parametrize("fault", ["torn line", "damaged predictions", "lost predictions", "no end of line"])
def test_damaged_cells_are_computed_again(run, tmp_path, fault):
    run([GOOD])
    lines = tmp_path / "cells" / "cells.jsonl"
    victim = next((tmp_path / "cells").glob("*.safetensors"))
    if fault == "torn line":
        lines.write_bytes(lines.read_bytes()[:-30])
    elif fault == "damaged predictions":
        victim.write_bytes(victim.read_bytes()[:-2] + b"\7\7")
    elif fault == "lost predictions":
        victim.unlink()
    else:
        lines.write_bytes(lines.read_bytes()[:-1])
    SEEN.clear()
    study, _ = run([GOOD])
    assert len(SEEN) == (0 if fault == "no end of line" else 1)
    assert len(study.cells) == 6
    SEEN.clear()
    run([GOOD, CLASSICAL])
    assert {seen[0] for seen in SEEN} == {"classical"}
    assert all(json.loads(line)["key"] for line in lines.read_bytes().splitlines())  # other programs read it too


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("error", "no such base"), ("bug", "IndexError: list index out of range"), ("nan", "not-a-number")],
)
def test_a_failing_route_loses_its_own_cells_only(run, fault, reason):
    bad = Entry(LetterRoute(called="bad", fault=fault))
    study, lines = run([bad, GOOD])
    assert reason in study.failures["bad"][4]
    assert set(study.failures["bad"]) == {4, 8}
    assert {cell.entry for cell in study.cells} == {"letter"}
    assert len(study.cells) == 6
    assert len([seen for seen in SEEN if seen[0] == "bad"]) == 2  # not tried again for every draw
    assert any("bad, 4 labels: could not run" in line for line in lines)


def test_a_refusal_is_per_label_count(run):
    study, _ = run([Entry(LetterRoute(called="picky", fault="refuses")), GOOD])
    assert study.failures == {"picky": {4: "it needs more than 4 labels"}}
    assert len(study.cells_of("picky", 8)) == 3


def test_an_interrupt_keeps_what_is_finished_and_the_next_run_continues(run):
    fragile = Entry(LetterRoute(fault="interrupt"))
    study, lines = run([fragile])
    assert study.stopped == "interrupted"
    assert len(study.cells) == 2
    assert "continues" in lines[-1]
    study, _ = run([fragile])
    assert study.stopped is None
    assert len(study.cells) == 6
    assert len(SEEN) == 7


def test_time_is_out(run):
    study, lines = run([GOOD], seconds=0.0)
    assert study.stopped == "time"
    assert study.cells == ()
    assert "time is out" in lines[-1]


def test_trainable_cells_share_what_is_left(run):
    run([GOOD, CLASSICAL], seconds=60.0)
    shares = [seconds for name, _, _, seconds in SEEN if name == "letter"]
    assert shares[0] == pytest.approx(60 / 6, rel=0.05)
    assert shares[-1] == pytest.approx(60, rel=0.05)  # nobody used its share: the last one may use all
    assert all(one <= 1.05 * two for one, two in itertools.pairwise(shares))


def test_entries_are_named_by_route_and_base():
    assert Entry(LetterRoute(), "halves").name == "letter · halves"
    assert Entry(LetterRoute(), "halves").kind == "pretrained"
    assert Entry(LetterRoute(called="scratch"), "halves").kind == "control"
    assert CLASSICAL.kind == "classical"


def test_mistakes_teach(run, tmp_path):
    with pytest.raises(HeadstartError, match="nothing to compare"):
        run([])
    with pytest.raises(HeadstartError, match="'letter' is given twice"):
        run([GOOD, GOOD])
    with pytest.raises(HeadstartError, match="no labels"):
        run([GOOD], test=replace(letters(9), labels=None))
    with pytest.raises(HeadstartError, match="give both the same"):
        run([GOOD], test=replace(letters(9), classes=("a", "b")))
    with pytest.raises(HeadstartError, match="labels=99: the labelled pool has 40 rows"):
        run([GOOD], sizes=(99,))
    asked = StudySettings(sizes=(4,), draws=1, seconds=1.0, metric=ACCURACY, folder=tmp_path)
    with pytest.raises(HeadstartError, match="no workspace"):
        run_study([Entry(LetterRoute(), "x")], StudyData(letters(9), letters(9)), {}, asked)


def test_arrays_are_small_and_readable_without_pickle(run, tmp_path):
    study, _ = run([GOOD])
    for path in (tmp_path / "cells").glob("*.safetensors"):
        kinds = {name: str(array.dtype) for name, array in load_file(path).items()}
        assert kinds == {"predicted_N": "uint16", "confidence_N": "float16", "likelihood_N": "float16"}
    right_N = study.cells[0].answers == study.truth
    assert (study.cells[0].confidence_N == 1).all()
    assert (study.cells[0].likelihood_N == right_N).all()


def test_the_real_classical_routes_run_through_the_whole_chain(run, tmp_path):
    entries = [Entry(registry.load("route", name)()) for name in ("majority", "tfidf_nb")]
    study, _ = run(entries, sizes=(16,), train=letters(80), test=letters(80, 1))
    assert study.failures == {}
    assert [facts.kind for facts in study.entries] == ["majority", "classical"]
    summary = analyse(study).tables[16].entries["tfidf_nb"]
    assert summary.mean > 0.7

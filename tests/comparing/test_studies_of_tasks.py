"""Studies of tasks without classes: cells keep numbers and spans, from them come intervals, verdict and report."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from safetensors.numpy import load_file
from synthetic_study import ACCURACY, letters
from toy_routes import CALLS, ToyClassical, ToyConstant, ToyRoute, toy_rows

from headstart.comparing.run_study import run_study
from headstart.comparing.settings import StudyData, StudySettings
from headstart.comparing.verdict import decide, outlook
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, Span
from headstart.core.metric_contracts import SumMetric
from headstart.core.spec import MetricSpec
from headstart.fitting.workspace import Workspace
from headstart.reporting.findings import findings
from headstart.reporting.report import report_data, terminal_table, write_report
from headstart.reporting.verdict_text import verdict_sentences
from headstart.routes.majority import Majority
from headstart.statistics.analysis import analyse
from headstart.statistics.blocks import DEALS
from headstart.statistics.study import Cell, Entry, EntryFacts, Study

ENTRIES = [
    Entry(ToyConstant(called="majority")),
    Entry(ToyConstant(called="constant")),
    Entry(ToyClassical(called="counts", noise=1.6)),
    Entry(ToyRoute(called="probe", noise=0.4), "base"),
    Entry(ToyRoute(called="scratch", noise=2.2), "base"),
]
METRICS = {"regress": ("spearman", "pearson"), "tag": ("entity_f1", "tag_accuracy")}


def verdict_text(study, language="en"):
    return "\n\n".join(verdict_sentences(study, analyse(study), language))


@pytest.fixture
def study_of(tmp_path):
    """Returns the study of a task by a metric, always in the same folder."""
    CALLS.clear()

    def run(task: str, metric: str, **changes) -> Study:
        asked = {"sizes": (4, 16, 64), "draws": 6, "seconds": 60.0, "folder": tmp_path / task} | changes
        settings = StudySettings(metric=registry.load("metric", metric)(), **asked)
        pool = toy_rows(task, 120)
        test = pool if settings.folds else toy_rows(task, 150, 1)
        data = StudyData(pool, test, {"audit": {"waived": True}})
        return run_study(ENTRIES, data, {None: Workspace(), "base": Workspace()}, settings)

    return run


@pytest.mark.parametrize("task", METRICS)
def test_from_cells_to_intervals_and_verdict(study_of, task):
    study = study_of(task, METRICS[task][0])
    assert study.failures == {}
    assert len(study.cells) == 5 * 3 * 6
    assert study.classes == ()
    found = analyse(study)
    for size, table in found.tables.items():
        for name in ("probe · base", "counts"):
            entry, cells = table.entries[name], study.cells_of(name, size)
            assert entry.scores == pytest.approx([cells[draw].score for draw in range(6)])
            assert entry.low < entry.mean < entry.high <= 1.2
        assert table.entries["probe · base"].learned
        assert not table.entries["constant"].learned
        assert table.failed(table.entries["constant"])
    verdict = decide(study, found)[-1]
    assert verdict.best == "probe · base"
    assert "constant" in verdict.unlearned
    assert verdict.worth.outcome == "worth"
    assert verdict.worth.control.second == "scratch · base"
    ahead = outlook(study, found)
    assert all(-1 <= one.low <= one.value <= one.high <= 1 for one in ahead.entries)


@pytest.mark.parametrize("task", METRICS)
def test_another_metric_scores_the_kept_answers(study_of, task):
    first, second = METRICS[task]
    study_of(task, first)
    calls = len(CALLS)
    again = study_of(task, second)
    assert len(CALLS) == calls
    metric = registry.load("metric", second)()
    for cell in again.cells:
        score = metric.score(again.truth, cell.predicted)
        assert cell.score == score or (math.isnan(score) and math.isnan(cell.score))
    assert analyse(again).tables[64].entries["probe · base"].mean == pytest.approx(
        np.mean([cell.score for cell in again.cells_of("probe · base", 64).values()])
    )


@pytest.mark.parametrize(("task", "ending"), [("regress", "safetensors"), ("tag", "jsonl")])
def test_cells_keep_answers_as_numbers_or_as_json_lines(study_of, tmp_path, task, ending):
    study = study_of(task, METRICS[task][0])
    lines = [json.loads(line) for line in (tmp_path / task / "cells/cells.jsonl").read_text().splitlines()]
    for line, cell in zip(lines, study.cells, strict=True):
        assert (line["entry"], line["answers"]) == (cell.entry, f"{line['key']}.{ending}")
        assert cell.confidence_N is cell.likelihood_N is None
        path = tmp_path / task / "cells" / line["answers"]
        if task == "regress":
            assert cell.answers.dtype == np.float32
            assert np.array_equal(load_file(path)["numbers_N"], cell.answers)
        else:
            assert [json.loads(row) for row in path.read_text().splitlines()] == cell.answers
    if task == "regress":
        assert study.truth.dtype == np.float64
    else:
        assert study.truth[0] == [list(span) for span in toy_rows("tag", 150, 1).targets[0]]


@pytest.mark.parametrize(("task", "spoil"), [("regress", lambda data: data[:-2]), ("tag", lambda data: data + b"[]\n")])
def test_damaged_answers_are_made_again(study_of, tmp_path, task, spoil):
    first = study_of(task, METRICS[task][0])
    lines = (tmp_path / task / "cells/cells.jsonl").read_text().splitlines()
    victim = tmp_path / task / "cells" / json.loads(lines[7])["answers"]
    victim.write_bytes(spoil(victim.read_bytes()))
    calls = len(CALLS)
    again = study_of(task, METRICS[task][0])
    assert len(CALLS) == calls + 1
    assert len(again.cells) == len(first.cells)


@pytest.mark.parametrize("task", METRICS)
def test_folds_ask_every_row_of_the_pool(study_of, task):
    study = study_of(task, METRICS[task][0], folds=4, draws=3)
    (size,) = study.sizes
    assert len(CALLS) == 5 * 3 * 4
    assert {len(cell.answers) for cell in study.cells} == {120}
    assert analyse(study).tables[size].entries["probe · base"].learned
    assert 80 <= size <= 90


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("task", METRICS)
def test_the_report_tells_what_applies(study_of, tmp_path, task, language):
    study = study_of(task, METRICS[task][0], sizes=(16, 64), draws=3)
    page = write_report(study, tmp_path / "report", language).read_text(encoding="utf-8")
    assert "nan" not in page.partition("</style>")[2].lower()
    for absent in ('id="confusion"', 'id="calibration"', 'id="classes"', "“”"):
        assert absent not in page
    assert "probe · base" in terminal_table(study, language)
    data = report_data(findings(study))
    constant = data["constant"]
    assert (constant["score"] is None) == (constant["class"] == "") == (task == "regress")
    assert constant["class"] in page
    assert data["confusion"]["counts"] is None
    assert not any("balanced" in line for line in data["caveats"]["en"])


@dataclass(frozen=True, kw_only=True)
class PerCent(SumMetric, MetricSpec):
    """Equal texts in per cent."""

    task: ClassVar[str] = "generate"
    limits: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def statistics(self, truth, predicted):
        return np.array([(one == other, 1) for one, other in zip(truth, predicted, strict=True)], float)

    def value(self, sums_K):
        return float(100 * sums_K[0] / sums_K[1])


def test_a_metric_of_another_scale_is_judged_on_its_scale():
    """Up to 100: one point is worth finding, less than two ahead of guessing are nothing, forecasts end at 100."""
    random, truth, cells = np.random.default_rng(0), [f"text {row}" for row in range(400)], []
    for size, skill in ((16, 0.2), (64, 0.4), (256, 0.6)):
        for draw in range(6):
            for entry, more in (("probe · a", 0.3), ("memory", 0.0), ("scratch · a", -0.1), ("deaf", -1.0)):
                right_N = random.random(400) < skill + more
                answers = [text if right else "" for text, right in zip(truth, right_N)]
                cells.append(Cell(entry, size, draw, 100 * right_N.mean(), 1.0, None, {}, answers))
    kinds = {"probe · a": "pretrained", "memory": "classical", "scratch · a": "control", "deaf": "classical"}
    study = Study(
        entries=tuple(EntryFacts(name, kind, "a" if "·" in name else None, {}) for name, kind in kinds.items()),
        cells=tuple(cells), sizes=(16, 64, 256), draws=6, overlaps={16: 0.0, 64: 0.0, 256: 0.0}, metric=PerCent(),
        classes=(), truth=truth, facts={"audit": {"waived": True}},
    )  # fmt: skip
    found = analyse(study)
    last, verdict = found.tables[256], decide(study, found)[-1]
    assert last.entries["memory"].mean == pytest.approx(60, abs=3)
    assert 86 < verdict.low < last.entries["probe · a"].mean < verdict.high < 95
    assert verdict.worth.outcome == "worth"
    assert verdict.plan.wanted == 1.0
    assert verdict.unlearned == ("deaf",)
    assert verdict.labels.side == "above"
    ahead = outlook(study, found)
    assert all(60 < one.value <= one.high <= 100 for one in ahead.entries)
    assert "Use probe · a: " in verdict_text(study)
    assert f"[{verdict.low:.1f}, {verdict.high:.1f}]" in verdict_text(study)
    assert "(less than +2.0 ahead of guessing): deaf." in verdict_text(study)


def test_mistakes_teach(tmp_path):
    data = StudyData(toy_rows("tag", 20), toy_rows("tag", 20, 1))
    spaces = {None: Workspace(), "base": Workspace()}
    asked = {"sizes": (4,), "draws": 1, "seconds": 5.0, "folder": tmp_path}
    with pytest.raises(HeadstartError, match="training rows ask for tag, test rows for tag, and metric accuracy"):
        run_study(ENTRIES, data, spaces, StudySettings(metric=ACCURACY, **asked))
    metric = registry.load("metric", "entity_f1")()
    with pytest.raises(HeadstartError, match="test rows for classify"):
        run_study(ENTRIES, StudyData(toy_rows("tag", 20), letters(20)), spaces, StudySettings(metric=metric, **asked))


def test_answers_are_judged_once_for_all_reports_of_a_run(study_of, monkeypatch):
    """A study with another metric, other answers or another truth is judged anew, although it shares the memory."""
    from headstart.metrics.entity_f1 import EntityF1

    study, asked = study_of("tag", "entity_f1"), []
    own = EntityF1.statistics
    monkeypatch.setattr(EntityF1, "statistics", lambda *given: asked.append(1) or own(*given))
    first = analyse(study)
    constant = 1  # the best constant answer, in each analysis
    assert len(asked) == len(study.cells) * (1 + DEALS) + constant
    again = analyse(replace(study, stopped="interrupted"))
    assert len(asked) == len(study.cells) * (1 + DEALS) + 2 * constant
    assert again.tables[64].entries == first.tables[64].entries
    spoilt = replace(study, cells=tuple(replace(cell, answers=[[] for _ in study.truth]) for cell in study.cells))
    assert analyse(spoilt).tables[64].entries["probe · base"].mean == 0.0
    other = replace(study, metric=registry.load("metric", "tag_accuracy")())
    assert analyse(other).tables[64].entries["probe · base"].mean != first.tables[64].entries["probe · base"].mean


def test_a_pretrained_entry_that_finished_nothing_is_no_missing_one(study_of):
    study = study_of("tag", "entity_f1")
    kept = tuple(cell for cell in study.cells if "base" not in cell.entry)
    assert "No pre-trained model finished enough draws" in verdict_text(replace(study, cells=kept))
    entries = tuple(facts for facts in study.entries if facts.kind != "pretrained")
    assert "No pre-trained model took part" in verdict_text(replace(study, cells=kept, entries=entries))


def test_questions_about_one_passage_count_as_one_block(tmp_path):
    """Eighty passages of one question each, then ten with eight, answered alike on a passage: the interval is wider."""
    found = {}
    for passages in (80, 10):
        texts = [f"passage {number % passages} says yes" for number in range(80)]
        answers = [(Span(0, 7, "passage"),) if number % passages % 2 else () for number in range(80)]
        rows = Examples(["what?"] * 80, texts, task="answer", targets=answers)
        settings = StudySettings(
            sizes=(4, 8),
            draws=3,
            seconds=60.0,
            metric=registry.load("metric", "answer_f1")(),
            folder=tmp_path / str(passages),
        )
        data = StudyData(rows, rows, {"audit": {"waived": True}})
        study = run_study([Entry(Majority())], data, {None: Workspace()}, settings)
        entry = analyse(study).tables[8].entries["majority"]
        found[passages] = entry.high - entry.low
        assert entry.mean == pytest.approx(0.5)
    assert found[10] > 1.5 * found[80]

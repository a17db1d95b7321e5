"""Calibration errors of known size; slices with planted differences; the audit's say in the verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import MACRO_F1, drawn_study

from headstart.comparing.verdict import decide
from headstart.reporting.verdict_text import verdict_sentences
from headstart.statistics.analysis import analyse
from headstart.statistics.calibration import bin_of, calibration, mean_error, square_error
from headstart.statistics.slices import FEWEST, length_slices, slices

ROWS = {"tfidf": ("classical", None, 0.8), "probe · a": ("pretrained", "a", 2.0), "scratch · a": ("control", "a", 0.2)}


def surely(study, sharpness):
    """The study with the confidence of models that are right with probability p and say p * sharpness."""
    random = np.random.default_rng(0)
    cells = []
    for cell in study.cells:
        true_N = random.uniform(0.5, 1.0, len(study.truth))
        right_N = random.random(len(study.truth)) < true_N
        said_N = np.clip(true_N * sharpness, 0, 1)
        answer_N = np.where(right_N, study.truth, 1 - study.truth).astype(np.uint16)
        likelihood_N = np.where(right_N, said_N, 1 - said_N)
        parts = {"confidence_N": said_N.astype(np.float16), "likelihood_N": likelihood_N.astype(np.float16)}
        cells.append(replace(cell, answers=answer_N, **parts))
    return replace(study, cells=tuple(cells))


def test_calibrated_rows_have_no_error_and_sure_ones_have_theirs():
    plain = drawn_study({"row": ("classical", None, 1.0)}, draws=6, test=600)
    (good,) = calibration(surely(plain, 1.0), analyse(surely(plain, 1.0)).tables[16])
    assert good.low == 0.0 <= good.error < 0.03 < good.ece  # 15 bins of 40 rows are off by chance alone
    sharp = surely(plain, 1.3)
    (bad,) = calibration(sharp, analyse(sharp).tables[16])
    true = np.mean((np.clip(1.3 * (p := np.linspace(0.5, 1, 1001)), 0, 1) - p) ** 2) ** 0.5
    assert bad.low < true < bad.high
    assert bad.error == pytest.approx(true, abs=0.02)
    assert bad.confidence > 0.9
    assert bad.brier > good.brier
    assert bad.log_loss > good.log_loss == pytest.approx(0.5, abs=0.1)
    assert sum(one.rows for one in bad.bins) == 6 * 600


def test_rows_without_probabilities_are_left_out():
    study = drawn_study({"row": ("classical", None, 1.0)})
    assert calibration(study, analyse(study).tables[16]) == ()


def test_bins_have_equal_mass_and_ties_stay_together():
    sure_N = np.random.default_rng(0).random(1500)
    assert set(np.bincount(bin_of(sure_N))) == {100}
    assert len(set(bin_of(np.ones(50)))) == 1


def test_errors_over_bins_by_hand():
    """Bins of 4, 2 and 1 rows; of one row alone nobody knows what chance adds."""
    rows, sure, right = np.array([4.0, 2.0, 1.0]), np.array([3.2, 1.0, 0.9]), np.array([2.0, 2.0, 0.0])
    assert mean_error(rows, sure, right) == pytest.approx((1.2 + 1.0 + 0.9) / 7)
    squares = 4 * ((0.5 - 0.8) ** 2 - 0.25 / 3) + 2 * (1.0 - 0.5) ** 2
    assert square_error(rows, sure, right) == pytest.approx(squares / 6)
    assert square_error(np.ones(3), sure, right) == 0.0


def test_every_row_is_in_a_bin_that_is_shown_and_no_bin_is_empty():
    for rows in (3, 20, 40):
        study = surely(drawn_study({"row": ("classical", None, 1.0)}, draws=1, test=rows), 1.0)
        for level in (None, 0.75):
            cells = study.cells
            if level:
                cells = tuple(replace(cell, confidence_N=np.full(rows, level, np.float16)) for cell in cells)
            (found,) = calibration(replace(study, cells=cells), analyse(study).tables[16])
            assert sum(one.rows for one in found.bins) == rows
            assert all(one.rows > 0 and 0 <= one.right <= 1 and 0.5 <= one.confidence <= 1 for one in found.bins)
            assert (len(found.bins) == 1) is bool(level)


def test_a_probability_too_small_to_be_kept_counts_as_the_smallest_one():
    study = surely(drawn_study({"row": ("classical", None, 1.0)}, draws=3, test=40), 1.0)
    cells = [replace(cell, likelihood_N=np.zeros(40, np.float16)) for cell in study.cells]
    (found,) = calibration(replace(study, cells=tuple(cells)), analyse(study).tables[16])
    assert found.log_loss == pytest.approx(14 * np.log(2))
    cells = [replace(cell, likelihood_N=None) for cell in study.cells]
    (found,) = calibration(replace(study, cells=tuple(cells)), analyse(study).tables[16])
    assert found.log_loss != found.log_loss
    assert (found.draws, found.entry, found.size) == (3, "row", 16)


def test_chance_is_taken_off_the_calibration_error():
    random, plain, debiased = np.random.default_rng(0), [], []
    for _ in range(300):
        right_B = random.binomial(40, 0.8, 15).astype(float)
        sums = (np.full(15, 40.0), np.full(15, 32.0), right_B)
        plain.append(mean_error(*sums))
        debiased.append(square_error(*sums))
    assert np.mean(plain) > 0.04
    assert abs(np.mean(debiased)) < 3 * np.std(debiased) / 300**0.5


def leaky(study, gain=0.5):
    """The study with a tenth of its test rows leaked: the probe is right on most of them."""
    random = np.random.default_rng(1)
    leaked_N = random.random(len(study.truth)) < 0.1
    cells = []
    for cell in study.cells:
        knows_N = leaked_N & (random.random(len(leaked_N)) < gain) & ("probe" in cell.entry)
        cells.append(replace(cell, answers=np.where(knows_N, study.truth, cell.answers).astype(np.uint16)))
    return replace(study, cells=tuple(cells), slices={"clean": ~leaked_N, "contaminated": leaked_N})


def test_leaked_rows_are_found_out_and_the_clean_score_is_named():
    study = leaky(drawn_study(ROWS, test=2000))
    found = slices(study)
    probe, tfidf = (found.score(row, 16, "contaminated") for row in ("probe · a", "tfidf"))
    assert probe.claim == "better"
    assert probe.gap_low > 0
    assert tfidf.claim == "undecided"
    clean = found.score("probe · a", 16, "clean")
    assert clean.rows + probe.rows == 2000
    assert clean.gap == pytest.approx(-probe.gap)
    (one,) = decide(study, analyse(study))
    assert one.clean == clean
    told = verdict_sentences(study, analyse(study))[1]
    assert f"test rows without a copy in the training data: {clean.mean:.3f}".replace("0.", ".") in told
    leads = {lead.slice: lead for lead in found.leads}
    assert leads["contaminated"].value > leads["clean"].value > 0


def test_equal_slices_are_not_called_different():
    false = 0
    for seed in range(20):
        study = drawn_study({"row": ("classical", None, 1.0)}, draws=5, test=300, seed=seed)
        parts = {str(n): np.random.default_rng([seed, n]).random(300) < 0.3 for n in range(4)}
        found = slices(replace(study, slices=parts))
        false += any(one.claim != "undecided" for one in found.scores)
    assert false <= 4


def test_classes_are_slices_and_small_slices_are_left_out():
    study = drawn_study(ROWS, test=600, classes=3, metric=MACRO_F1)
    study = replace(study, slices={"tiny": np.arange(600) < FEWEST - 1, "all": np.ones(600, bool)})
    found = slices(study)
    assert {one.slice for one in found.scores if one.kind == "class"} == set(study.classes)
    whole = found.score("tfidf", 16, "all")
    assert whole.mean == pytest.approx(analyse(study).tables[16].entries["tfidf"].mean)
    assert found.score("tfidf", 16, "tiny") is None
    hit = next(one for one in found.scores if (one.slice, one.entry) == ("class 1", "tfidf"))
    cells = study.cells_of("tfidf", 16).values()
    assert hit.mean == pytest.approx(np.mean([(c.answers == 1)[study.truth == 1].mean() for c in cells]))


def test_thirds_by_length():
    parts = length_slices(["a" * n for n in range(90)])
    assert [int(part.sum()) for part in parts.values()] == [30, 30, 30]
    assert length_slices(["same"] * 90) == {}
    assert length_slices([]) == {}

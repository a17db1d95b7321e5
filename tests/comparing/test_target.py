"""A target score: exactly one of four answers, intervals of label counts that hold the truth, both languages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_study import drawn_study

from headstart.comparing.target import Target, check_target, judge_target
from headstart.comparing.verdict import decide
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.reporting.findings import findings
from headstart.reporting.phrases import catalogue
from headstart.reporting.report import report_data
from headstart.reporting.target_text import target_text
from headstart.reporting.verdict_text import verdict_sentences
from headstart.statistics.analysis import analyse
from headstart.statistics.forecast import fit
from headstart.statistics.labels_needed import labels_needed
from headstart.statistics.study import Study

SIZES = np.array([16.0, 64.0, 256.0])
MORE = np.array([16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0])


def fitted(limit: float, rise: float, exponent: float, noise: float, number: int = 0, sizes: np.ndarray = SIZES):
    random = np.random.default_rng(number)
    scores = limit - rise * sizes**-exponent + noise * random.normal(size=len(sizes))
    return fit(sizes, scores, max(noise, 1e-4) ** 2 * np.eye(len(sizes)), 12, str(number))


@pytest.mark.parametrize(("sizes", "noise", "least"), [(SIZES, 0.008, 100), (MORE, 0.002, 160)])
def test_the_interval_of_the_labels_needed_holds_the_truth(sizes, noise, least, repetitions):
    """The truth lies between the most labels tried and six times as many. least: known estimates of 200."""
    random, inside, known, never, laws = np.random.default_rng(1), 0, 0, 0, repetitions(25, 200)
    for number in range(laws):
        limit, rise, exponent = random.uniform(0.8, 0.97), random.uniform(0.5, 1.2), random.uniform(0.3, 0.8)
        truth = sizes[-1] * random.uniform(1.2, 6.0)
        score = limit - rise * truth**-exponent
        need = labels_needed(fitted(limit, rise, exponent, noise, number, sizes), score)
        inside += (need.low or np.inf) <= truth <= (need.high or np.inf)
        known += need.value is not None
        never += need.low is None or need.ceiling < score
    assert inside >= 0.95 * laws - 2 * (laws * 0.95 * 0.05) ** 0.5  # 95 % less two standard errors
    assert never <= 0.05 * laws  # called out of reach although it is not
    assert known >= 0.9 * least * laws / 200


def test_a_plain_law_is_read_backwards():
    found = fitted(0.9, 0.8, 0.4, 0.0, sizes=np.array([16.0, 64.0, 256.0, 1024.0]))
    need = labels_needed(found, 0.9 - 0.8 * 3000**-0.4)
    assert need.low < 3000 < (need.high or need.limit)
    assert need.value == pytest.approx(3000, rel=0.35)


def test_what_levels_off_below_is_out_of_reach():
    need = labels_needed(fitted(0.7, 1.5, 1.0, 0.0, sizes=np.array([4.0, 16.0, 64.0, 256.0, 1024.0])), 0.9)
    assert need.value is None
    assert 0.7 < need.ceiling < 0.8


def study_with(target: float | None) -> Study:
    """Three label counts, the more labels the better, and a target."""
    parts = []
    for size, skill in ((16, 1.0), (64, 1.7), (256, 2.2)):
        skills = {"majority": ("majority", None, 0.0), "bag": ("classical", None, skill - 0.4)}
        parts.append(drawn_study(skills | {"probe · b": ("pretrained", "b", skill)}, sizes=(size,), seed=3))
    facts = parts[0].facts | ({} if target is None else {"target": target})
    cells = tuple(cell for part in parts for cell in part.cells)
    sizes = tuple(size for part in parts for size in part.sizes)
    return replace(parts[0], cells=cells, sizes=sizes, overlaps=dict.fromkeys(sizes, 0.0), facts=facts)


def answer(target: float):
    study = study_with(target)
    analysis = analyse(study)
    verdicts = decide(study, analysis)
    return judge_target(study, analysis, verdicts), verdicts, study, analysis


def test_each_answer_agrees_with_the_table():
    _, verdicts, study, _ = answer(0.5)
    judged = [one for one in verdicts if one.best]
    lowest, highest = min(one.low for one in judged), max(one.high for one in judged)
    found = {round(target, 3): answer(target)[0] for target in np.linspace(max(lowest - 0.02, 0.01), 1.0, 25)}
    for target, one in found.items():
        fewest = next((verdict.size for verdict in judged if verdict.low >= target), None)
        if fewest is not None:
            assert (one.outcome, one.labels) == ("reached", fewest)
        elif highest >= target:
            at = next(verdict for verdict in judged if verdict.size == one.labels)
            assert one.outcome == "unsure"
            assert at.low < target <= at.high
        else:
            assert one.outcome in ("needs", "out_of_reach")
    assert {"reached", "unsure"} <= {one.outcome for one in found.values()}
    assert study.facts["target"] == 0.5


def test_without_a_target_nothing_is_said():
    study = study_with(None)
    assert findings(study).target is None
    assert "Target" not in " ".join(verdict_sentences(study, analyse(study)))


def test_terminal_page_and_json_say_it():
    found, _, study, analysis = answer(0.99)
    assert "Target .99" in " ".join(verdict_sentences(study, analyse(study)))
    assert "목표 .99" in verdict_sentences(study, analysis, "ko")[0]
    assert report_data(findings(study))["target"]["outcome"] == found.outcome


BASE = Target(0.9, "needs", "probe", 256, 0.84, 0.82, 0.86)


@pytest.mark.parametrize(
    ("one", "english", "name"),
    [
        (
            replace(BASE, outcome="reached", labels=64.0),
            "reached with 64 labels by probe, .840 [.820, .860].",
            "reached",
        ),
        (replace(BASE, outcome="unsure", labels=64.0, mean=0.91), "probably reached with 64 labels", "probably"),
        (replace(BASE, outcome="unsure", labels=64.0), "not sure; with 64 labels", "unsure"),
        (
            replace(BASE, labels=913.0, low=604.0, high=1788.0, limit=2560, ceiling=1.0),
            "probe needs about 910 labels (600 to 1,800)",
            "needs",
        ),
        (replace(BASE, labels=913.0, low=604.0, limit=2560, ceiling=1.0), "(600 to more than 2,560)", "needs"),
        (
            replace(BASE, low=604.0, limit=2560, ceiling=1.0),
            "needs 600 labels at least, and perhaps more",
            "needs_least",
        ),
        (BASE, "needs more than 256 labels (.840 [.820, .860] there)", "needs_more"),
        (replace(BASE, outcome="out_of_reach", limit=2560, ceiling=0.87), "levels off at .870 or below", "levels_off"),
        (replace(BASE, outcome="out_of_reach", limit=2560, ceiling=1.0), "would need more than 2,560 labels", "far"),
    ],
)
def test_the_sentence(one, english, name):
    assert english in target_text(one, "en")
    korean = target_text(one, "ko")
    assert korean.startswith("목표 .900: ")
    assert korean.endswith(catalogue("ko")[f"target.{name}"].split("}")[-1])


def test_where_nothing_learnt_the_target_is_open():
    assert target_text(None, "en") == ""
    assert target_text(None, "en", score=0.9) == catalogue("en")["target.open"]


def test_a_target_out_of_the_scale_is_taught():
    accuracy, bleu = registry.load("metric", "accuracy")(), registry.load("metric", "bleu")()
    with pytest.raises(HeadstartError, match=r"--target 90: accuracy goes from 0 to 1.*did you mean 0.9\?"):
        check_target(90, accuracy)
    for wrong in (0.0, -1.0, float("nan"), 1.2):
        with pytest.raises(HeadstartError, match="--target"):
            check_target(wrong, accuracy)
    check_target(1.0, accuracy)
    check_target(35, bleu)

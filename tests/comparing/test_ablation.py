"""Effects of single changes: paired with the unchanged route, one family, claims only where evidence allows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.comparing.ablation import effects, questions_of_changes
from headstart.comparing.verdict import answered
from headstart.core import registry
from headstart.reporting.ablation_text import effect_text
from headstart.statistics.analysis import analyse
from headstart.statistics.study import Cell, Entry, EntryFacts, Study

ROUTE = registry.load("route", "finetune")()
UNCHANGED = Entry(ROUTE, "base")
CHANGED = [Entry(replace(ROUTE, mixup=n / 10), "base", f"mixup={n / 10}") for n in range(1, 7)]


def study(gains: list[float], draws: int = 8, tests: int = 600, seed: int = 0) -> Study:
    """Return a study in which the unchanged entry is right on 70 % of the rows, a changed one on its gain more."""
    random = np.random.default_rng(seed)
    truth_N = np.arange(tests) % 2
    cells = []
    for number in range(draws):
        luck_N = random.random(tests)
        for entry, gain in zip([UNCHANGED, *CHANGED], [0.0, *gains]):
            own_N = np.where(random.random(tests) < 0.3, random.random(tests), luck_N)
            right_N = own_N < 0.7 + gain
            predicted_N = np.where(right_N, truth_N, 1 - truth_N).astype(np.uint16)
            cells.append(Cell(entry.name, 64, number, float(right_N.mean()), 1.0, 1.0, {}, predicted_N))
    return Study(
        entries=tuple(EntryFacts(one.name, one.kind, one.base, one.route.to_dict()) for one in [UNCHANGED, *CHANGED]),
        cells=tuple(cells),
        sizes=(64,),
        draws=draws,
        overlaps={64: 0.0},
        metric=registry.load("metric", "accuracy")(),
        classes=("a", "b"),
        truth=truth_N,
    )


def test_who_helped_and_who_hurt():
    found = effects(study([0.08, -0.08, 0, 0, 0, 0]), UNCHANGED, CHANGED)
    assert [one.claim for one in found] == ["better", "worse", *["undecided"] * 4]
    assert found[0].value == pytest.approx(0.08, abs=0.02)
    for one in found:
        assert (one.low <= 0 <= one.high) == (one.claim == "undecided")
        assert one.low <= one.value <= one.high
        assert one.draws == 8


def test_the_family_is_the_changes_and_not_all_pairs():
    judged = study([0.04, 0, 0, 0, 0, 0])
    found = effects(judged, UNCHANGED, CHANGED)[0]
    pair = analyse(judged).tables[64].difference(CHANGED[0].name, UNCHANGED.name)
    assert found.value == pytest.approx(pair.value)
    assert found.p <= pair.p_holm
    assert found.high - found.low < 0.9 * (pair.high - pair.low)


def test_changes_that_change_nothing_are_seldom_called():
    called = sum(
        any(one.claim != "undecided" for one in effects(study([0.0] * 6, seed=n), UNCHANGED, CHANGED))
        for n in range(60)
    )
    assert called <= 8  # 5 % of 60 is 3; more than 8 has a chance below 1 %


def test_fewer_than_six_draws_claim_nothing():
    found = effects(study([0.3, -0.3, 0, 0, 0, 0], draws=5), UNCHANGED, CHANGED)
    assert {one.claim for one in found} == {"undecided"}
    assert all(one.low <= 0 <= one.high for one in found)


def test_one_draw_claims_nothing_and_says_so():
    found = effects(study([0.2, 0, 0, 0, 0, 0], draws=1), UNCHANGED, CHANGED)
    assert {one.claim for one in found} == {"undecided"}
    assert "no difference shown: mixup=0.1 +.2" in effect_text(found, UNCHANGED.name)
    assert effect_text([], UNCHANGED.name, "ko") == "아직 비교된 것이 없습니다"


@pytest.mark.parametrize(
    ("language", "words"), [("en", "64 labels: helped: mixup=0.1 +."), ("ko", "도움이 됨: mixup=0.1 +.")]
)
def test_the_words(language, words):
    text = effect_text(effects(study([0.1, 0, 0, 0, 0, 0]), UNCHANGED, CHANGED), UNCHANGED.name, language)
    assert words in text
    assert "finetune · base" in text.splitlines()[0]
    assert len(text.splitlines()) == 2


def test_a_label_count_is_answered_when_every_change_is_settled():
    asked = questions_of_changes(UNCHANGED, CHANGED, (64,))
    clear = replace(study([0.15, -0.15, 0.2, 0.2, -0.2, 0.2], draws=10), questions=asked)
    few = replace(study([0.15, -0.15, 0.2, 0.2, -0.2, 0.2], draws=5), questions=asked)
    open_one = replace(study([0.15, -0.15, 0.02, 0.2, -0.2, 0.2], draws=8, tests=200), questions=asked)
    assert [answered(one, analyse(one).tables[64]) for one in (clear, few, open_one)] == [True, False, False]
    unasked = replace(clear, questions={})
    assert not answered(unasked, analyse(unasked).tables[64])

"""Verdicts on studies of known truth, and the two languages side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import simulation
from synthetic_study import MACRO_F1, drawn_study

from headstart.comparing.verdict import decide
from headstart.core.errors import HeadstartError
from headstart.reporting import number_text, phrases
from headstart.reporting.number_text import number, signed, signed_with_interval
from headstart.reporting.phrases import phrase
from headstart.reporting.remarks import caveats, remark
from headstart.reporting.verdict_text import size_text, verdict_sentences
from headstart.statistics.analysis import SLIGHT, analyse, common_draws

BASIC = {
    "majority": ("majority", None, 0.0),
    "tfidf": ("classical", None, 0.8),
    "ppmi": ("classical", None, 1.0),
}


def verdict_of(study):
    return decide(study, analyse(study))[0]


def test_worth_it_when_it_beats_classical_and_its_own_random_start():
    study = drawn_study(BASIC | {"probe · a": ("pretrained", "a", 2.0), "scratch · a": ("control", "a", 0.6)})
    found = verdict_of(study)
    assert found.best == "probe · a"
    assert found.worth.outcome == "worth"
    assert found.worth.classical.second == "ppmi"
    assert found.worth.control.second == "scratch · a"
    assert found.worth.classical.low > 0
    text = "\n".join(verdict_sentences(study, analyse(study), "en"))
    assert "Use probe · a" in text
    assert "Pre-training was worth it at 16 labels." in text


def test_another_bases_random_start_is_no_control():
    study = drawn_study(BASIC | {"probe · a": ("pretrained", "a", 2.0), "scratch · b": ("control", "b", 0.6)})
    found = verdict_of(study).worth
    assert (found.outcome, found.reason) == ("undecided", "no_control")


def test_not_worth_it_when_the_network_alone_does_it():
    rows = {"probe · a": ("pretrained", "a", 2.0), "scratch · a": ("control", "a", 2.6)}
    found = verdict_of(drawn_study(BASIC | rows, draws=15, test=3000)).worth
    assert (found.outcome, found.reason) == ("not_worth", "control")


def test_not_worth_it_when_classical_is_better():
    rows = {"probe · a": ("pretrained", "a", 0.3), "scratch · a": ("control", "a", 0.2)}
    found = verdict_of(drawn_study(BASIC | rows)).worth
    assert (found.outcome, found.reason) == ("not_worth", "classical")


@pytest.mark.parametrize(
    ("draws", "test", "spread", "reason"),
    [(6, 5000, 0.5, "draws"), (5, 5000, 0.5, "few_draws"), (15, 60, 0.02, "test")],
)
def test_undecided_says_what_would_help(draws, test, spread, reason):
    rows = {"probe · a": ("pretrained", "a", 1.02), "scratch · a": ("control", "a", 0.2)}
    found = verdict_of(drawn_study(BASIC | rows, draws=draws, test=test, spread=spread)).worth
    assert (found.outcome, found.reason) == ("undecided", reason)


def test_one_draw_claims_nothing():
    rows = {"probe · a": ("pretrained", "a", 3.0), "scratch · a": ("control", "a", 0.2)}
    study = drawn_study(BASIC | rows, draws=1)
    found = verdict_of(study)
    assert (found.best, found.unlearned) == ("probe · a", ())
    assert set(found.peers) == {"ppmi", "tfidf", "scratch · a"}
    assert (found.worth.outcome, found.worth.reason) == ("undecided", "few_draws")


def test_no_classical_and_no_pretrained_row():
    only = {"probe · a": ("pretrained", "a", 2.0), "scratch · a": ("control", "a", 0.2)}
    assert verdict_of(drawn_study(only)).worth.reason == "no_classical"
    study = drawn_study(BASIC)
    assert verdict_of(study).worth.outcome == "none"
    assert "says nothing about pre-training" in verdict_sentences(study, analyse(study))[0]


def test_peers_and_rows_that_did_not_learn():
    study = drawn_study(BASIC | {"same": ("classical", None, 1.001), "deaf": ("classical", None, -1.0)}, test=4000)
    found = verdict_of(study)
    assert {found.best, *found.peers} >= {"ppmi", "same"}
    assert (found.unlearned, found.unshown) == (("deaf",), ())
    assert "Did not learn (less than +.020 ahead of guessing): deaf." in verdict_sentences(study, analyse(study))[1]
    assert "학습하지 못한 방법(추측 대비 +.020 미만): deaf." in verdict_sentences(study, analyse(study), "ko")[1]


def test_a_row_that_may_have_learned_is_only_not_shown_to():
    study = drawn_study(BASIC | {"faint": ("classical", None, -1.0)}, draws=6, test=60, seed=4)
    found, row = verdict_of(study), analyse(study).tables[16].entries["faint"]
    assert not row.learned
    assert row.gain < SLIGHT < row.gain_high  # too few test rows to say that it did not learn
    assert "faint" in found.unshown
    assert "faint" not in found.unlearned
    assert "faint" in verdict_sentences(study, analyse(study))[1].partition("Not shown to be better than guessing: ")[2]
    assert "추측보다 낫다고 확인되지 않음: " in verdict_sentences(study, analyse(study), "ko")[1]
    table = analyse(study).tables[16]
    assert remark(study, row, table, found, "en") == "not shown to learn"
    assert remark(study, row, table, found, "ko") == "학습 확인 안 됨"


def test_where_no_row_is_shown_to_learn_the_words_claim_no_more():
    rows = {"deaf": ("classical", None, -1.0), "numb": ("classical", None, -1.0)}
    sure, unsure = drawn_study(rows, test=4000), drawn_study(rows, draws=6, test=40)
    for study in (sure, unsure):
        assert verdict_of(study).best is None
        assert "No route was shown to be better than guessing" in verdict_sentences(study, analyse(study))[1]
    assert set(verdict_of(sure).unlearned) == {"deaf", "numb"}
    assert "Did not learn" in verdict_sentences(sure, analyse(sure))[1]
    assert verdict_of(unsure).unlearned == ()
    assert "Did not learn" not in verdict_sentences(unsure, analyse(unsure))[1]


def test_one_label_is_singular_and_classes_without_a_label_are_told():
    study = drawn_study(BASIC | {"probe · a": ("pretrained", "a", 2.0)}, sizes=(1, 4), classes=3)
    verdicts, found = decide(study, analyse(study)), analyse(study)
    assert [phrases.counted("en", sizes) for sizes in ([1], [4], [1, 4])] == ["1 label", "4 labels", "1, 4 labels"]
    told = "\n".join([*verdict_sentences(study, found), *caveats(study, found, "en")])
    assert "At 1, 4 labels" in told
    assert "With 1 label some classes" in told
    assert "Only 1 of 3 classes can have a label." in size_text(verdicts[0], found, "en")
    assert "클래스 3개 중 1개만 라벨을 가질 수 있습니다." in size_text(verdicts[0], found, "ko")
    assert "can have a label" not in size_text(verdicts[1], found, "en")


@pytest.mark.parametrize(
    ("kind", "share", "said"), [("unseen", 0.968, "97%"), ("unknown", 0.25, "25%"), ("spelt", 1.54, "1.5")]
)
def test_a_base_that_cannot_read_the_texts_is_a_caveat_in_both_languages(kind, share, said):
    study = drawn_study(BASIC | {"probe · a": ("pretrained", "a", 2.0)}, sizes=(4,), classes=3)
    silent = [caveats(study, analyse(study), language) for language in ("en", "ko")]
    foreign = replace(study, facts={**study.facts, "foreign": {"a": {"kind": kind, "share": share}}})
    for language, before in zip(("en", "ko"), silent):
        told = caveats(foreign, analyse(foreign), language)
        assert told[1:] == before
        assert said in told[0]
        assert told[0].startswith("a hardly knows" if language == "en" else "a은(는)")


def test_guessing_beats_a_constant_answer_in_macro_f1_and_is_still_not_learning():
    study = drawn_study({"guess": ("classical", None, -9.0)}, metric=MACRO_F1, test=1000)
    row = analyse(study).tables[16].entries["guess"]
    assert row.mean > analyse(study).constant + 0.1
    assert not row.learned


def test_the_cheaper_peer_is_named():
    study = drawn_study(BASIC | {"slow": ("classical", None, 1.01)}, test=200, seed=5)
    slow = [replace(cell, seconds=50.0) if cell.entry == "slow" else cell for cell in study.cells]
    found = verdict_of(replace(study, cells=tuple(slow)))
    assert (found.best, found.cheaper) == ("slow", "ppmi")
    assert verdict_of(study).cheaper is None


def test_rows_far_behind_are_not_paired_and_the_last_draw_may_be_incomplete():
    study = drawn_study(BASIC, draws=6)
    kept = [
        c for c in study.cells if not (c.entry == "tfidf" and c.draw >= 2) and not (c.entry == "ppmi" and c.draw == 5)
    ]
    study = replace(study, cells=tuple(kept))
    assert common_draws(study, 16) == (0, 1, 2, 3, 4)
    table = analyse(study).tables[16]
    assert not table.entries["tfidf"].paired
    assert len(table.entries["tfidf"].scores) == 2
    assert table.difference("ppmi", "tfidf") is None
    assert len(table.entries["ppmi"].scores) == 5


def test_a_difference_turned_round_is_the_same_difference():
    table = analyse(drawn_study(BASIC | {"same": ("classical", None, 1.0)})).tables[16]
    one, two = table.difference("ppmi", "tfidf"), table.difference("tfidf", "ppmi")
    assert one.turned() == two
    assert (one.value, one.low, one.wins) == (-two.value, -two.high, two.losses)
    assert {one.claim, two.claim} in ({"better", "worse"}, {"undecided"})


def test_an_empty_study_says_so():
    study = replace(drawn_study(BASIC), cells=())
    assert decide(study, analyse(study)) == ()
    assert "nothing to judge" in verdict_sentences(study, analyse(study))[0]


def test_both_languages_say_the_same_things():
    study = drawn_study(BASIC | {"probe · a": ("pretrained", "a", 2.0), "scratch · a": ("control", "a", 0.6)})
    korean = verdict_sentences(study, analyse(study), "ko")
    assert korean[0] == "라벨 16개에서는 사전학습이 값을 했습니다."
    with pytest.raises(HeadstartError, match="language 'kr'; did you mean 'ko'"):
        phrase("kr", "verdict")


def test_numbers():
    assert [number(v) for v in (0.8123, 1.0, -0.05, float("nan"))] == [".812", "1.000", "−.050", "–"]
    assert [signed(v) for v in (0.057, -0.012, 0.0, -0.0001)] == ["+.057", "−.012", "+.000", "+.000"]
    assert number_text.percent(0.004) == "<1 %"
    assert number_text.percent(0.4) == "40 %"


def test_scores_of_the_analysis_are_the_cells_scores():
    study = drawn_study(BASIC, metric=MACRO_F1, classes=3)
    row = analyse(study).tables[16].entries["ppmi"]
    assert row.scores == pytest.approx([study.cells_of("ppmi", 16)[d].score for d in range(10)])
    assert row.sd == pytest.approx(np.std(row.scores, ddof=1))


def test_without_an_audit_there_is_no_headline():
    study = drawn_study(BASIC | {"probe · a": ("pretrained", "a", 2.0), "scratch · a": ("control", "a", 0.6)})
    for audit in ({}, {"audit": {"skipped": "as asked"}}):
        other = replace(study, facts={"data": {}, **audit})
        assert verdict_sentences(other, analyse(other))[0].startswith("No headline: the data was not audited")
        assert verdict_sentences(other, analyse(other), "ko")[0].startswith(
            "데이터의 누출과 중복을 점검하지 않았으므로"
        )
    waived = replace(study, facts={"audit": {"waived": True}})
    assert verdict_sentences(waived, analyse(waived))[0] == "Pre-training was worth it at 16 labels. (not audited)"
    assert verdict_sentences(waived, analyse(waived), "ko")[0].endswith("(데이터 점검 안 함)")


@settings(max_examples=12)
@given(
    st.lists(st.floats(-1.0, 2.5), min_size=4, max_size=4),
    st.integers(2, 8),
    st.sampled_from([60, 300, 1500]),
    st.sampled_from([0.05, 0.3]),
    st.integers(0, 10**6),
)
def test_words_never_say_more_than_the_table(skills, draws, test, spread, seed):
    names = ("tfidf", "ppmi", "probe · a", "scratch · a")
    kinds = ("classical", "classical", "pretrained", "control")
    rows = {n: (k, "a" if "·" in n else None, max(s, 0.01)) for n, k, s in zip(names, kinds, skills)}
    study = drawn_study(rows, draws=draws, test=test, spread=spread, seed=seed, sizes=(16, 64))
    found = analyse(study)
    first, *paragraphs = verdict_sentences(study, found)
    for size, words_of_size in zip(found.tables, paragraphs):
        table = found.tables[size]
        classical = table.best("classical")
        leads = [table.difference("probe · a", other) for other in (classical.entry, "scratch · a")]
        paid = all(lead.claim == "better" and lead.low > 0 for lead in leads) and table.entries["probe · a"].learned
        assert ("Pre-training was worth it." in words_of_size) == paid
        assert (
            (str(size) in first.partition("was worth it at ")[2].partition(".")[0].split(", "))
            or not paid
            or (f"{size} labels" in first)
        )
        for lead in leads:
            assert signed_with_interval(lead.value, lead.low, lead.high) in words_of_size
            assert (lead.low > 0 or lead.high < 0) == (lead.claim != "undecided")
        if "Use " in words_of_size:
            best = words_of_size.partition("Use ")[2].partition(":")[0]
            learned = [entry for entry in table.entries.values() if entry.learned]
            assert table.entries[best].mean == max(entry.mean for entry in learned)
            peers = words_of_size.partition("Cannot be told apart from it: ")[2].partition(".")[0]
            apart = [entry.entry for entry in learned if entry.entry not in (best, *peers.split(", "))]
            assert all(table.difference(best, row).claim == "better" for row in apart)
        elif draws >= 6:
            assert not any(entry.learned for entry in table.entries.values())
        missed = words_of_size.partition("Did not learn")[2].partition(": ")[2].partition(".")[0]
        for name in filter(None, missed.split(", ")):
            assert not table.entries[name].learned
            assert table.entries[name].gain_high < SLIGHT


def test_the_interval_of_the_best_row_allows_for_the_choice():
    """Of eight equal rows the best one looks better than it is: its ordinary interval covers too rarely."""
    verdict, ordinary = simulation.best_coverage(8, 6, 60)
    assert ordinary < 0.93 <= verdict

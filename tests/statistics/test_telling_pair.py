"""The difference that matters is of the best pre-trained and the best classical entry, else of the best two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_study import drawn_study

from headstart.statistics.analysis import analyse
from headstart.statistics.power import telling_pair

BEST = {"deep": ("pretrained", "run", 1.4), "deeper": ("pretrained", "run", 1.6)}
WORSE = {"words": ("classical", None, 0.5), "bag": ("classical", None, 0.2)}


@pytest.mark.parametrize(
    ("skills", "names"),
    [
        (BEST | WORSE, ("deeper", "words")),
        (BEST, ("deeper", "deep")),
        (WORSE, ("words", "bag")),
        ({"words": WORSE["words"], "deep": BEST["deep"]}, ("deep", "words")),
        ({"words": WORSE["words"], "most": ("majority", None, 0.0)}, None),
        ({"deep": BEST["deep"]}, None),
    ],
)
def test_which_difference_is_told(skills, names):
    found = telling_pair(analyse(drawn_study(skills, draws=6, test=200)).tables[16])
    assert (found and (found.first, found.second)) == names
    assert found is None or found.value > 0


def test_a_difference_is_turned():
    table = analyse(drawn_study(BEST | WORSE, draws=6, test=200)).tables[16]
    one, two = table.difference("deeper", "words"), table.difference("words", "deeper")
    assert (one.first, one.second, two.first, two.second) == ("deeper", "words", "words", "deeper")
    assert (one.value, one.low, one.high) == (-two.value, -two.high, -two.low)
    assert (one.unadjusted_low, one.unadjusted_high) == (-two.unadjusted_high, -two.unadjusted_low)
    assert (one.wins, one.losses) == (two.losses, two.wins) == (6, 0)
    assert (one.claim, two.claim) == ("better", "worse")
    assert one.apart
    assert table.difference("deeper", "nobody") is None


@pytest.mark.parametrize(
    ("p_learned", "gain_high", "learned", "failed"),
    [(0.05, 0.5, True, False), (0.051, 0.5, False, False), (0.05, 0.001, True, False)]
    + [
        (1.0, 0.0101, False, True),
        (1.0, 0.0199, False, True),
        (1.0, 0.0201, False, False),
        (1.0, 0.0399, False, False),
    ],
)
@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_an_entry_learned_or_failed_or_neither(p_learned, gain_high, learned, failed, unit):
    """It failed where it is surely less than a fiftieth of the scale ahead of guessing."""
    table = replace(analyse(drawn_study(WORSE, draws=6, test=200)).tables[16], limits=(0.0, unit))
    one = replace(table.entries["bag"], p_learned=p_learned, gain_high=gain_high * unit)
    assert (one.learned, table.failed(one)) == (learned, failed)


@pytest.mark.parametrize(
    ("p", "value", "claim"),
    [
        (0.05, 0.1, "better"),
        (0.05, -0.1, "worse"),
        (0.0501, 0.1, "undecided"),
        (0.0, 0.001, "better"),
        (1.0, -1.0, "undecided"),
    ],
)
def test_a_claim_is_made_up_to_its_level(p, value, claim):
    table = analyse(drawn_study(BEST | WORSE, draws=6, test=200)).tables[16]
    pair = replace(table.difference("deeper", "words"), p_holm=p, value=value)
    assert (pair.claim, pair.apart) == (claim, claim != "undecided")
    plain = replace(pair, asked=False, p_holm=1.0)
    spans = [(-0.1, 0.1), (0.0, 0.2), (-0.2, 0.0), (0.01, 0.5), (-0.5, -0.01)]
    ends = [replace(plain, unadjusted_low=low, unadjusted_high=high) for low, high in spans]
    assert [one.apart for one in ends] == [False, False, False, True, True]


def test_entries_that_answer_alike_win_and_lose_no_draw():
    study = drawn_study(BEST, draws=7, test=200)
    said = {cell.draw: cell.answers for cell in study.cells if cell.entry == "deep"}
    found = analyse(replace(study, cells=tuple(replace(cell, answers=said[cell.draw]) for cell in study.cells)))
    pair = found.tables[16].difference("deep", "deeper")
    assert (pair.value, pair.wins, pair.losses, pair.draws, pair.claim, pair.p_holm) == (0.0, 0, 0, 7, "undecided", 1.0)
    assert pair.low < 0 < pair.high


@pytest.mark.parametrize(
    ("draws", "first", "second", "leader"),
    [
        (6, (0.01, 0.5), (0.01, 0.5), "deeper"),
        (6, (0.9, 0.5), (0.01, 0.5), "deep"),
        (6, (0.9, 0.5), (0.9, 0.5), None),  # neither is known to have learned
        (5, (0.9, 0.5), (0.9, 0.5), "deeper"),
        (5, (0.9, 0.001), (0.9, 0.5), "deep"),
        (5, (0.9, 0.001), (0.9, 0.001), None),
    ],
)
def test_who_leads_learned_or_with_few_draws_did_not_fail(draws, first, second, leader):
    table = analyse(drawn_study(BEST, draws=draws, test=200)).tables[16]
    known = {"deeper": first, "deep": second}
    entries = {
        name: replace(one, p_learned=known[name][0], gain_high=known[name][1]) for name, one in table.entries.items()
    }
    found = replace(table, entries=entries).leader
    assert (found and found.entry) == leader


@pytest.mark.parametrize("draws", [3, 5, 6, 9])
def test_an_interval_leaves_out_zero_exactly_where_a_claim_is_made(draws):
    """Fewer than six draws claim nothing, however far apart they are: then the interval ends at zero."""
    pairs = [
        pair
        for seed in range(2)
        for table in analyse(drawn_study(BEST | WORSE, draws=draws, test=200, seed=seed)).tables.values()
        for pair in table.pairs.values()
    ]
    assert all((pair.low > 0 or pair.high < 0) == (pair.claim != "undecided") for pair in pairs)
    apart = [pair for pair in pairs if pair.unadjusted_low > 0 or pair.unadjusted_high < 0]
    if draws < 6:
        assert {pair.p_holm for pair in pairs} == {1.0}
        assert any(0.0 in (pair.low, pair.high) for pair in apart)
    else:
        assert any(pair.claim != "undecided" for pair in apart)

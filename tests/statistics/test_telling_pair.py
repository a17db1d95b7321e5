"""The difference that matters is of the best pre-trained and the best classical entry, else of the best two."""

from __future__ import annotations

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

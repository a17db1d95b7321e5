"""n-grams of many words at once are those of every word by itself: same order, same counts, also beyond 64 bits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.core import word_grams
from headstart.core.word_grams import GramRule, KnownGrams, count_grams

WORDS = st.lists(st.text(st.sampled_from("abc<> 영화\ud800\U0001f600"), max_size=7), max_size=60)
RULES = st.sampled_from([GramRule(2, 4), GramRule(1, 4, "  "), GramRule(3, 3), GramRule(2, 9)])


def test_ngrams_of_a_word():
    assert GramRule(2, 4).of("ab") == ["<a", "ab", "b>", "<ab", "ab>", "<ab>"]
    assert GramRule(3, 3, "  ").of("ab") == [" ab", "ab "]


def by_hand(words: dict[str, int], rule: GramRule, once: bool) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for word, times in words.items():
        for gram in set(rule.of(word)) if once else rule.of(word):
            counts[gram] += times
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@given(words=WORDS, rule=RULES, once=st.booleans(), at_once=st.sampled_from([3, 200_000]))
def test_counts_are_those_of_every_word(words, rule, once, at_once):
    times = {word: 1 + place % 3 for place, word in enumerate(words)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_grams, "_WORDS_AT_ONCE", at_once)
        counts = count_grams(times, rule, once=once)
    expected = by_hand(times, rule, once)
    assert list(zip(counts.strings(), counts.count_G.tolist(), strict=True)) == expected
    assert counts.strings(3) == [gram for gram, _ in expected[:3]]


@given(words=WORDS, more=WORDS, rule=RULES, few=st.sampled_from([0, 24]))
def test_known_ngrams_are_found_in_their_order(words, more, rule, few):
    known = sorted({gram for word in words for gram in rule.of(word)})[::2] + ["longer than any n-gram", ""]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_grams, "_FEW_WORDS", few)
        patch.setattr(word_grams, "_WORDS_AT_ONCE", 7)
        places, counts = KnownGrams(known, rule).of([*words, *more])
    expected = [[known.index(gram) for gram in rule.of(word) if gram in known] for word in [*words, *more]]
    assert places.tolist() == [place for one in expected for place in one]
    assert counts.tolist() == [len(one) for one in expected]


@pytest.mark.parametrize("characters", ["\0ab", "".join(map(chr, range(0x4E00, 0x4E00 + 70_000)))])
def test_characters_that_keys_cannot_hold_are_read_as_strings(characters):
    words = {characters[place : place + 5]: 2 for place in range(0, len(characters), max(1, len(characters) // 40))}
    rule = GramRule(2, 4)
    counts = count_grams({"".join(characters): 1, **words}, rule)
    assert counts._keys is None
    assert counts.strings(9) == [gram for gram, _ in by_hand({characters: 1, **words}, rule, False)[:9]]
    known = KnownGrams(counts.strings(), rule)
    assert known._made() is None
    places, _ = known.of(list(words) * 2)
    assert np.array_equal(places[: len(places) // 2], places[len(places) // 2 :])

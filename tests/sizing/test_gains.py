"""sizing/evidence: every figure stands in the results that are named, and ranges hold what is near enough."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.sizing.evidence import Measured, fewest_documents, gain, measured

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("one", measured(), ids=lambda one: f"{one.family} {one.name} {one.minutes:g}")
def test_every_figure_stands_in_its_source(one):
    written = (ROOT / one.source).read_text(encoding="utf-8")
    for after, before in one.scores.values():
        assert stands(written, before)
        assert stands(written, after) or stands(written, after - before)


def stands(text: str, value: float) -> bool:
    """Whether a number is written in the text, with or without its zero, to three digits or four."""
    forms = {
        re.escape(f"{value:.{digits}f}".lstrip("0")) for digits in (3, 4) if round(value, digits) == round(value, 6)
    }
    return any(re.search(rf"(?<!\d){form}(?!\d)|0{form}(?!\d)", text) for form in forms)


def test_a_figure_that_is_not_there_is_found():
    assert stands("| 16 | .749 | 0.7150 |", 0.749)
    assert stands("| 16 | .749 | 0.7150 |", 0.715)
    assert not stands("| 16 | .749 | 0.7150 |", 0.75)
    assert not stands("| 16 | 1.7491 |", 0.749)


def test_ranges_are_those_of_what_is_near(monkeypatch):
    def known(name, minutes, **scores):
        by_labels = {int(labels[1:]): pair for labels, pair in scores.items()}
        return Measured("halves", name, "classify", "text", minutes, 1_000, "", by_labels)

    rows = (
        known("a", 10, _16=(0.7, 0.6), _64=(0.8, 0.75)),
        known("b", 5, _100=(0.5, 0.52)),
        known("far in minutes", 50, _64=(0.9, 0.1)),
        known("far in labels", 10, _1000=(0.9, 0.1)),
        replace(known("too small to gain", 10, _64=(0.5, 0.9)), documents=10),
    )
    monkeypatch.setattr("headstart.sizing.evidence.measured", lambda: rows)
    asked = {"takes": "text", "task": "classify", "minutes": 10}
    found = gain("halves", labels=64, **asked)
    assert (found.low, found.high, found.sets) == (pytest.approx(-0.02), pytest.approx(0.05), 2)
    assert found.score == (0.5, 0.8)
    assert found.text() == "-0.020 to +0.050 (scores 0.50 to 0.80, 2 sets)"
    assert gain("halves", labels=2, **asked) is None
    assert gain("mlm", labels=64, **asked) is None
    assert fewest_documents("halves", "text") == 1_000
    assert fewest_documents("mlm", "text") == 0

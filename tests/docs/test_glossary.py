"""The glossary: both languages in every line, and in Korean the words that the program really says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import headstart

CHECKOUT = Path(__file__).parents[2]
ROOT = Path(headstart.__file__).parent
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (CHECKOUT / "docs/glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| English"))
]
# Sections of the report that unfold, and what has to be explained for them.
EXPLAINED = ("audit", "screening", "interval", "calibration", "receipt", "worth in labels", "Holm", "guessing", "draw")
SAID_ELSEWHERE = {
    "미세 조정": "README.ko.md",
    "무작위 시작 대조군": "무작위 시작 and 대조군 apart",
    "Holm 보정": "Holm",
}


def spoken_words() -> str:
    """Return all that the program says in Korean."""
    files = [ROOT / "reporting/catalogue/ko.toml", *(ROOT / "core/catalogue/ko").glob("*.toml")]
    told = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return "\n".join(str(list(one.values())) for one in told)


def test_every_line_has_both_languages():
    assert len(LINES) > 40
    for english, korean, meaning, own in LINES:
        assert not re.search("[가-힣]", english + meaning)
        assert re.search("[가-힣]", korean), english
        assert re.search("[가-힣]", own), english


def test_no_term_stands_twice():
    for column in (0, 1):
        terms = [line[column] for line in LINES]
        assert sorted({term for term in terms if terms.count(term) > 1}) == []


def test_the_korean_terms_are_those_of_the_program():
    said = spoken_words()
    assert sorted({line[1] for line in LINES if line[1] not in said} - SAID_ELSEWHERE.keys()) == []


def test_what_reports_unfold_is_explained():
    assert set(EXPLAINED) <= {line[0] for line in LINES}


def test_both_readmes_lead_to_it():
    for name in ("README.md", "README.ko.md"):
        assert "docs/glossary.md" in (CHECKOUT / name).read_text(encoding="utf-8"), name

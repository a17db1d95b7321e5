"""The result of hs.compare, ablate and cross: in a console, in a notebook, as a data frame, without pandas."""

from __future__ import annotations

import builtins
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic_study import drawn_study

from headstart.commands.ablate import Ablated
from headstart.commands.compare import Compared
from headstart.commands.cross import Crossed
from headstart.comparing.cross import Crossing
from headstart.core.errors import HeadstartError

SKILLS = {
    "majority": ("majority", None, 0.0),
    "tfidf <svm>": ("classical", None, 1.2),
    "probe · b": ("pretrained", "b", 2.2),
    "scratch · b": ("control", "b", 0.8),
}


@pytest.fixture(params=[Compared, Ablated])
def result(request) -> Compared:
    return request.param(Path("some/report"), drawn_study(SKILLS, sizes=(16, 64)), "verdict", "table")


@pytest.fixture
def crossed() -> Crossed:
    nan = float("nan")
    found = [
        Crossing("probe", 16, "en", "en", 0.8, 0.7, 0.9, 0.0, nan, nan, 3),
        Crossing("probe", 16, "ko", "en", 0.7, 0.6, 0.8, -0.1, -0.2, -0.01, 3),
    ]
    return Crossed(Path("some/report"), {"en": drawn_study(SKILLS)}, found, "table", "verdict", "en")


class Tags(HTMLParser):
    """Checks that tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)


def test_the_repr_is_short_and_says_what_counts(result):
    lines = repr(result).splitlines()
    assert len(lines) == 3
    assert re.search(r"probe · b \.\d{3} \[\.\d{3}, \.\d{3}\] accuracy at 64 labels", lines[0])
    assert lines[1] == "worth it: 16: worth, 64: worth"
    assert "some/report" in lines[2]


def test_winner_and_verdicts(result):
    assert result.winner == "probe · b"
    assert [one.size for one in result.verdicts] == [16, 64]


def test_the_html_is_whole_and_self_contained(result):
    page = result._repr_html_()
    tags = Tags(page)
    assert {"table", "svg", "p"} <= set(tags.seen)
    assert "Pre-training was worth it" in page
    assert "tfidf &lt;svm&gt;" in page
    assert "<svm>" not in page
    assert not re.search(r"https?://|<script|<link|@import|url\(", page.replace("http://www.w3.org/2000/svg", ""))
    # Nothing may style the notebook around it, nor be dark on dark: text has the notebook's colour.
    style = page.split("<style>")[1].split("</style>")[0]
    assert all(rule.strip().startswith(".headstart-result") for rule in style.split("}") if rule.strip())
    assert "fill:currentColor" in style


def test_the_html_speaks_korean():
    made = Compared(Path("r"), drawn_study(SKILLS, sizes=(16, 64)), "verdict", "table", language="ko")
    assert "사전학습이 값을 했습니다" in made._repr_html_()


def test_what_a_notebook_shows(result, crossed):
    formatters = pytest.importorskip("IPython.core.formatters")
    for one in (result, crossed):
        shown, _ = formatters.DisplayFormatter().format(one)
        assert shown["text/html"] == one._repr_html_()
        assert shown["text/plain"] == repr(one)


def test_the_frame(result):
    pytest.importorskip("pandas")
    made = result.to_frame()
    assert len(made) == 8
    first = made[(made.entry == "probe · b") & (made.labels == 64)].iloc[0]
    assert (first.kind, first.base, first.draws, first.claim) == ("pretrained", "b", 10, "better")
    assert first.low < first.score < first.high
    assert first.lead_low <= first.lead <= first.lead_high
    assert made[made.entry == "tfidf <svm>"].claim.isna().all()


def test_the_frame_of_a_crossing(crossed):
    pytest.importorskip("pandas")
    made = crossed.to_frame()
    assert list(made.trained) == ["en", "ko"]
    assert made.gap[1] == -0.1


def test_a_crossing_in_words_and_html(crossed):
    assert repr(crossed).splitlines()[1] == "largest gap: probe, 16 labels, ko to en -.100 [-.200, -.010]".replace(
        "-", "−"
    )
    assert "table" in Tags(crossed._repr_html_()).seen


def test_without_pandas_it_teaches(result, crossed, monkeypatch):
    real = builtins.__import__

    def without(name, *given, **named):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for one in (result, crossed):
        with pytest.raises(HeadstartError, match="needs pandas, which is not installed: pip install pandas"):
            one.to_frame()


def test_before_anything_is_finished():
    empty = drawn_study(SKILLS, draws=0)
    made = Compared(Path("r"), empty, "verdict", "table")
    assert "nothing finished yet" in repr(made)
    assert made.to_frame()[["entry", "labels", "score", "low", "high", "draws"]].empty
    assert made.winner is None
    Tags(made._repr_html_())

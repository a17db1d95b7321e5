"""The report: self-contained, escaped, well-formed, the same numbers in page, JSON and terminal."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from synthetic_study import drawn_study

from headstart.comparing.exhibits import show
from headstart.comparing.report_folder import ReportFolder
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.reporting.findings import findings
from headstart.reporting.pages import as_words
from headstart.reporting.phrases import counted
from headstart.reporting.report import terminal_steps, terminal_table, write_report
from headstart.reporting.svg import Scale, nice_ticks, shorten, spread, text_width
from headstart.reporting.verdict_text import verdict_sentences
from headstart.statistics.analysis import analyse

ROWS = {
    "majority": ("majority", None, 0.0),
    "tfidf <script>alert(1)</script>": ("classical", None, 0.8),
    "ppmi": ("classical", None, 1.0),
    "probe · 절반": ("pretrained", "절반", 2.0),
    "scratch · 절반": ("control", "절반", 0.6),
    "deaf": ("pretrained", "절반", -9.0),
}
VOID = {"meta", "br", "hr", "img", "input", "link"}


@pytest.fixture(scope="module")
def study():
    made = drawn_study(ROWS, sizes=(4, 16, 64), draws=4, test=200, classes=3)
    hostile = ("good & <b>", 'quote " here', "나쁨")
    facts = made.facts | {"classes": {"training": dict.fromkeys(hostile, 5), "test": dict.fromkeys(hostile, 6)}}
    failures = {"broken · <i>": {4: "disk <full>"}}
    return replace(made, classes=hostile, failures=failures, stopped="time", facts=facts)


class Balanced(HTMLParser):
    """Fails on a tag that is closed wrongly; collects text and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_is_self_contained_escaped_and_well_formed(study, tmp_path, language):
    text = write_report(study, tmp_path, language).read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert "script" not in parser.seen
    assert "i" not in parser.seen
    assert parser.links == []
    assert parser.seen.count("svg") == 3
    assert not re.search(r"https?://|url\(|@import", text)
    words = " ".join(parser.words)
    for expected in ("tfidf <script>alert(1)</script>", "good & <b>", 'quote " here', "disk <full>", "--data <file>"):
        assert expected in words
    assert f'<html lang="{language}">' in text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text).lower().replace("finance", "")


def test_json_holds_everything(study, tmp_path):
    write_report(study, tmp_path, "en")
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    found = analyse(study)
    assert [size["labels"] for size in data["sizes"]] == [4, 16, 64]
    entries = {one["entry"]: one for one in data["sizes"][1]["entries"]}
    assert entries["ppmi"]["mean"] == found.tables[16].entries["ppmi"].mean
    assert len(data["cells"]) == len(study.cells)
    assert set(data["verdict"]) == {"en", "ko"}
    assert data["failures"]["broken · <i>"]["4"]["text"] == "disk <full>"
    assert sum(map(sum, data["confusion"]["counts"])) == 4 * 200
    assert {pair["claim"] for pair in data["sizes"][1]["pairs"]} <= {"better", "worse", "undecided"}


def test_the_terminal_table(study):
    text = terminal_table(study, "en")
    assert "\x1b" not in text
    assert "probe · 절반" in text
    assert "tfidf <script>alert(1)</script>" in text
    assert "could not run: disk <full>" in text
    assert "±" not in text  # intervals are not symmetric
    assert "학습" not in text
    assert "라벨 16개" in terminal_table(study, "ko")
    assert len(verdict_sentences(study, analyse(study), "ko")) == 5
    assert verdict_sentences(study, analyse(study), "en")[1].startswith("Ahead so far: ")


def test_with_too_few_draws_the_next_step_is_more_of_them(study):
    told = terminal_steps(study, "en")
    assert "4 draws are too few for a verdict: at least 6 are needed" in told
    assert "would not" not in told
    assert "more test rows" not in told


@pytest.mark.parametrize("cut", ["nothing", "one draw", "one size", "one row", "majority only"])
def test_any_partial_study_gives_a_report(study, tmp_path, cut):
    keep = {
        "nothing": lambda cell: False,
        "one draw": lambda cell: cell.draw == 0,
        "one size": lambda cell: cell.size == 16,
        "one row": lambda cell: cell.entry == "ppmi",
        "majority only": lambda cell: cell.entry == "majority",
    }[cut]
    partial = replace(study, cells=tuple(cell for cell in study.cells if keep(cell)))
    assert write_report(partial, tmp_path, "ko").exists()
    assert terminal_table(partial, "en")


def test_more_than_twenty_classes_have_no_confusion_matrix(tmp_path):
    study = drawn_study({"ppmi": ("classical", None, 2.0)}, classes=30, draws=3, test=120)
    write_report(study, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["confusion"]["counts"] is None


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_surest_mistakes_are_quoted(study, tmp_path, language):
    test = Examples(items=[f"text <{row}> & more" for row in range(200)])
    told = findings(study).mistakes
    show(test, [one.row for one in told], {}).save(tmp_path)
    assert not (tmp_path / "exhibits.png").read_bytes()
    text = write_report(study, tmp_path, language).read_text(encoding="utf-8")
    table = re.search(r'<table id="mistakes">.*?</table>', text, re.DOTALL)[0]
    cell = r"\s*<td[^>]*>(.*?)</td>"
    lines = re.findall(rf"<tr>{cell * 4}", table)
    assert [line[3] for line in lines] == [f"{one.wrong}/{one.draws}" for one in told[:12]]
    assert [line[0] for line in lines] == [f"text &lt;{one.row}&gt; &amp; more" for one in told[:12]]
    assert {"en": "<th>Text</th>", "ko": "<th>글</th>"}[language] in table
    kept = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["mistakes"]
    assert [one["row"] for one in kept] == [one.row for one in told]
    ReportFolder(tmp_path).need_intact()


def test_label_counts_are_written_one_way():
    assert counted("en", [1]) == "1 label"
    assert counted("ko", [16, 1000]) == "라벨 16, 1,000개"
    assert as_words({"test rows": 5000}) == "test rows 5,000"


def test_an_unknown_language_teaches_and_writes_nothing(study, tmp_path):
    with pytest.raises(HeadstartError, match="language 'de'"):
        write_report(study, tmp_path / "out", "de")
    assert not (tmp_path / "out").exists()


def test_labels_keep_their_distance():
    placed = spread([10, 11, 12, 90, 91], 15, 0, 100)
    gaps = [two - one for one, two in itertools.pairwise(placed)]
    assert min(gaps) >= 15 - 1e-9
    assert placed[-1] <= 100
    assert spread([5, 50], 15, 0, 100) == [5, 50]
    crowded = spread([50] * 30, 15, 0, 100)
    assert crowded[0] >= -1e-9
    assert crowded[-1] <= 100


def test_scales_ticks_and_widths():
    assert Scale(1, 100, 0, 10, log=True)(10) == pytest.approx(5)
    assert Scale(2, 2, 0, 10)(2) == 5
    assert nice_ticks(0.52, 0.91) == [0.6, 0.7, 0.8, 0.9]
    assert nice_ticks(1, 1) == [1]
    assert text_width("가나") > text_width("ab")
    assert shorten("abc", 100) == "abc"
    assert shorten("a" * 99, 50).endswith("…")

"""The page in a real browser: nothing cut off, no error, the answer on the first screen, every part by keyboard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from synthetic_study import drawn_study

from headstart.auditing.audit import run_audit
from headstart.comparing.cross import crossings
from headstart.core.examples import Examples
from headstart.reporting.audit_page import audit_page
from headstart.reporting.cross_page import cross_page
from headstart.reporting.report import write_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

ROWS = {
    "majority": ("majority", None, 0.0),
    "tfidf_logreg": ("classical", None, 0.7),
    "ppmi_logreg": ("classical", None, 0.9),
    "vote · halves": ("pretrained", "halves", 1.6),
    "probe · halves": ("pretrained", "halves", 1.5),
    "scratch · halves": ("control", "halves", 0.4),
}
# Elements whose content is wider than they are, but for boxes that scroll by themselves.
CUT = """[...document.querySelectorAll('main *')].filter(e => {
  const style = getComputedStyle(e);
  return !e.closest('svg') && style.display !== 'inline' && e.scrollWidth > e.clientWidth + 1
    && !['auto', 'scroll'].includes(style.overflowX) && e.tagName !== 'TABLE' && !e.closest('.wide')
}).map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"""
# Text of pictures that leaves its picture.
OUTSIDE = """[...document.querySelectorAll('svg')].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(t => {
    const own = t.getBoundingClientRect();
    return own.width > 0 && (own.right > box.right + 2 || own.left < box.left - 2)
  }).map(t => t.textContent)
})"""
OPEN = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


def written(folder, language, rows=ROWS, **more):
    study = drawn_study(rows, sizes=(16, 64, 256), draws=6, test=300, classes=3)
    facts = {
        "bases": {"halves": {"seconds": 90.0, "held_out": {"first": 5.0, "before": 3.1, "last": 3.0}}},
        "winner": {"folder": "winner", "entry": "vote · halves", "rows": 400, "command": "headstart predict W FILE"},
        "next": {"command": "headstart next W UNLABELLED --count 20 --out rows.csv"},
    }
    return write_report(replace(study, facts=study.facts | facts | more), folder, language)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_is_cut_off(browser, tmp_path, language, width, dark):
    browser.show(written(tmp_path, language), width, 800, dark=dark)
    for expression in ("0", OPEN):
        browser.ask(expression)
        assert browser.ask("document.documentElement.scrollWidth") <= width
        assert browser.ask(CUT) == []
        assert browser.ask(OUTSIDE) == []
    assert browser.errors == []
    paper, ink = (
        int(browser.ask(f"getComputedStyle(document.body).{name}.match(/[0-9]+/)[0]"))
        for name in ("backgroundColor", "color")
    )
    assert (paper < ink) == dark


def audited(folder, language):
    texts = [f"{'long' * 60 if row % 9 else 'copy of the same'} text {row % 7}" for row in range(60)]
    labels = np.arange(60) % 3
    rows = Examples(items=texts, labels=labels, classes=("one", "two", "z" * 90))
    (folder / "audit.html").write_text(audit_page(run_audit(rows, rows), language), encoding="utf-8")
    return folder / "audit.html"


def crossed(folder, language):
    study = drawn_study(ROWS, sizes=(16, 64), draws=3, test=200)
    parts = {name: np.arange(200) % 4 == at for at, name in enumerate(("ko", "en", "de", "part" * 20))}
    studies = {name: replace(study, slices=parts, failures={"knn": {16: "no such base"}}) for name in parts}
    found = cross_page(crossings(studies), studies, {("ko", "en"): 3}, language)
    (folder / "cross.html").write_text(found, encoding="utf-8")
    return folder / "cross.html"


def ablated(folder, language):
    told = {"change": "optimizer=momentum", "size": 16, "value": 0.031, "low": 0.004, "high": 0.058, "p": 0.01}
    told |= {"draws": 6, "claim": "better"}
    effects = [told, told | {"change": "w" * 90, "claim": "undecided", "size": 64}]
    sentences = {"en": "Against probe as it is.\n16 labels: helped.", "ko": "기준: probe.\n라벨 16개: 도움이 됨."}
    kept = {"unchanged": "probe · halves", "effects": effects, "sentences": sentences}
    return written(folder, language, ablation=kept)


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("make", [audited, crossed, ablated])
def test_the_other_pages_fit_too(browser, tmp_path, make, width):
    for language in ("en", "ko"):
        browser.show(make(tmp_path, language), width, 800, dark=language == "ko")
        browser.ask(OPEN)
        assert browser.ask("document.documentElement.scrollWidth") <= width
        assert browser.ask(CUT) == []
        assert browser.ask(OUTSIDE) == []
        assert browser.errors == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_first_screen_holds_the_answer(browser, tmp_path, language):
    browser.show(written(tmp_path, language), 1200, 800)
    for part in ("h1", ".ship", "#finalists", ".first svg", ".next"):
        bottom = browser.ask(f"[...document.querySelectorAll('{part}')].pop().getBoundingClientRect().bottom")
        assert bottom <= 800, part
    assert browser.ask("document.querySelectorAll('.next > div').length") >= 4
    assert browser.ask("document.querySelectorAll('details[open]').length") == 0
    assert browser.ask("document.querySelectorAll('#finalists tbody tr').length") <= 6


def test_every_part_opens_by_keyboard(browser, tmp_path):
    browser.show(written(tmp_path, "en"), 1200, 800)
    parts = browser.ask("document.querySelectorAll('summary').length")
    assert parts >= 10
    for _ in range(4 * parts):
        browser.press("Tab")
        if browser.ask("document.activeElement.tagName === 'SUMMARY' && !document.activeElement.parentNode.open"):
            browser.press("Enter")
    assert browser.ask("document.querySelectorAll('details:not([open])').length") == 0


def test_print_shows_what_is_folded(browser, tmp_path):
    page = written(tmp_path, "en")
    for media in ("screen", "print"):
        browser.show(page, 1200, 800, media=media)
        seen = browser.ask("document.getElementById('scores').checkVisibility()")
        assert seen == (media == "print")
    assert browser.ask("document.getElementById('scores-part').getBoundingClientRect().height") > 300


@pytest.mark.parametrize("width", [400, 1200])
def test_a_long_name_without_a_space_still_fits(browser, tmp_path, width):
    long = {("x" * 150 if name == "probe · halves" else name): told for name, told in ROWS.items()}
    browser.show(written(tmp_path, "en", long, command="headstart " + "y" * 300), width, 800)
    browser.ask(OPEN)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(CUT) == []
    browser.ask("document.body.insertAdjacentHTML('beforeend', '<div style=\"width:3000px\">planted</div>')")
    assert browser.ask("document.documentElement.scrollWidth") > width

"""The page says what report.json says: its tables, pictures and receipts are read back and compared."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_study import drawn_study

from headstart.reporting.number_text import number, percent, signed_with_interval, with_interval
from headstart.reporting.report import write_report

ROWS = {
    "majority": ("majority", None, 0.0),
    "tfidf": ("classical", None, 0.7),
    "ppmi": ("classical", None, 0.9),
    "probe · halves": ("pretrained", "halves", 1.6),
    "finetune · halves": ("pretrained", "halves", 1.2),
    "scratch · halves": ("control", "halves", 0.4),
}


class Tables(HTMLParser):
    """Collects the cells of every table by its id, the tooltips of pictures, and the text with each `pre`'s id."""

    def __init__(self, text: str):
        super().__init__()
        self.lines, self.tips, self.pre, self.words = {}, [], {}, []
        self.table = self.inside = self.opened = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "table":
            self.table = told.get("id")
            self.lines.setdefault(self.table, [])
        elif tag == "tr":
            self.lines[self.table].append([])
        elif tag in ("td", "th"):
            self.lines[self.table][-1].append("")
        elif tag == "title":
            self.tips.append("")
        elif tag == "pre":
            self.opened = told.get("id")
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None if tag == self.inside else self.inside
        self.opened = None if tag == "pre" else self.opened

    def handle_data(self, data):
        if self.opened:
            self.pre[self.opened] = self.pre.get(self.opened, "") + data
        elif self.inside in ("td", "th"):
            self.lines[self.table][-1][-1] += data
        elif self.inside == "title":
            self.tips[-1] += data
        self.words.append(data)


def numbers(found: dict) -> dict:
    """JSON data with its nulls as not-a-number, for the functions that write numbers."""
    return {name: float("nan") if value is None else value for name, value in found.items()}


def made(study) -> tuple[Tables, dict]:
    with TemporaryDirectory() as folder:
        page = write_report(study, Path(folder), "en").read_text(encoding="utf-8")
        return Tables(page), json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


def drawn(seed: int, draws: int, sizes: tuple[int, ...], classes: int):
    """A study whose cells have probabilities, times and receipts, with a part of the test rows that is a slice."""
    study = drawn_study(ROWS, seed=seed, draws=draws, sizes=sizes, classes=classes, test=150)
    random, cells = np.random.default_rng(seed), []
    for place, cell in enumerate(study.cells):
        sure_N = random.uniform(0.3, 1.0, 150).astype(np.float16)
        spent = {"training": 1.0, "testing": float(random.uniform(0.1, 2)), "allowed": None}
        receipt = {"cell": f"{place:08x}{seed:016x}", "seconds": spent}
        seconds = spent["training"] + spent["testing"]
        cells.append(replace(cell, seconds=seconds, confidence_N=sure_N, likelihood_N=sure_N, receipt=receipt))
    part_N = np.arange(150) % 3 > 0
    return replace(study, cells=tuple(cells), slices={"clean": part_N, "contaminated": ~part_N})


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**16),
    draws=st.sampled_from([1, 3, 6]),
    sizes=st.sampled_from([(16,), (16, 64), (4, 16, 64)]),
    classes=st.sampled_from([2, 3, 25]),
)
def test_numbers_on_the_page_are_those_of_the_json(seed, draws, sizes, classes):
    page, data = made(drawn(seed, draws, sizes, classes))
    check_scores(page, data)
    check_parts(page, data)
    check_mistakes(page, data)
    check_receipts(page, data)


def check_scores(page: Tables, data: dict) -> None:
    shown = iter(page.lines["scores"][1:])
    for table in data["sizes"]:
        assert len(next(shown)) == 1
        best = next(one["entry"] for one in table["entries"] if one["kind"] == "classical")
        leads = {(pair["first"], pair["second"]): numbers(pair) for pair in table["pairs"]}
        for entry in map(numbers, table["entries"]):
            line = next(shown)
            assert line[:2] == [entry["entry"], number(entry["mean"])]
            whole = with_interval(entry["mean"], entry["low"], entry["high"])
            assert line[2] == (whole.partition(" ")[2] or "–")
            assert line[3] == number(entry["sd"])
            assert line[5:7] == [f"{entry['seconds']:.1f}", str(len(entry["scores"]))]
            if lead := leads.get((entry["entry"], best)):
                assert line[4] == signed_with_interval(lead["value"], lead["low"], lead["high"])
            if entry["kind"] != "majority" and len(data["sizes"]) > 1:
                assert f"{entry['entry']}, {table['labels']}: {whole}" in page.tips
    for line, verdict in zip(page.lines["glance"][1:], data["verdicts"], strict=True):
        rows = {one["entry"]: numbers(one) for size in data["sizes"] for one in size["entries"]
                if size["labels"] == verdict["size"]}  # fmt: skip
        assert line[:2] == [str(verdict["size"]), verdict["best"] or "–"]
        assert line[2].partition(" ")[0] == (number(rows[verdict["best"]]["mean"]) if verdict["best"] else "–")
        assert line[-1] == (f"{rows[verdict['best']]['seconds']:.1f}" if verdict["best"] else "–")


def check_parts(page: Tables, data: dict) -> None:
    marks = {True: "▲", False: "▼"}
    found = {(one["entry"], one["size"], one["slice"]): numbers(one) for one in data["slices"]["scores"]}
    for table in data["sizes"]:
        _, names, *lines = page.lines[f"slices-{table['labels']}"]
        for name, line in zip(("clean", "contaminated"), lines, strict=True):
            for row, cell in zip(names[2:-1], line[2:-1], strict=True):
                one = found[row, table["labels"], name]
                mark = f" {marks[one['gap'] > 0]}" if one["p"] <= 0.05 else ""
                assert cell == with_interval(one["mean"], one["low"], one["high"]) + mark
    last = data["sizes"][-1]["labels"]
    told = [numbers(one) for one in data["calibration"] if one["size"] == last]
    for line, one in zip(page.lines["calibration"][1:], told, strict=True):
        error = with_interval(one["error"], one["low"], one["high"])
        assert line[:4] == [one["entry"], number(one["ece"]), error, number(one["brier"])]
    plans = [one["plan"] for one in data["verdicts"] if one["plan"]]
    for line, plan in zip(page.lines.get("power", [[]])[1:], plans, strict=True):
        assert line[2] == (number(plan["value"]) if plan["value"] else "–")  # no two scores differ so much


def check_mistakes(page: Tables, data: dict) -> None:
    mixed = data["confusion"]
    if mixed["entry"] is None:
        assert not {"confusion", "confused"} & set(page.lines)
    elif mixed["counts"] is None:
        told = [[one["true"], one["called"], str(one["rows"]), percent(one["share"])] for one in mixed["most"]]
        assert page.lines["confused"][1:] == told
    else:
        counts_CC = np.array(mixed["counts"])
        shares_CC = np.array([[float(cell) for cell in line[1:]] for line in page.lines["confusion"][1:]])
        assert np.abs(shares_CC / 100 - counts_CC / counts_CC.sum(1, keepdims=True)).max() <= 0.005 + 1e-9


def check_receipts(page: Tables, data: dict) -> None:
    listed = {line.split()[-1]: line.split() for line in page.pre["receipts"].splitlines() if "/" in line}
    assert len(listed) == len(data["cells"])
    for cell in data["cells"]:
        line = listed[cell["receipt"]["cell"][:12]]
        assert line[:3] == [f"{cell['size']}/{cell['draw'] + 1}", number(cell["score"], 4), f"{cell['seconds']:.1f}"]
    costs = {one["entry"]: one for one in data["costs"]}
    for line in page.lines["budget"][1:]:
        cost = costs[line[0]]
        total = cost["training"] + cost["testing"]
        assert line[1:5] == [str(cost["cells"]), *(f"{x:.1f}" for x in (cost["training"], cost["testing"], total))]


def test_thousands_of_cells_make_a_small_page(tmp_path):
    rows = {f"route {place} of a base with a long name": ("classical", None, 0.5) for place in range(6)}
    study = drawn_study(rows, draws=100, sizes=(4, 8), test=40)
    cells = [replace(cell, receipt={"cell": f"{place:024x}"}) for place, cell in enumerate(study.cells)]
    path = write_report(replace(study, cells=tuple(cells)), tmp_path, "ko")
    shown = Tables(path.read_text(encoding="utf-8")).pre["receipts"]
    assert len(cells) == 1200
    assert len(shown.encode()) < 60 * len(cells)
    assert len(shown.splitlines()) == len(cells) + len(rows)


def test_an_ablation_opens_with_the_changes(tmp_path):
    study = drawn_study(ROWS, draws=6)
    told = {"change": "mixup=0.2", "size": 16, "value": 0.031, "low": 0.004, "high": 0.058, "p": 0.01, "draws": 6}
    other = told | {"change": "dropout=0.1", "value": -0.002, "low": -0.02, "high": 0.01}
    effects = [told | {"claim": "better"}, other | {"claim": "undecided"}]
    sentences = {"en": "Against probe as it is.\n16 labels: helped.", "ko": "기준: probe.\n라벨 16개: 도움이 됨."}
    kept = {"unchanged": "probe · halves", "effects": effects, "sentences": sentences}
    page, _ = made(replace(study, facts=study.facts | {"ablation": kept}))
    assert page.words.index("Which change helped?") < page.words.index("16 labels: mixup=0.2 helped.")
    assert page.lines["effects"][2:] == [
        ["mixup=0.2", "+.031 [+.004, +.058]", "6", "helped"],
        ["dropout=0.1", "−.002 [−.020, +.010]", "6", "no difference shown"],
    ]
    assert "mixup=0.2: +.031 [+.004, +.058]" in page.tips
    assert "glance" not in page.lines
    assert not any("re-training" in words for words in page.words[:12])


@pytest.mark.parametrize(
    ("audit", "said", "headline"),
    [
        ({"identity": "abc", "sentences": {"en": ["12 rows leak."]}}, "12 rows leak.", True),
        ({"waived": True}, "The audit was waived", True),
        ({"skipped": "as asked"}, "The data was not audited", False),
    ],
)
def test_without_an_audit_there_is_no_advice_on_top(audit, said, headline):
    study = drawn_study(ROWS, draws=6)
    page, _ = made(replace(study, facts=study.facts | {"audit": audit}))
    assert any(words.startswith(said) for words in page.words)
    assert ("glance" in page.lines) == headline


def test_folds_say_what_their_intervals_hold_for():
    study = drawn_study(ROWS, draws=6, overlap=1.0)
    page, data = made(replace(study, facts=study.facts | {"settings": {"folds": 5}}))
    assert any("5-fold cross-validation of 400 rows, 6 times" in words for words in page.words)
    assert not any("balanced over the classes" in line for line in data["caveats"]["en"])


@pytest.mark.parametrize(("language", "told"), [("en", "in 4 folds, and the routes"), ("ko", "4겹으로 교차 검증했고")])
def test_few_rows_that_are_cross_validated_are_said(tmp_path, language, told):
    study = drawn_study(ROWS, draws=6)
    page = write_report(replace(study, facts=study.facts | {"lent": 4}), tmp_path, language).read_text(encoding="utf-8")
    assert told in page
    assert "--folds 0" in page

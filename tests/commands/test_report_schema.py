"""report.json of every kind of comparison keeps to the published schema, which forbids every other key."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from synthetic_study import drawn_study
from tiny_images import image_folder

from headstart.comparing.looks import Look
from headstart.reporting.findings import findings
from headstart.reporting.report import report_data
from headstart.reporting.report_schema import report_schema

jsonschema = pytest.importorskip("jsonschema")
CHECK = jsonschema.Draft202012Validator(report_schema())
KEPT = Path(__file__).parents[2] / "docs/report-schema.json"
TINY = ("--draws", 3, "--minutes", 1, "--language", "en")
ROWS = ("--data", "train.tsv", "--test", "test.tsv", "--labels", "8,16,32")
AIMED = ("--target", ".9")
FOLDED = ("--data", "train.tsv", "--folds", 3)
QUICK = ("finetune.epochs=1", "finetune.least_steps=4", "finetune.head_steps=2", "finetune.choose_learning_rate=false")
ASKED = {
    "texts": ("compare", "halves", *ROWS, "--routes", "probe,tfidf_nb,ppmi_logreg,few_shot,majority", *AIMED),
    "deep": ("compare", "halves", *ROWS, "--routes", "probe,tfidf_nb,zero_shot,majority", "--deep"),
    "folds": ("compare", "none", *FOLDED, "--routes", "tfidf_nb,majority"),
    "ablate": ("ablate", "none", *ROWS, "--route", "tfidf_nb", "--vary", "default=1"),
    "cross": ("cross", "none", "--data", "a=train.tsv", "b=test.tsv", "--routes", "tfidf_nb,majority", "--labels", 8),
}


def problems(report: dict) -> list[str]:
    """Return what is wrong with a report, in the words of the part of the schema that it is of."""
    part = CHECK.schema["oneOf"][report.get("kind") == "cross"]
    check = jsonschema.Draft202012Validator(part | {"$defs": CHECK.schema["$defs"]})
    return [f"{'/'.join(map(str, one.path))}: {one.message[:300]}" for one in check.iter_errors(report)]


@pytest.fixture(scope="module")
def reports():
    """Reports by kind, each made once."""
    return {}


def made(name, program, place, reports, given=()):
    if name not in reports:
        done = program(*(ASKED.get(name) or given), *TINY, "--out", place / name)
        assert done.code == 0, done.err
        reports[name] = json.loads((place / name / "report.json").read_text())
    return reports[name]


SLOW = ("deep", "ablate")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.full] if name in SLOW else []) for name in ASKED]
)
def test_a_real_report_keeps_to_the_schema(name, program, tmp_path, reports):
    report = made(name, program, tmp_path, reports)
    assert problems(report) == []
    assert CHECK.is_valid(report)


def test_a_report_on_images_does(program, tmp_path, reports):
    image_folder(tmp_path / "pictures", 40)
    given = ("compare", "none", "--data", tmp_path / "pictures", "--labels", 4, "--routes", "pixels_logreg,majority")
    assert problems(made("images", program, tmp_path, reports, given)) == []


def test_reasons_and_the_target_are_in_a_real_report(program, tmp_path, reports):
    report = made("texts", program, tmp_path, reports)
    assert report["target"]["score"] == 0.9
    rows = {row["entry"]: row for row in report["facts"]["screening"]["entries"]}
    reason = next(iter(rows["few_shot · halves"]["left_out"].values()))
    assert reason["code"] == "predicts_no_words"
    assert reason["values"]["trained"] == "halves"
    assert report["questions"]


def test_looks_and_levels_are_told():
    study = drawn_study({"bag": ("classical", None, 1.0), "probe · b": ("pretrained", "b", 2.0)})
    object.__setattr__(study, "looks", (Look(8, 0.01, (16,)),))
    object.__setattr__(study, "levels", {16: 0.01})
    told = json.loads(json.dumps(report_data(findings(study))))
    assert problems(told) == []
    assert (told["looks"], told["levels"]) == ([{"draws": 8, "level": 0.01, "closed": [16]}], {"16": 0.01})


def test_an_undocumented_key_fails_wherever_it_stands(program, tmp_path, reports):
    report = made("deep", program, tmp_path, reports)
    places = [(), ("sizes", 0), ("sizes", 0, "entries", 0), ("sizes", 0, "pairs", 0), ("cells", 0), ("verdicts", 0)]
    for place in [*places, ("verdicts", 0, "worth"), ("costs", 0), ("entries", 0)]:
        changed = copy.deepcopy(report)
        inner = changed
        for step in place:
            inner = inner[step]
        inner["surprise"] = 1
        assert not CHECK.is_valid(changed), place
        del inner["surprise"]
        inner.pop(next(iter(inner)))
        assert not CHECK.is_valid(changed), place


def test_the_published_file_is_the_schema():
    """Write it anew by: python -m headstart.reporting.report_schema > docs/report-schema.json."""
    assert json.loads(KEPT.read_text()) == report_schema()

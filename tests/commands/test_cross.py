"""cross: trained on one part, tested on held-out rows of every part; scores, intervals, gaps, report."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from headstart.metrics.accuracy import Accuracy

WORDS = {
    "en": {"good": ["lovely", "great", "warm"], "bad": ["awful", "cold", "flat"]},
    "xx": {"good": ["belu", "dora", "wima"], "bad": ["kasu", "toro", "figa"]},
}
ASKED = ("--labels", "16,32", "--draws", "3", "--minutes", "1", "--language", "en")


@pytest.fixture
def parts(tmp_path):
    source = random.Random(3)
    for name, words in WORDS.items():
        rows = [
            (
                " ".join([source.choice(words[label]), *source.choices(["film", "story", "it", "was"], k=3)]) + f" {n}",
                label,
            )
            for n in range(100)
            for label in words
        ]
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + "".join(f"{a}\t{b}\n" for a, b in rows))
    return tmp_path


def test_the_matrix(program, parts):
    files = [f"{name}={parts / name}.tsv" for name in WORDS]
    given = ("cross", "none", "--data", *files, "--routes", "tfidf_logreg,majority", "--out", parts / "out", *ASKED)
    done = program(*given)
    assert done.code == 0, done.err
    report = json.loads((parts / "out/report.json").read_text())
    found = {(c["entry"], c["size"], c["trained"], c["tested"]): c for c in report["crossings"]}
    assert len(found) == 2 * 2 * 2 * 2
    for name in WORDS:
        own = found["tfidf_logreg", 32, name, name]
        assert own["score"] > 0.9
        assert own["gap"] == 0
    for one, other in (("en", "xx"), ("xx", "en")):
        away = found["tfidf_logreg", 32, one, other]
        assert away["score"] < 0.75  # no word in common
        assert away["gap"] == pytest.approx(away["score"] - found["tfidf_logreg", 32, other, other]["score"])
        assert away["gap_high"] < 0
        assert away["low"] <= away["score"] <= away["high"]
    assert "trained on en, tested on xx" in done.out
    page = (parts / "out/report.html").read_text()
    assert page.count('<table id="heat-') == 4
    assert "http" not in page.replace("http-equiv", "")
    again = program(*given[:-1], "ko")
    assert again.code == 0, again.err
    assert "앞서 끝났으므로" in again.err
    assert "학습한 곳" in again.out


def test_scores_are_those_of_the_parts_rows(parts):
    from headstart.commands.cross import cross

    files = [f"{name}={parts / name}.tsv" for name in WORDS]
    done = cross("none", data=files, routes="tfidf_logreg", labels="32", draws=2, minutes=1.0, out=parts / "o")
    study = done.studies["en"]
    for one in done.crossings:
        if one.trained == "en":
            inside_N = study.slices[one.tested]
            assert inside_N.sum() == 50
            scores = [Accuracy().score(study.truth[inside_N], cell.answers[inside_N]) for cell in study.cells]
            assert one.score == pytest.approx(np.mean(scores))


def test_shared_rows_are_told(program, parts):
    (parts / "copy.tsv").write_text((parts / "en.tsv").read_text())
    files = [f"en={parts}/en.tsv", f"copy={parts}/copy.tsv"]
    out = parts / "out"
    done = program("cross", "none", "--data", *files, "--routes", "tfidf_nb", "--out", out, *ASKED, "--seed", "1")
    assert done.code == 0, done.err
    shared = {
        (one["trained"], one["tested"]): one["rows"] for one in json.loads((out / "report.json").read_text())["shared"]
    }
    assert set(shared) == {("en", "copy"), ("copy", "en")}
    assert max(shared.values()) <= 3  # the same seed holds the same rows out; a few differ by one letter only
    (parts / "part.tsv").write_text("\n".join((parts / "en.tsv").read_text().splitlines()[:120]) + "\n")
    files = [f"en={parts}/en.tsv", f"part={parts}/part.tsv"]
    done = program("cross", "none", "--data", *files, "--routes", "tfidf_nb", "--out", parts / "o2", *ASKED)
    shared = json.loads((parts / "o2/report.json").read_text())["shared"]
    assert all(one["rows"] > 5 for one in shared)
    assert "have a copy (exact, normalised or near)" in (parts / "o2/report.html").read_text()
    assert "have a copy in the training rows" in done.err.split("training on")[0]  # said before any score


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["train.tsv"], "write each file with the name of its part"),
        (["a=train.tsv"], "two parts or more are needed"),
        (["a=train.tsv", "b=others.tsv"], "in one of them only: film, music"),
    ],
)
def test_wrong_parts_teach(program, tmp_path, place, monkeypatch, files, words):
    monkeypatch.chdir(tmp_path)
    table = (place / "train.tsv").read_text()
    (tmp_path / "train.tsv").write_text(table)
    (tmp_path / "others.tsv").write_text(table.replace("\tfilm", "\tmusic"))
    done = program("cross", "none", "--data", *files, "--routes", "tfidf_nb", "--out", tmp_path / "o", *ASKED)
    assert done.code == 2
    assert words in done.complaint
    assert not (tmp_path / "o").exists()


def test_every_part_must_have_the_labels_before_any_is_trained_on(program, parts):
    (parts / "few.tsv").write_text("\n".join((parts / "xx.tsv").read_text().splitlines()[:31]) + "\n")
    files = [f"en={parts}/en.tsv", f"few={parts}/few.tsv"]
    done = program("cross", "none", "--data", *files, "--routes", "tfidf_nb", "--out", parts / "o", *ASKED)
    assert done.code == 2
    assert "--labels 16,32: few has only" in done.complaint
    assert "training on" not in done.err
    assert not (parts / "o").exists()


def test_a_base_and_its_settings(program, parts):
    files = [f"{name}={parts / name}.tsv" for name in WORDS]
    given = ("--data", *files, "--routes", "probe", "--out", parts / "out", *ASKED[:-2])
    done = program("cross", "halves", *given, "probe.layer=0", "--language", "ko")
    assert done.code == 0, done.err
    found = json.loads((parts / "out/report.json").read_text())["crossings"]
    assert {one["entry"] for one in found} == {"probe · halves"}


@pytest.mark.full
def test_many_routes_are_screened_on_every_part_and_the_finalists_of_all_are_trained_on_all(program, parts):
    files = [f"{name}={parts / name}.tsv" for name in WORDS]
    routes = "majority,tfidf_logreg,tfidf_nb,tfidf_svm,probe,knn,joined"
    few = ("--labels", "16", "--draws", "3", "--minutes", "0.3", "--language", "en")
    given = ("cross", "halves", "--data", *files, "--routes", routes, "--out", parts / "out", *few)
    done = program(*given)
    assert done.code == 0, done.err
    report = json.loads((parts / "out/report.json").read_text())
    told = {name: part["screening"] for name, part in report["parts"].items()}
    assert set(told) == set(WORDS)
    entries = {one["entry"] for one in report["crossings"]}
    assert entries <= {name for part in told.values() for name in part["finalists"]}
    for part in told.values():
        assert {part["finalists"][1]} <= entries  # majority is first, then the part's best pre-trained entry
        assert len(part["entries"]) == 6
    for entry in entries:
        trained = {(one["trained"], one["tested"]) for one in report["crossings"] if one["entry"] == entry}
        assert len(trained) == 4
    assert 'id="screened-2"' in (parts / "out/report.html").read_text()
    again = program(*given)
    assert again.code == 0, again.err
    assert "screening 6 entries" not in again.err  # what was decided stays

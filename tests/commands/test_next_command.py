"""Every command that is printed as the next one runs as it is printed, from any folder, whatever files are called."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

import pytest

WORDS = {"film": ("actor", "scene", "camera", "plot"), "food": ("bread", "soup", "salt", "plate")}
FILLERS = ("then", "soon", "once", "well", "ever", "also")
SMALL = ("backbone.width=32", "--steps", 3)


@pytest.fixture
def table(tmp_path, monkeypatch) -> Path:
    """200 labelled rows in a Korean file name below a folder with a space; the work is done from there."""
    folder = tmp_path / "내 자료 folder"
    folder.mkdir()
    source = random.Random(4)
    lines = ["document\tlabel"]
    for number in range(200):
        topic = source.choice(list(WORDS))
        lines.append(
            " ".join([*source.choices(WORDS[topic], k=3), *source.choices(FILLERS, k=3), str(number)]) + f"\t{topic}"
        )
    (folder / "라벨 자료.tsv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(folder)
    return folder / "라벨 자료.tsv"


@pytest.fixture
def run_printed(program, tmp_path, monkeypatch):
    """Runs the command that stands in a line of an output, from another folder with a space in its path."""

    def run(out: str, verb: str, *more: object):
        (line,) = [line for line in out.splitlines() if f"headstart {verb} " in line and "`" not in line]
        elsewhere = tmp_path / "another folder"
        elsewhere.mkdir(exist_ok=True)
        monkeypatch.chdir(elsewhere)
        words = shlex.split(line[line.index("headstart ") :])
        assert words[0] == "headstart"
        done = program(*words[1:], *more)
        assert done.code == 0, done.err
        return done

    return run


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.full), "ko"])
def test_from_unlabelled_rows_to_answers(program, run_printed, table, language):
    """200 rows serve as text and as labels; each command is the one that the last one printed."""
    made = program("pretrain", table.name, "--out", "내 run", *SMALL)
    assert made.code == 0, made.err
    options = ("--minutes", 0.5, "--draws", 1, "--routes", "probe,tfidf_nb,majority", "--language", language)
    compared = run_printed(made.out, "compare", *options)
    assert "no label leak" in compared.err if language == "en" else "라벨 유출이 아닙니다" in compared.err
    report = table.parent / "내 run-report"
    told = json.loads((report / "report.json").read_text())
    assert told["sizes"][-1]["labels"] <= 150  # a quarter of the rows is for testing
    answered = run_printed(compared.out, "predict")
    assert len(answered.out.splitlines()) == 200
    page = (report / "report.html").read_text()
    assert told["facts"]["winner"]["command"] in page
    assert str(table.parent) not in json.dumps(told["facts"]["winner"], ensure_ascii=False)


def test_a_second_report_gets_a_name_that_is_free(program, table):
    (table.parent / "run-report").mkdir()
    made = program("pretrain", table.name, "--out", "run", *SMALL)
    assert str(table.parent / "run-report-2") in shlex.split(made.out.splitlines()[-1])


def test_text_without_labels_leaves_their_place_open(program, table):
    (table.parent / "text.txt").write_text("a film and a plot\n" * 50)
    made = program("pretrain", "text.txt", "--out", "run", *SMALL)
    assert "--data LABELLED_FILE --out" in made.out


def test_transfer(program, run_printed, table):
    made = program("transfer", "none", "--data", table.name, "--route", "tfidf_nb", "--out", "내 task")
    assert made.code == 0, made.err
    assert len(run_printed(made.out, "predict").out.splitlines()) == 200

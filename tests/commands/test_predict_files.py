"""Answers in the format that is asked for, beside all columns that were read, and rows that a threshold leaves open."""

from __future__ import annotations

import csv
import io
import json

import pytest

ROWS = [("1", "good film", "=a note", "yes"), ("2", "bad soup", "", "no"), ("3", "", "좋아요", "yes")]


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    from program import headstart

    folder = tmp_path_factory.mktemp("answers")
    rows = [f"{('good film', 'bad soup')[n % 2]} number {n}\t{('yes', 'no')[n % 2]}" for n in range(40)]
    (folder / "train.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    made = headstart(
        "transfer", "none", "--data", folder / "train.tsv", "--route", "tfidf_logreg", "--out", folder / "t"
    )
    assert made.code == 0, made.err
    text = io.StringIO()
    csv.writer(text).writerows([("id", "text", "note", "label"), *ROWS])
    (folder / "new.csv").write_bytes(text.getvalue().encode("cp949"))
    return folder


def read(path):
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    if path.suffix == ".xlsx":
        from openpyxl import load_workbook

        names, *rows = load_workbook(path)["answers"].iter_rows(values_only=True)
        return [dict(zip(names, row)) for row in rows]
    text = path.read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_all_columns_come_back_with_the_answer(program, task, tmp_path, suffix):
    out = tmp_path / f"answers{suffix}"
    made = program("predict", task / "t", task / "new.csv", "--out", out)
    assert made.code == 0, made.err
    assert made.out == ""
    rows = read(out)
    assert list(rows[0]) == ["id", "text", "note", "label", "predicted_label", "probability", "p(no)", "p(yes)"]
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["note"] or "" for row in rows] == ["=a note", "", "좋아요"]
    assert [row["label"] for row in rows] == ["yes", "no", "yes"]
    assert [row["predicted_label"] for row in rows[:2]] == ["yes", "no"]
    assert all(float(row["p(no)"]) + float(row["p(yes)"]) == pytest.approx(1, abs=1e-5) for row in rows)


def test_json_lines_keep_the_given_label(program, task, tmp_path):
    out = tmp_path / "answers.jsonl"
    assert program("predict", task / "t", task / "new.csv", "--out", out).code == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (rows[1]["label"], rows[1].get("given_label", "no")) == ("no", "no")
    assert rows[0]["note"] == "=a note"
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_below_the_threshold_no_label_is_given(program, task, tmp_path):
    out = tmp_path / "answers.csv"
    made = program("predict", task / "t", task / "new.csv", "--threshold", "0.9", "--out", out)
    assert made.code == 0, made.err
    rows = read(out)
    unsure = [row for row in rows if float(row["probability"]) < 0.9]
    assert f"not sure of {len(unsure)} of 3 rows" in made.err
    assert unsure
    assert all(row["predicted_label"] == "" and row["rather"] in ("yes", "no") for row in unsure)
    assert all(row["predicted_label"] for row in rows if row not in unsure)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--out", "a.xls"), "answers are written as .jsonl, .csv, .tsv, .xlsx, .parquet; did you mean '.xlsx'?"),
        (("--threshold", "1.5"), "--threshold 1.5: a probability, above 0 and at most 1"),
        (("--threshold", "0"), "--threshold 0: a probability"),
    ],
)
def test_what_cannot_be_written_is_said_first(program, task, tmp_path, monkeypatch, asked, words):
    monkeypatch.chdir(tmp_path)
    made = program("predict", task / "t", task / "new.csv", *asked)
    assert made.code == 2
    assert words in made.complaint
    assert not list(tmp_path.iterdir())

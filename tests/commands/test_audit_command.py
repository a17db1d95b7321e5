"""The verb audit: labelled, unlabelled, paired, odd and broken files; the report folder; both languages."""

from __future__ import annotations

import gzip
import json

import pytest

import headstart as hs


def test_labelled_files_a_corpus_and_a_report(program, tmp_path):
    out = tmp_path / "audit"
    made = program(
        "audit", "train.tsv", "--test", "test.tsv", "--corpus", "corpus.txt", "--out", out, "--language", "en"
    )
    assert made.code == 0, made.err
    assert "80 of 80 test rows (100.0 %) have a copy in the corpus (exact 80" in made.out
    data = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert data["identity"] in made.out
    assert data["ledger"]["corpus"]["used"] == 300
    assert data["ledger"]["train"] == {
        "read": 120,
        "used": 120,
        "skipped": {},
        "columns": {"text": "document", "label": "label"},
    }
    first = data["across"]["corpus"]["copies"]["exact"]["listed"][0]
    assert [(row["file"], row["line"]) for row in first] == [("test.tsv", 2), ("corpus.txt", 121)]
    page = (out / "audit.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "corpus.txt:121" in page
    again = program("audit", "train.tsv", "--test", "test.tsv", "--corpus", "corpus.txt", "--language", "ko")
    assert data["identity"] in again.out  # neither language nor --out is part of it
    assert "시험 80행 중 80행(100.0 %)이 라벨 없는 글에 복사본이 있습니다" in again.out


def test_unlabelled_files(program):
    made = program("audit", "corpus.txt", "--language", "en")
    assert made.code == 0, made.err
    assert "Of 300 rows in the training data, 0 repeat an earlier row" in made.out
    assert "ledger, profile and copies only" in made.err
    piped = program("audit", "-", "--language", "en", stdin="같은 줄입니다\n같은 줄입니다\n다른 줄\n".encode())
    assert "Of 3 rows in the training data, 1 repeat an earlier row exactly" in piped.out


def test_pairs_are_found_by_their_columns(program, tmp_path):
    head = "sentence1\tsentence2\tscore\n"
    rows = [f"첫 문장 {n * 7919}\t둘째 문장 {n * 104729}\t{n % 5}.5\n" for n in range(30)]
    (tmp_path / "train.tsv").write_text(head + "".join(rows), encoding="utf-8")
    (tmp_path / "dev.tsv").write_text(head + "새 문장입니다\t둘째 문장 104729\t1.0\n" * 4, encoding="utf-8")
    made = program("audit", tmp_path / "train.tsv", "--test", tmp_path / "dev.tsv", "--language", "en")
    assert made.code == 0, made.err
    assert "second text column 'sentence2'" in made.err
    assert "4 of 4 test pairs (100.0 %) share a single text with the training data" in made.out


def test_a_test_file_without_labels(program):
    made = program("audit", "train.tsv", "--test", "corpus.txt", "--language", "en")
    assert made.code == 0, made.err
    assert "120 of 300 test rows (40.0 %) have a copy in the training data" in made.out
    assert "corpus.txt: plain text has no labels" in made.err


def test_groups_by_a_column(program, tmp_path):
    for name, start in (("a.tsv", 0), ("b.tsv", 10)):
        rows = [f"text {n * 7919} of {name}\t{n % 2}\tg{n}\n" for n in range(start, start + 20)]
        (tmp_path / name).write_text("text\tlabel\twho\n" + "".join(rows))
    made = program("audit", tmp_path / "a.tsv", "--test", tmp_path / "b.tsv", "--group", "who", "--language", "en")
    assert "10 groups are in both training and test data (10 test rows, 50.0 %)" in made.out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.tsv", b"", "the file is empty"),
        ("cut.tsv.gz", gzip.compress(b"text\tlabel\na\t1\n" * 9, mtime=0)[:12], "cut.tsv.gz"),
        ("noise.bin", bytes(range(256)) * 20, "noise.bin"),
        ("header.tsv", b"text\tlabel\n", "header.tsv"),
    ],
)
def test_an_unreadable_file_is_one_line(program, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    made = program("audit", tmp_path / name)
    assert made.code == 2
    assert said in made.complaint


def test_a_file_that_is_not_there_and_a_column_that_is_not_there(program):
    assert "did you mean 'train.tsv'?" in program("audit", "trian.tsv").complaint
    assert "did you mean 'label'?" in program("audit", "train.tsv", "--label", "lable").complaint
    assert "file, not a folder" in program("audit", "train.tsv", "--out", "train.tsv").complaint


@pytest.mark.parametrize(
    "rows", [["only\t1"], ["only\t1", "other\t0"], ["한 글\t1"] * 60, ["한 글\t1", "한 글\t0"] * 30]
)
def test_small_and_equal_files(program, tmp_path, rows):
    (tmp_path / "a.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    made = program("audit", tmp_path / "a.tsv", "--test", tmp_path / "a.tsv", "--out", tmp_path / "out")
    assert made.code == 0, made.err
    data = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
    assert data["slices"] == {"contaminated": len(rows), "clean": 0}


def test_from_python():
    found = hs.audit(["train.tsv"], test=["test.tsv"], language="en")
    assert found.audit.slices["contaminated"].shape == (80,)
    assert found.audit.identity in found.summary()

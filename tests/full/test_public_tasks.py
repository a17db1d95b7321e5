"""Unseen tasks, from raw file to labelled rows with no line of code: pretrain, compare, transfer, evaluate, predict.

Run it by name: pytest tests/full (about two minutes for each set on one core; it needs the shared data).
"""

from __future__ import annotations

import json

import pytest

from headstart.commands.app import main

PAIR = ("--text", "question1", "--text2", "question2", "--label", "is_duplicate")
NLI = ("--text", "sentence1", "--text2", "sentence2", "--label", "gold_label")
# set, columns, label counts, accuracy that the probe on all labels must reach
TASKS = [
    ("banking77", (), "16,154", 0.80),
    ("clinc150", (), "300", 0.70),
    ("subjectivity", (), "64", 0.80),
    ("ko_3i4k", (), "64", 0.60),
    ("ko_question_pair", PAIR, "64", 0.80),
    ("kornli_xnli", NLI, "64", 0.34),
]


def headstart(*arguments: object) -> None:
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    assert done.value.code == 0


@pytest.mark.parametrize(("name", "columns", "labels", "least"), TASKS, ids=lambda value: str(value)[:20])
def test_raw_file_to_labelled_rows(name, columns, labels, least, shared_data, tmp_path, capsys):
    (train,) = (shared_data / name).glob("train.*.gz")
    (test,) = (shared_data / name).glob("dev.*.gz")
    run, report, task = tmp_path / "run", tmp_path / "report", tmp_path / "task"
    headstart("pretrain", train, "--out", run, "--minutes", "0.3")
    headstart(
        "compare", run, "--data", train, "--test", test, *columns, "--labels", labels, "--draws", "2", "--minutes", "2",
        "--routes", "majority,tfidf_logreg,ppmi_logreg,probe", "--out", report,
    )  # fmt: skip
    assert (report / "report.html").is_file()
    headstart("transfer", run, "--data", train, *columns, "--out", task)
    capsys.readouterr()
    headstart("evaluate", task, test)
    said = capsys.readouterr().out
    assert float(said.partition("accuracy: ")[2].split()[0]) >= least
    headstart("predict", task, test, "--out", tmp_path / "said.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["row"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(0 < row["probability"] <= 1 for row in rows)

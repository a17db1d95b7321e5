"""next: rows to label as a table, from a run and from a task model; the printed command runs; what is wrong is said."""

from __future__ import annotations

import csv
import io
import shlex
from pathlib import Path

import pytest
from tiny_images import image_folder

import headstart
from headstart.core import registry

FORMULAS = ("=1+2 actor film", "-minus taste soup", "@at 영화 배우", "'=quoted bread", "'plain apostrophe scene")


def table(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))


def fill(path: Path, labels) -> None:
    """Fill the label column in as a spreadsheet would write it back."""
    rows = table(path)
    names = list(rows[0])
    for row, label in zip(rows, labels, strict=True):
        row[names[-3]] = label
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8-sig")


def follow(outcome) -> list[str]:
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("next: headstart ")]
    return shlex.split(line.removeprefix("next: headstart "))


def test_a_run_without_labels_starts_and_the_printed_command_runs(program, tmp_path):
    out = tmp_path / "rows to label.csv"
    shown = program("next", "halves", "corpus.txt", "--count", 12, "--out", out)
    assert shown.code == 0, shown.err
    assert "strategy typical" in shown.out
    rows = table(out)
    assert list(rows[0]) == ["text", "label", "from_file", "from_line"]
    lines = Path("corpus.txt").read_text().splitlines()
    assert [row["text"] for row in rows] == [lines[int(row["from_line"]) - 1] for row in rows]
    assert len({row["text"] for row in rows}) == 12
    assert {row["label"] for row in rows} == {""}
    empty = program(*follow(shown))
    assert empty.code == 2
    assert "12 no label" in empty.complaint
    fill(out, ["film", "food"] * 5 + ["", ""])
    shown = program(*follow(shown))
    assert shown.code == 0, shown.err
    assert "12 rows read, 10 used, 2 skipped (2 no label)" in shown.err


def test_a_task_model_chooses_among_what_is_not_labelled(program, tmp_path):
    out = tmp_path / "rows.csv"
    shown = program("next", "task", "train.tsv", "test.tsv", "--labelled", "train.tsv", "--count", 9, "--out", out)
    assert shown.code == 0, shown.err
    assert "120 labelled already" in shown.err
    rows = table(out)
    assert list(rows[0]) == ["document", "label", "from_file", "from_line"]  # as the training file calls them
    assert {row["from_file"] for row in rows} == {"test.tsv"}
    fill(out, ["film", "food", "film"] * 3)
    command = follow(shown)
    assert command[command.index("--data") + 1 :][:2] == [str(Path("train.tsv").absolute()), str(out)]
    shown = program(*command)
    assert shown.code == 0, shown.err
    assert "129 rows read, 129 used" in shown.err


def test_rows_that_the_task_model_was_trained_on_are_left_out(program, tmp_path):
    out = tmp_path / "rows.csv"
    shown = program("next", "task", "train.tsv", "test.tsv", "--count", 9, "--out", out)
    assert shown.code == 0, shown.err
    assert "120 labelled already" in shown.err
    assert {row["from_file"] for row in table(out)} == {"test.tsv"}
    shown = program("next", "task", "train.tsv", "--out", tmp_path / "more.csv")
    assert "was trained on all of these rows" in shown.complaint


def test_rows_without_a_label_do_not_count_as_labelled(program, tmp_path):
    out = tmp_path / "rows.csv"
    shown = program("next", "halves", "gaps.tsv", "--labelled", "gaps.tsv", "--count", 50, "--out", out)
    assert shown.code == 0, shown.err
    assert len(table(out)) == 8  # every fifth of 40
    assert "--count 50: there are 8 rows to choose from; all of them are given" in shown.err


def test_cells_that_look_like_formulas_are_read_back_as_they_were(tmp_path):
    (tmp_path / "pool.txt").write_text("\n".join(FORMULAS) + "\n")
    found = headstart.next_rows("halves", [str(tmp_path / "pool.txt")], out=tmp_path / "rows.csv")
    assert found.rows == len(FORMULAS)
    assert not any(row["text"][0] in "=+-@" for row in table(tmp_path / "rows.csv"))
    read = headstart.Corpus(tmp_path / "rows.csv", column="text")
    assert sorted(read.documents()) == sorted(FORMULAS)


def test_copies_are_not_chosen_twice(program, tmp_path):
    texts = ["the plot of the film was slow and the actor was good", "영화 배우 연기가 참 좋았다 감동 그리고 눈물"]
    near = [text + end for text in texts for end in ("", "", "!", " .")]
    (tmp_path / "pool.txt").write_text("\n".join([*near, "bread soup taste kitchen"]) + "\n")
    shown = program("next", "halves", tmp_path / "pool.txt", "--out", tmp_path / "rows.csv")
    assert shown.code == 0, shown.err
    assert len(table(tmp_path / "rows.csv")) == 3


def test_neither_the_order_of_rows_nor_earlier_calls_change_the_choice(tmp_path):
    lines = Path("corpus.txt").read_text().splitlines()
    (tmp_path / "turned.txt").write_text("\n".join(lines[::-1]) + "\n")

    def chosen(data: Path | str, name: str, **options) -> list[str]:
        headstart.next_rows("task", [str(data)], out=tmp_path / name, count=7, **options)
        return [row["document"] for row in table(tmp_path / name)]

    first = chosen("corpus.txt", "a.csv", pool=50, seed=3)
    assert chosen("corpus.txt", "b.csv", pool=50, seed=4) != first
    assert chosen(tmp_path / "turned.txt", "c.csv", pool=50, seed=3) == first


@pytest.mark.parametrize("strategy", headstart.names("strategy"))
def test_every_strategy_by_name(program, tmp_path, strategy):
    shown = program("next", "task", "corpus.txt", "--strategy", strategy, "--out", tmp_path / "rows.csv", "--count", 5)
    assert shown.code == 0, shown.err
    assert f"strategy {strategy}" in shown.out
    assert ("chosen for this model" in shown.out) == registry.load("strategy", strategy).probabilities
    assert len(table(tmp_path / "rows.csv")) == 5


def test_a_task_model_without_a_base(program, tmp_path):
    task = tmp_path / "classical"
    assert program("transfer", "none", "--data", "train.tsv", "--route", "tfidf_nb", "--out", task).code == 0
    shown = program("next", task, "test.tsv", "--labelled", "train.tsv", "--out", tmp_path / "rows.csv", "--count", 4)
    assert shown.code == 0, shown.err
    assert "vectors of character n-grams" in shown.err
    assert follow(shown)[:2] == ["transfer", "none"]
    fill(tmp_path / "rows.csv", ["film", "food", "film", ""])
    assert program(*follow(shown)).code == 0


@pytest.mark.parametrize(
    ("route", "start", "follows"),
    [pytest.param("finetune", "halves", "finetune", marks=pytest.mark.full), ("ppmi_logreg", "halves", "tfidf_logreg")],
)
def test_the_printed_command_runs_after_every_kind_of_route(program, tmp_path, route, start, follows):
    task, out = tmp_path / "own", tmp_path / "rows.csv"
    made = program("transfer", start, "--data", "train.tsv", "--route", route, "--out", task)
    assert made.code == 0, made.err
    shown = program("next", task, "test.tsv", "--labelled", "train.tsv", "--out", out, "--count", 4)
    assert shown.code == 0, shown.err
    command = follow(shown)
    assert command[command.index("--route") + 1] == follows
    fill(out, ["film", "food", "film", "food"])
    shown = program(*command)
    assert shown.code == 0, shown.err


def test_images_are_named_so_that_transfer_finds_them(program, tmp_path):
    image_folder(tmp_path / "pool", 30)
    small = ("backbone.width=8", "objective.hidden=32", "objective.projection=16", "batches.images=16")
    made = program("pretrain", tmp_path / "pool", "--out", tmp_path / "run", "--steps", 3, *small)
    assert made.code == 0, made.err
    (tmp_path / "tables").mkdir()
    out = tmp_path / "tables" / "rows.csv"
    shown = program("next", tmp_path / "run", tmp_path / "pool", "--count", 6, "--out", out)
    assert shown.code == 0, shown.err
    assert table(out)[0]["image"].startswith("../pool/")
    fill(out, ["lying", "standing"] * 3)
    shown = program(*follow(shown))
    assert shown.code == 0, shown.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("halves", "corpus.txt", "--strategy", "margin"), "--strategy margin: it asks a task model for class"),
        (("task", "corpus.txt", "--strategy", "margins"), "did you mean 'margin'"),
        (("halves", "empty.txt"), "the file is empty"),
        (("halves", "blank.txt"), "no row to label"),
        (("halves", "missing.txt"), "no such file"),
        (("halves", "corpus.txt", "--count", "0"), "--count 0: expected a whole number of rows, at least 1"),
        (("task", "train.tsv", "--labelled", "train.tsv"), "all of its rows are labelled already"),
        (("halves", "corpus.txt", "--labelled", "corpus.txt"), "plain text has no labels"),
        (("nowhere", "corpus.txt"), "no such directory"),
    ],
)
def test_what_is_wrong_is_said(program, tmp_path, arguments, why):
    shown = program("next", *arguments, "--out", tmp_path / "rows.csv")
    assert shown.code == 2
    assert why in shown.complaint
    assert not (tmp_path / "rows.csv").exists()


def test_an_existing_table_is_kept(program, tmp_path):
    (tmp_path / "rows.csv").write_text("text,label\nmine,film\n")
    assert "exists" in program("next", "halves", "corpus.txt", "--out", tmp_path / "rows.csv").complaint
    assert "a .csv file" in program("next", "halves", "corpus.txt", "--out", tmp_path / "rows.xlsx").complaint

"""The winner that compare leaves behind: its rows, that it answers the same elsewhere, what can go wrong."""

from __future__ import annotations

import gzip
import json
import random
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import headstart as hs
from headstart.comparing import winner as module
from headstart.core.disk_errors import disk_error
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task, read_task
from headstart.routes.tfidf_nb import TfidfNb

BARE = ("compare", "none", "--data", "train.tsv", "--routes", "tfidf_nb,majority", "--labels", "8,16", "--draws", 2)
FRESH = """
import sys
import numpy as np
from pathlib import Path
from headstart.core.examples import Examples
from headstart.fitting.task_model_files import load_task
texts = Path(sys.argv[2]).read_text().splitlines()
np.save(sys.argv[3], load_task(Path(sys.argv[1])).predict_proba(Examples(items=texts)))
"""


def told(folder) -> dict:
    return json.loads((folder / "report.json").read_text())["facts"]


@pytest.fixture
def kept(monkeypatch) -> list:
    """Holds every model that is saved as a winner, as it is in this process before."""
    models = []
    real = module.save_task

    def save(model, *given):
        models.append(model)
        real(model, *given)

    monkeypatch.setattr(module, "save_task", save)
    return models


@pytest.mark.parametrize(
    "routes",
    [
        "tfidf_nb",
        *(
            pytest.param(name, marks=pytest.mark.full)
            for name in ("vote", "probe", "joined", "finetune", "stack", "bag", "boost", "seeds", "knn")
        ),
    ],
)
def test_it_answers_the_same_in_a_fresh_process(program, place, tmp_path, kept, routes):
    out = tmp_path / "c"
    asked = ("--test", "test.tsv", "--labels", "16", "--draws", 1, "--minutes", 1, "--audit", "skip")
    made = program("compare", "mlm", "--data", "train.tsv", "--routes", routes, "--out", out, *asked)
    assert made.code == 0, made.err
    assert told(out)["winner"]["entry"].startswith(routes)
    texts = [line.split("\t")[0] for line in (place / "test.tsv").read_text().splitlines()[1:]]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    answers = tmp_path / "answers.npy"
    subprocess.run(
        [sys.executable, "-c", FRESH, out / "winner", tmp_path / "texts.txt", answers], check=True, timeout=120
    )
    assert np.array_equal(np.load(answers), kept[0].predict_proba(Examples(items=texts)))


@pytest.mark.parametrize(("more", "rows"), [((), 120), (("--test", "test.tsv"), 120), (("--folds", 3), 120)])
def test_it_learns_all_rows_of_data_and_none_of_a_test_file(program, tmp_path, more, rows):
    out = tmp_path / "c"
    made = program(*BARE, *more, "--out", out, "--language", "ko")
    assert made.code == 0, made.err
    facts = told(out)["winner"]
    assert facts == {
        "folder": "winner", "entry": "tfidf_nb", "rows": rows, "command": "headstart predict winner FILE"
    }  # fmt: skip
    assert read_task(out / "winner")["receipt"]["columns"] == {"text": "document", "label": "label"}
    assert "라벨이 있는 120행 모두로 학습" in made.out
    command = shlex.split(made.out.splitlines()[-1])
    assert program(*command[1:]).code == 0
    assert "rows: 120\ntrained on: 120 of 120 rows (100.0 %)" in program("evaluate", out / "winner", "train.tsv").out
    other = program("evaluate", out / "winner", "test.tsv").out
    assert "trained on" not in other


def test_it_is_trained_once_and_again_when_it_is_damaged(program, tmp_path, kept):
    out = tmp_path / "c"
    for times in (1, 1):
        made = program(*BARE, "--out", out, "--language", "en")
        assert made.code == 0, made.err
        assert len(kept) == times
    assert "is kept" in made.err
    assert told(out)["winner"]["entry"] == "tfidf_nb"
    (out / "winner/model.json").write_text("{}")
    assert program(*BARE, "--out", out).code == 0
    assert len(kept) == 2
    load_task(out / "winner")


def test_majority_may_win_and_no_winner_may_be_wanted(program, tmp_path):
    made = program(*BARE[:4], "--routes", "majority", "--labels", "8", "--draws", 2, "--out", tmp_path / "m")
    assert made.code == 0, made.err
    assert told(tmp_path / "m")["winner"]["entry"] == "majority"
    made = program(*BARE, "--out", tmp_path / "n", "--no-winner")
    assert made.code == 0, made.err
    assert "winner" not in told(tmp_path / "n")
    assert not (tmp_path / "n/winner").exists()
    assert "headstart predict" not in made.out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on there"),
        (ValueError("no such\nthing"), 0, "could not be trained on all rows (ValueError: no such)"),
        (disk_error(Path("winner"), OSError(28, "No space left on device")), 0, "disk full"),
    ],
)
def test_what_goes_wrong_is_one_line_and_the_report_stays(program, tmp_path, monkeypatch, error, code, words):
    def fails(*_args):
        raise error

    out = tmp_path / "c"
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_task", fails)
        made = program(*BARE, "--out", out, "--language", "en")
    assert made.code == code
    assert words in made.out.splitlines()[-1]
    assert "Traceback" not in made.err
    assert "winner" not in told(out)
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(("winner", "."))) == []
    hs_report = json.loads((out / "report.json").read_text())
    assert len(hs_report["cells"]) == 8
    again = program(*BARE, "--out", out)
    assert again.code == 0, again.err
    assert told(out)["winner"]["entry"] == "tfidf_nb"


def test_a_winner_that_takes_long_is_left_to_a_command(program, tmp_path, monkeypatch):
    usual = TfidfNb.run

    def slow_on_many(route, examples, *given, **named):
        time.sleep(20 if len(examples) > 100 else 0)
        return usual(route, examples, *given, **named)

    out = tmp_path / "c"
    with monkeypatch.context() as patch:
        patch.setattr(TfidfNb, "run", slow_on_many)
        patch.setattr("headstart.commands.winner._most_seconds", lambda *_: 0.5)
        made = program(*BARE, "--out", out, "--language", "en")
    assert made.code == 0
    assert not (out / "winner").exists()
    assert "takes longer than the minutes asked for allow" in made.out
    command = made.out.splitlines()[-1].replace("LABELLED_FILE", "train.tsv")
    assert "transfer none --data train.tsv --route tfidf_nb" in command
    assert program(*command.split()[1:]).code == 0
    assert (out / "winner" / "task.json").is_file()


def test_rows_trained_on_are_found_whatever_their_file_is_called(program, place, tmp_path):
    """Copied, renamed, in another order, in another format, compressed, with other white space."""
    lines = (place / "train.tsv").read_text().splitlines()[1:]
    random.Random(1).shuffle(lines)
    rows = [line.split("\t") for line in lines[:30]] + [
        line.split("\t") for line in (place / "test.tsv").read_text().splitlines()[1:31]
    ]
    data = "".join(
        json.dumps({"sentence": text.replace(" ", "  "), "class": label}, ensure_ascii=False) + "\n"
        for text, label in rows
    )
    path = tmp_path / "새 이름.jsonl.gz"
    path.write_bytes(gzip.compress(data.encode()))
    shown = program("evaluate", "task", path, "--text", "sentence", "--label", "class")
    assert shown.code == 0, shown.err
    assert "trained on: 30 of 60 rows (50.0 %)" in shown.out
    found = hs.evaluate(place / "task", [str(path)], text="sentence", label="class")
    assert (found.trained, found.rows) == (30, 60)
    alone = tmp_path / "new.jsonl"
    alone.write_text("".join(data.splitlines(keepends=True)[30:]))
    other = hs.evaluate(place / "task", [str(alone)], text="sentence", label="class")
    assert other.trained == 0
    assert found.unseen["accuracy"][0] == other.scores["accuracy"][0]


def test_a_model_that_does_not_know_its_rows_says_nothing(program, place, tmp_path):
    shutil.copytree(place / "task", tmp_path / "task")
    (tmp_path / "task/training_rows.safetensors").unlink()
    assert "damaged task model" in program("evaluate", tmp_path / "task", "train.tsv").complaint  # it is listed
    manifest = json.loads((tmp_path / "task/manifest.json").read_text())
    del manifest["files"]["training_rows.safetensors"]
    (tmp_path / "task/manifest.json").write_text(json.dumps(manifest))
    shown = program("evaluate", tmp_path / "task", "train.tsv")
    assert shown.code == 0, shown.err
    assert "trained on" not in shown.out

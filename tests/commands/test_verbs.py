"""Every verb does its work on tiny data and says what comes next; every --help prints."""

from __future__ import annotations

import json

import numpy as np
import pytest

import headstart as hs
from headstart.commands.app import VERBS
from headstart.core.device import computing_in


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(program, verb):
    shown = program(verb, "--help")
    assert shown.code == 0
    assert f"Usage: headstart {verb}" in shown.out
    assert VERBS[verb] in " ".join(shown.out.split())
    assert shown.err == ""


def test_help_and_version(program):
    shown = program("--help")
    assert all(verb in shown.out for verb in VERBS)
    assert program().code == 0
    assert program("--version").out.strip() == hs.__version__


@pytest.mark.parametrize(("run", "objective"), [("halves", "halves"), ("mlm", "mlm")])
def test_pretrain_leaves_a_whole_run(place, run, objective):
    record = json.loads((place / run / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["spec"]["objective"]["name"] == objective
    assert record["ledger"]["used"] == 300
    assert record["command"].startswith(f"headstart pretrain corpus.txt --out {run} --")
    assert record["result"]["step"] == (6 if run == "halves" else 4)
    assert (place / run / "metrics.jsonl").read_text().count('"kind": "saved"') >= 1
    assert hs.PretrainedModel.open(place / run).embed(["film"]).shape == (1, 32)


def test_pretrain_says_what_it_guessed_and_what_is_next(program, tmp_path):
    made = program("pretrain", "train.tsv", "--out", tmp_path / "r", "--steps", 2, "backbone.width=32")
    assert made.code == 0
    for piece in ("column 'document' chosen", "120 rows read, 120 used", "vocabulary", "objective: halves"):
        assert piece in made.err
    assert f"next: headstart compare {tmp_path / 'r'}" in made.out


def test_minutes_are_a_budget(program, tmp_path):
    made = program("pretrain", "corpus.txt", "--out", tmp_path / "r", "--minutes", 0.01, "backbone.width=32")
    assert made.code == 0
    assert "budget: 1 s" in made.err


@pytest.mark.parametrize("part", ["backbone=ngram_bag", "processor=ngram", "held_out=0.1"])
def test_a_part_is_chosen_by_its_name(program, tmp_path, part):
    made = program("pretrain", "corpus.txt", "--out", tmp_path / "r", "--steps", 1, part)
    assert made.code == 0, made.err
    name, _, value = part.partition("=")
    held = json.loads((tmp_path / "r/run.json").read_text())["spec"][name]
    assert (held["name"] if isinstance(held, dict) else str(held)) == value


def test_the_same_command_with_resume_goes_on(program, tmp_path):
    out = tmp_path / "r"
    settings = ("backbone.width=32", "training.save_steps=2")
    assert program("pretrain", "corpus.txt", "--out", out, "--objective", "halves", "--steps", 2, *settings).code == 0
    more = program("pretrain", "corpus.txt", "--out", out, "--objective", "halves", "--steps", 5, *settings, "--resume")
    assert more.code == 0, more.err
    assert "resumed from step-000000002" in more.err
    assert json.loads((out / "run.json").read_text())["result"]["step"] == 5


@pytest.mark.parametrize(("base", "route"), [("halves", "probe"), ("mlm", "finetune"), ("none", "tfidf_nb")])
def test_transfer_evaluate_predict(program, tmp_path, base, route):
    task = tmp_path / "task"
    made = program("transfer", base, "--data", "train.tsv", "--out", task, "--route", route, "--minutes", 0.03)
    assert made.code == 0, made.err
    assert f"next: headstart predict {task}" in made.out
    scored = program("evaluate", task, "test.tsv")
    assert scored.code == 0
    assert "accuracy: " in scored.out
    assert "95 % interval" in scored.out
    assert "rows: 80" in scored.out
    labelled = program("predict", task, "test.tsv")
    rows = [json.loads(line) for line in labelled.out.splitlines()]
    assert len(rows) == 80
    assert rows[0].keys() == {"row", "file", "line", "label", "probability", "text", "probabilities"}
    assert [(row["row"], row["file"], row["line"]) for row in rows[:2]] == [(1, "test.tsv", 2), (2, "test.tsv", 3)]
    assert {row["label"] for row in rows} <= {"film", "food"}


def test_predict_from_stdin_equals_predict_from_a_file(program, place, tmp_path):
    text = (place / "corpus.txt").read_bytes()
    piped = program("predict", "task", "-", stdin=text)
    assert piped.code == 0
    assert program("predict", "task", "corpus.txt", "--out", tmp_path / "new/p.jsonl").code == 0
    assert piped.out.replace("standard input", "corpus.txt") == (tmp_path / "new/p.jsonl").read_text()
    assert len(piped.out.splitlines()) == 300


def test_compare_goes_on_where_it_stopped(program, tmp_path):
    command = ("compare", "halves", "--data", "train.tsv", "--test", "test.tsv", "--out", tmp_path / "c")
    command += ("--labels", "8,16", "--draws", 2, "--routes", "tfidf_nb,probe,majority", "--minutes", 1)
    first = program(*command)
    assert first.code == 0, first.err
    assert "probe · halves" in first.out
    assert "[cell 12/12]" in first.err
    report = json.loads((tmp_path / "c/report.json").read_text())
    assert report
    assert (tmp_path / "c/report.html").stat().st_size > 5000
    again = program(*command)
    assert "12 of 12 cells were finished earlier" in again.err
    assert again.out.splitlines()[:5] == first.out.splitlines()[:5]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--folds", 0), "30 of the rows are held out for testing, 90 are left"),
        ((), "60 of them are cross-validated in 4 folds, and the choice of routes sees only the other 60"),
    ],
)
def test_compare_holds_out_a_test_part(program, tmp_path, options, told):
    made = program(
        *("compare", "none", "--data", "train.tsv", "--out", tmp_path / "c", "--labels", 8, "--draws", 2),
        *("--routes", "tfidf_nb,majority", "--language", "en", *options),
    )
    assert made.code == 0, made.err
    assert told in made.err


def test_columns_are_those_of_training(program, tmp_path):
    task, two = tmp_path / "task", tmp_path / "two.tsv"
    assert program("transfer", "halves", "--data", "train.tsv", "--out", task, "--text", "document").code == 0
    assert json.loads((task / "task.json").read_text())["receipt"]["columns"] == {"text": "document", "label": "label"}
    two.write_text("text\tdocument\tclass\tlabel\nx\tfilm actor\t1\tfilm\nx\tsoup bread\t2\tfood\n")
    for trained in (task, "task"):  # in the second the columns were guessed
        assert program("predict", trained, "short.txt").code == 0
        answers = program("predict", trained, two)
        assert [json.loads(line)["text"] for line in answers.out.splitlines()] == ["film actor", "soup bread"]
        scored = program("evaluate", trained, two)
        assert scored.code == 0, scored.err
        assert "chosen from" not in scored.err


def test_the_command_is_kept_only_where_there_is_one(program, tmp_path):
    given = {"data": ["train.tsv"], "labels": "8", "draws": 2, "routes": "tfidf_nb,majority"}
    hs.compare("none", out=tmp_path / "python", corpus="corpus.txt", **given)
    options = [part for name, value in given.items() for part in (f"--{name}", value[0] if name == "data" else value)]
    assert program("compare", "none", "--out", tmp_path / "shell", *options).code == 0
    told = {name: json.loads((tmp_path / name / "report.json").read_text()) for name in ("python", "shell")}
    assert told["python"]["facts"]["command"] == ""
    assert told["shell"]["facts"]["command"].startswith(f"headstart compare none --out {tmp_path / 'shell'} --data")
    assert "To run it again" not in (tmp_path / "python/report.html").read_text()
    assert "To run it again" in (tmp_path / "shell/report.html").read_text()


def test_embed(program, tmp_path):
    made = program("embed", "mlm", "corpus.txt", "--out", tmp_path / "v.npy", "--layer", 0)
    assert made.code == 0, made.err
    vectors = np.load(tmp_path / "v.npy")
    assert vectors.shape == (300, 32)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("quicker", ["bf16", "fp32"])
def test_embed_in_half_precision_where_it_is_quicker(program, tmp_path, quicker):
    with computing_in({"products": quicker}):
        halved = program("embed", "mlm", "corpus.txt", "--out", tmp_path / "auto.npy", "--precision", "auto")
        assert program("embed", "mlm", "corpus.txt", "--out", tmp_path / "exact.npy").code == 0
    assert f"computed in {quicker}" in halved.err
    found, exact = (np.load(tmp_path / f"{name}.npy") for name in ("auto", "exact"))
    assert found.dtype == np.float32
    assert (quicker == "fp32") == np.array_equal(found, exact)
    assert ((found * exact).sum(1) > 0.999 * np.linalg.norm(found, axis=1) * np.linalg.norm(exact, axis=1)).all()


def test_fill(program):
    filled = program("fill", "mlm", "film [MASK] scene [MASK]", "--top", 3)
    assert filled.code == 0
    assert [len(line.split("  ")) for line in filled.out.splitlines()] == [3, 3]


def test_fill_takes_text_that_looks_like_a_setting(program):
    assert program("fill", "mlm", "a.b=[MASK]").code == 0


def test_export(program, tmp_path):
    made = program("export", "mlm", "--out", tmp_path / "hf")
    assert made.code == 0, made.err
    assert "AutoModelForMaskedLM.from_pretrained" in made.out
    assert (tmp_path / "hf/model.safetensors").is_file()
    filled = program("fill", tmp_path / "hf", "film [MASK] scene")
    assert filled.code == 0
    assert filled.out == program("fill", "mlm", "film [MASK] scene").out


def test_list(program):
    assert "modernbert" in program("list").out
    only = program("list", "route").out
    assert "probe" in only
    assert "modernbert" not in only


def test_doctor(program):
    found = program("doctor")
    assert found.code in (0, 1)  # a busy machine is a finding
    assert found.code == int("FAULT" in found.out)
    assert "torch" in found.out


def test_demo_takes_its_options(program, tmp_path):
    assert "--minutes" in program("demo", "--minutes", 0).complaint
    assert "exists" in program("demo", "--out", tmp_path).complaint


def test_python_does_the_same(tmp_path):
    run = hs.pretrain("corpus.txt", out=str(tmp_path / "r"), steps=3, settings=["backbone.width=32"])
    assert (run.steps, run.stopped, run.exit_code) == (3, "budget", 0)
    assert json.loads((tmp_path / "r/run.json").read_text())["command"] == ""
    task = hs.transfer(run.folder, data="train.tsv", out=str(tmp_path / "t"))
    assert hs.evaluate(task.folder, "test.tsv").scores.keys() == {"accuracy", "macro_f1"}
    compared = hs.compare(
        [run.folder], data="train.tsv", out=tmp_path / "c", labels="8", draws=2, routes="probe,majority"
    )
    assert "probe · r" in compared.table


def test_python_raises_headstart_error(tmp_path):
    with pytest.raises(hs.HeadstartError, match=r"corpsu\.txt: no such file; did you mean 'corpus\.txt'"):
        hs.pretrain(["corpsu.txt"], out=tmp_path / "r", steps=3)
    with pytest.raises(hs.HeadstartError, match="unknown route 'prob'; did you mean 'probe'"):
        hs.transfer("halves", data=["train.tsv"], out=tmp_path / "t", route="prob")


def test_transfer_takes_an_unlabelled_text(program, tmp_path):
    asked = ("transfer", "none", "--data", "train.tsv", "--route", "ppmi_logreg", "--out", tmp_path / "task")
    refused = program(*asked)
    assert refused.code == 2
    assert "needs the unlabelled corpus" in refused.complaint
    assert program(*asked, "--corpus", "corpus.txt").code == 0


def test_how_files_are_read_is_said_on_every_command(program, tmp_path):
    """A table of CP949 with bars and without names: recognised, or as the options say."""
    rows = [
        f"{text} 영화 {number}|{label}" for number in range(9) for text, label in (("좋은", "good"), ("나쁜", "bad"))
    ]
    (tmp_path / "rows.csv").write_bytes("\n".join(rows).encode("cp949"))
    named = ("--text", "1", "--label", "2")
    asked = ("transfer", "none", "--data", tmp_path / "rows.csv", "--route", "tfidf_nb", *named)
    found = program(*asked, "--out", tmp_path / "a")
    assert found.code == 0, found.err
    assert "read as CP949" in found.err
    assert "18 rows read, 18 used" in found.err
    told = program(*asked, "--out", tmp_path / "b", "--encoding", "cp949", "--delimiter=bar", "--header", "no")
    assert told.code == 0, told.err
    assert "18 rows read, 18 used" in told.err
    wrong = program(*asked, "--out", tmp_path / "c", "--encoding", "utf-8")
    assert (wrong.code, "it looks like CP949" in wrong.complaint) == (2, True)
    assert program("predict", tmp_path / "a", tmp_path / "rows.csv", *named[:2], "--header", "no").out.count("\n") >= 18


def test_one_choice_lists_its_settings(program):
    told = program("list", "objective", "mlm")
    assert told.code == 0
    assert "  mask_ratio=0.15" in told.out
    assert "share of tokens to predict" in told.out
    assert "unknown objective 'mlmm'; did you mean 'mlm'" in program("list", "objective", "mlmm").complaint

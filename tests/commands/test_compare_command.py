"""compare as a whole: the audit before the scores, receipts, folds, the minutes, an interrupted run that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pytest

import headstart as hs
from headstart.auditing import audit as auditing
from headstart.commands import compare as module
from headstart.commands.comparison_options import usual_counts
from headstart.comparing.inputs import INPUTS, CompareInputs
from headstart.comparing.settings import StudySettings
from headstart.comparing.slabs import StudyRun
from headstart.core import registry

BARE = ("compare", "none", "--data", "train.tsv", "--routes", "tfidf_nb,majority")
TESTED = (*BARE, "--test", "test.tsv", "--labels", "8,16")
COMMAND = (*TESTED, "--draws", 2)


# The program with a pause after every cell: the signals find it at work on a fast and on a busy machine alike.
PACED = """
import time
from headstart.comparing import slabs
line = slabs.StudyRun._line
slabs.StudyRun._line = lambda *given: (time.sleep(0.1), line(*given))[1]
from headstart.commands.app import main
main()
"""


def told(folder):
    return json.loads((folder / "report.json").read_text())


def test_the_audit_comes_before_the_scores_and_is_not_repeated(program, tmp_path, monkeypatch):
    made = program(*COMMAND, "--out", tmp_path / "c")
    assert made.code == 0, made.err
    sentence = told(tmp_path / "c")["facts"]["audit"]["sentences"]["en"][0]
    assert made.err.index(sentence) < made.err.index("[cell 1/8]")
    kept = json.loads((tmp_path / "c/audit.json").read_text())
    assert kept["identity"] == told(tmp_path / "c")["facts"]["audit"]["identity"]
    assert len(kept["slices"]["clean"]) + len(kept["slices"]["contaminated"]) == 80
    monkeypatch.setattr(auditing, "run_audit", lambda *a, **k: pytest.fail("audited again"))
    again = program(*COMMAND, "--out", tmp_path / "c")
    assert again.code == 0, again.err
    assert sentence in again.err
    assert told(tmp_path / "c")["facts"]["audit"]["data"] == kept["data"]


def test_other_rows_are_audited_anew(program, tmp_path):
    program(*COMMAND, "--out", tmp_path / "c")
    before = (tmp_path / "c/audit.json").read_text()
    (tmp_path / "t.tsv").write_text("document\tlabel\n" + "film plot scene\tfilm\nsoup bread\tfood\n" * 10)
    other = [part if part != "test.tsv" else tmp_path / "t.tsv" for part in COMMAND]
    assert program(*other, "--out", tmp_path / "c").code == 0
    assert (tmp_path / "c/audit.json").read_text() != before


@pytest.mark.parametrize(("mode", "facts"), [("skip", {"skipped": "as asked"}), ("waive", {"waived": True})])
def test_the_audit_can_be_left_out(program, tmp_path, mode, facts):
    made = program(*COMMAND, "--out", tmp_path / "c", "--audit", mode)
    assert made.code == 0, made.err
    assert told(tmp_path / "c")["facts"]["audit"] == facts
    assert not (tmp_path / "c/audit.json").exists()


def test_an_audit_that_takes_too_long_is_given_up(program, in_time, tmp_path, monkeypatch):
    monkeypatch.setattr(auditing, "run_audit", lambda *a, **k: time.sleep(60))

    def work(number: int):
        out = tmp_path / str(number)
        made = program(*COMMAND, "--out", out, "--minutes", 0.1)
        assert made.code == 0, made.err
        return out

    out = in_time(6 * 1.05 + 1.0, work)  # the program's imports are not counted
    assert "did not end within" in told(out)["facts"]["audit"]["skipped"]
    assert told(out)["cells"]  # all 8 where the machine is not busy


def test_a_run_that_is_ended_during_its_audit_goes_on(program, tmp_path, monkeypatch):
    def interrupted(*_args, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(auditing, "run_audit", interrupted)
        ended = program(*COMMAND, "--out", tmp_path / "c")
    assert ended.code == 130
    assert "the same command goes on" in ended.complaint
    again = program(*COMMAND, "--out", tmp_path / "c")
    assert again.code == 0, again.err


def test_every_text_that_a_base_has_seen_is_held_against_the_test_rows(program, place, tmp_path):
    """A leak in the corpus of the second base counts as one in the first; what is not at hand is said to be unknown."""
    leaked = (place / "test.tsv").read_text().splitlines()[1].split("\t")[0]
    (tmp_path / "leaky.txt").write_text((place / "corpus.txt").read_text().split("\n", 3)[3] + leaked + "\n")
    lost = tmp_path / "lost.txt"
    lost.write_text((place / "corpus.txt").read_text())
    for name, text in (("leaky", tmp_path / "leaky.txt"), ("lost", lost)):
        made = program("pretrain", text, "--out", tmp_path / name, "--steps", 2, "backbone.width=32")
        assert made.code == 0, made.err
    lost.unlink()
    (tmp_path / "clean.txt").write_text("nothing of the kind is in here\nand not here either\n" * 20)
    bases = ("compare", tmp_path / "lost", tmp_path / "leaky", "--corpus", tmp_path / "clean.txt")
    made = program(*bases, *COMMAND[2:], "--out", tmp_path / "c", "--language", "en")
    assert made.code == 0, made.err
    audit = told(tmp_path / "c")["facts"]["audit"]
    assert audit["data"]["across"]["corpus"]["copies"]["rows"] >= 1
    assert any("lost saw in pre-training are gone" in line for line in audit["sentences"]["en"])
    bare = program(*COMMAND, "--out", tmp_path / "d")  # no corpus: the pool is not one, it is held against once
    assert bare.code == 0, bare.err
    assert set(told(tmp_path / "d")["facts"]["audit"]["data"]["across"]) == {"train"}


def test_a_rows_complaint_brings_no_path_into_the_report(program, place, tmp_path):
    given = ("--data", place / "gaps.tsv", "--routes", "tfidf_nb", "--labels", "8", "--draws", 1)
    made = program("compare", "none", *given, "--out", tmp_path / "c")
    assert made.code == 0, made.err
    report = told(tmp_path / "c")
    assert sum(report["facts"]["ledger"]["training"]["skipped"].values()) == 8
    del report["facts"]["command"]
    assert str(place) not in json.dumps(report)


def test_test_rows_of_an_unknown_class_are_told_first(program, place, tmp_path):
    rows = (place / "test.tsv").read_text().splitlines()
    rows[1:9] = [row.split("\t")[0] + "\tsport" for row in rows[1:9]]
    (tmp_path / "t.tsv").write_text("\n".join(rows) + "\n")
    other = [part if part != "test.tsv" else tmp_path / "t.tsv" for part in COMMAND]
    assert program(*other, "--out", tmp_path / "c").code == 0
    audit = told(tmp_path / "c")["facts"]["audit"]["sentences"]
    assert audit["en"][0].startswith("8 of 80 test rows (10.0 %) have a class that no training row has")


def test_every_cell_has_a_receipt(program, tmp_path):
    program(*COMMAND, "--out", tmp_path / "c")
    cells = told(tmp_path / "c")["cells"]
    lines = [json.loads(line) for line in (tmp_path / "c/cells/cells.jsonl").read_text().splitlines()]
    assert [line["receipt"] for line in lines] == [cell["receipt"] for cell in cells]
    receipt = next(
        cell["receipt"] for cell in cells if (cell["entry"], cell["size"], cell["draw"]) == ("tfidf_nb", 16, 1)
    )
    assert receipt["cell"] == next(line["key"] for line in lines if line["receipt"] == receipt)
    assert receipt["split"] | {"rows": ""} == {"how": "labels", "seed": 0, "draw": 1, "size": 16, "rows": ""}
    assert receipt["route"] == registry.load("route", "tfidf_nb")().to_dict()
    assert receipt["seed"] == 1
    assert receipt["seconds"]["training"] + receipt["seconds"]["testing"] > 0
    assert {"python", "torch", "headstart"} <= receipt["versions"].keys()
    assert receipt["threads"] >= 1
    assert len(receipt["data"]["training"]) == len(receipt["split"]["rows"]) == 64


def test_paths_are_kept_beside_the_report_not_in_it(program, place, tmp_path):
    program(*COMMAND, "--out", tmp_path / "c")
    assert CompareInputs.load(tmp_path / "c").test == [str(place / "test.tsv")]
    report = told(tmp_path / "c")
    del report["facts"]["command"]
    assert str(place) not in json.dumps(report)
    assert (tmp_path / "c" / INPUTS).is_file()


def test_folds_ask_every_row_of_the_pool(program, tmp_path):
    made = program(*BARE, "--draws", 2, "--folds", 4, "--out", tmp_path / "c")
    assert made.code == 0, made.err
    report = told(tmp_path / "c")
    assert report["facts"]["data"] == {"training rows": 120, "test rows": 120}
    assert [size["labels"] for size in report["sizes"]] == [90]
    assert "held out" not in made.err
    refused = program(*COMMAND, "--folds", 4, "--out", tmp_path / "d")
    assert "--folds cross-validates --data and takes no --test" in refused.complaint


def test_minutes_are_for_everything(program, in_time, tmp_path):
    def work(number: int):
        command = ("compare", "mlm", "--data", "train.tsv", "--test", "test.tsv", "--routes", "finetune,scratch,probe")
        return program(*command, "--labels", "16", "--draws", 2, "--minutes", 0.1, "--out", tmp_path / str(number))

    made = in_time(6 * 1.05 + 0.8, work)
    assert made.code == 0, made.err
    assert "finalists: " in made.err


def test_entries_that_cannot_run_say_so_before_time_is_spent(program, tmp_path):
    command = ("compare", "halves", "--data", "train.tsv", "--test", "test.tsv", "--routes", "zero_shot,tfidf_nb")
    made = program(*command, "--labels", "8,16", "--draws", 1, "--out", tmp_path / "c")
    assert made.code == 0, made.err
    assert made.err.index("zero_shot · halves, 8 labels: could not run") < made.err.index("plan: 2 entries")
    assert set(told(tmp_path / "c")["failures"]["zero_shot · halves"]) == {"8", "16"}


def test_entries_with_a_change_stand_beside_each_other(tmp_path):
    from headstart.statistics.study import Entry

    route = registry.load("route", "tfidf_nb")()
    entries = [Entry(route), Entry(route, change="again")]
    data = CompareInputs(data=["train.tsv"], test=["test.tsv"]).read(print)
    score = registry.load("metric", "accuracy")()
    asked = StudySettings(sizes=(8,), draws=2, seconds=60.0, metric=score, folder=tmp_path / "c")
    compared = module.run_comparison({}, entries, data, asked, language="en")
    assert {one.name for one in compared.study.entries} == {"tfidf_nb", "tfidf_nb [again]"}
    with pytest.raises(hs.HeadstartError, match="given twice"):
        module.run_comparison({}, entries[:1] * 2, data, replace(asked, folder=tmp_path / "d"), language="en")


def goes_on(program, out) -> None:
    """Check that the command above, given again, keeps the five cells that were finished and makes the others."""
    again = program(*TESTED, "--draws", 6, "--out", out)
    assert again.code == 0, again.err
    kept = next(line for line in again.err.splitlines() if "were finished earlier" in line)
    assert int(kept.split()[0]) >= 5
    assert len(told(out)["cells"]) == 24


@pytest.mark.full
def test_a_run_that_is_interrupted_goes_on(program, place, tmp_path):
    command = [sys.executable, "-c", PACED, *TESTED, "--draws", "6", "--out", str(tmp_path / "c")]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # also where the tests run as a job
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    running = subprocess.Popen(command, **pipes, text=True, cwd=place, preexec_fn=heard)
    for line in running.stderr:
        if line.startswith("[cell 5/"):
            os.kill(running.pid, signal.SIGINT)
            break
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told(tmp_path / "c")["stopped"] == "interrupted"
    assert "report: " in out
    goes_on(program, tmp_path / "c")


def test_a_run_that_is_killed_goes_on(program, tmp_path):
    """A fork of this process dies before it can say that the fifth cell is finished."""
    if (child := os.fork()) == 0:
        line = StudyRun._line

        def killed(run, *given):
            if len(run.cells) == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            return line(run, *given)

        StudyRun._line = killed
        try:
            program(*TESTED, "--draws", 6, "--out", tmp_path / "c")
        finally:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert 0 < len(told(tmp_path / "c")["cells"]) < 24  # the report is that of the cells so far
    goes_on(program, tmp_path / "c")


@pytest.mark.parametrize(
    ("pool", "counts"),
    [
        (1, (1,)),
        (10, (10,)),
        (16, (16,)),
        (20, (16,)),
        (60, (16, 60)),
        (64, (16, 64)),
        (150, (16, 64, 150)),
        (5000, (16, 64, 256)),
    ],
)
def test_label_counts_fit_the_rows(pool, counts):
    assert usual_counts(pool) == counts
    assert usual_counts(5_000) == (16, 64, 256)

"""Runs, networks and reports of others: the files that they name are checked before any verb opens them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from headstart.comparing.inputs import CompareInputs, corpora_of
from headstart.comparing.job import Job
from headstart.comparing.report_folder import INPUTS
from headstart.comparing.work_queue import WorkQueue
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.manifest import seal
from headstart.fitting.task_model_files import learned_labels
from headstart.fitting.workspace import Workspace
from headstart.training.pretrained_model import PretrainedModel

GONE = "was trained on is not where it was"


def edited(folder: Path, name: str, change, kind: str | None = None) -> Path:
    """Change a JSON file of an artefact as somebody would who can write a manifest too."""
    data = json.loads((folder / name).read_text())
    change(data)
    written = json.dumps(data).encode()
    if kind is None:
        (folder / name).write_bytes(written)
    else:
        seal(folder, kind, changed={name: written})
    return folder


@pytest.fixture
def run(place, tmp_path) -> Path:
    """A copy of a run, and of the text that it was trained on."""
    shutil.copy(place / "corpus.txt", tmp_path / "text.txt")
    folder = Path(shutil.copytree(place / "halves", tmp_path / "run"))
    return named(folder, str(tmp_path / "text.txt"))


def named(folder: Path, *paths: object, **more: object) -> Path:
    """Let a run say that it was trained on these files."""

    def change(data: dict) -> None:
        data["spec"]["corpus"] |= {"paths": list(paths), **more}

    return edited(folder, "run.json", change, "run")


@pytest.fixture
def pipe(tmp_path) -> str:
    os.mkfifo(tmp_path / "pipe.txt")
    return str(tmp_path / "pipe.txt")


def test_a_run_is_read_where_its_text_is_that_of_then(run):
    base = PretrainedModel.open(run)
    assert len(base.fingerprint) == 64
    assert len(list(base.documents())) == 300
    assert Workspace(base).has_documents


@pytest.mark.parametrize("name", ["/dev/zero", "-", "/etc/hostname", "/proc/self/environ", "/nowhere/text.txt"])
def test_no_other_file_is_read_in_its_place(run, name):
    base = PretrainedModel.open(named(run, name))
    with pytest.raises(HeadstartError, match=rf"{GONE} \(.*\); give --corpus FILE$"):
        next(base.documents())
    assert not Workspace(base).has_documents
    assert corpora_of({"run": base}, None) == {"run": None}


def test_a_pipe_is_not_waited_for(run, pipe):
    with pytest.raises(HeadstartError, match=r"pipe.txt: no regular file"):
        next(PretrainedModel.open(named(run, pipe)).documents())


@pytest.mark.parametrize(
    ("more", "said"), [({"paths": 5}, "corpus.paths=5: expected a list"), ({"colum": "a"}, "did you mean 'column'?")]
)
def test_a_damaged_description_is_one_line(run, more, said):
    def change(data: dict) -> None:
        data["spec"]["corpus"] |= more

    with pytest.raises(HeadstartError) as raised:
        PretrainedModel.open(edited(run, "run.json", change, "run"))
    assert said in str(raised.value)


def test_a_network_keeps_what_its_text_was_like(run, tmp_path):
    PretrainedModel.open(run).save(tmp_path / "network")
    base = PretrainedModel.open(tmp_path / "network")
    assert base.fingerprint == PretrainedModel.open(run).fingerprint
    assert next(base.documents())
    (tmp_path / "text.txt").write_text("another text\n")
    with pytest.raises(HeadstartError, match=rf"network {GONE} \(.*text.txt: its content is not that of then\)"):
        next(base.documents())


def test_a_network_without_a_fingerprint_is_read_and_that_is_said(program, run, tmp_path):
    PretrainedModel.open(run).save(tmp_path / "network")
    edited(tmp_path / "network", "network.json", lambda data: data.pop("fingerprint"), "network")
    assert next(PretrainedModel.open(tmp_path / "network").documents())
    done = program("transfer", tmp_path / "network", "--data", "train.tsv", "--route", "knn", "--out", tmp_path / "t")
    assert done.code == 0, done.err
    assert "note: base network did not keep what its text was like; it is read as it is now" in done.err


def test_a_route_says_which_text_changed_and_goes_on_without_it(program, run, tmp_path):
    with open(tmp_path / "text.txt", "a") as text:
        text.write("one more line\n")
    done = program("transfer", run, "--data", "train.tsv", "--route", "knn", "--out", tmp_path / "task")
    assert done.code == 0, done.err
    assert f"note: what {run} {GONE} ({tmp_path / 'text.txt'}: its content is not that of then)" in done.err


@pytest.mark.parametrize("verb", ["--resume", "--config"])
def test_a_run_that_goes_on_or_is_repeated_opens_no_device(program, run, pipe, tmp_path, verb):
    for name in ("/dev/zero", pipe, "-"):
        named(run, name)
        given = ("--out", run, "--resume") if verb == "--resume" else ("--out", tmp_path / "new", "--config", run)
        done = program("pretrain", *given)
        assert done.code == 2, name
        assert "is not where it was" in done.complaint
        assert "give it" in done.complaint


@pytest.fixture
def report(tmp_path, place) -> Path:
    folder = tmp_path / "report"
    folder.mkdir()
    CompareInputs(data=[str(place / "train.tsv")], corpus=[str(place / "corpus.txt")]).save(folder)
    return folder


def test_inputs_come_back_while_the_files_are_those_of_then(report, place):
    inputs = CompareInputs.load(report)
    assert inputs.data == [str((place / "train.tsv").resolve())]
    assert set(inputs.contents) == {"data", "corpus"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": ["/dev/zero"]}, "its data files are not what they were (/dev/zero: no regular file)"),
        ({"corpus": ["/etc/hostname"]}, "its corpus files are not what they were (/etc/hostname: its content"),
        ({"data": "/etc/passwd"}, "data='/etc/passwd': expected"),
        ({"data": 5}, "data=5: expected"),
        ({"data": [5]}, "data[0]=5: expected text"),
        ({"bases": {"a": 5}}, "a=5: expected text"),
        ({"columns": {"text": []}}, "text=[]: expected text or none"),
        ({"seed": "x"}, "seed='x': expected a whole number"),
        ({"dato": []}, "unknown key 'dato'; did you mean 'data'?"),
    ],
)
def test_inputs_of_others_are_checked(report, change, said):
    edited(report, INPUTS, lambda data: data.update(change))
    with pytest.raises(HeadstartError) as raised:
        CompareInputs.load(report)
    assert said in str(raised.value)


@pytest.mark.parametrize("change", [{"settings": {}}, {"threads": "2"}, {"threads": 0}, {"dtypes": 5}, {"more": 1}])
def test_a_job_of_others_is_checked(tmp_path, change):
    queue = WorkQueue(tmp_path)
    queue.make()
    settings = {"sizes": [4], "draws": 1, "seconds": 1.0, "seed": 0, "folds": None, "screened": True, "metric": "f1"}
    job = {"rows": {}, "spaces": {}, "versions": {}, "threads": 1, "dtypes": {}, "reading": {}, "settings": settings}
    queue.job.write_text(json.dumps(job))
    assert Job.read(queue).threads == 1
    queue.job.write_text(json.dumps(job | change))
    with pytest.raises(HeadstartError, match=r"job.json"):
        Job.read(queue)


def test_a_run_that_says_it_began_with_itself_ends(run):
    def change(data: dict) -> None:
        data["spec"]["base"] = f"{run.parent}/./run"

    edited(run, "run.json", change, "run")
    rows = Examples(items=["one text"], labels=np.zeros(1, int), classes=("a",))
    assert not learned_labels(run, rows).any()

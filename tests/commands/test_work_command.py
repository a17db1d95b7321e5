"""compare --workers and work: worker processes of this machine and a helper make the cells of one process."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import pytest
from forked import Forked
from program import headstart

from headstart.comparing.cells import CellStore
from headstart.comparing.inputs import CompareInputs, workspaces_of
from headstart.comparing.job import Job
from headstart.comparing.settings import StudySettings
from headstart.comparing.work_queue import WorkQueue
from headstart.core import registry

ASKED = ("--data", "train.tsv", "--test", "test.tsv", "--labels", "8,16", "--deep", "--audit", "skip", "--no-winner")


def answers(report) -> dict:
    """Return score and fingerprint of the answers of every cell, by its key."""
    return {line["key"]: (line["entry"], line["score"], line["sha256"]) for line in CellStore(report / "cells").lines}


def test_workers_and_a_helper_make_the_cells_of_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", "off")
    asked = ("halves", *ASKED, "--routes", "probe,knn,tfidf_logreg,majority", "--draws", 3, "--threads", 1)
    assert headstart("compare", *asked, "--out", tmp_path / "alone").code == 0
    report = tmp_path / "shared"

    def coordinator() -> None:
        made = headstart("compare", *asked, "--workers", 1, "--out", report)
        (tmp_path / "told.txt").write_text(made.err + made.out)
        os._exit(made.code)

    child = Forked(coordinator)
    end = time.monotonic() + 60
    while not (report / "queue" / "coordinator").exists() and time.monotonic() < end:
        time.sleep(0.02)
    helped = headstart("work", report)
    assert child.wait(120) == 0
    assert helped.code == 0, helped.err
    assert helped.err.startswith(f"at work on {report}")
    assert "nothing is left to do: " in helped.out
    assert answers(report) == answers(tmp_path / "alone")
    assert "[cell 24/24]" in (tmp_path / "told.txt").read_text()
    assert not (report / "queue").exists()
    assert json.loads((report / "manifest.json").read_text())["growing"] is False


@pytest.fixture
def job(tmp_path):
    """A comparison of classical routes that is under way, as far as its files tell."""
    report = tmp_path / "report"
    asked = ("none", *ASKED, "--routes", "majority", "--draws", 1, "--out", report)
    assert headstart("compare", *asked).code == 0
    inputs = CompareInputs.load(report)
    data = inputs.read(lambda line: None)
    how = {"sizes": (8, 16), "draws": 1, "seconds": 60.0, "metric": registry.load("metric", "accuracy")()}
    queue = WorkQueue(report)
    queue.make()
    spaces = workspaces_of({}, inputs.documents, data.train)
    return Job.of(data, spaces, StudySettings(folder=report, **how)), queue


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": {"training": "0", "test": "0"}}, "the rows here are not those that the comparison began with"),
        ({"spaces": {"": {"corpus": "0"}}}, "base none or its unlabelled documents are not those"),
        ({"versions": {"headstart": "0.0.1"}}, "where the comparison runs; its cells would not be comparable"),
    ],
)
def test_a_helper_refuses_other_rows_bases_and_versions(job, changes, said):
    told, queue = job
    replace(told, **changes).write(queue)
    assert said in headstart("work", queue.folder.parent).complaint


def test_a_helper_ends_where_nobody_compares(job):
    told, queue = job
    told.write(queue)
    assert headstart("work", queue.folder.parent).out.startswith("nothing is left to do: 0 tickets")
    queue.remove()
    assert "nothing to help with" in headstart("work", queue.folder.parent).complaint


def test_mistakes_of_compare_are_said_before_anything_runs(tmp_path):
    out = tmp_path / "report"
    told = headstart("compare", "none", *ASKED, "--workers", 0, "--out", out).complaint
    assert "--workers 0: must be larger than 0" in told
    rows = ("--data", "-", "--test", "test.tsv", "--label", "label", "--text", "document", "--minutes", 1)
    with open("train.tsv", "rb") as stream:
        told = headstart("compare", "none", *rows, "--workers", 1, "--out", out, stdin=stream.read()).complaint
    assert "came from standard input and cannot be read again" in told

"""pretrain --filters: what is left out is counted, kept for --resume, and the same from Python."""

from __future__ import annotations

import pytest
from program import headstart

import headstart as hs
from headstart.core.json_files import read_json
from headstart.training.pretrained_model import PretrainedModel

SMALL = ["backbone.width=16", "backbone.depth=1", "backbone.heads=2", "batches.tokens=256"]
TEXTS = [f"the film w{a} was w{b} and w{a * b % 9} ." for a in range(12) for b in range(12)]
FILTERS = ("--filters", "copies", "filter.length.fewest=4")


@pytest.fixture
def arguments(tmp_path):
    """A run on a text with a copy and a short line; see `FILTERS`."""
    path = tmp_path / "text.txt"
    path.write_text("".join(line + "\n" for line in [*TEXTS, TEXTS[3], "ok"]), encoding="utf-8")
    return ["pretrain", str(path), "--out", str(tmp_path / "run"), "--objective", "mlm", *SMALL]


def test_the_run_learns_from_what_is_left_and_says_what_is_not(arguments, tmp_path):
    done = headstart(*arguments, "--steps", 2, *FILTERS)
    assert done.code == 0
    assert "146 rows read, 144 used, 2 skipped (1 copies: came before, 1 length: under 4 characters)" in done.err
    assert "text.txt:145: copies: came before" in done.err
    run = read_json(tmp_path / "run" / "run.json")
    assert [one["name"] for one in run["spec"]["corpus"]["filters"]] == ["copies", "length"]
    assert run["ledger"]["skipped"] == {"copies: came before": 1, "length: under 4 characters": 1}
    assert list(PretrainedModel.open(tmp_path / "run").documents()) == TEXTS


def test_resume_keeps_the_filters(arguments):
    assert headstart(*arguments, "--steps", 2, *FILTERS).code == 0
    refused = headstart(*arguments, "--resume", "--steps", 3, "--filters", "repetition")
    assert refused.code == 2
    assert "was started with copies, length fewest=4, and --resume goes on with that" in refused.complaint
    assert headstart(*arguments, "--resume", "--steps", 3).code == 0
    assert headstart(*arguments, "--resume", "--steps", 4, *FILTERS).code == 0


def test_a_list_in_memory_is_filtered_too(tmp_path):
    run = hs.pretrain([*TEXTS, TEXTS[3]], out=tmp_path / "run", steps=1, objective="mlm", settings=SMALL, filters="all")
    ledger = read_json(run.folder / "run.json")["ledger"]
    assert ledger["skipped"]["copies: came before"] == 1


def test_an_unknown_filter_is_refused_before_anything_is_read(arguments, tmp_path):
    refused = headstart(*arguments, "--filters", "copy")
    assert "unknown filter 'copy'" in refused.complaint
    assert not (tmp_path / "run").exists()

"""docs/exports.md: all of its commands run, one after the other, on a small task model."""

from __future__ import annotations

import shlex

import pytest
from pages import ROOT, commands
from program import headstart

PAGE = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
SMALL = ["backbone=bert", "backbone.width=32", "backbone.heads=2", "backbone.depth=1", "batches.tokens=512"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_command_runs(tmp_path, monkeypatch, few_strengths):
    for package in ("sentence_transformers", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{word} film {number}\t{word}\n" for number in range(40) for word in ("warm", "dull"))
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / name).write_text(f"document\tlabel\n{lines}")
    (tmp_path / "reviews.txt").write_text("\n".join(f"a warm or dull film {number}" for number in range(200)))
    made = headstart("pretrain", "reviews.txt", "--out", "RUN", "--steps", 2, "--objective", "mlm", *SMALL)
    assert made.code == 0, made.err
    made = headstart("transfer", "RUN", "--data", "train.tsv", "--route", "probe", "--out", "TASK")
    assert made.code == 0, made.err
    told = []
    for command in commands(PAGE):
        made = headstart(*shlex.split(command)[1:])
        assert made.code == 0, f"{command}\n{made.err}"
        told.append(made.out)
    assert len(told) == 3
    assert all("verified on 80 rows of dev.tsv" in out for out in told[:2])
    assert "hf upload me/my-reviews ST ." in told[2]
    card = (tmp_path / "ONNX" / "README.md").read_text(encoding="utf-8")
    assert "dev.tsv: accuracy: " in card

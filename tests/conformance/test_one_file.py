"""The one-file rule: an objective in one new file is listed, set, trained and exported; nothing else is edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import headstart

NEW = '''"""Predict the first token of a sample from the rest (a planted objective for the test)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from headstart.core.contracts import Loss, Objective
from headstart.core.spec import ObjectiveSpec
from headstart.nn.pooling import pool


@dataclass(frozen=True, kw_only=True)
class FirstTokenSpec(ObjectiveSpec):
    """strength: factor of the loss."""

    strength: float = 1.0

    def build(self, backbone, tokenizer):
        return FirstToken(backbone.width, tokenizer.vocabulary, self.strength)


class FirstToken(Objective):
    def __init__(self, width, vocabulary, strength):
        super().__init__()
        self.out, self.strength = torch.nn.Linear(width, vocabulary), strength

    def corrupt(self, batch, random, *, progress=0.0, training=True):
        return batch

    def forward(self, backbone, batch):
        starts = batch.lengths_B.cumsum(0) - batch.lengths_B
        logits = self.out(pool(backbone(batch), "cls"))
        target = batch.ids_N[starts + 1]
        total = torch.nn.functional.cross_entropy(logits, target, reduction="sum") * self.strength
        return Loss.of(total, batch.size, {})
'''


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from headstart.commands.app import main; main()"
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-S", "-c", _site() + code, str(tree), *arguments], capture_output=True, text=True, env=env
    )


def _site() -> str:
    """Keep the installed packages but not the editable install of headstart itself (-S leaves out its import hook)."""
    packages = [p for p in sys.path if p.endswith("site-packages")]
    return f"import sys; sys.path[:0] = {packages!r}; "


def test_one_new_file_is_enough(tmp_path, reviews):
    tree = tmp_path / "tree"
    shutil.copytree(Path(headstart.__file__).parent, tree / "headstart", ignore=shutil.ignore_patterns("__pycache__"))
    text = tmp_path / "text.txt"
    text.write_text("\n".join(reviews))
    out = tmp_path / "run"
    arguments = (
        "pretrain",
        str(text),
        "--out",
        str(out),
        "--objective",
        "first_token",
        "--steps",
        "6",
        "objective.strength=0.5",
        "backbone.depth=1",
        "backbone.width=32",
        "backbone.heads=2",
    )

    refused = run(tree, *arguments)  # the twin: without the file the same command fails
    assert refused.returncode == 2
    assert "unknown objective 'first_token'" in refused.stderr

    (tree / "headstart/objectives/first_token.py").write_text(NEW)
    listed = run(tree, "list", "objective")
    assert "first_token" in listed.stdout
    assert "Predict the first token" in listed.stdout
    trained = run(tree, *arguments)
    assert trained.returncode == 0, trained.stderr
    assert json.loads((out / "run.json").read_text())["spec"]["objective"] == {"name": "first_token", "strength": 0.5}
    exported = run(tree, "export", str(out), "--out", str(tmp_path / "hf"))
    assert exported.returncode == 0, exported.stderr
    assert (tmp_path / "hf/model.safetensors").is_file()
    wrong = run(tree, *arguments[:-4], "objective.strenght=1", "--resume")
    assert wrong.returncode == 2

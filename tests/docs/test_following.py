"""docs/following.md: its commands exist, and all of them run, one after the other, on small data and for few steps."""

from __future__ import annotations

import random
import re
import shlex

import pytest
from pages import ROOT, check, commands
from program import headstart

from headstart.core import plugins

PAGE = (ROOT / "docs" / "following.md").read_text(encoding="utf-8")
SMALL = ["backbone.width=32", "backbone.heads=2", "batches.tokens=512"]
WORDS = {0: "dull slow boring weak flat noisy", 1: "warm funny moving bright clever kind"}


def quick(command: str) -> list[str]:
    """Return the words of a command for the smallest network and few steps."""
    words = shlex.split(re.sub(r"--steps \d+", "--steps 4", re.sub(r"--trials \d+", "--trials 2", command)))[1:]
    if words[0] == "pretrain" and "--config" not in words:
        return [*words, *SMALL, "backbone.depth=1"]
    if "SWEEP_LM" in words:
        return [*words, *SMALL]
    if "finetune" in words:
        return [*words, "epochs=1", "least_steps=4", "head_steps=2"]
    return words


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the page names."""
    monkeypatch.setattr(plugins, "_known", {})
    monkeypatch.chdir(tmp_path)
    source = random.Random(0)
    rows = [(" ".join(source.choices(WORDS[n % 2].split(), k=8)), n % 2) for n in range(200)]
    (tmp_path / "reviews.txt").write_text("\n".join(text for text, _ in rows))
    for name, some in (("train.tsv", rows[:60]), ("dev.tsv", rows[60:])):
        lines = "".join(f"{text}\t{label}\n" for text, label in some)
        (tmp_path / name).write_text(f"document\tlabel\n{lines}")
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "tenth.py").write_text(block)
    return tmp_path


def test_every_command_exists():
    assert len(commands(PAGE)) > 10
    for command in commands(PAGE):
        if "--plugin" not in command and "./" not in command:  # an option of every verb, a file of the reader
            check(command)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_command_runs(folder, few_strengths):
    pytest.importorskip("tensorboard")
    pytest.importorskip("optuna")
    for command in commands(PAGE):
        made = headstart(*quick(command))
        assert made.code == 0, f"{command}\n{made.err}"
    assert (folder / "RUN" / "log" / "curves.csv").is_file()
    assert "a tenth of them" in headstart("list", "objective").out

"""A file of one's own as a choice: it trains, transfers, exports and resumes by its path, and never runs unasked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY_MLM

import headstart as hs
from headstart.core import plugins, registry
from headstart.core.errors import HeadstartError

OBJECTIVE = '''"""Masked words of which fewer are hidden, as a file of one's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from headstart.core.spec import ObjectiveSpec
from headstart.objectives.mlm import MaskedLM, MaskedLMSpec

with open(os.environ["RAN"], "a") as stream:  # which file was run
    print(__file__, file=stream)


@dataclass(frozen=True, kw_only=True)
class Fewer(ObjectiveSpec):
    """mask_ratio: share of tokens to predict."""

    reads: ClassVar[tuple[str, ...]] = ("bidirectional",)
    mask_ratio: float = 0.1

    def build(self, backbone, tokenizer):
        """Return the objective."""
        return MaskedLM(MaskedLMSpec(mask_ratio=self.mask_ratio), backbone, tokenizer)
'''
ROUTE = '''"""The commonest class, as a file of one's own."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from headstart.core.task_model import TaskModel
from headstart.core.spec import RouteSpec


@dataclass(frozen=True, kw_only=True)
class Commonest(RouteSpec):
    """other: answer with the rarest class instead."""

    classical = True
    other: bool = False

    def run(self, examples, workspace, *, seed, seconds=None):
        """Count the classes."""
        counts = np.bincount(examples.labels)
        return Model(examples.classes, int(counts.argmin() if self.other else counts.argmax()))

    def load(self, folder):
        """Read a saved model."""
        data = json.loads((folder / "model.json").read_text())
        return Model(tuple(data["classes"]), data["answer"])


class Model(TaskModel):
    def __init__(self, classes, answer):
        self.classes, self.answer, self.notes = classes, answer, {"answer": classes[answer]}

    def predict_proba(self, examples):
        return np.eye(len(self.classes))[[self.answer] * len(examples)]

    def save(self, folder):
        (folder / "model.json").write_text(json.dumps({"classes": list(self.classes), "answer": self.answer}))
'''
BACKBONE = '''"""A bag of n-grams under another name."""

from dataclasses import dataclass

from headstart.backbones.ngram_bag import NgramBagSpec


@dataclass(frozen=True, kw_only=True)
class MyBag(NgramBagSpec):
    """As the bag of n-grams."""
'''


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch, tmp_path):
    """A process in which no plug-in was named."""
    monkeypatch.setattr(plugins, "_known", {})
    monkeypatch.setattr(plugins, "_modules", {})
    monkeypatch.setattr(plugins, "_read_variable", [])
    (tmp_path / "ran.txt").write_text("")
    monkeypatch.setenv("RAN", str(tmp_path / "ran.txt"))


def forget():
    """What a new process knows."""
    plugins._known.clear()
    plugins._modules.clear()


def ran(path: Path) -> int:
    """How often the code of the objective was run."""
    return Path(os.environ["RAN"]).read_text().splitlines().count(str(path))


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "fewer.py"
    path.write_text(OBJECTIVE)
    return path


def test_an_objective_by_path_trains_transfers_exports_and_resumes(program, mine, tmp_path):
    run = tmp_path / "run"
    given = ("pretrain", "corpus.txt", "--out", run, "--objective", mine, *TINY_MLM[2:], "objective.mask_ratio=0.2")
    made = program(*given, "--steps", 4)
    assert made.code == 0, made.err
    assert "a copy is kept" in made.err
    copy = run / "plugins" / "objective" / "fewer.py"
    assert copy.read_bytes() == mine.read_bytes()
    assert "plugins/objective/fewer.py" in (run / "manifest.json").read_text()
    forget()
    before = ran(mine), ran(copy)
    for verb in (
        ("embed", run, "corpus.txt", "--out", tmp_path / "v.npy"),
        ("export", run, "--out", tmp_path / "hf"),
        ("transfer", run, "--data", "train.tsv", "--out", tmp_path / "task"),
        ("pretrain", "--out", run, "--resume", "--steps", 6),
        ("pretrain", "--config", run, "--out", tmp_path / "again"),
    ):
        refused = program(*verb)
        assert refused.code == 2, (verb, refused.err)
        assert "no code of a folder runs unasked" in refused.complaint
        assert f"--plugin {run}" in refused.complaint
    assert (ran(mine), ran(copy)) == before
    own, kept = ("--plugin", mine), (f"--plugin={run}",)
    assert program("transfer", run, "--data", "train.tsv", "--out", tmp_path / "task", *kept).code == 0
    forget()
    assert program("export", run, "--out", tmp_path / "hf", *own).code == 0
    assert (tmp_path / "hf" / "config.json").is_file()
    forget()
    longer = program("pretrain", "--out", run, "--resume", "--steps", 6, *own)
    assert longer.code == 0, longer.err
    assert "resumed from" in longer.err
    forget()
    assert program("fill", run, "film [MASK]", *kept).code == 0
    again = program("pretrain", "--config", run, "--out", tmp_path / "again")
    assert again.code == 0, again.err


def test_a_fresh_process_runs_nothing_unasked(program, mine, tmp_path, place):
    run = tmp_path / "run"
    assert program("pretrain", "corpus.txt", "--out", run, "--objective", mine, *TINY_MLM[2:], "--steps", 2).code == 0
    (tmp_path / "ran.txt").write_text("")
    code = "from headstart.commands.app import main; main()"
    for more, status in (((), 2), (("--plugin", str(run)), 0)):
        command = [sys.executable, "-c", code, "fill", str(run), "film [MASK]", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        assert ran(run / "plugins" / "objective" / "fewer.py") == (status == 0)
    assert not ran(mine)


def test_a_path_in_a_file_that_is_read_runs_nothing(program, mine, tmp_path):
    run, task = tmp_path / "run", tmp_path / "task"
    shutil.copytree("mlm", run)
    shutil.copytree("task", task)
    for file, part in ((run / "run.json", "objective"), (task / "task.json", "route")):
        data = json.loads(file.read_text())
        place = data.get("spec", data)
        place[part] = {"name": str(mine)}
        file.write_text(json.dumps(data))
    for folder in (run, task):
        (folder / "manifest.json").unlink()
    config = program("pretrain", "--config", run / "run.json", "--out", tmp_path / "again")
    for made in (config, program("embed", run, "short.txt", "--out", tmp_path / "v.npy")):
        assert made.code == 2, made.err
    assert "unknown objective" in config.complaint
    with pytest.raises(HeadstartError):
        hs.load_task(task)
    with pytest.raises(HeadstartError, match="unknown route"):
        registry.build_spec("route", {"name": str(mine)})
    assert not ran(mine)


def test_a_changed_file_and_a_changed_copy_are_told(program, mine, tmp_path):
    run = tmp_path / "run"
    assert program("pretrain", "corpus.txt", "--out", run, "--objective", mine, *TINY_MLM[2:], "--steps", 2).code == 0
    forget()
    mine.write_text(OBJECTIVE + "\n# changed\n")
    changed = program("fill", run, "film [MASK]", "--plugin", mine)
    assert "another content of the plug-in objective fewer" in changed.complaint
    copy = run / "plugins" / "objective" / "fewer.py"
    copy.write_text(copy.read_text() + "\n# planted\n")
    forget()
    before = ran(copy)
    assert "is not the plug-in" in program("fill", run, "film [MASK]", "--plugin", run).complaint
    assert ran(copy) == before


def test_a_route_and_a_backbone_by_path(program, tmp_path):
    route, bag = tmp_path / "commonest.py", tmp_path / "my_bag.py"
    route.write_text(ROUTE)
    bag.write_text(BACKBONE)
    task, run = tmp_path / "task", tmp_path / "run"
    made = program("transfer", "none", "--data", "train.tsv", "--route", route, "--out", task, "other=true")
    assert made.code == 0, made.err
    assert json.loads((task / "task.json").read_text())["route"] == {"name": "commonest", "other": True}
    forget()
    assert "--plugin" in program("evaluate", task, "test.tsv").complaint
    assert program("evaluate", task, "test.tsv", "--plugin", task).code == 0
    forget()
    shutil.copytree(task, tmp_path / "copied")
    assert (
        program("predict", tmp_path / "copied", "short.txt", "--out", tmp_path / "a.jsonl", "--plugin", route).code == 0
    )
    made = program(
        "pretrain", "corpus.txt", "--out", run, "--steps", 2, "--objective", "halves", f"backbone={bag}", "width=32"
    )
    assert made.code == 0, made.err
    assert json.loads((run / "run.json").read_text())["spec"]["backbone"]["name"] == "my_bag"
    forget()
    assert "backbone my_bag" in program("embed", run, "short.txt", "--out", tmp_path / "v.npy").complaint
    assert program("transfer", run, "--data", "train.tsv", "--out", tmp_path / "probe", "--plugin", run).code == 0
    forget()
    assert "backbone my_bag" in program("evaluate", tmp_path / "probe", "test.tsv").complaint


def test_list_shows_them(program, mine, tmp_path, monkeypatch):
    shown = program("list", "objective", "--plugin", mine)
    assert shown.code == 0, shown.err
    assert "fewer" in shown.out
    assert "Masked words of which fewer are hidden, as a file of one's own." in shown.out
    assert not ran(mine)
    assert "mask_ratio=0.1" in program("list", "objective", mine).out
    forget()
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(mine, folder / "fewest.py")
    (folder / "commonest.py").write_text(ROUTE)
    monkeypatch.setenv("HEADSTART_PLUGINS", str(folder))
    assert "fewest" in program("list", "objective").out
    assert "commonest" in program("list", "route").out
    assert "  fewer" not in program("list", "objective").out
    assert hs.names("route")[-1] == "commonest"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine.py", None, "no such file"),
        ("mine.py", "x = 1\n", "defines 0 objective specs"),
        ("mine.py", "x = (\n", "line 1"),
        ("mine.py", "import nowhere_at_all\n", "line 1: ModuleNotFoundError"),
        ("mine.py", "\n\nraise ValueError('no')\n", "line 3: ValueError: no"),
        ("mine.py", ROUTE, "defines 0 objective specs"),
        (
            "mine.py",
            OBJECTIVE + OBJECTIVE.partition("@dataclass")[2].join(["\n@dataclass", ""]).replace("Fewer", "B"),
            "B",
        ),
        ("mlm.py", OBJECTIVE, "there is a objective called mlm already"),
        ("my-file.py", OBJECTIVE, "letters, digits and _"),
        ("./mine.txt", OBJECTIVE, "letters, digits and _"),
    ],
)
def test_mistakes_teach(program, tmp_path, name, text, words):
    path = tmp_path / "in" / name
    path.parent.mkdir()
    if text is not None:
        path.write_text(text)
    made = program("pretrain", "corpus.txt", "--out", tmp_path / "run", "--steps", 2, "--objective", path)
    assert made.code == 2, made.err
    assert words in made.complaint
    assert Path(name).name in made.complaint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("text", "words"), [("x = 1\n", "no spec"), (OBJECTIVE + ROUTE, "objective and route")])
def test_a_plugin_without_one_axis_teaches(program, tmp_path, text, words):
    (tmp_path / "mine.py").write_text(text)
    assert words in program("list", "--plugin", tmp_path / "mine.py").complaint


def test_an_option_without_a_value_teaches(program):
    for more in (("--plugin",), ("--plugin=",), ("--plugin", "--help")):
        assert "--plugin needs a file" in program("list", *more).complaint


def test_names_may_have_letters_of_any_script(program, tmp_path):
    path = tmp_path / "내목표.py"
    path.write_text(OBJECTIVE)
    run = tmp_path / "run"
    made = program("pretrain", "corpus.txt", "--out", run, "--objective", path, *TINY_MLM[2:], "--steps", 2)
    assert made.code == 0, made.err
    forget()
    assert "objective 내목표" in program("fill", run, "film [MASK]").complaint
    assert program("fill", run, "film [MASK]", "--plugin", run).code == 0


def test_python_names_them_too(mine):
    assert hs.use_plugin(mine) == ["fewer"]
    assert registry.load("objective", "fewer")().mask_ratio == 0.1
    (mine.parent / "empty").mkdir()
    with pytest.raises(HeadstartError, match="holds no plug-in"):
        hs.use_plugin(mine.parent / "empty")

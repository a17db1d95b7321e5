"""The one-file rule: objectives and processors of text and images in one new file each are listed, set, trained, used,
compared and exported by the command line; nothing else is edited, and without the file the command is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import call_in_trees
from small_parts import documents
from tiny_images import image_folder

import headstart

PLANTED = Path(__file__).parents[1] / "support/planted"
SMALL_BERT = ("backbone=bert", "backbone.depth=1", "backbone.width=32", "backbone.heads=2", "backbone.mlp_width=32")
SMALL_RESNET = ("backbone=resnet", "backbone.width=4", "batches.images=16")


@dataclass(frozen=True)
class Drop:
    """A file to drop in.

    axis: of the choice. takes: what it is for. described: how its first line begins. setting: one to change, wrong: the
    same with a slip, meant: what that is said to be near. parts: the other settings of its run. exported: what the
    export says.
    """

    axis: str
    takes: str
    described: str
    setting: str
    wrong: str
    meant: str
    parts: tuple[str, ...]
    exported: str


DROPS = {
    "first_token": Drop(
        *("objective", "text", "Predict the first token", "strength=0.5", "strenght=0.5", "strength", SMALL_BERT),
        "load it with AutoModel.from_pretrained (the output of objective first_token has no counterpart",
    ),
    "rotations": Drop(
        *("objective", "image", "Tell by which quarter", "turns=2", "turn=2", "turns", SMALL_RESNET),
        "load it with AutoModel.from_pretrained (the output of objective rotations has no counterpart",
    ),
    "posterised": Drop(
        *("processor", "image", "Grey squares of a few levels", "levels=3", "level=3", "levels", SMALL_RESNET),
        "loads the network; image processor posterised does not exist there",
    ),
    "hashed_words": Drop(
        *("processor", "text", "Words as numbers", "buckets=64", "bucket=64", "buckets", SMALL_BERT),
        "AutoModelForMaskedLM.from_pretrained loads the network; tokenizer hashed_words does not exist there",
    ),
}


def calls(name: str, drop: Drop, data: Path, out: Path) -> dict[str, list[str]]:
    """Return the command lines for one choice by what they are for, in their order."""
    corpus, train, test = (str(data / f"{drop.takes}_{part}") for part in ("corpus", "train", "test"))
    run, task = str(out / "run"), str(out / "task")
    chosen = ["--objective", name] if drop.axis == "objective" else [f"processor={name}"]
    if drop.axis == "processor":
        chosen += ["--objective", "mlm" if drop.takes == "text" else "views"]
    begin = ["pretrain", corpus, "--steps", "3", *chosen, *drop.parts, "training.dtype=fp32"]
    compare = ["--labels", "8", "--draws", "2", "--minutes", "0.3", "--routes", "probe,majority"]
    return {
        "list": ["list", drop.axis],
        "wrong": [*begin, "--out", str(out / "wrong"), f"{drop.axis}.{drop.wrong}"],
        "pretrain": [*begin, "--out", run, f"{drop.axis}.{drop.setting}"],
        "transfer": ["transfer", run, "--data", train, "--route", "probe", "--out", task],
        "evaluate": ["evaluate", task, test],
        "predict": ["predict", task, test, "--out", str(out / "answers.jsonl")],
        "compare": ["compare", run, "--data", train, "--test", test, *compare, "--out", str(out / "report")],
        "export": ["export", run, "--out", str(out / "hf")],
    }


def in_trees(wanted: list[tuple[Path, list[list[str]]]]) -> list[list[list]]:
    """Return the answers of `call_in_trees`, without the editable install of headstart itself (-S leaves it out)."""
    code = f"import sys; sys.path[:0] = {[p for p in sys.path if p.endswith('site-packages')]!r}; import runpy; "
    code += f"runpy.run_path({call_in_trees.__file__!r}, run_name='__main__')"
    plain = json.dumps([(str(tree), calls) for tree, calls in wanted])
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], input=plain, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_data(data: Path) -> None:
    """Write corpus, train and test of texts and of images."""
    texts = documents(360)
    (data / "text_corpus").write_text("\n".join(texts[:200]))
    for part, first in (("train", 200), ("test", 300)):
        rows = [{"text": texts[n], "label": ("film", "food", "game")[n % 3]} for n in range(first, first + 60)]
        (data / f"text_{part}").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for part, first in (("corpus", 0), ("train", 1000), ("test", 2000)):
        image_folder(data / f"image_{part}", 60, first=first)


def in_its_folder(drop: Drop, tree: Path) -> Path:
    """Return the folder of the axis."""
    return tree / "headstart" / {"objective": "objectives", "processor": "processors"}[drop.axis]


def test_one_new_file_is_enough(tmp_path, repetitions):
    """One test for all: libraries are imported once for the processes it makes."""
    write_data(tmp_path)
    drops = {name: DROPS[name] for name in repetitions(("first_token", "posterised"), tuple(DROPS))}
    trees = {name: tmp_path / "trees" / name for name in ("none", *drops)}
    for tree in trees.values():
        package = Path(headstart.__file__).parent
        shutil.copytree(package, tree / "headstart")  # with what is compiled: times are kept, so that it holds
    for name, drop in drops.items():
        shutil.copy(PLANTED / f"{name}.py", in_its_folder(drop, trees[name]))
    lines = {name: calls(name, drop, tmp_path, tmp_path / name) for name, drop in drops.items()}
    without = [lines[name]["pretrain"] for name in drops]
    refused, *done = in_trees(
        [(trees["none"], without), *((trees[name], list(lines[name].values())) for name in drops)]
    )
    for (name, drop), before, answers in zip(drops.items(), refused, done):
        check_refused(name, drop, before)
        check_used(name, drop, tmp_path / name, dict(zip(lines[name], answers)))


def check_refused(name: str, drop: Drop, answer: list) -> None:
    """The twin: without the file the same command is refused."""
    code, _, complaint = answer
    assert code == 2
    assert f"unknown {drop.axis} '{name}'" in complaint


def check_used(name: str, drop: Drop, out: Path, answers: dict[str, list]) -> None:
    """Every verb did its work, and a slip in a setting is named."""
    code, _, complaint = answers.pop("wrong")
    assert code == 2
    assert f"unknown setting of {drop.axis} {name}" in complaint
    assert f"did you mean '{drop.meant}'?" in complaint
    assert not (out / "wrong").exists()

    assert {verb: answer[0] for verb, answer in answers.items()} == dict.fromkeys(answers, 0), answers
    assert re.search(rf"{name} +{drop.described}", answers["list"][1]), answers["list"][1]
    field, value = drop.setting.split("=")
    part = json.loads((out / "run/run.json").read_text())["spec"][drop.axis]
    assert part == {**part, "name": name, field: float(value)}
    assert "accuracy" in answers["evaluate"][1]
    assert len((out / "answers.jsonl").read_text().splitlines()) == 60
    assert "probe · run" in (out / "report/report.json").read_text()
    assert drop.exported in answers["export"][1]
    assert (out / "hf/model.safetensors").is_file()

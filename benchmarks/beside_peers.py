"""Runs of headstart and of peers by the clock, each a command of its own, kept in a folder and scored once."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peers import python_of

from headstart.training.pretrained_model import PretrainedModel


class Runs:
    """Commands that are run once, into a folder. options: of the command line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.work = options, options.work

    def run(self, name: str, command: list[object]) -> dict[str, Any]:
        """Run a command and return its seconds, or what an earlier run left."""
        path = self.work / f"{name}.json"
        if not path.is_file():
            environment = os.environ | {"OMP_NUM_THREADS": str(self.options.threads)}
            load, begun = os.getloadavg()[0], time.monotonic()
            with open(self.work / f"{name}.log", "w") as log:
                subprocess.run(list(map(str, command)), check=True, env=environment, stdout=log, stderr=log)
            path.write_text(json.dumps({"name": name, "seconds": time.monotonic() - begun, "load": load}))
        return json.loads(path.read_text())

    def program(self, name: str, program: str, asked: dict[str, Any]) -> tuple[dict[str, Any], Path]:
        """Run a program beside this file by the peers' Python; return what is known of the run, and its folder.

        asked: settings of the program, which finds `out` among them, the folder to write.
        """
        out = self.work / name.replace(" ", "-").replace(",", "")
        out.mkdir(exist_ok=True)
        (out / "asked.json").write_text(json.dumps(asked | {"out": str(out)}))
        python = python_of(self.options.peers)
        found = self.run(name, [python, "-W", "ignore", Path(__file__).with_name(program), out / "asked.json"])
        return found | json.loads((out / "times.json").read_text()), out

    def keep(self, found: dict[str, Any]) -> dict[str, Any]:
        """Write what is known of a run, and return it."""
        (self.work / f"{found['name']}.json").write_text(json.dumps(found))
        return found


class Bench(Runs, ABC):
    """Pre-training. objective: of headstart's runs; unit: how they read the text."""

    objective: str
    unit: str

    @property
    @abstractmethod
    def text(self) -> list[Path]:
        """The unlabelled training text, written once, and the held-out text with it."""

    @abstractmethod
    def scores(self, model: PretrainedModel, name: str) -> dict[str, float]:
        """Return what a model is worth; name: of its run."""

    def ours(self, minutes: float, seed: int) -> dict[str, Any]:
        """Return what a run of headstart of so many minutes is worth."""
        name = f"headstart {minutes:g} min, seed {seed}"
        out = self.work / name.replace(" ", "-")
        command = [sys.executable, "-W", "ignore", "-m", "headstart", "pretrain", *self.text, "--unit", self.unit]
        settings = [f"--set={setting}" for setting in self.options.set]
        command += ["--objective", self.objective, "--minutes", minutes, "--seed", seed, "--out", out, *settings]
        return self.scored(self.run(name, command), out)

    def peer(self, name: str, program: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        """Return what a run of a program beside this file is worth."""
        asked = settings | {"text": list(map(str, self.text)), "tokenizer": str(self.tokenizer), "seed": seed}
        found, out = self.program(f"{name}, seed {seed}", program, asked | {"seconds": 60 * self.options.minutes})
        return self.scored(found, out / "model") | {"speed": f"{found['tokens_per_second']:,.0f} tokens/s"}

    @cached_property
    def tokenizer(self) -> Path:
        """The tokenizer of headstart's runs, for the peers."""
        self.ours(self.options.ladder[0], 0)
        return self.work / f"headstart-{self.options.ladder[0]:g}-min,-seed-0/processor"

    def scored(self, found: dict[str, Any], folder: Path) -> dict[str, Any]:
        """Add the scores to what a run is worth, once."""
        if "scores" not in found:
            found["scores"] = self.scores(PretrainedModel.open(folder), found["name"])
        return self.keep(found)


def parser(description: str, ladder: str) -> argparse.ArgumentParser:
    """Return the options that these benchmarks share."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, required=True)
    made.add_argument("--work", type=Path, required=True)
    made.add_argument("--minutes", type=float, default=10)
    made.add_argument("--threads", type=int, default=os.cpu_count())
    made.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    made.add_argument("--ladder", default=ladder)
    made.add_argument("--only", default="headstart,default,tuned")
    made.add_argument("--seeds", default="0")
    made.add_argument("--set", action="append", default=[], help="a setting of headstart's runs")
    return made


def given(made: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the options that were given, lists read."""
    options = made.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    options.ladder = [float(one) for one in options.ladder.split(",")]
    options.seeds = [int(seed) for seed in options.seeds.split(",")]
    return options


def pretraining_options(description: str, ladder: str, grid: str) -> argparse.Namespace:
    """Return the options of a benchmark of pre-training; grid: width:learning rate of the tuned peer."""
    made = parser(description, ladder)
    made.add_argument("--grid", default=grid, help="width:learning rate of the tuned")
    options = given(made)
    pairs = (one.partition(":") for one in options.grid.split(","))
    options.grid = [(int(width), float(rate)) for width, _, rate in pairs]
    return options


def compare(bench: Bench, default: dict[str, Any], tuned: dict[str, Any], program: str) -> None:
    """Run or recall every arm that is asked for and print what they are worth.

    default: settings of `peer_trainer.py`; tuned: those of `program`, without the width and the rate of the grid.
    """
    options, found = bench.options, []
    only = options.only.split(",")
    torch.set_num_threads(options.threads)
    for seed in options.seeds:
        if "headstart" in only:
            found += [bench.ours(minutes, seed) for minutes in options.ladder]
        if "default" in only:
            found.append(bench.peer("default", "peer_trainer.py", default, seed))
        if "tuned" in only:
            for width, rate in options.grid:
                settings = tuned | {"width": width, "learning_rate": rate}
                found.append(bench.peer(f"tuned 4 x {width} at {rate:g}", program, settings, seed))
    table(found)


def table(found: list[dict[str, Any]]) -> None:
    """Print what the runs are worth."""
    names = list(found[0]["scores"])
    print(f"| run | s | {' | '.join(names)} | speed | load before |\n|---|---|{'---|' * len(names)}---|---|")
    for one in found:
        cells = " | ".join(f"{one['scores'][name]:.4f}" for name in names)
        print(f"| {one['name']} | {one['seconds']:.0f} | {cells} | {one.get('speed', '')} | {one['load']:.1f} |")
